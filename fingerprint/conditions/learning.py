"""One score for images as they come, and its expectation at each coding."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from fp.fingerprint.conditions.versions import KINDS, settings
from fp.fingerprint.estimators import registry as estimators
from fp.fingerprint.estimators.folds import Labelled, area
from fp.fingerprint.estimators.protocol import CrossFit
from fp.fingerprint.estimators.recipes import DEFAULT, JOINED, OF_CONDITIONS
from fp.fingerprint.learning import typicality
from fp.fingerprint.learning.fusion import newton
from fp.fingerprint.learning.method import Recipe
from fp.fingerprint.model.conditions import (
    CONTENT,
    MEASURED,
    NEAREST,
    Conditions,
    ConditionsFusion,
    Expected,
    Neighbours,
    Regression,
    allowed,
    compressed,
    curves,
    distances,
    evidence,
)
from fp.fingerprint.model.joined import Part
from fp.fingerprint.model.typicality import LEVEL, Typicality
from fp.system.arrays import Array, Doubles, Flags, Indices

_FOLDS = 6
_DIRECTIONS = 24
_OF_CODING, _OF_MEAN, _OF_DEVIATION = 0.1, 0.01, 0.1
"""Penalties of the ridge regressions, as shares of the mean variance of a number."""

_SOURCES = 24  # of reference images, for each content number: twelve for a coefficient


def recipe_of_versions(method: Recipe, side: int) -> Recipe:
    """Return what learns from versions beside a method that joins parts.

    It is `OF_CONDITIONS`, of which `lattice` has those that speak of the generator, with the parts
    of the method that come from elsewhere; those that a square of this side is too small for are
    left out.
    """
    known = {name for listed, _ in JOINED.values() for name, _ in listed}
    parts = [estimators.get(name, **chosen) for name, chosen in OF_CONDITIONS]
    if method.name != DEFAULT:
        parts = [part for part in parts if part.role == "generator-specific"]
    parts += [part for part in method.parts if part.name not in known]
    return Recipe(method.name, tuple(parts)).fitting(side)


@dataclass(frozen=True, eq=False)
class Versions:
    """Versions of the images that a fingerprint is learned from.

    Parameters
    ----------
    image, kind : ndarray of int, shape (M,)
        Image of each, and its place in `fp.fingerprint.conditions.versions.KINDS`.
    texts : sequence of str
        What each went through, as the text of a `Degradation`.
    stacks : mapping of str to ndarray, shape (M, ...)
        What the parts of the method read of each, by name.
    numbers : ndarray of float64, shape (M, p)
        `fp.fingerprint.conditions.coding.coding_numbers` of each.
    content : ndarray of float64, shape (M, 4)
        `fp.fingerprint.conditions.content.content_numbers` of each.
    """

    image: Indices
    kind: Indices
    texts: Sequence[str]
    stacks: Mapping[str, Array]
    numbers: Doubles
    content: Doubles


@dataclass(frozen=True)
class Power:
    """How well a generator shows in one kind of version, by held-out scores.

    Parameters
    ----------
    kind : str
        One of `KINDS`.
    auc : float
        Area under the ROC curve of the evidence.
    power : float
        Share of the generator's versions that would be claimed at 0.05; every one is taken to be
        coded like the calibration images.
    """

    kind: str
    auc: float
    power: float

    @property
    def line(self) -> str:
        """The same as a line of text."""
        return f"{self.kind:<37} AUC {self.auc:.3f}, {100 * self.power:3.0f} % of its own claimed"


@dataclass(frozen=True, eq=False)
class LearnedConditions:
    """What was learned from versions.

    Parameters
    ----------
    conditions : Conditions
        What goes into the fingerprint.
    powers : tuple of Power
        How well the generator shows in each kind of version.
    unlike : float
        Share of the generator's versions whose content hardly any reference image shows.
    """

    conditions: Conditions
    powers: tuple[Power, ...]
    unlike: float


def learn(recipe: Recipe, versions: Versions, known: Labelled) -> LearnedConditions:
    """Learn one score from all versions, and calibrate it on the coding.

    The parts of the recipe are closed forms; see `recipe_of_versions`. All versions of a source lie
    in one fold. Every number that calibrates comes from what had not seen the source: the weights
    that join the parts for a fold are learned from scores that know nothing of that fold, the
    coding of an image is measured by a regression without it, and so are mean and deviation at that
    coding.
    """
    labels, groups = known.labels[versions.image], known.groups[versions.image]
    folds = replace(known, folds=_FOLDS).deal()[versions.image]
    crossed = [
        part.cross(versions.stacks[part.reads], labels, groups, folds) for part in recipe.parts
    ]
    scores = np.column_stack([_held_out(part, versions.stacks, folds) for part in crossed])
    told = versions.content[:, : _numbers_of_content(np.unique(groups[~labels]).size)]
    content = _neighbours(told[~labels], groups[~labels])
    bent = content.bend(told)
    fusion = _fuse(scores, bent, labels)
    joined = _join_held_out(crossed, scores, bent, labels, folds)

    coding, measured, standards = _measure(versions, folds)
    curved = curves((measured - standards[0]) / standards[1])
    of_real, of_generated = (_expect(joined, labels == c, curved, folds) for c in (False, True))
    found = evidence(joined, of_real.at, of_generated.at)
    views = recipe.views(versions.stacks)
    typical = [typicality.learn(views, labels == c, folds) for c in (False, True)]
    reference, generator = (
        _distances(each, labels == c, curved, folds)
        for each, c in zip(typical, (False, True), strict=True)
    )
    drawn = _one_of_each(versions, known)
    conditions = Conditions(
        _parts(recipe, crossed, scores, labels),
        fusion,
        coding,
        standards,
        of_real.expected,
        of_generated.expected,
        typical[1],
        typical[0],
        generator.expected,
        reference.expected,
        _neighbours(versions.numbers, groups),
        content,
        versions.kind[~labels],
        found[drawn[~known.labels]],
        found[drawn[known.labels]],
    )
    shown = np.array([conditions.shows(conditions.p_of_content(row)) for row in told])
    held = _HeldOutOfAll(labels, found, of_real, of_generated, generator, shown)
    powers = tuple(_powers(versions.kind, known, conditions, held))
    return LearnedConditions(conditions, powers, float(1 - shown[labels].mean()))


def _numbers_of_content(sources: int) -> int:
    """Return how many content numbers so many sources of reference images carry."""
    return int(np.clip(sources // _SOURCES, 1, CONTENT))


def _held_out(part: CrossFit, stacks: Mapping[str, Array], folds: Indices) -> Doubles:
    rows = part.rows(stacks[part.estimator.reads])
    scores = np.empty(len(rows))
    for fold, scorer in enumerate(part.folds):
        inside = folds == fold
        scores[inside] = scorer.score(rows[inside])
    return scores


def _fuse(parts: Doubles, bent: Doubles, labels: Flags) -> ConditionsFusion:
    expected = ridge(bent[~labels], parts[~labels], _OF_MEAN)
    scale = (parts - expected(bent))[~labels].std(axis=0)
    plain = ConditionsFusion(
        expected, np.where(scale > 0, scale, 1.0), np.ones(parts.shape[1]), 0.0
    )
    weights, offset = newton(plain.limited(parts, bent), labels)
    return replace(plain, weights=weights, offset=offset)


def _join_held_out(
    crossed: Sequence[CrossFit], scores: Doubles, bent: Doubles, labels: Flags, folds: Indices
) -> Doubles:
    """Join the scores of each fold by weights from scores that know nothing of it."""
    joined = np.empty(labels.size)
    for fold in np.unique(folds):
        inside, outside = folds != fold, folds == fold
        nested = np.column_stack([_nested(part)[fold] for part in crossed])[inside]
        fusion = _fuse(nested, bent[inside], labels[inside])
        joined[outside] = fusion(scores[outside], bent[outside])
    return joined


def _nested(part: CrossFit) -> Doubles:
    assert part.nested is not None
    return part.nested


def _parts(
    recipe: Recipe, crossed: Sequence[CrossFit], scores: Doubles, labels: Flags
) -> tuple[Part, ...]:
    return tuple(
        Part(
            estimator.name,
            part.fitted.pattern,
            part.fitted.offset,
            scores[~labels, place],
            scores[labels, place],
            {"method": estimator.parameters()} | part.fitted.chosen,
        )
        for place, (estimator, part) in enumerate(zip(recipe.parts, crossed, strict=True))
    )


def ridge(rows: Doubles, targets: Doubles, penalty: float) -> Regression:
    """Fit a ridge regression of targets (N, q) on rows (N, p).

    Notes
    -----
    With the standardised rows Z, it minimises |Z B - Y|^2 + r |B|^2, where r is the penalty times
    the mean diagonal of Z^T Z, or of Z Z^T where that is smaller.
    """
    centre, scale = rows.mean(axis=0), rows.std(axis=0) + 1e-6
    z, offset = (rows - centre) / scale, targets.mean(axis=0)
    inner = z.T @ z if z.shape[1] <= len(z) else z @ z.T
    inner += np.eye(len(inner)) * (penalty * max(float(np.trace(inner)) / len(inner), 1e-12))
    if z.shape[1] <= len(z):
        weights = np.linalg.solve(inner, z.T @ (targets - offset))
    else:
        weights = z.T @ np.linalg.solve(inner, targets - offset)
    return Regression(centre, scale, weights, offset)


def _measure(versions: Versions, folds: Indices) -> tuple[Regression, Doubles, Doubles]:
    """Learn to measure the coding; return it, held-out measures (M, 7), their mean and deviation.

    The third array has shape (2, 7).
    """
    targets = settings(versions.texts)
    measured = np.empty((folds.size, MEASURED))
    for fold in np.unique(folds):
        inside, outside = folds != fold, folds == fold
        found = ridge(versions.numbers[inside], targets[inside], _OF_CODING)
        measured[outside] = found(versions.numbers[outside])
    standards = np.stack([measured.mean(axis=0), np.maximum(measured.std(axis=0), 1e-6)])
    return ridge(versions.numbers, targets, _OF_CODING), measured, standards


@dataclass(frozen=True, eq=False)
class _HeldOut:
    """A statistic of one class with what it was held against.

    `at` holds mean and deviation at the coding of every version (M,), by regressions that had not
    seen its source, and `z` its standardised distance from that.
    """

    expected: Expected
    at: tuple[Doubles, Doubles]
    z: Doubles


def _expect(statistic: Doubles, members: Flags, curved: Doubles, folds: Indices) -> _HeldOut:
    mean, deviation = np.empty(folds.size), np.empty(folds.size)
    for fold in np.unique(folds):
        inside, outside = members & (folds != fold), folds == fold
        found = _moments(statistic[inside], curved[inside])
        mean[outside] = found.mean(curved[outside])[:, 0]
        deviation[outside] = found.deviation(curved[outside])
    z = (statistic - mean) / deviation
    whole = replace(_moments(statistic[members], curved[members]), held=z[members])
    return _HeldOut(whole, (mean, deviation), z)


def _moments(statistic: Doubles, curved: Doubles) -> Expected:
    mean = ridge(curved, statistic[:, None], _OF_MEAN)
    rest = np.abs(statistic - mean(curved)[:, 0])
    floor = max(0.03 * float(statistic.std()), 1e-12)
    log_deviation = ridge(curved, np.log(rest + floor)[:, None], _OF_DEVIATION)
    # The mean of logs lies below the log of the mean.
    unit = float((rest / np.exp(log_deviation(curved)[:, 0])).mean())
    offset = log_deviation.offset + np.log(max(unit, 1e-12))
    return Expected(mean, replace(log_deviation, offset=offset), np.zeros(0))


def _distances(typical: Typicality, members: Flags, curved: Doubles, folds: Indices) -> _HeldOut:
    statistic = np.zeros(folds.size)
    statistic[members] = compressed(typical.calibration)
    return _expect(statistic, members, curved, folds)


def _neighbours(numbers: Doubles, groups: Indices) -> Neighbours:
    centre, scale = numbers.mean(axis=0), numbers.std(axis=0) + 1e-6
    z = (numbers - centre) / scale
    by_rows = len(z) <= z.shape[1]
    values, vectors = np.linalg.eigh(z @ z.T if by_rows else z.T @ z)
    rank = min(_DIRECTIONS, int(np.count_nonzero(values > 1e-9 * values[-1])))
    leading, largest = vectors[:, ::-1][:, :rank], values[::-1][:rank]
    basis = (z.T @ leading / np.sqrt(largest) if by_rows else leading).T
    basis = (basis / np.sqrt(largest / len(z))[:, None]).astype(np.float32)
    points = (z @ basis.T.astype(np.float64)).astype(np.float32)
    held, exact = np.empty(len(z)), points.astype(np.float64)
    for group in np.unique(groups):
        own = groups == group
        others = exact[~own] if np.count_nonzero(~own) >= NEAREST else exact
        held[own] = distances(exact[own], others)
    return Neighbours(centre, scale, basis, points, np.sort(held))


def _one_of_each(versions: Versions, known: Labelled) -> Indices:
    """Return the place of one version of each image, drawn."""
    order = np.random.default_rng([known.seed, 1]).permutation(versions.image.size)
    drawn = np.empty(known.labels.size, dtype=np.intp)
    drawn[versions.image[order]] = order
    return drawn


def _powers(kinds: Indices, known: Labelled, found: Conditions, held: _HeldOutOfAll) -> list[Power]:
    """Count, by kind of version, what would be claimed of the generator's at 0.05."""
    labels, values = held.labels, held.evidence
    n_real, n_generated = (np.unique(known.groups[known.labels == c]).size for c in (False, True))
    powers = []
    for kind in np.unique(kinds):
        inside = kinds == kind
        own, real = np.flatnonzero(inside & labels), values[inside & ~labels]
        if not own.size or not real.size:
            continue
        claimed = [
            found.p_of_score(allowed(held.real.z[i]), n_real) <= 0.05
            and held.generated.expected.p_below(held.generated.z[i], n_generated) > 0.05
            and held.likeness.expected.p_above(held.likeness.z[i], labels.sum()) > LEVEL
            and held.shown[i]
            for i in own
        ]
        powers.append(Power(KINDS[kind], area(values[own], real), float(np.mean(claimed))))
    return powers


@dataclass(frozen=True, eq=False)
class _HeldOutOfAll:
    """What is known of all versions, held out.

    The class and the evidence of each; its score under both classes, its distance from the
    generator's own images; and whether the reference images show such content.
    """

    labels: Flags
    evidence: Doubles
    real: _HeldOut
    generated: _HeldOut
    likeness: _HeldOut
    shown: Flags
