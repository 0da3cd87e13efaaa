"""Commands whose options are the fields of a data class, so that none is parsed and lost."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import field, fields
from functools import wraps
from typing import Any

import click


def option(*names: str, **settings: Any) -> Any:
    """Return a field of a data class that an option fills.

    Parameters
    ----------
    *names : str
        Names on the command line; the name in a manifest is that of the field.
    **settings
        As for `click.option`.

    Returns
    -------
    field
        Without a default of its own: click knows it.
    """
    return field(metadata={"names": names, "settings": settings})


def options_of(kind: type) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Give a command one object in place of an argument for every option.

    Parameters
    ----------
    kind : type
        A data class whose fields are each an `option`, in the order of the help.

    Returns
    -------
    callable
        Decorator of a command; its parameter `given` gets the object.
    """
    declared = fields(kind)

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
