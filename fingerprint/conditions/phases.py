"""The phase of a crop's lattice: searched for, and told by the JPEG grid where there is one.

An image that was compressed as the generator drew it and cropped later has its grid where its
lattice is. One that was cropped before has it at its first pixel, wherever the lattice lies.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from fp.fingerprint.conditions.crossed import best_phase
from fp.fingerprint.decision.judge import Features, Judge
from fp.fingerprint.learning.scoring import fitted_of, score
from fp.system.arrays import Array, Doubles, Indices

AGREES = 0.95
"""Weight of the phases that agree with a grid that does not begin at the first pixel: such an image
was cropped after its compression, and seldom before it as well."""

AGREES_AT_ORIGIN = 0.5
"""The same of a grid at the first pixel, where a crop before compression leaves it."""

BY_GRID = "grid"
"""What the phase of a row begins with where the grid told it."""

Stacks = dict[str, Array]
Judges = Callable[[bool], Judge]


@dataclass(frozen=True, eq=False)
class Look:
    """An image at one phase of the lattice.

    Parameters
    ----------
    judge : Judge
        What it is judged by.
    stacks : dict of str to ndarray, shape (1, ...)
        Its features at that phase, by name.
    near : tuple of dict
        Features at other phases, for typicality.
    phase : str or None
        What the row says of the phase.
    weight : float
        Share that this account of the phase has among all, in (0, 1].
    """

    judge: Judge
    stacks: Stacks
    near: tuple[Stacks, ...] = ()
    phase: str | None = None
    weight: float = 1.0

    @property
    def free(self) -> float:
        """log10 likelihood ratio without bounds."""
        found = score(self.judge.fingerprint, self.stacks, self.judge.recipe)
        return self.judge.ratio.free(float(found.score[0]))


def looks(
    features: Features, judges: Judges, searched: bool, grid: tuple[int, int] | None
) -> list[Look]:
    """Look at an image at every phase that is to be tested.

    Parameters
    ----------
    features : Features
        Its features.
    judges : callable
        Gives the judge of the image's condition, for a phase that is searched and for one that is
        known.
    searched : bool
        Whether the phase is unknown.
    grid : tuple of int or None
        First row and column of the image's JPEG grid; its features begin there.

    Returns
    -------
    list of Look
        One where the phase is known. Else that of the largest score, and before it the one that
        agrees with the grid, where there is one.

    Notes
    -----
    A grid tells the phase of a lattice of 16 pixels up to multiples of 8, and the image is read
    from its first block on. What does not repeat every 8 pixels is left to the search, unless it is
    the denoiser's own lattice, which begins there as well.
    """
    known = judges(False)
    if not searched:
        return [Look(known, features.of(known.recipe))]
    judge = judges(True)
    stacks = features.of(judge.recipe)
    (y, x), period = find_phase(judge, stacks)
    # The covariances of typicality have a period of two, and need not agree with the score.
    near = tuple(rolled(judge, stacks, y + dy, x + dx) for dy, dx in ((0, 1), (1, 0), (1, 1)))
    at_best = rolled(judge, stacks, y, x)
    if grid is None:
        return [Look(judge, at_best, near, f"{y},{x}")]
    top, left = grid
    weight = AGREES if any(grid) else AGREES_AT_ORIGIN
    told = f"{(y + top) % period[0]},{(x + left) % period[1]}"
    return [
        Look(known, features.of(known.recipe), (), f"{BY_GRID} {top},{left}", weight),
        Look(judge, at_best, near, told, 1 - weight),
    ]


def is_searched(phase: str | None) -> bool:
    """Say whether a row's phase was searched for; it is not where it is known or a grid told it."""
    return phase is not None and not phase.startswith(BY_GRID)


def p_jointly(found: Sequence[Look]) -> float:
    """Give the p-value under h1 of the evidence that an image has over several phases.

    Parameters
    ----------
    found : sequence of Look
        What `looks` gave of an image with a grid: two looks.

    Returns
    -------
    float
        Conformal p-value.

    Notes
    -----
    The evidence is the mean of the likelihood ratios by the weights of the looks. Each calibration
    image has both scores, since its own grid, where it has one, begins at its first pixel; so
    p = (1 + number of reference images whose mean is as large) / (n + 1). That does not ask whether
    a reference image was cropped before or after its compression.
    """
    found_here = mean_ratio([look.free for look in found], found)
    held = mean_ratio(
        [look.judge.ratio.free_many(look.judge.calibration_tested.real) for look in found],
        found,
    )
    return float((1 + np.count_nonzero(held >= found_here)) / (1 + held.size))


def mean_ratio(log10_lr: Sequence[Any], found: Sequence[Look]) -> Doubles:
    """Give the log10 of the mean of likelihood ratios, by the weights of the looks.

    Parameters
    ----------
    log10_lr : sequence of float or ndarray of float64, shape (n,)
        log10 likelihood ratios, one entry for each look.
    found : sequence of Look
        The looks.

    Returns
    -------
    ndarray of float64, shape () or (n,)
        The mean.
    """
    weighted = [
        np.asarray(ratio, np.float64) + np.log10(look.weight)
        for ratio, look in zip(log10_lr, found, strict=True)
    ]
    largest = np.max(weighted, axis=0)
    return np.asarray(largest + np.log10(np.sum(10.0 ** (weighted - largest), axis=0)))


def find_phase(judge: Judge, stacks: Stacks) -> tuple[Indices, Indices]:
    """Find the phase of the lattice at which the score of one image is largest.

    Parameters
    ----------
    judge : Judge
        The judge of an expert.
    stacks : dict of str to ndarray, shape (1, ...)
        Features of the image, by name.

    Returns
    -------
    ndarray of int, shape (2,)
        Row and column of the first pixel of a period.
    ndarray of int, shape (2,)
        Rows and columns of the period.
    """
    fingerprint = judge.fingerprint
    weights = np.ones((2, 1)) if fingerprint.joined is None else fingerprint.pattern[0]
    moving = [place for place, part in enumerate(judge.recipe.parts) if part.moves]
    if not moving:
        return np.zeros(2, np.intp), np.ones(2, np.intp)
    planes, fitted = [], fitted_of(fingerprint)
    for place in moving:
        part, found = judge.recipe.parts[place], fitted[place]
        planes.append(part.score_at_phases(stacks[part.reads], found.pattern, found.offset))
    period = np.max([plane.shape[1:] for plane in planes], axis=0)
    return best_phase(planes, weights[:, moving]).phase[0], period


def rolled(judge: Judge, stacks: Stacks, y: int, x: int) -> Stacks:
    """Return the features as if the lattice began at pixel (y, x)."""
    moved = {part.reads: part.roll(stacks[part.reads], y, x) for part in judge.recipe.parts}
    return {**stacks, **moved}
