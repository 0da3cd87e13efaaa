"""Figures of fingerprints and of what they find: each function draws into matplotlib's axes.

Every function takes axes, draws into them, and gives them back, so that figures can be put together
and changed by whoever asked for them; reports and the `plot` methods of results use the same ones.
How they look is said once, in `fp.reports.figures.style`.

========================  =====================================================================
`draw_fingerprint`        what a fingerprint looks for in the pixels (`draw_pattern`)
`draw_spectrum`           power over frequencies
`draw_scores`             held-out scores of both populations, and the place of exhibits
`draw_ratios`             the ratio of each image, with its interval
`draw_tippett`            how often ratios of a size occur under both propositions
`draw_calibration`        from a score to its likelihood ratio
`draw_matrix`             numbers by row and column
`draw_dendrogram`         what is joined at which likeness
`draw_map`                evidence over a picture
========================  =====================================================================
"""

from fp.reports.figures.maps import draw_map
from fp.reports.figures.patterns import (
    DETAIL,
    draw_fingerprint,
    draw_pattern,
    draw_spectrum,
    pattern_of,
)
from fp.reports.figures.ratios import draw_calibration, draw_ratios, draw_tippett
from fp.reports.figures.scores import draw_null_control, draw_scores
from fp.reports.figures.style import EXHIBIT, GENERATED, INK, REFERENCE
from fp.reports.figures.tables import (
    Curve,
    Interval,
    draw_curves,
    draw_intervals,
    draw_matrix,
)
from fp.reports.figures.trees import draw_dendrogram

__all__ = [
    "DETAIL",
    "EXHIBIT",
    "GENERATED",
    "INK",
    "REFERENCE",
    "Curve",
    "Interval",
    "draw_calibration",
    "draw_curves",
    "draw_dendrogram",
    "draw_fingerprint",
    "draw_intervals",
    "draw_map",
    "draw_matrix",
    "draw_null_control",
    "draw_pattern",
    "draw_ratios",
    "draw_scores",
    "draw_spectrum",
    "draw_tippett",
    "pattern_of",
]
