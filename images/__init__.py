"""The door for image files: bytes that somebody else made become pixels, or a sentence."""
