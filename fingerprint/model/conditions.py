"""What a fingerprint has for images as they come: one score, calibrated by coding."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from fp.fingerprint.model.joined import Part
from fp.fingerprint.model.typicality import Typicality
from fp.images.crop import CropRule
from fp.system.arrays import Doubles, Floats, Indices

LOWEST, HIGHEST = -4.0, 3.0
"""Deviations of the reference images beyond which the score of a part counts no more."""

ALLOWANCE = 1.1
"""How much more widely photographs of other sources may scatter than the reference images do."""

ALONE = 60
"""Versions of reference images of each kind from which on the kinds are ranked alone."""

OUTSIDE = 0.02
"""Share of versions of calibration images that may count as of another coding or content."""

TOLD_APART = 0.05
"""Share of images of other generators that a bank may give to any one of its own, over all."""

NEAREST = 5
"""Versions of calibration images from which the distance of an image is measured."""

MOST_SIDE = 512
"""Side in pixels beyond which conditions do not see an examined part: its time grows by area."""

MEASURED = 7
"""How many numbers describe what happened to an image."""

CONTENT = 4
"""How many numbers describe what an image shows, at most."""

CURVES = 17
"""How many numbers `curves` makes of these."""

_FARTHEST = 3.0
_WIDEST = 4.0


@dataclass(frozen=True, eq=False)
class Regression:
    """A linear regression of q numbers on p.

    Parameters
    ----------
    centre, scale : ndarray of float64, shape (p,)
        What is subtracted from each number, and what it is then divided by.
    weights : ndarray of float64, shape (p, q)
        Weights of the standardised numbers.
    offset : ndarray of float64, shape (q,)
        What is added.
    """

    centre: Doubles
    scale: Doubles
    weights: Doubles
    offset: Doubles

    def __call__(self, rows: Doubles) -> Doubles:
        """Return what is expected for rows (N, p), shape (N, q)."""
        standard = (rows - self.centre) / self.scale
        # One row at a time: the bits must not depend on how many are asked for together.
        return np.array([row @ self.weights for row in standard]).reshape(-1, self.offset.size) + (
            self.offset
        )


@dataclass(frozen=True, eq=False)
class Expected:
    """What a statistic of one class is at a coding, and its spread.

    Parameters
    ----------
    mean, log_deviation : Regression
        Of the statistic on `curves` of the coding; the second is the natural log of a deviation.
    held : ndarray of float64, shape (M,)
        Standardised statistic of every version of the class, by a regression that had not seen its
        source, in the order of the images.
    """

    mean: Regression
    log_deviation: Regression
    held: Doubles

    @cached_property
    def _ascending(self) -> Doubles:
        return np.sort(self.held)

    def deviation(self, curved: Doubles) -> Doubles:
        """Return the expected deviation for codings (N, .) of `curves`, shape (N,).

        It is at least a quarter and at most four times that of the mean coding: far from all
        calibration images a regression of logarithms gives any number.
        """
        usual = float(self.log_deviation.offset[0])
        logs = self.log_deviation(curved)[:, 0]
        return np.exp(np.clip(logs, usual - np.log(_WIDEST), usual + np.log(_WIDEST)))

    def standardise(self, statistic: Doubles, curved: Doubles) -> Doubles:
        """Return z = (t - m(c)) / s(c) of statistics t (N,) of images of these codings."""
        return np.asarray((statistic - self.mean(curved)[:, 0]) / self.deviation(curved))

    def share_above(self, z: float) -> float:
        """Return the share of held-out versions whose z is at least as high."""
        return 1 - float(np.searchsorted(self._ascending, z, "left")) / self.held.size

    def share_below(self, z: float) -> float:
        """Return the share of held-out versions whose z is at least as low."""
        return float(np.searchsorted(self._ascending, z, "right")) / self.held.size

    def p_above(self, z: float, count: int) -> float:
        """Return the p-value of a high z among so many independent images; see `conformal`."""
        return conformal(self.share_above(z), count)

    def p_below(self, z: float, count: int) -> float:
        """Return the p-value of a low z among so many independent images; see `conformal`."""
        return conformal(self.share_below(z), count)


def curves(coding: Doubles) -> Doubles:
    """Return standardised codings (N, 7) with their squares and three products, shape (N, 17)."""
    c = np.clip(coding, -_FARTHEST, _FARTHEST)
    products = [c[:, 0] * c[:, 1], c[:, 0] * c[:, 2], c[:, 1] * c[:, 2]]
    return np.column_stack([c, np.square(c), *products])


@dataclass(frozen=True, eq=False)
class ConditionsFusion:
    """How the scores of K parts are joined.

    Parameters
    ----------
    expected : Regression
        What each part scores reference images of a content, from the `bend` of its numbers.
    scale : ndarray of float64, shape (K,)
        Deviation of the reference images' held-out scores from that.
    weights : ndarray of float64, shape (K,)
        Weights of the standardised and limited scores.
    offset : float
        What is subtracted: the sum is 0 where both classes are equally likely.
    """

    expected: Regression
    scale: Doubles
    weights: Doubles
    offset: float

    def limited(self, parts: Doubles, bent: Doubles) -> Doubles:
        """Return scores (N, K) in the reference images' deviations, from `LOWEST` to `HIGHEST`.

        Beyond these a part adds no more, however far the image lies along it. Images have the
        `bend` (N, 2 p) of their content numbers.
        """
        return np.clip((parts - self.expected(bent)) / self.scale, LOWEST, HIGHEST)

    def __call__(self, parts: Doubles, bent: Doubles) -> Doubles:
        """Return the joined score of each image by the scores (N, K) of its parts, shape (N,)."""
        rows = self.limited(parts, bent)
        return np.array([float(row @ self.weights) for row in rows]) - self.offset


@dataclass(frozen=True, eq=False)
class Neighbours:
    """Whether numbers of an image are like those of versions of calibration images.

    Parameters
    ----------
    centre, scale : ndarray of float64, shape (p,)
        What is subtracted from the numbers, and what they are then divided by.
    basis : ndarray of float32, shape (r, p)
        Leading principal directions, each divided by its deviation.
    points : ndarray of float32, shape (M, r)
        The versions of the calibration images along these.
    held : ndarray of float64, shape (M,)
        Distance of each from versions of other images, ascending.
    """

    centre: Doubles
    scale: Doubles
    basis: Floats
    points: Floats
    held: Doubles

    def bend(self, numbers: Doubles) -> Doubles:
        """Return standardised numbers (N, p), up to 3, with their squares, shape (N, 2 p)."""
        z = np.clip((numbers - self.centre) / self.scale, -_FARTHEST, _FARTHEST)
        return np.column_stack([z, np.square(z)])

    def share_farther(self, numbers: Doubles) -> float:
        """Return the share of versions at least as far from others as an image (p,)."""
        place = self.basis.astype(np.float64) @ ((numbers - self.centre) / self.scale)
        distance = distances(place[None], self.points.astype(np.float64))[0]
        return 1 - float(np.searchsorted(self.held, distance, "left")) / self.held.size


def distances(places: Doubles, points: Doubles) -> Doubles:
    """Return the mean distance of places (N, r) from the five nearest of points (M, r)."""
    found = np.empty(len(places))
    for index, place in enumerate(places):
        squares = np.square(points - place).sum(axis=1)
        nearest = np.partition(squares, NEAREST - 1)[:NEAREST]
        found[index] = float(np.sqrt(nearest).mean())
    return found


@dataclass(frozen=True, eq=False)
class Conditions:
    """All that judges an image whose coding is measured and not known.

    A `ValueError` refuses numbers of parts or scores that do not fit each other.

    Parameters
    ----------
    parts : tuple of Part
        The estimators, learned from all versions of the images; `real` and `generated` hold the
        held-out score of each version.
    fusion : ConditionsFusion
        How they are joined.
    coding : Regression
        From the coding numbers of an image to the standardised settings of what happened to it.
    settings : ndarray of float64, shape (2, 7)
        Mean and deviation that these were standardised by.
    score_of_real, score_of_generated : Expected
        The joined score of images of each class.
    generator, reference : Typicality
        What is ordinary for each class.
    distance_of_generated, distance_of_real : Expected
        Distance of images of each class from it.
    neighbours : Neighbours
        Whether any calibration image was coded so.
    content : Neighbours
        Whether any reference image shows such content.
    kinds : ndarray of int64, shape (M,)
        What kind of version each score of reference images is of, in the order of
        `score_of_real.held`.
    real, generated : ndarray of float64, shape (n_r,) and (n_g,)
        Held-out evidence of one version of each image, drawn, in the order of the fingerprint's
        calibration; see `evidence`.
    """

    parts: tuple[Part, ...]
    fusion: ConditionsFusion
    coding: Regression
    settings: Doubles
    score_of_real: Expected
    score_of_generated: Expected
    generator: Typicality
    reference: Typicality
    distance_of_generated: Expected
    distance_of_real: Expected
    neighbours: Neighbours
    content: Neighbours
    kinds: Indices
    real: Doubles
    generated: Doubles

    def __post_init__(self) -> None:
        if not self.parts or self.fusion.weights.shape != (len(self.parts),):
            raise ValueError("the weights of the conditions do not fit their parts")
        if self.settings.shape != (2, MEASURED) or self.coding.offset.shape != (MEASURED,):
            raise ValueError("the coding of the conditions has another number of settings")
        if self.real.size < 2 or self.generated.size < 2:
            raise ValueError("the conditions hold no evidence of a class")
        if self.kinds.shape != self.score_of_real.held.shape:
            raise ValueError("the conditions have not one kind for each score of a version")

    def curved(self, measured: Doubles) -> Doubles:
        """Return `curves` of measured codings (N, 7), standardised by `settings`, shape (N, 17)."""
        return curves((measured - self.settings[0]) / self.settings[1])

    @cached_property
    def _ranked(self) -> list[Doubles]:
        held = self.score_of_real.held
        alone = [np.sort(held[self.kinds == kind]) for kind in np.unique(self.kinds)]
        return alone if min(each.size for each in alone) >= ALONE else [np.sort(held)]

    def p_of_score(self, z: float, count: int) -> float:
        """Return the p-value of a high z under h1, of so many sources.

        The reference images' versions of each kind are ranked alone, and the largest p-value
        counts: which kind the image is of cannot be known from its pixels. Of fewer than `ALONE`
        versions a kind, all are ranked together.
        """
        shares = (1 - np.searchsorted(held, z, "left") / held.size for held in self._ranked)
        return conformal(float(max(shares)), count)

    def p_of_content(self, numbers: Doubles) -> float:
        """Return the p-value of content numbers (p,) among the reference images."""
        return conformal(self.content.share_farther(numbers), self.real.size)

    def shows(self, p_of_content: float) -> bool:
        """Return whether the reference images show content with this p-value."""
        return p_of_content > max(OUTSIDE, 1 / (1 + self.real.size))

    def p_of_coding(self, numbers: Doubles) -> float:
        """Return the p-value of coding numbers (p,) among the calibration images."""
        return conformal(self.neighbours.share_farther(numbers), self._images)

    def covers(self, p_of_coding: float) -> bool:
        """Return whether an image with this p-value is coded like the calibration images."""
        return p_of_coding > max(OUTSIDE, 1 / (1 + self._images))

    @property
    def _images(self) -> int:
        return self.real.size + self.generated.size

    @property
    def nbytes(self) -> int:
        """Bytes that its large arrays hold in memory."""
        held = [part.pattern.nbytes for part in self.parts]
        held += [part.real.nbytes + part.generated.nbytes for part in self.parts]
        held += [
            view.basis.nbytes
            for typical in (self.generator, self.reference)
            for view in typical.views.values()
        ]
        near = self.neighbours
        return sum(held) + self.coding.weights.nbytes + near.basis.nbytes + near.points.nbytes


def evidence(
    score: Doubles, real: tuple[Doubles, Doubles], generated: tuple[Doubles, Doubles]
) -> Doubles:
    """Return the evidence for the generator that joined scores are, given the coding, shape (N,).

    `real` and `generated` hold mean and deviation of the score in each class at the coding of each
    image.

    Notes
    -----
    e = (t - (m_g + m_r) / 2) max(m_g - m_r, 0) / v with v the mean of both variances: the log odds
    of two normal classes of one variance. At a coding that hides the generator it is 0.
    """
    (mean_r, deviation_r), (mean_g, deviation_g) = real, generated
    variance = (np.square(deviation_r) + np.square(deviation_g)) / 2
    return np.asarray((score - (mean_g + mean_r) / 2) * np.maximum(mean_g - mean_r, 0.0) / variance)


def compressed(statistic: Doubles) -> Doubles:
    """Return sign(t) log(1 + |t|) of distances: far tails would outweigh the regressions."""
    return np.asarray(np.sign(statistic) * np.log1p(np.abs(statistic)))


def allowed(z: float) -> float:
    """Return the standardised score that is ranked under h1: a high one, divided by 1.1."""
    return min(z, z / ALLOWANCE)


def conformal(share: float, count: int) -> float:
    """Return the p-value of a statistic that this share of so many others reaches, in (0, 1]."""
    return (1 + count * share) / (1 + count)


def seen_of(crop: CropRule) -> CropRule:
    """Return the part of an image that conditions see, by the examined part."""
    return replace(crop, height=min(crop.height, MOST_SIDE), width=min(crop.width, MOST_SIDE))
