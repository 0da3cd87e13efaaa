"""Images as they come: versions to learn from, an answer for a measured coding."""
