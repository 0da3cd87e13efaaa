"""Two folders of images in, one fingerprint out."""
