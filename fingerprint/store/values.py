"""What stored values become, and what of them is refused beside types and numbers of dimensions."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable
from dataclasses import asdict, replace
from typing import Any

import numpy as np

from fp.denoisers.residual import DenoiserIdentity
from fp.fingerprint.estimators.pixels import CODING_NUMBERS
from fp.fingerprint.model.conditions import Conditions, Expert, Searched, Tested
from fp.fingerprint.model.distribution import OutOfDistribution
from fp.fingerprint.model.gate import Gate
from fp.fingerprint.model.joined import Part
from fp.fingerprint.model.typicality import View, in_order
from fp.fingerprint.model.windows import Dependence, WindowSize
from fp.images.degradations import Degradation
from fp.system.arrays import Doubles


def json_object(kind: type) -> Callable[[str], dict[str, Any]]:
    """Return what reads a JSON object whose values are of one kind."""

    def loaded(text: str) -> dict[str, Any]:
        value = json.loads(text, parse_constant=_no_number, parse_float=_finite)
        if type(value) is not dict:
            raise TypeError("it must be a JSON object")
        for name, item in value.items():
            if kind is not object and type(item) is not kind:
                raise TypeError(f"{name!r} must be {kind.__name__}")
        return value

    return loaded


def _no_number(text: str) -> float:
    raise ValueError(f"{text} is no number of JSON")


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"{text} is too large")
    return value


def json_text(value: Any) -> str:
    """Return a mapping as JSON, in ASCII: whatever a file name may hold comes back as it was."""
    return json.dumps(dict(value), sort_keys=True, allow_nan=False)


def denoiser(text: str) -> DenoiserIdentity:
    """Return the identity of a denoiser from its JSON."""
    identity = DenoiserIdentity(**json_object(object)(text))
    for name, value in asdict(identity).items():
        kind = {"version": int, "parameters": dict}.get(name, str)
        if type(value) is not kind:
            raise TypeError(f"{name} must be {kind.__name__}")
    return identity


def prior(values: Doubles) -> Doubles:
    """Return the prior of a gate, which holds one number at least where there is one."""
    if not values.size:
        raise ValueError("the gate has no prior for a condition")
    return values


def preparation(text: str) -> str:
    """Return the text of a degradation, or refuse it."""
    Degradation(text)
    return text


def escaped(sources: Iterable[str]) -> tuple[str, ...]:
    """Return names in UTF-8: of a source counts which scores share it, not its name."""
    return tuple(text.encode("utf-8", "backslashreplace").decode("utf-8") for text in sources)


def check_part(part: Part, key: str) -> None:
    """Refuse parameters that are no object."""
    found: Any = part.parameters
    if type(found) is not dict or type(found.get("method", {})) is not dict:
        raise TypeError(f"the parameters of {key} must be a JSON object")


def check_view(view: View, key: str) -> None:
    """Refuse a view whose shapes do not fit, or whose variances are not positive."""
    if view.basis.shape != (view.variance.size, view.mean.size):
        raise ValueError(f"the basis of {key} has shape {view.basis.shape}")
    if view.floor <= 0 or view.spread <= 0 or (view.variance <= 0).any():
        raise ValueError(f"a variance of {key} is not positive")


def check_distribution(test: OutOfDistribution, key: str) -> None:
    """Refuse a test whose shapes do not fit, or that divides by what is not positive."""
    if test.scale.shape != test.view.mean.shape or test.scale.shape != (CODING_NUMBERS,):
        raise ValueError(f"the scale of {key} has shape {test.scale.shape}")
    if (test.scale <= 0).any() or not test.calibration.size:
        raise ValueError(f"{key} has a scale that is not positive, or no distance")
    if set(test.codings) - {"JPEG", "lossless", "lossy WebP"}:
        raise ValueError(f"{key} names a coding that is none")


def views(found: dict[str, View]) -> dict[str, View]:
    """Return views in an order of our own: sums must not depend on how a file sorts names."""
    return {name: found[name] for name in in_order(found)}


def check_gate(gate: Gate, key: str) -> None:
    """Refuse a gate whose shapes do not fit, or whose numbers cannot be."""
    rank, features = gate.basis.shape
    count = len(gate.means)
    shapes = (gate.centre.shape, gate.scale.shape, gate.means.shape, gate.roots.shape)
    if shapes != ((features,), (features,), (count, rank + 1), (count, rank + 1, rank + 1)):
        raise ValueError("the shapes of the gate do not fit each other")
    if (gate.scale <= 0).any() or (np.diagonal(gate.roots, axis1=1, axis2=2) <= 0).any():
        raise ValueError("a scale of the gate is not positive")
    if gate.calibration.shape[0] != count or not gate.calibration.shape[1]:
        raise ValueError("the gate has no calibration for a condition")
    if gate.log_prior.size and gate.log_prior.shape != (count,):
        raise ValueError("the gate has no prior for a condition")
    if gate.temperature is not None and gate.temperature <= 0:
        raise ValueError("the temperature of the gate is not positive")
    if any((np.diff(held, axis=1) < 0).any() for held in (gate.calibration, gate.beyond)):
        raise ValueError("the calibration of the gate does not ascend")


def tests(expert: Expert) -> dict[str, Tested | None] | None:
    """Return what the p-values of an expert come from, by what is known of the phase."""
    found = {"known": expert.tested, "searched": expert.searched.tested}
    return found if any(found.values()) else None


def expert(searched: Searched, tests: dict[str, Tested] | None = None, **fields: Any) -> Expert:
    """Return an expert; what its p-values come from is stored beside its searched scores."""
    if tests is None:
        return Expert(searched=searched, **fields)
    searched = replace(searched, tested=tests["searched"])
    return Expert(searched=searched, tested=tests["known"], **fields)


def conditions(experts: tuple[Expert, ...], **fields: Any) -> Conditions:
    """Return the experts with their gate; each condition has one."""
    if len({expert.condition for expert in experts}) < len(experts):
        raise ValueError("two experts have one condition")
    return Conditions(experts, **fields)


def dependences(size: WindowSize) -> list[list[float]]:
    """Return floor, near and reach of both classes."""
    return [[d.floor, d.near, d.reach] for d in (size.of_real, size.of_generated)]


def window_size(size: int, dependence: Any, **fields: Any) -> WindowSize:
    """Return the windows of one size."""
    if dependence.shape != (2, 3):
        raise ValueError(f"the dependence of windows of {size} pixels is not (2, 3)")
    real, generated = (Dependence(*map(float, row)) for row in dependence)
    return WindowSize(size, of_real=real, of_generated=generated, **fields)
