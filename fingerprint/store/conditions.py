"""Experts and gate of a fingerprint as elements of its group, and the way back (from 1.2 on)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

import numpy as np

from fp.fingerprint.model.conditions import Conditions, Expert, Searched, Tested
from fp.fingerprint.model.gate import Gate
from fp.fingerprint.store import joined
from fp.fingerprint.store.elements import Value, finite

MOST_EXPERTS = 99

SINCE = 2
TESTS_SINCE = 3
"""Minor versions that first named experts, and what their p-values come from."""

_ANY = re.compile(r"conditions[/@]", re.ASCII)
_EXPERT = re.compile(r"conditions/(\d{3})[/@]", re.ASCII)

FIXED = {
    "conditions@outside": ("float64", 0),
    "conditions/gate/centre": ("float32", 1),
    "conditions/gate/scale": ("float32", 1),
    "conditions/gate/basis": ("float32", 2),
    "conditions/gate/means": ("float32", 2),
    "conditions/gate/roots": ("float32", 3),
    "conditions/gate/calibration": ("float64", 2),
}
OPTIONAL = {
    "conditions/gate/beyond": ("float64", 2),
    "conditions/gate/log_prior": ("float64", 1),
    "conditions/gate@temperature": ("float64", 0),
}
ADDED = {
    "conditions/gate/log_prior": TESTS_SINCE,
    "conditions/gate@temperature": TESTS_SINCE,
}

OF_EXPERT = {
    "@condition": ("string", 0),
    "@offset": ("float64", 0),
    "/pattern": ("float32", 3),
    "/real": ("float64", 1),
    "/generated": ("float64", 1),
    "/searched@offset": ("float64", 0),
    "/searched/pattern": ("float32", 3),
    "/searched/real": ("float64", 1),
    "/searched/generated": ("float64", 1),
    "/searched/specific_real": ("float64", 1),
    "/searched/specific_generated": ("float64", 1),
}

OF_TESTS = {
    f"{place}/tested/{label}": ("float64", 1)
    for place in ("", "/searched")
    for label in ("real", "generated")
}
"""All of these, or none in older files."""

_SEARCHED = ("real", "generated", "specific_real", "specific_generated")


def schema(keys: Iterable[str]) -> dict[str, tuple[str, int]]:
    """Say which elements a group must have for its experts.

    Parameters
    ----------
    keys : iterable of str
        Keys that it has.

    Returns
    -------
    dict of str to (str, int)
        Kind and number of dimensions of each; empty where there are no experts.
    """
    found = [key for key in keys if _ANY.match(key)]
    if not found:
        return {}
    wanted = FIXED | {key: rule for key, rule in OPTIONAL.items() if key in found}
    numbers = {int(match[1]) for key in found if (match := _EXPERT.match(key))}
    for index in range(max(numbers, default=0) + 1):
        head = f"conditions/{index:03d}"
        wanted |= {f"{head}{key}": rule for key, rule in OF_EXPERT.items()}
        if any(f"{head}{key}" in found for key in OF_TESTS):
            wanted |= {f"{head}{key}": rule for key, rule in OF_TESTS.items()}
        inner = joined.schema(_inside(found, head))
        # An expert joins parts: a group that says nothing of any lacks all of them.
        inner = inner or joined.schema(["joined@specific_offset"])
        wanted |= {f"{head}/{key}": rule for key, rule in inner.items()}
    return wanted


def is_known(key: str, minor: int) -> bool:
    """Say whether a minor version of the format names an element of the experts or the gate."""
    if minor < SINCE:
        return False
    match = _EXPERT.match(key)
    if match is None:
        return key in FIXED or (key in OPTIONAL and minor >= ADDED.get(key, SINCE))
    head = key[: match.end() - 1]
    if key[len(head) :] in OF_TESTS:
        return minor >= TESTS_SINCE
    if key[len(head) :] in OF_EXPERT:
        return True
    return any(joined.is_known(inner) for inner in _inside([key], head))


def elements(conditions: Conditions) -> Iterator[tuple[str, Value]]:
    """Give the elements that experts and gate are written as.

    Parameters
    ----------
    conditions : Conditions
        What to write.

    Yields
    ------
    tuple of str and Value
        Key and value of each element.
    """
    yield "conditions@outside", np.array(conditions.outside, "<f8")
    gate = conditions.gate
    for name in ("centre", "scale", "basis", "means", "roots"):
        yield f"conditions/gate/{name}", np.ascontiguousarray(getattr(gate, name), "<f4")
    yield "conditions/gate/calibration", np.ascontiguousarray(gate.calibration, "<f8")
    if len(gate.beyond):
        yield "conditions/gate/beyond", np.ascontiguousarray(gate.beyond, "<f8")
    if gate.log_prior.size:
        yield "conditions/gate/log_prior", np.ascontiguousarray(gate.log_prior, "<f8")
    if gate.temperature is not None:
        yield "conditions/gate@temperature", np.array(gate.temperature, "<f8")
    for index, expert in enumerate(conditions.experts):
        head = f"conditions/{index:03d}"
        yield f"{head}@condition", expert.condition
        yield f"{head}@offset", np.array(expert.offset, "<f8")
        yield f"{head}/pattern", np.ascontiguousarray(expert.pattern, "<f4")
        for label in ("real", "generated"):
            yield f"{head}/{label}", np.ascontiguousarray(getattr(expert, label), "<f8")
        searched = expert.searched
        yield f"{head}/searched@offset", np.array(searched.offset, "<f8")
        yield f"{head}/searched/pattern", np.ascontiguousarray(searched.pattern, "<f4")
        for name in _SEARCHED:
            yield f"{head}/searched/{name}", np.ascontiguousarray(getattr(searched, name), "<f8")
        for place, tested in (("", expert.tested), ("/searched", searched.tested)):
            for label in ("real", "generated") if tested is not None else ():
                scores = np.ascontiguousarray(getattr(tested, label), "<f8")
                yield f"{head}{place}/tested/{label}", scores
        for key, value in joined.elements(expert.joined):
            yield f"{head}/{key}", value


def build(found: Mapping[str, Value]) -> Conditions | None:
    """Make experts and gate from valid elements.

    Parameters
    ----------
    found : mapping of str to Value
        Elements of a fingerprint's group.

    Returns
    -------
    Conditions or None
        What was written; None where there are no experts.

    Raises
    ------
    ValueError, TypeError
        If a value is not what the format allows.
    """
    if "conditions@outside" not in found:
        return None
    count = len({match[1] for key in found if (match := _EXPERT.match(key))})
    if count > MOST_EXPERTS:
        raise ValueError(f"there are more than {MOST_EXPERTS} experts")
    gate = _gate(found, count)
    experts = tuple(_expert(found, f"conditions/{index:03d}") for index in range(count))
    if len({expert.condition for expert in experts}) < count:
        raise ValueError("two experts have one condition")
    return Conditions(experts, gate, float(finite(found, "conditions@outside")))


def _gate(found: Mapping[str, Value], count: int) -> Gate:
    centre, scale, basis, means, roots = (
        np.asarray(finite(found, f"conditions/gate/{name}"), dtype=np.float32)
        for name in ("centre", "scale", "basis", "means", "roots")
    )
    calibration = np.asarray(finite(found, "conditions/gate/calibration"), dtype=np.float64)
    rank, features = basis.shape
    shapes = (centre.shape, scale.shape, means.shape, roots.shape)
    if shapes != ((features,), (features,), (count, rank + 1), (count, rank + 1, rank + 1)):
        raise ValueError("the shapes of the gate do not fit each other")
    if (scale <= 0).any() or (np.diagonal(roots, axis1=1, axis2=2) <= 0).any():
        raise ValueError("a scale of the gate is not positive")
    if calibration.shape[0] != count or not calibration.shape[1]:
        raise ValueError("the gate has no calibration for a condition")
    made = Gate(centre, scale, basis, means, roots, calibration)
    if "conditions/gate/beyond" in found:
        made = replace(made, beyond=np.asarray(finite(found, "conditions/gate/beyond"), np.float64))
    if "conditions/gate/log_prior" in found:
        prior = np.asarray(finite(found, "conditions/gate/log_prior"), np.float64)
        if prior.shape != (count,):
            raise ValueError("the gate has no prior for a condition")
        made = replace(made, log_prior=prior)
    if "conditions/gate@temperature" in found:
        temperature = float(finite(found, "conditions/gate@temperature"))
        if temperature <= 0:
            raise ValueError("the temperature of the gate is not positive")
        made = replace(made, temperature=temperature)
    if any((np.diff(held, axis=1) < 0).any() for held in (calibration, made.beyond)):
        raise ValueError("the calibration of the gate does not ascend")
    return made


def _expert(found: Mapping[str, Value], head: str) -> Expert:
    keys = [key for key in found if key.startswith((f"{head}/joined/", f"{head}/joined@"))]
    inner = {key[len(head) + 1 :]: found[key] for key in keys}
    made = joined.build(inner)
    if made is None:
        raise ValueError(f"{head} joins no parts")
    searched = Searched(
        np.asarray(finite(found, f"{head}/searched/pattern"), dtype=np.float32),
        float(finite(found, f"{head}/searched@offset")),
        **{name: finite(found, f"{head}/searched/{name}") for name in _SEARCHED},
        tested=_tested(found, f"{head}/searched"),
    )
    return Expert(
        str(found[f"{head}@condition"]),
        np.asarray(finite(found, f"{head}/pattern"), dtype=np.float32),
        float(finite(found, f"{head}@offset")),
        finite(found, f"{head}/real"),
        finite(found, f"{head}/generated"),
        made,
        searched,
        _tested(found, head),
    )


def _tested(found: Mapping[str, Value], head: str) -> Tested | None:
    keys = [f"{head}/tested/{label}" for label in ("real", "generated")]
    return Tested(*(finite(found, key) for key in keys)) if keys[0] in found else None


def _inside(keys: Iterable[str], head: str) -> list[str]:
    """Give the keys of an expert's parts as they would be at a fingerprint."""
    start = f"{head}/"
    return [key[len(start) :] for key in keys if key.startswith(f"{start}joined")]
