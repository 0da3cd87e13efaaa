"""Data alone: what a fingerprint is, without the methods that fill, draw or judge it."""
