"""From a score to what one fingerprint or a bank says of an image."""
