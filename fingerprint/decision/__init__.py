"""From a score to what may be said of an image, by one fingerprint or by a bank of many."""
