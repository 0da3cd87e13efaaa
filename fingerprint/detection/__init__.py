"""Images against a bank: one, or the files of a run."""
