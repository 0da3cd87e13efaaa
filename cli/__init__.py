"""The command line: one module a subcommand, and no numerics."""
