"""``python -m fp``: the command, where its program is not on the path."""

from fp.cli.main import main

main()
