"""What a report shows of a fingerprint: facts, pattern, scores and ratios."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from fp.fingerprint.decision.judge import Judge
from fp.fingerprint.model.fingerprint import Fingerprint
from fp.reports.charts import Distribution, distribution
from fp.reports.drawing import in_both
from fp.reports.facts import Facts
from fp.reports.text import percent

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_BLOCK = 64  # side of the blocks whose spectra are averaged


@dataclass(frozen=True)
class Shown:
    """A fingerprint as a report shows it.

    Parameters
    ----------
    name, method : str
        What it is.
    weak : bool
        Whether it separates no better than label shuffles may.
    n_real, n_generated : int
        Number of calibration images.
    facts : tuple of (str, str)
        What is known of it, in words.
    scores : Distribution
        Its held-out scores, and the images of the run among them.
    pattern, ratios : dict of str to str
        Figures by theme, as data URIs; `pattern` is empty where the method has none.
    """

    name: str
    method: str
    weak: bool
    n_real: int
    n_generated: int
    facts: tuple[tuple[str, str], ...]
    scores: Distribution
    pattern: dict[str, str]
    ratios: dict[str, str]


def shown(fingerprint: Fingerprint, images: Sequence[int] | None = None) -> Shown:
    """Return what a report shows of a fingerprint; `images` as in `charts.distribution`."""
    found = Facts(fingerprint)
    pattern, ratios = _drawn(_Keyed(fingerprint.uuid, found.judge))
    return Shown(
        name=fingerprint.name,
        method=fingerprint.method,
        weak=found.judge.weak,
        n_real=found.n_real,
        n_generated=found.n_generated,
        facts=tuple(_facts(found)),
        scores=distribution(fingerprint.name, fingerprint.calibration_in_use, images),
        pattern=pattern,
        ratios=ratios,
    )


def _facts(about: Facts) -> list[tuple[str, str]]:
    fingerprint, ratio, n = about.fingerprint, about.judge.ratio, about.n_real
    parts = [part.method for part in fingerprint.joined.parts] if fingerprint.joined else []
    found = [
        ("method", fingerprint.method + (f" ({', '.join(parts)})" if parts else "")),
        (
            "calibrated on",
            f"{about.n_generated} images of the generator and {n} reference images, "
            f"{fingerprint.calibration.scheme}",
        ),
        ("smallest p-value", f"1 / ({n} + 1) = {about.smallest_p:.2g}"),
        (
            "bounds of the log10 ratio",
            f"{ratio.lower:.2f} to {ratio.upper:.2f}".replace("-", "−"),
        ),
        ("denoiser", fingerprint.denoiser.name),
        (
            "examined part",
            f"{fingerprint.crop.width} × {fingerprint.crop.height} pixels, "
            f"{fingerprint.crop.anchor}; preparation: {fingerprint.preparation}",
        ),
        ("native sizes", _counted(fingerprint.native_sizes)),
        ("formats", _counted(fingerprint.formats)),
    ]
    if about.sides:
        found.append(("windows", f"of {about.sides} pixels"))
    if about.powers:
        found.append(("versions of images", "; ".join(about.powers)))
    null, largest = fingerprint.null, about.largest_shuffled
    if null is not None and largest is not None:
        found.append(
            (
                "separation",
                f"{null.observed:.2f} standard deviations; {null.shuffled.size} extractions from "
                f"shuffled labels reach at most {largest:.2f} "
                f"(p = {null.p:.2g})",
            )
        )
    told = "; ".join(
        f"claimed {c['claimed']} of {c['images']} images of {c['name']} (95 % upper bound "
        f"{percent(c['upper'], 1)})"
        for c in about.foreign
    )
    found.append(("other generators", told or "not measured"))
    return found


def _counted(counts: object) -> str:
    items = list(dict(counts).items())  # type: ignore[call-overload]
    told = ", ".join(f"{name} ({n})" for name, n in items[:6])
    return (told + (f" and {len(items) - 6} more" if len(items) > 6 else "")) or "not stated"


@dataclass(frozen=True)
class _Keyed:
    uuid: str
    judge: Judge = field(compare=False)


@lru_cache(maxsize=16)
def _drawn(keyed: _Keyed) -> tuple[dict[str, str], dict[str, str]]:
    from fp.reports.figures.patterns import pattern_of

    found = keyed.judge.fingerprint
    has_pattern = pattern_of(found) is not None
    pattern = in_both(lambda: _pattern(found)) if has_pattern else {}
    return pattern, in_both(lambda: _ratios(keyed.judge))


def _pattern(found: Fingerprint) -> Figure:
    from fp.reports.figures.patterns import draw_fingerprint, draw_spectrum, pattern_of
    from fp.reports.figures.style import new_figure

    figure = new_figure(5.6, 2.7, fixed=True)
    left, right, legend = (
        figure.add_axes(box)
        for box in ((0.05, 0.17, 0.35, 0.73), (0.48, 0.17, 0.35, 0.73), (0.86, 0.21, 0.014, 0.65))
    )
    draw_fingerprint(left, found).set_title("In the pixels", loc="left")
    pattern = pattern_of(found, _BLOCK)
    assert pattern is not None
    block = min(_BLOCK, *pattern.shape[1:])
    draw_spectrum(right, pattern, block).set_title("Over frequencies", loc="left")
    bar = figure.colorbar(right.images[0], cax=legend)
    bar.set_label("decibels above the average")
    bar.outline.set_visible(False)
    return figure


def _ratios(judge: Judge) -> Figure:
    from fp.reports.figures.ratios import draw_calibration, draw_tippett
    from fp.reports.figures.style import new_figure

    figure = new_figure(5.6, 2.7, fixed=True)
    left, right = (
        figure.add_axes(box) for box in ((0.085, 0.17, 0.375, 0.66), (0.58, 0.17, 0.375, 0.66))
    )
    calibration, ratio = judge.calibration, judge.ratio
    draw_calibration(left, calibration)
    real, generated = (
        np.array([ratio(float(score)) for score in scores])
        for scores in (calibration.real, calibration.generated)
    )
    draw_tippett(right, real, generated)
    return figure
