"""From features of two classes to what a method learned, with scores of images it had not seen."""
