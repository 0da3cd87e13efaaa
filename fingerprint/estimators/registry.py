"""The estimators by name: those of fp, and those that other packages bring along."""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import EntryPoint
from typing import TYPE_CHECKING, Any

from fp.fingerprint.estimators.recipes import JOINED
from fp.system.errors import UsageError
from fp.system.plugins import maker_of, plugins, summary_of

if TYPE_CHECKING:
    from fp.fingerprint.estimators.protocol import Estimator

GROUP = "fp.estimators"
"""Entry points of this group are estimators: names of classes, or of functions that make one."""


def _own(place: str) -> Callable[..., Estimator]:
    """Make an estimator of this folder; its module is imported when it is asked for."""
    return maker_of(EntryPoint("", f"fp.fingerprint.estimators.{place}", GROUP))


_OF_PIXELS: dict[str, Callable[..., Estimator]] = {
    "blocks": _own("pixels:Blocks"),
    "cooccurrence": _own("cooccurrence:Cooccurrence"),
    "cosine": _own("pixels:Cosine"),
    "highpass": _own("highpass:HighPass"),
}
"""Parts that look at pixels: no methods by themselves, so `available` does not name them."""

_REGISTRY: dict[str, tuple[Callable[..., Estimator], str]] = {
    "cyclic": (
        _own("cyclic:Cyclic"),
        "discriminant of covariances folded to the lattice; outlives JPEG",
    ),
    "dif": (
        _own("dif:with_options"),
        "U-Net with a deep prior, optimised so that the correlation separates",
    ),
    "fourier": (
        _own("fourier:Fourier"),
        "Fourier magnitudes against their mean (Joslin, Hao 2020); baseline",
    ),
    "frame": (
        _own("frame:Frame"),
        "mean residual, found at any place and reduction; for patterns that are on no lattice",
    ),
    "mean": (
        _own("mean:Mean"),
        "mean residual of the generated images (Marra et al. 2018); baseline",
    ),
    "tile": (_own("tile:Tile"), "discriminant of the residual folded to one period; closed form"),
    "spectrum": (
        _own("spectrum:Spectrum"),
        "discriminant of the residual's power spectrum; sees processing",
    ),
}


def register(name: str, make: Callable[..., Estimator], summary: str) -> None:
    """Add an estimator by a new name, with a line that describes it.

    `make` takes parameters as keywords and gives an `Estimator`. UsageError if the name is taken.
    """
    if name in (*names(), *_OF_PIXELS, *JOINED):
        raise UsageError(f"An estimator named {name!r} exists already; choose another name.")
    _REGISTRY[name] = (make, summary)


def names() -> list[str]:
    """Return the names of all estimators that are methods, sorted; nothing is loaded for it."""
    return sorted({**plugins(GROUP), **_REGISTRY})


def available() -> dict[str, str]:
    """Return the names of all estimators with one line on each."""
    return {
        name: _REGISTRY[name][1] if name in _REGISTRY else summary_of(plugins(GROUP)[name])
        for name in names()
    }


def get(name: str, **parameters: Any) -> Estimator:
    """Make an estimator by its own parameters. UsageError if the name or a parameter is unknown.

    The name is one of `names`, or that of a part of conditions that looks at pixels.
    """
    make = _maker(name)
    if make is None:
        raise UsageError(f"Unknown method {name!r}; there are {', '.join(names())}.")
    try:
        return make(**parameters)
    except TypeError as error:
        raise UsageError(f"Method {name!r} does not take these parameters: {error}.") from None


def held_as_columns(name: str) -> bool:
    """Return whether a method is an estimator of which large banks are held as columns."""
    return name in names() and get(name).in_large_banks


def _maker(name: str) -> Callable[..., Estimator] | None:
    if name in _REGISTRY:
        return _REGISTRY[name][0]
    if name in _OF_PIXELS:
        return _OF_PIXELS[name]
    found = plugins(GROUP).get(name)
    return None if found is None else maker_of(found)
