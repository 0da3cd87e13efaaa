"""Write commands.md: what every command says with --help, for those who read before they type."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import click

from fp.cli.main import group

PAGE = Path(__file__).with_name("commands.md")

HEAD = """\
# Commands

What `fp COMMAND --help` says. This page is written by `docs/write_commands.py`; a test fails where
it is not what the commands say.

Results go to files or standard output, progress and messages to standard error. On a terminal the
end of a run is a table; in a pipe it is plain lines. `NO_COLOR=1` turns colours off. A mistyped
command or option is answered with the one that was meant. [How to complete commands with the
tabulator](tasks.md#complete-commands-with-the-tabulator) in bash, zsh and fish.

| exit code | meaning |
| --- | --- |
| 0 | done |
| 1 | internal error, or interrupted |
| 2 | usage |
| 3 | done, but some inputs were not examined, or the fingerprint carries a label (`fp extract`) |
| 4 | unusable input or output |
| 5 | integrity failure |
"""


def text() -> str:
    """Return the page."""
    context = click.Context(group, info_name="fp", **group.context_settings)
    return "\n".join([HEAD, *_sections(group, context)])


def _sections(command: click.Command, context: click.Context) -> Iterator[str]:
    context.terminal_width = 80
    yield f"## {context.command_path}\n\n```text\n{command.get_help(context)}\n```\n"
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            inner = command.get_command(context, name)
            assert inner is not None
            yield from _sections(inner, click.Context(inner, info_name=name, parent=context))


if __name__ == "__main__":
    PAGE.write_text(text(), "utf-8")
