"""What stored values become, and which of them are refused."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable
from dataclasses import asdict
from typing import Any

import numpy as np

from fp.denoisers.residual import DenoiserIdentity
from fp.fingerprint.estimators.pixels import CODING_NUMBERS
from fp.fingerprint.model.conditions import (
    CONTENT,
    CURVES,
    NEAREST,
    Conditions,
    ConditionsFusion,
    Expected,
    Neighbours,
    Regression,
)
from fp.fingerprint.model.distribution import OutOfDistribution
from fp.fingerprint.model.joined import Part
from fp.fingerprint.model.typicality import View, in_order
from fp.fingerprint.model.windows import Dependence, WindowSize
from fp.images.container import COMPRESSIONS
from fp.images.degradations import Degradation


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
    """Return a mapping as JSON, in ASCII. Whatever a file name may hold comes back as it was."""
    return json.dumps(dict(value), sort_keys=True, allow_nan=False)


def denoiser(text: str) -> DenoiserIdentity:
    """Return the identity of a denoiser from its JSON."""
    identity = DenoiserIdentity(**json_object(object)(text))
    for name, value in asdict(identity).items():
        kind = {"version": int, "parameters": dict}.get(name, str)
        if type(value) is not kind:
            raise TypeError(f"{name} must be {kind.__name__}")
    return identity


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
    """Refuse a test of shapes that do not fit, or with divisors not positive."""
    if test.scale.shape != test.view.mean.shape or test.scale.shape != (CODING_NUMBERS,):
        raise ValueError(f"the scale of {key} has shape {test.scale.shape}")
    if (test.scale <= 0).any() or not test.calibration.size:
        raise ValueError(f"{key} has a scale that is not positive, or no distance")
    if not set(test.codings) <= set(COMPRESSIONS):
        raise ValueError(f"{key} names a coding that is none")


def views(found: dict[str, View]) -> dict[str, View]:
    """Return views in an order of our own. Sums must not depend on how a file sorts names."""
    return {name: found[name] for name in in_order(found)}


def scaled(found: Regression, key: str) -> None:
    """Refuse what divides by numbers that are not positive, or whose shapes do not fit."""
    if found.centre.shape != found.scale.shape or len(found.weights) != found.centre.size:
        raise ValueError(f"the shapes of {key} do not fit each other")
    if found.offset.shape != found.weights.shape[1:]:
        raise ValueError(f"the offset of {key} does not fit its weights")
    if (found.scale <= 0).any():
        raise ValueError(f"a scale of {key} is not positive")


def check_fusion(found: ConditionsFusion, key: str) -> None:
    """Refuse what divides by numbers that are not positive, or whose shapes do not fit."""
    parts = found.weights.shape
    if found.expected.weights.shape[1:] != parts or found.scale.shape != parts:
        raise ValueError(f"the shapes of {key} do not fit each other")
    if (found.scale <= 0).any():
        raise ValueError(f"a scale of {key} is not positive")


def check_expected(found: Expected, key: str) -> None:
    """Refuse regressions of another number of curves, and no held-out number."""
    for each in (found.mean, found.log_deviation):
        if each.weights.shape != (CURVES, 1):
            raise ValueError(f"a regression of {key} has shape {each.weights.shape}")
    if not found.held.size:
        raise ValueError(f"{key} holds no number")


def check_neighbours(found: Neighbours, key: str) -> None:
    """Refuse neighbours whose shapes do not fit, and fewer than are asked."""
    rank, numbers = found.basis.shape
    shapes = found.centre.shape, found.scale.shape, found.points.shape[1:]
    if shapes != ((numbers,), (numbers,), (rank,)) or len(found.points) < NEAREST:
        raise ValueError(f"the shapes of {key} do not fit each other")
    if (found.scale <= 0).any():
        raise ValueError(f"a scale of {key} is not positive")
    if not found.held.size or (np.diff(found.held) < 0).any():
        raise ValueError(f"the distances of {key} do not ascend, or there are none")


def check_conditions(found: Conditions, key: str) -> None:
    """Refuse conditions whose measures are of different numbers."""
    if found.coding.centre.shape != found.neighbours.centre.shape:
        raise ValueError(f"{key} measures different numbers")
    if (found.settings[1] <= 0).any():
        raise ValueError(f"a deviation of {key}/settings is not positive")
    content = found.content.centre.size
    if content > CONTENT or 2 * content != found.fusion.expected.centre.size:
        raise ValueError(f"{key} expects scores from another number of content numbers")
    if set(found.generator.views) != set(found.reference.views):
        raise ValueError(f"{key} sees the classes in different views")


def dependences(size: WindowSize) -> list[list[float]]:
    """Return floor, near and reach of both classes."""
    return [[d.floor, d.near, d.reach] for d in (size.of_real, size.of_generated)]


def window_size(size: int, dependence: Any, **fields: Any) -> WindowSize:
    """Return the windows of one size."""
    if dependence.shape != (2, 3):
        raise ValueError(f"the dependence of windows of {size} pixels is not (2, 3)")
    real, generated = (Dependence(*map(float, row)) for row in dependence)
    return WindowSize(size, of_real=real, of_generated=generated, **fields)
