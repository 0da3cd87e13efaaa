"""Images as they come: versions to learn from, and an answer for the coding that is measured."""
