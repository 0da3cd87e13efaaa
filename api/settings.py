"""What every function of the API does with settings, options and a cache."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import fields, replace
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from fp.denoisers.cache import ResidualCache
from fp.system.errors import UsageError
from fp.system.outputs import check_apart

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

PathLike = str | os.PathLike[str]
Options = TypeVar("Options", bound="DataclassInstance")


def with_settings(options: Options, settings: dict[str, Any]) -> Options:
    """Return options with some fields changed by name.

    A `UsageError` says that there is no such field, or that a value is not possible.
    """
    known = tuple(field.name for field in fields(options))
    for name in settings:
        if name not in known:
            close = meant(name, known)
            raise UsageError(
                f"There is no setting {name!r}; {close or 'there are ' + ', '.join(known)}."
            )
        # A word such as "none" would count as True.
        if isinstance(getattr(options, name), bool) and not isinstance(settings[name], bool):
            raise UsageError(f"The setting {name!r} is True or False, not {settings[name]!r}.")
    return replace(options, **settings)


def meant(name: str, known: Iterable[str]) -> str:
    """Return what a wrong name may be meant for, as a question, or nothing."""
    close = get_close_matches(name, list(known), 3)
    return f"did you mean {' or '.join(map(repr, close))}" if close else ""


def cache_of(
    cache: ResidualCache | PathLike | None, inputs: Iterable[Path]
) -> ResidualCache | None:
    """Return a cache that was named by its folder, which no input may hold."""
    if cache is None or isinstance(cache, ResidualCache):
        return cache
    check_apart(inputs, Path(cache))
    return ResidualCache(Path(cache))
