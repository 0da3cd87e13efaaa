"""What an estimator is, and the estimators by name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fp.fingerprint.estimators.protocol import Estimator
from fp.system.errors import UsageError


def _mean(**parameters: Any) -> Estimator:
    from fp.fingerprint.estimators.mean import Mean

    return Mean(**parameters)


def _cyclic(**parameters: Any) -> Estimator:
    from fp.fingerprint.estimators.cyclic import Cyclic

    return Cyclic(**parameters)


def _tile(**parameters: Any) -> Estimator:
    from fp.fingerprint.estimators.tile import Tile

    return Tile(**parameters)


def _dif(**parameters: Any) -> Estimator:
    from fp.fingerprint.estimators.dif import Dif
    from fp.fingerprint.estimators.dif_options import DifOptions

    return Dif(DifOptions(**parameters))


def _spectrum(**parameters: Any) -> Estimator:
    from fp.fingerprint.estimators.spectrum import Spectrum

    return Spectrum(**parameters)


def _fourier(**parameters: Any) -> Estimator:
    from fp.fingerprint.estimators.fourier import Fourier

    return Fourier(**parameters)


def _cosine(**parameters: Any) -> Estimator:
    from fp.fingerprint.estimators.pixels import Cosine

    return Cosine(**parameters)


def _blocks(**parameters: Any) -> Estimator:
    from fp.fingerprint.estimators.pixels import Blocks

    return Blocks(**parameters)


def _cooccurrence(**parameters: Any) -> Estimator:
    from fp.fingerprint.estimators.cooccurrence import Cooccurrence

    return Cooccurrence(**parameters)


def _highpass(**parameters: Any) -> Estimator:
    from fp.fingerprint.estimators.highpass import HighPass

    return HighPass(**parameters)


_OF_PIXELS: dict[str, Callable[..., Estimator]] = {
    "blocks": _blocks,
    "cooccurrence": _cooccurrence,
    "cosine": _cosine,
    "highpass": _highpass,
}
"""Parts that look at pixels: no methods by themselves, so `available` does not name them."""

_REGISTRY: dict[str, tuple[Callable[..., Estimator], str]] = {
    "cyclic": (_cyclic, "discriminant of covariances folded to the lattice; outlives JPEG"),
    "dif": (_dif, "U-Net with a deep prior, optimised so that the correlation separates"),
    "fourier": (_fourier, "Fourier magnitudes against their mean (Joslin, Hao 2020); baseline"),
    "mean": (_mean, "mean residual of the generated images (Marra et al. 2018); baseline"),
    "tile": (_tile, "discriminant of the residual folded to one period; closed form"),
    "spectrum": (_spectrum, "discriminant of the residual's power spectrum; sees processing"),
}


def register(name: str, make: Callable[..., Estimator], summary: str) -> None:
    """Add an estimator.

    Parameters
    ----------
    name : str
        Its name, not yet taken.
    make : callable
        Takes parameters as keywords and gives an object with the `Estimator` protocol.
    summary : str
        One line that says what it is.

    Raises
    ------
    UsageError
        If the name is taken.
    """
    if name in _REGISTRY:
        raise UsageError(f"An estimator named {name!r} exists already; choose another name.")
    _REGISTRY[name] = (make, summary)


def available() -> dict[str, str]:
    """Give the names of all estimators with one line on each."""
    return {name: summary for name, (_, summary) in sorted(_REGISTRY.items())}


def get(name: str, **parameters: Any) -> Estimator:
    """Make an estimator by name.

    Parameters
    ----------
    name : str
        A key of `available`.
    **parameters
        The estimator's own parameters.

    Returns
    -------
    Estimator
        The estimator.

    Raises
    ------
    UsageError
        If the name or a parameter is unknown.
    """
    makers = {**_OF_PIXELS, **{known: make for known, (make, _) in _REGISTRY.items()}}
    if name not in makers:
        raise UsageError(f"Unknown method {name!r}; there are {', '.join(available())}.")
    try:
        return makers[name](**parameters)
    except TypeError as error:
        raise UsageError(f"Method {name!r} does not take these parameters: {error}.") from None
