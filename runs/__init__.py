"""A folder of images examined: journal, shards, tables, report and manifest of a run."""
