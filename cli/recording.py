"""What the subcommands leave in a manifest: the call with all its defaults, and what was read."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from fp.manifest import Invocation


def invocation_of(command: str, **settled: object) -> Invocation:
    """Return the call of the subcommand that runs now, with its defaults.

    Settled parameters are those whose value follows from others, as a name from its folder.
    """
    from fp.manifest import Invocation

    return Invocation(command, {**click.get_current_context().params, **settled})
