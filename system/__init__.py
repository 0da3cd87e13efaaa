"""Work spread over cores and machines, and files that are there whole or not at all."""
