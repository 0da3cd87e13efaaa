"""From features of two classes to what a method learned, with held-out scores."""
