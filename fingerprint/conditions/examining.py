"""An image as it comes against a fingerprint: its condition measured, then the expert's answer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fp.denoisers.degradations import Pixels
from fp.denoisers.residual import Residual
from fp.fingerprint.conditions import gate
from fp.fingerprint.conditions.crossed import Array, best_phase, correlate_phases, rows_of
from fp.fingerprint.conditions.experts import Conditions, view
from fp.fingerprint.conditions.hypotheses import check_any, hypotheses
from fp.fingerprint.deciding.decision import Rule
from fp.fingerprint.deciding.judge import Features, Judge, judge_of
from fp.fingerprint.deciding.rows import Attribution
from fp.fingerprint.estimators.cyclic import Cyclic
from fp.fingerprint.estimators.tile import Tile, template
from fp.fingerprint.fingerprint import Fingerprint

Corrected = Callable[[float, float], float]

_EXPERTS = "_experts"


@dataclass(frozen=True, eq=False)
class Account:
    """Features of an image under one account of how it came to its size.

    Parameters
    ----------
    factor : float
        Factor by which it was resampled; 1.0 for none.
    searched : bool
        Whether the phase of its lattice is unknown.
    features : Features
        Features of the examined part at the native scale.
    """

    factor: float
    searched: bool
    features: Features


@dataclass(frozen=True, eq=False)
class Reading:
    """An account with the condition that the gate found.

    Parameters
    ----------
    account : Account
        The account.
    expert : int
        The condition that explains it best.
    p : float
        Conformal p-value of the distance from it.
    """

    account: Account
    expert: int
    p: float


def attribution(
    path: str,
    image_hwc: Pixels,
    fingerprint: Fingerprint,
    residual: Residual,
    rule: Rule,
    fpr: float,
    corrected: Corrected,
) -> Attribution:
    """Judge an image by the expert for its condition.

    Parameters
    ----------
    path : str
        The image.
    image_hwc : ndarray of uint8, shape (H, W, 3)
        Its pixels.
    fingerprint : Fingerprint
        A fingerprint with conditions.
    residual : Residual
        Its denoiser.
    rule : {"conformal", "nearest-mean"}
        Rule of the decision.
    fpr : float
        Rate of the decision.
    corrected : callable
        As in `Judge.attribution`.

    Returns
    -------
    Attribution
        The row, with condition, phase and factor.

    Raises
    ------
    ImageError
        With reason ``too_small``.
    """
    found = list(hypotheses(image_hwc, fingerprint.crop, fingerprint.native_sizes))
    check_any(found, image_hwc, fingerprint.crop)
    accounts = [Account(h.factor, h.searched, Features(residual(h.part), h.part)) for h in found]
    return judge_accounts(path, accounts, fingerprint, rule, fpr, corrected)


def judge_accounts(
    path: str,
    accounts: Sequence[Account],
    fingerprint: Fingerprint,
    rule: Rule,
    fpr: float,
    corrected: Corrected,
) -> Attribution:
    """Judge an image by its features under every account of its size.

    Parameters
    ----------
    path : str
        The image.
    accounts : sequence of Account
        The accounts, at least one.
    fingerprint : Fingerprint
        A fingerprint with conditions.
    rule, fpr, corrected
        As in `attribution`.

    Returns
    -------
    Attribution
        The row.

    Notes
    -----
    Accounts outside the calibrated range are dropped. Of m that remain each is tested, with m times
    its p-value under h1 (Bonferroni), and the row is that of the largest likelihood ratio; the
    reference is supported only where all say so.
    """
    conditions = fingerprint.conditions
    assert conditions is not None
    readings = [_read(account, conditions) for account in accounts]
    inside = [reading for reading in readings if reading.p > conditions.outside]
    if not inside:
        nearest = max(readings, key=lambda reading: reading.p)
        row = _judged(path, nearest, fingerprint, rule, fpr, corrected)
        return without_answer(row, "outside_calibrated_range", rule)

    def shared(p: float, evidence: float) -> float:
        return min(1.0, len(inside) * corrected(p, evidence))

    rows = [_judged(path, reading, fingerprint, rule, fpr, shared) for reading in inside]
    best = max(rows, key=_evidence)
    dissent = [row for row in rows if row.decision != "supports_reference"]
    if best.decision == "supports_reference" and dissent:
        reasons = tuple(sorted({reason for row in dissent for reason in row.reasons}))
        return replace(best, decision="inconclusive", reasons=reasons)
    return best


def _evidence(row: Attribution) -> float:
    return row.log10_lr if row.log10_lr is not None else -np.inf


def _read(account: Account, conditions: Conditions) -> Reading:
    measured = conditions.gate.measure(account.features.named(gate.READS))
    expert = int(measured.nearest[0])
    return Reading(account, expert, conditions.gate.p(expert, float(measured.distance[0])))


def _judged(
    path: str,
    reading: Reading,
    fingerprint: Fingerprint,
    rule: Rule,
    fpr: float,
    corrected: Corrected,
) -> Attribution:
    conditions = fingerprint.conditions
    assert conditions is not None
    searched = reading.account.searched
    judge = expert_judge(fingerprint, reading.expert, searched)
    stacks = reading.account.features.of(judge.recipe)
    phase = None
    near: list[dict[str, Array]] = []
    if searched:
        y, x = find_phase(judge, stacks)
        # The covariances of typicality have a period of two, and need not agree with the score.
        near = [rolled(judge, stacks, y + dy, x + dx) for dy, dx in ((0, 1), (1, 0), (1, 1))]
        stacks, phase = rolled(judge, stacks, y, x), f"{y},{x}"
    row = judge.attribution(path, stacks, rule, fpr, corrected, near)
    row = replace(
        row,
        condition=conditions.experts[reading.expert].condition,
        p_condition=reading.p,
        phase=phase,
        factor=reading.account.factor,
        reasons=_about_itself(row.reasons, judge_of(fingerprint).weak),
    )
    return without_answer(row, "condition_hides_generator", rule) if judge.weak else row


def _about_itself(reasons: tuple[str, ...], weak: bool) -> tuple[str, ...]:
    """Let ``weak_fingerprint`` speak of the fingerprint, not of the expert for one condition."""
    others = tuple(reason for reason in reasons if reason != "weak_fingerprint")
    return (*others, "weak_fingerprint") if weak else others


def without_answer(row: Attribution, reason: str, rule: Rule) -> Attribution:
    """Give a row whose decision is inconclusive, unless the rule knows no such answer."""
    decision = row.decision if rule == "nearest-mean" else "inconclusive"
    return replace(row, decision=decision, reasons=(reason, *row.reasons))


def expert_judge(fingerprint: Fingerprint, index: int, searched: bool) -> Judge:
    """Give the judge of an expert, made once and gone with the fingerprint."""
    held: dict[Any, Judge] = vars(fingerprint).setdefault(_EXPERTS, {})
    if (index, searched) not in held:
        held[index, searched] = Judge(view(fingerprint, index, searched))
    return held[index, searched]


def judge_of_condition(fingerprint: Fingerprint, condition: str | None, searched: bool) -> Judge:
    """Give what judged a row: the expert for its condition, or the fingerprint where it has none.

    Parameters
    ----------
    fingerprint : Fingerprint
        The fingerprint that the figures of the row belong to.
    condition : str or None
        Column ``condition`` of the row.
    searched : bool
        Whether its column ``phase`` says something.

    Returns
    -------
    Judge
        With the calibration that the figures come from.
    """
    if fingerprint.conditions is None or condition is None:
        return judge_of(fingerprint)
    return expert_judge(fingerprint, fingerprint.conditions.names.index(condition), searched)


def find_phase(judge: Judge, stacks: dict[str, Array]) -> tuple[int, int]:
    """Find the phase of the lattice at which the joined score of one image is largest.

    Parameters
    ----------
    judge : Judge
        The judge of an expert.
    stacks : dict of str to ndarray, shape (1, ...)
        Features of the image, by name.

    Returns
    -------
    tuple of int
        Row and column of the first pixel of a period.
    """
    joined = judge.fingerprint.joined
    assert joined is not None
    planes: list[NDArray[np.float64]] = []
    moving = []
    for place, (estimator, part) in enumerate(zip(judge.recipe.parts, joined.parts, strict=True)):
        if not isinstance(estimator, Tile | Cyclic):
            continue
        rows = rows_of(estimator, stacks, part.pattern.shape[-1])
        norm, weights = 1.0, part.pattern.astype(np.float64)
        if isinstance(estimator, Tile):
            made = template(part.pattern)
            norm, weights = made.norm, made.weights.reshape(part.pattern.shape)
        planes.append(correlate_phases(rows, weights) / norm - part.offset)
        moving.append(place)
    y, x = best_phase(planes, judge.fingerprint.pattern[0][:, moving]).phase[0]
    return int(y), int(x)


def rolled(judge: Judge, stacks: dict[str, Array], y: int, x: int) -> dict[str, Array]:
    """Give the features as if the lattice began at pixel (y, x)."""
    moves = {part.reads for part in judge.recipe.parts if isinstance(part, Tile | Cyclic)}
    return {
        name: np.roll(stack, (-y, -x), axis=(-2, -1)) if name in moves else stack
        for name, stack in stacks.items()
    }
