"""Every property that the two classes are compared by, and what is said of each."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass

import numpy as np

from fp.audit.comparing import PropertyComparison, compare_categories, compare_numbers
from fp.audit.findings import CODES, SEVERITIES, AuditFinding, finding, severity_of
from fp.audit.measuring import Properties
from fp.audit.traces import FLAT_BORDER, PALETTE
from fp.images.jpeg_grid import WINDOW
from fp.system.paths import display_path

Images = Sequence[Properties]

_MOST_EXAMPLES = 3
_PIXELS_A_COLOUR = 32  # of fewer pixels a smooth picture may have few colours by itself
_FEWEST_JPEGS = 5  # of each class, to compare what only JPEGs have

_REMAINS = {
    "compression": "of the files; both were re-encoded alike, and what remains is that one class "
    "was compressed once more",
    "jpeg_quality": "of the files; both were re-encoded alike, and what remains is the earlier "
    "compression",
    "webp_quality": "of the files; both were re-encoded alike, and what remains is the earlier "
    "compression",
    "chroma_subsampling": "of the files; both were re-encoded alike",
    "pipeline": "before both were re-encoded alike",
}


_ORIGINALS = "get both classes as they left generator and camera"


@dataclass(frozen=True)
class _Category:
    """A property with a few values; `only` says which images have it."""

    code: str
    value: Callable[[Properties], Hashable]
    words: Callable[[Hashable], str]
    only: Callable[[Properties], bool] = lambda image: True
    fewest: int = 1


@dataclass(frozen=True)
class _Number:
    """A property that is a number."""

    code: str
    value: Callable[[Properties], float]
    digits: int
    only: Callable[[Properties], bool] = lambda image: True
    fewest: int = 1


def _present(value: Hashable) -> str:
    return "present" if value else "absent"


def _has_grid(image: Properties) -> bool:
    return image.grid_row is not None


def has_border(image: Properties) -> bool:
    """Return whether an image has a flat border."""
    return image.border >= FLAT_BORDER


def has_palette(image: Properties) -> bool:
    """Return whether a picture has the few colours of a palette."""
    pixels = min(image.width, WINDOW) * min(image.height, WINDOW)
    return image.colours <= PALETTE and not image.grey and pixels >= _PIXELS_A_COLOUR * PALETTE


def _is_jpeg(image: Properties) -> bool:
    return image.container.quality is not None


def _is_webp(image: Properties) -> bool:
    return image.container.webp_quality is not None


def period(frequency: float) -> str:
    """Return in words the period of a trace of resampling, and its possible factors."""
    larger, smaller = 1 / (1 - frequency), 1 / (1 + frequency)
    return (
        f"{1 / frequency:.1f} pixels, as a factor of {smaller:.2f}, {larger:.2f} or "
        f"{1 / frequency:.2f} leaves it"
    )


CATEGORIES = (
    _Category("format", lambda i: i.format, str),
    _Category("compression", lambda i: i.container.compression, str),
    _Category(
        "chroma_subsampling",
        lambda i: i.container.subsampling,
        str,
        lambda i: i.container.subsampling is not None,
        _FEWEST_JPEGS,
    ),
    _Category("jpeg_grid", _has_grid, _present),
    _Category(
        "grid_phase",
        lambda i: (i.grid_row, i.grid_column) == (0, 0),
        lambda value: "at the first pixel" if value else "shifted",
        _has_grid,
        _FEWEST_JPEGS,
    ),
    _Category("size", lambda i: f"{i.width}x{i.height}", str),
    _Category("resampling", lambda i: i.resampled, _present),
    _Category(
        "resampling_period",
        lambda i: round(i.resampling_frequency, 2),
        lambda value: f"{period(float(str(value)))},",
        lambda i: i.resampling_frequency > 0,
        _FEWEST_JPEGS,
    ),
    _Category("flat_border", has_border, _present),
    _Category("few_colours", has_palette, _present),
    _Category(
        "pipeline",
        lambda i: i.pipeline,
        lambda value: f"that of {value}" if value else "none that is known,",
    ),
    _Category("screenshot", lambda i: i.container.screenshot, _present),
    _Category("colour_mode", lambda i: i.mode, str),
    _Category("bit_depth", lambda i: i.container.bits, str),
    _Category("alpha", lambda i: i.container.alpha, _present),
    _Category("grey", lambda i: i.grey, _present),
    _Category("icc_profile", lambda i: i.container.icc, _present),
    _Category("exif", lambda i: i.container.exif, _present),
)

NUMBERS = (
    _Number("jpeg_quality", lambda i: float(i.container.quality or 0), 0, _is_jpeg, _FEWEST_JPEGS),
    _Number(
        "webp_quality", lambda i: float(i.container.webp_quality or 0), 0, _is_webp, _FEWEST_JPEGS
    ),
    _Number("aspect_ratio", lambda i: i.width / i.height, 2),
    _Number("brightness", lambda i: i.brightness, 1),
    _Number("sharpness", lambda i: i.sharpness, 2),
    _Number("clipping", lambda i: i.clipped, 4),
    _Number("colourfulness", lambda i: i.colourfulness, 1),
)


@dataclass(frozen=True)
class _Compared:
    code: str
    words: str
    found: PropertyComparison
    examples: tuple[str, ...]


def compare_classes(
    generated: Images, real: Images, match: str, prepared: str = "none"
) -> list[AuditFinding]:
    """Return a finding for each property that images of both classes have.

    `match` is what --match would re-encode both classes by, and `prepared` what they went through
    alike before their pixels were measured.
    """
    compared = [c for check in CATEGORIES if (c := _categories(check, generated, real))]
    compared += [c for check in NUMBERS if (c := _numbers(check, generated, real))]
    if not compared:
        return []
    from scipy.stats import false_discovery_control  # takes a second, which no worker needs

    corrected = false_discovery_control([c.found.p for c in compared])
    found = zip(compared, corrected, strict=True)
    return [_finding(c, float(p), prepared, match) for c, p in found]


def _categories(check: _Category, generated: Images, real: Images) -> _Compared | None:
    ours, theirs = ([i for i in images if check.only(i)] for images in (generated, real))
    if min(len(ours), len(theirs)) < check.fewest:
        return None
    found = compare_categories([check.value(i) for i in ours], [check.value(i) for i in theirs])
    if found is None:
        return None
    more, less = (ours, theirs) if found.generated >= found.real else (theirs, ours)
    shown = [i for i in more if check.value(i) == found.level] or list(less)
    words = (
        f"{check.words(found.level)} in {_share(found.generated, found.n_generated)} of the "
        f"generated and {_share(found.real, found.n_real)} of the reference images"
    )
    paths = sorted(display_path(image.path) for image in shown)
    return _Compared(check.code, words, found, tuple(paths[:_MOST_EXAMPLES]))


def _numbers(check: _Number, generated: Images, real: Images) -> _Compared | None:
    ours, theirs = ([i for i in images if check.only(i)] for images in (generated, real))
    if min(len(ours), len(theirs)) < check.fewest:
        return None
    found = compare_numbers(
        np.array([check.value(i) for i in ours]), np.array([check.value(i) for i in theirs])
    )
    if found is None:
        return None
    words = (
        f"median {found.generated:.{check.digits}f} in the generated and "
        f"{found.real:.{check.digits}f} in the reference images"
    )
    return _Compared(check.code, words, found, ())


def _finding(compared: _Compared, p: float, prepared: str, match: str) -> AuditFinding:
    code, found = CODES[compared.code], compared.found
    cap, remains, advice = code.cap, "", code.advice.format(match=match)
    if prepared != "none" and compared.code in _REMAINS:
        cap = min(cap, "warning", key=SEVERITIES.index)
        remains, advice = f" {_REMAINS[compared.code]}", _ORIGINALS
    return finding(
        compared.code,
        severity_of(found.low, p, cap),
        f"{remains}: {compared.words}; alone it tells the classes apart with "
        f"AUC {found.auc:.2f} ({found.low:.2f} to {found.high:.2f}).",
        "AUC",
        found.auc,
        p=p,
        advice=advice,
        examples=compared.examples,
        low=found.low,
        high=found.high,
    )


def _share(share: float, total: int) -> str:
    return f"{round(share * total)} of {total} ({share:.0%})"
