"""Names that belong together because they share something."""

from __future__ import annotations

from collections.abc import Hashable, Sequence


def join_names(names: Sequence[str], keys: Sequence[Hashable | None]) -> list[str]:
    """Return for each name the smallest of those that it is joined with.

    Two names are joined where they have a key in common, or are both joined with a third; None is
    no key.
    """
    parent = {name: name for name in names}

    def root(name: str) -> str:
        while parent[name] != name:
            parent[name] = parent[parent[name]]
            name = parent[name]
        return name

    owner: dict[Hashable, str] = {}
    for name, key in zip(names, keys, strict=True):
        if key is not None:
            low, high = sorted((root(owner.setdefault(key, name)), root(name)))
            parent[high] = low
    return [root(name) for name in names]
