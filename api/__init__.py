"""fp from Python: what a program or a notebook asks, above everything that answers."""
