"""How a data class lies in a file, a line for each element.

The same lines say what is written, what is read back, what must be there, and what a version of the
format names. Keys are those of `fp.fingerprint.store.elements`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from operator import attrgetter
from typing import Any

import numpy as np

from fp.fingerprint.store.elements import STORED, Value

Elements = Mapping[str, Value]

_LINE = re.compile(r"(\w+)(?:\[(\d)\])? (.+)")


@dataclass(frozen=True)
class Element:
    """An attribute or a data set.

    Parameters
    ----------
    name : str
        Field of the data class that it holds.
    kind : str
        "string", "float32", "float64" or "int64".
    rank : int
        Number of dimensions: 0 of an attribute, 1 or more of a data set.
    key : str
        Key inside the group, where it is not that of the field; ``/`` begins one of the
        fingerprint's group.
    since : int
        Minor version of the format that first names it.
    optional : bool
        Whether it may be missing; the data class has its default then.
    finite : bool
        Whether a number that is not finite is refused here; False where the data class says so
        itself, or such a number means something.
    derived : bool
        Whether it is no field: it follows from all the others and is checked against them.
    get : callable, optional
        From the data class to the value, where that is not the field itself.
    stored, loaded : callable, optional
        From the value to what is stored, and back.
    """

    name: str
    kind: str
    rank: int = 0
    key: str = ""
    since: int = 0
    optional: bool = False
    finite: bool = True
    derived: bool = False
    get: Callable[[Any], Any] | None = None
    stored: Callable[[Any], Any] | None = None
    loaded: Callable[[Any], Any] | None = None

    def below(self, prefix: str) -> str:
        """Return the key in a group of the prefix."""
        return below(prefix, self.key or ("" if self.rank else "@") + self.name)

    def dump(self, owner: Any) -> Value | None:
        """Return what is stored of a data class; None where that is nothing."""
        made = None if self.derived else (self.get or attrgetter(self.name))(owner)
        if made is None or (self.optional and not np.size(made)):
            return None
        made = made if self.stored is None else self.stored(made)
        if self.kind == "string":
            return tuple(made) if self.rank else str(made)
        return np.asarray(made, STORED[self.kind], order="C")

    def load(self, elements: Elements, key: str) -> Any:
        """Return the value of an element of the right type. `ValueError` where it is not finite."""
        value: Any = elements[key]
        if self.kind != "string":
            value = np.asarray(value)
            if self.finite and not np.isfinite(value).all():
                raise ValueError(f"{key} has values that are not finite")
            value = value if self.rank else value.item()
        return value if self.loaded is None else self.loaded(value)


def lines(*told: str, finite: bool = True) -> tuple[Element, ...]:
    """Return elements told as ``KIND[RANK] NAME NAME ...``; without a rank they are attributes."""
    matches = [_LINE.fullmatch(line) for line in told]
    parts = [match.groups() for match in matches if match is not None]
    return tuple(
        Element(name, kind, int(rank or 0), finite=finite)
        for kind, rank, names in parts
        for name in names.split()
    )


@dataclass(frozen=True)
class Group:
    """The elements of one data class.

    Parameters
    ----------
    make : callable
        Makes the data class of its fields, by name.
    members : tuple of Element, Group or Series
        What is stored of it.
    key : str
        Name of the group; empty where its elements lie in that of the data class above.
    name : str
        Field of the data class above that it is, where the group has another name.
    since : int
        Minor version of the format that first names it.
    optional : bool
        Whether all of it may be missing.
    told_at : str
        Key that a fault is told of, where it is not that of the group.
    get : callable, optional
        From the data class above to this one, where that is not the field itself.
    check : callable, optional
        Refuses what was read, with its key, by a `ValueError` or `TypeError`.
    """

    make: Callable[..., Any]
    members: tuple[Element | Group | Series, ...]
    key: str = ""
    name: str = ""
    since: int = 0
    optional: bool = False
    told_at: str = ""
    get: Callable[[Any], Any] | None = None
    check: Callable[[Any, str], None] | None = None

    @property
    def field(self) -> str:
        """Field of the data class above that it is."""
        return self.name or self.key

    def there(self, keys: Iterable[str], prefix: str) -> bool:
        """Return whether keys name anything of the group."""
        if self.key:
            attributes = any(isinstance(one, Element) and not one.rank for one in self.members)
            starts = (f"{prefix}/", f"{prefix}@") if attributes else f"{prefix}/"
            return any(key.startswith(starts) for key in keys)
        inside = [member for member in self.members if isinstance(member, Group)]
        return any(member.there(keys, below(prefix, member.key)) for member in inside)


def _numbered(field: Iterable[Any]) -> Iterator[tuple[str, Any]]:
    return ((f"{number:03d}", one) for number, one in enumerate(field))


def _in_order(members: dict[str, Any]) -> tuple[Any, ...]:
    return tuple(members.values())


@dataclass(frozen=True)
class Series:
    """Groups of one kind beside each other.

    Parameters
    ----------
    name : str
        Field of the data class above that they are.
    of : Group
        What each of them is.
    placeholder : str
        What stands for their names on the page of the format.
    key : str
        Name of the group that they lie in; empty where that is the one of the data class above.
    names, named : str
        Patterns of their names in a file, and of those that the format knows, where it is another.
    most : int
        Most of them; 0 where they are not numbered from 000 on.
    label : str
        Field of each that its name is the number of; empty where there is none.
    entries : callable
        From the field to names and members.
    join : callable
        From members by their name to the field.
    """

    name: str
    of: Group
    placeholder: str
    key: str = ""
    names: str = r"\d{3}(?=[/@])"
    named: str = ""
    most: int = 0
    label: str = ""
    entries: Callable[[Any], Iterable[tuple[str, Any]]] = _numbered
    join: Callable[[dict[str, Any]], Any] = _in_order

    def found(self, keys: Iterable[str], prefix: str) -> list[str]:
        """Return the names of those that keys speak of, sorted."""
        pattern = re.compile(f"{re.escape(prefix)}/({self.names})", re.ASCII)
        return sorted({match[1] for key in keys if (match := pattern.match(key))})


Member = Element | Group | Series


def below(prefix: str, key: str) -> str:
    """Return the key of what lies in a group of the prefix."""
    if key.startswith("/"):
        return key[1:]
    return prefix + key if not prefix or not key or key[0] == "@" else f"{prefix}/{key}"


def dump(group: Group, owner: Any, prefix: str = "") -> Iterator[tuple[str, Value]]:
    """Yield key and value of each element that a data class is written as."""
    for member in group.members:
        if isinstance(member, Element):
            if (value := member.dump(owner)) is not None:
                yield member.below(prefix), value
            continue
        at = below(prefix, member.key)
        if isinstance(member, Series):
            for name, one in member.entries(getattr(owner, member.name)):
                yield from dump(member.of, one, below(at, name))
        elif (held := (member.get or attrgetter(member.field))(owner)) is not None:
            yield from dump(member, held, at)


def load(group: Group, elements: Elements, prefix: str = "", **given: Any) -> Any:
    """Return the data class that elements of the right types hold. Some fields may be given.

    `elements` are those of a fingerprint's group, `prefix` the key of the group in it. `ValueError`
    or `TypeError` if a value is not what the format allows.
    """
    for member in group.members:
        given |= load_member(member, elements, prefix)
    made = group.make(**given)
    if group.check is not None:
        group.check(made, prefix)
    return made


def load_member(member: Member, elements: Elements, prefix: str = "") -> dict[str, Any]:
    """Return the field that a member holds by its name. Nothing where it may be missing and is."""
    if isinstance(member, Element):
        key = member.below(prefix)
        missing = member.derived or (member.optional and key not in elements)
        return {} if missing else {member.name: member.load(elements, key)}
    at = below(prefix, member.key)
    if isinstance(member, Group):
        missing = member.optional and not member.there(elements, at)
        return {} if missing else {member.field: load(member, elements, at)}
    names = member.found(elements, at)
    if member.most and len(names) > member.most:
        raise ValueError(f"there are more than {member.most} {member.name}")
    found = {}
    for name in names:
        label = {member.label: int(name)} if member.label else {}
        found[name] = load(member.of, elements, below(at, name), **label)
    return {member.name: member.join(found)}


def demanded(group: Group, keys: Iterable[str], prefix: str = "") -> Iterator[tuple[str, Element]]:
    """Yield key and line of each element that must be there."""
    held = [key for key in keys if key.startswith(prefix)]
    for member in group.members:
        if isinstance(member, Element):
            key = member.below(prefix)
            if not member.optional or key in held:
                yield key, member
            continue
        at = below(prefix, member.key)
        if isinstance(member, Group):
            if not member.optional or member.there(held, at):
                yield from demanded(member, held, at)
            continue
        names = member.found(held, at)
        if member.most:  # without a gap, and one at least
            names = [f"{number:03d}" for number in range(int(max(names, default="0")) + 1)]
        for name in names:
            yield from demanded(member.of, held, below(at, name))


@dataclass(frozen=True)
class Named:
    """An element as the format names it.

    Parameters
    ----------
    key, pattern : str
        Its key, with placeholders for names and as a pattern.
    element : Element
        Its line.
    since : int
        Minor version that first names it.
    """

    key: str
    pattern: str
    element: Element
    since: int


def named(group: Group, key: str = "", pattern: str = "", since: int = 0) -> Iterator[Named]:
    """Yield all elements that the format names, of a data class at a key."""
    since = max(since, group.since)
    for member in group.members:
        if isinstance(member, Element):
            own = member.below(key), member.below(pattern)
            yield Named(*own, member, max(since, member.since))
            continue
        at, where = below(key, member.key), below(pattern, member.key)
        if isinstance(member, Series):
            names = below(where, f"(?:{member.named or member.names})")
            yield from named(member.of, below(at, member.placeholder), names, since)
        else:
            yield from named(member, at, where, since)
