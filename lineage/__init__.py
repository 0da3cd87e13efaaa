"""Cross-detection matrices and the families of generators that they show."""
