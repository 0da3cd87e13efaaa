"""Files of fingerprints: the layout of docs/format.md, written and read."""
