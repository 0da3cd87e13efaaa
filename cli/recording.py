"""What the subcommands leave in a manifest: the call with all its defaults, and what was read."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from fp.manifest import Invocation


def invocation_of(command: str, **settled: object) -> Invocation:
    """Give the call of the subcommand that runs now.

    Parameters
    ----------
    command : str
        Its name.
    **settled : object
        Parameters whose value follows from others, such as a name from its folder.

    Returns
    -------
    Invocation
        The call with its defaults.
    """
    from fp.manifest import Invocation

    return Invocation(command, {**click.get_current_context().params, **settled})
