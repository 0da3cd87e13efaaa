"""Commands whose options are the fields of a data class: none is lost.

A manifest gets the call with all of them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import field, fields
from functools import wraps
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from fp.manifest import Invocation


def option(*names: str, **settings: Any) -> Any:
    """Return a field of a data class that an option fills. It has no default here: click knows it.

    Names are those on the command line; the name in a manifest is that of the field. Settings are
    as for `click.option`.
    """
    return field(metadata={"names": names, "settings": settings})


def options_of(kind: type) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Return the decorator that gives a command one object, `given`, for all its options.

    Each field of the data class is an `option`; they stand in the order of the help, behind them
    those of a class that it is made from.
    """
    declared = sorted(fields(kind), key=lambda each: each.name not in kind.__annotations__)

    def decorated(function: Callable[..., None]) -> Callable[..., None]:
        @wraps(function)
        def command(**values: Any) -> None:
            given = kind(**{each.name: values.pop(each.name) for each in declared})
            function(**values, given=given)

        for each in reversed(declared):
            names, settings = each.metadata["names"], each.metadata["settings"]
            click.option(*names, each.name, **settings)(command)
        return command

    return decorated


def invocation_of(command: str, **settled: object) -> Invocation:
    """Return the call of the subcommand that runs now, with its defaults.

    Settled parameters are those whose value follows from others, as a name from its folder.
    """
    from fp.manifest import Invocation

    return Invocation(command, {**click.get_current_context().params, **settled})
