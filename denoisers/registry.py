"""The denoisers by name; weights and mean residuals that ship with them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

from fp.denoisers.mean_residual import MeanResidual
from fp.denoisers.residual import Denoiser, DenoiserIdentity, Residual
from fp.system.errors import DenoiserError
from fp.system.plugins import maker_of, plugins, summary_of
from fp.system.workers import use_one_thread

Parameters = tuple[tuple[str, Any], ...]
"""A denoiser's parameters by name, sorted; they can be hashed."""

GROUP = "fp.denoisers"
"""Entry points of this group are denoisers: names of classes, or of functions that make one."""

WEIGHTS = Path(__file__).parent / "weights"
DEFAULT = "wavelet"
"""With the default method as good as any, and without torch (docs/decisions.md)."""


@dataclass(frozen=True)
class Entry:
    """A denoiser that `get` can make.

    Parameters
    ----------
    make : callable
        Takes the denoiser's parameters as keywords and gives the denoiser.
    summary : str
        One line for ``fp denoiser list``.
    trained : bool
        Whether it has weights; then it takes ``precision`` and ``device``, and no parameter of it
        changes what its mean residual is.
    """

    make: Callable[..., Denoiser]
    summary: str
    trained: bool = False


# Modules are imported where they are asked for, so that a wavelet run never loads torch.
def _own(place: str, *given: str) -> Callable[..., Denoiser]:
    return maker_of(EntryPoint("", f"fp.denoisers.{place}", GROUP), *given)


_REGISTRY: dict[str, Entry] = {
    "dncnn": Entry(
        _own("dncnn:DnCNN", "dncnn"), "17 convolutions of 64 channels, trained on photographs", True
    ),
    "dncnn-small": Entry(
        _own("dncnn:DnCNN", "dncnn-small"), "the same at a tenth of the work", True
    ),
    "wavelet": Entry(
        _own("wavelet:Wavelet"), "db4 wavelets with Mihcak-Wiener shrinkage; no torch"
    ),
    "median": Entry(_own("classical:Median"), "image less its 3x3 median"),
    "nlm": Entry(_own("classical:NonLocalMeans"), "image less its non-local means"),
}


def register(name: str, make: Callable[..., Denoiser], summary: str) -> None:
    """Add a denoiser.

    Parameters
    ----------
    name : str
        Its name, not yet taken.
    make : callable
        Takes parameters as keywords and gives an object with the `Denoiser` protocol.
    summary : str
        One line that says what it is.

    Raises
    ------
    DenoiserError
        If the name is taken.
    """
    if name in names():
        raise DenoiserError(f"A denoiser named {name!r} exists already; choose another name.")
    _REGISTRY[name] = Entry(make, summary)


def names() -> list[str]:
    """Return the names of all denoisers, sorted; nothing is loaded for it."""
    return sorted({**plugins(GROUP), **_REGISTRY})


def available() -> dict[str, str]:
    """Return the names of all denoisers with one line on each."""
    return {name: _entry(name).summary for name in names()}


def _entry(name: str) -> Entry:
    if name in _REGISTRY:
        return _REGISTRY[name]
    found = plugins(GROUP)[name]
    return Entry(maker_of(found), summary_of(found))


def check_name(name: str) -> None:
    """Refuse the name of a denoiser that does not exist, by a `DenoiserError`."""
    if name not in names():
        raise DenoiserError(f"Unknown denoiser {name!r}; there are {', '.join(names())}.")


def is_trained(name: str) -> bool:
    """Return whether a denoiser has weights."""
    return _entry(name).trained


def get(name: str = DEFAULT, **parameters: Any) -> Residual:
    """Make the residual of a denoiser by name, with its shipped mean residual.

    Parameters
    ----------
    name : str
        A key of `available`.
    **parameters
        The denoiser's own parameters; with other values than the defaults there is no mean
        residual to subtract, and the identity says so.

    Returns
    -------
    Residual
        What turns images into residuals.

    Raises
    ------
    DenoiserError
        If the name or a parameter is unknown.

    Examples
    --------
    >>> from fp.denoisers import get, load_image
    >>> residual = get("wavelet")
    >>> residual(load_image("picture.png").rgb_hwc).shape
    (3, 256, 256)
    """
    check_name(name)
    entry = _entry(name)
    try:
        denoiser = entry.make(**parameters)
    except TypeError as error:
        raise DenoiserError(f"Denoiser {name!r} does not take these parameters: {error}.") from None
    shipped = mean_residual_path(name)
    standard = entry.trained or (denoiser.identity.parameters == entry.make().identity.parameters)
    mean = MeanResidual.load(shipped) if standard and shipped.is_file() else None
    return Residual(denoiser, mean)


@lru_cache(maxsize=8)
def kept(name: str, parameters: Parameters = ()) -> Residual:
    """Return what `get` makes, made once a process, with torch on one thread."""
    made = get(name, **dict(parameters))
    use_one_thread()
    return made


def mean_residual_path(name: str) -> Path:
    """Return the place where a denoiser's mean residual ships."""
    return WEIGHTS / f"{name}.mean.safetensors"


def restore(identity: DenoiserIdentity) -> Residual:
    """Make the denoiser that an identity describes, as far as it exists here.

    To be compared with the identity by the caller: weights or versions may differ. `DenoiserError`
    if the name or a parameter is unknown.
    """
    return get(identity.name, **dict(arguments_of(identity)))


def arguments_of(identity: DenoiserIdentity) -> Parameters:
    """Return the parameters with which `kept` makes the denoiser that an identity describes."""
    parameters = dict(identity.parameters)
    for name, value in parameters.items():
        if isinstance(value, list):  # JSON knows no tuples
            parameters[name] = tuple(value)
    check_name(identity.name)
    if _entry(identity.name).trained:
        parameters["precision"] = identity.precision
    return tuple(sorted(parameters.items()))
