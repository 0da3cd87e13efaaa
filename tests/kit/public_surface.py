"""The public names of fp with their signatures, as text.

Run as a program, it writes the snapshot that a test compares with: whoever changes what others
build on does it on purpose, and says so in CHANGELOG.md.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from importlib import import_module

from project import DATA

SNAPSHOT = DATA / "public_surface.txt"
ROOMS = ("fp.denoisers", "fp.fingerprint", "fp.lineage")


def surface() -> str:
    """Return every public name with its signature."""
    return "\n".join(line for room in ROOMS for line in _room(room)) + "\n"


def _room(name: str) -> Iterator[str]:
    room = import_module(name)
    for member in sorted(room.__all__):
        found = getattr(room, member)
        if not inspect.isclass(found):
            yield from _signed(f"{name}.{member}", found)
            continue
        if issubclass(found, Exception):
            yield f"exception {name}.{member}"
            continue
        yield from _signed(f"class {name}.{member}", found)
        own = [base for base in reversed(found.__mro__) if base.__module__.startswith("fp.")]
        held = {name: value for base in own for name, value in vars(base).items()}
        for attribute, value in sorted(held.items()):
            shown = attribute in ("__getitem__", "_repr_html_") or not attribute.startswith("_")
            if not shown:
                continue
            if isinstance(value, property):
                yield f"    {attribute}: property"
            elif isinstance(value, classmethod):
                yield from _signed(f"    classmethod {attribute}", value.__func__)
            elif inspect.isfunction(value):
                yield from _signed(f"    {attribute}", value)


def _signed(head: str, function: Callable[..., object]) -> Iterator[str]:
    """Write each parameter on its own line, so that a change is one line too."""
    signature = inspect.signature(function)
    yield head
    indent = " " * (len(head) - len(head.lstrip()) + 8)
    for parameter in signature.parameters.values():
        yield f"{indent}{parameter}"
    if signature.return_annotation is not inspect.Signature.empty:
        yield f"{indent}-> {signature.return_annotation}"


if __name__ == "__main__":
    SNAPSHOT.write_text(surface(), "utf-8")
