"""Likelihood ratios in words, and the words that a calibration allows.

References
----------
ENFSI, "Guideline for evaluative reporting in forensic science" (2015), section 2.3 and its table of
verbal equivalents.
"""

from __future__ import annotations

from fp.reports.words import rounded

SCALE = (
    (2.0, "no more"),
    (10.0, "weak"),
    (100.0, "moderate"),
    (1_000.0, "moderately strong"),
    (10_000.0, "strong"),
    (1_000_000.0, "very strong"),
)
"""Upper ends of the ratio, with their words; what lies above all is extremely strong."""


def words(log10_lr: float) -> str:
    """Return the words of a likelihood ratio of either proposition over the other.

    ``"weak"`` to ``"extremely strong"``, and ``"no more"`` below two.
    """
    ratio = 10 ** min(abs(log10_lr), 300.0)
    return next((told for end, told in SCALE if ratio < end), "extremely strong")


def sentence(log10_lr: float, at_bound: bool) -> str:
    """Return what the ratio of h2 over h1 says, and no more.

    The ratio lies within its bounds, and may stand at one of them.
    """
    if words(log10_lr) == "no more":
        return (
            "The findings are about as probable under h1 as under h2 (ratio "
            f"{rounded(log10_lr)}): they support neither proposition over the other."
        )
    better, other = ("h2", "h1") if log10_lr > 0 else ("h1", "h2")
    told = (
        f"The findings are about {rounded(log10_lr)} times more probable if {better} is true than "
        f"if {other} is true: {words(log10_lr)} support for {better} over {other}."
    )
    if at_bound:
        told += (
            " The ratio stands at the bound of the calibration; the data carry no larger one, "
            "whatever the score."
        )
    return told


def apart(log10_lr: float, specific: float | None) -> list[str]:
    """Return where the generator's own evidence does not support what the whole ratio supports.

    Ratios are of h2 over h1; `specific` is that of the evidence that speaks of the generator alone.
    """
    if specific is None or words(log10_lr) == "no more":
        return []
    better, other = ("h2", "h1") if log10_lr > 0 else ("h1", "h2")
    if words(specific) == "no more":
        told = f"is about as probable under h1 as under h2 (ratio {rounded(specific)})"
    elif specific * log10_lr < 0:
        told = f"is about {rounded(specific)} times more probable under {other}"
    else:
        return []
    return [
        f"The generator's own evidence alone does not support {better}: it {told}. The rest of the "
        "ratio says how the picture was processed, which other generators and programs may share."
    ]
