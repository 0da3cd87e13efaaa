"""The bank that comes with fp: fingerprints of generators, with a card for each."""
