"""An image as it comes against a fingerprint: its condition measured, then the expert's answer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cache, partial

import numpy as np

from fp.denoisers.residual import Residual
from fp.fingerprint.conditions.hypotheses import Hypothesis, check_any, hypotheses
from fp.fingerprint.conditions.judges import Judges
from fp.fingerprint.conditions.phases import Look, looks, mean_ratio, p_jointly
from fp.fingerprint.conditions.pooling import pool
from fp.fingerprint.decision.decision import Rule
from fp.fingerprint.decision.judge import Features
from fp.fingerprint.decision.rows import Attribution
from fp.fingerprint.estimators.recipes import OF_GATE
from fp.fingerprint.model.conditions import Conditions, Placement
from fp.system.arrays import Pixels

Corrected = Callable[[float, float], float]
Looks = Callable[["Account", int], list[Look]]


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
    grid : tuple of int, optional
        First row and column of the image's JPEG grid, where the features begin at it.
    chained : bool
        Whether it was resampled and compressed after that.
    """

    factor: float
    searched: bool
    features: Features
    grid: tuple[int, int] | None = None
    chained: bool = False

    @classmethod
    def of(cls, hypothesis: Hypothesis, residual: Residual) -> Account:
        """Make the account of a hypothesis, with the residual of its part."""
        features = Features(hypothesis.residual(residual), hypothesis.part)
        given = hypothesis.grid, hypothesis.chained
        return cls(hypothesis.factor, hypothesis.searched, features, *given)


@dataclass(frozen=True, eq=False)
class Reading:
    """An account with the condition that the gate found.

    Parameters
    ----------
    account : Account
        The account.
    placement : Placement
        The condition; its p-value is 0 where no image of the calibration went through as much.
    """

    account: Account
    placement: Placement

    @property
    def p(self) -> float:
        """The conformal p-value of the condition."""
        return self.placement.p

    @property
    def scale_is_known(self) -> bool:
        """Whether its factor is that of a native image, or was told by the image's sides."""
        return self.account.factor == 1.0 or not self.account.searched


def attribution(
    path: str,
    image_hwc: Pixels,
    judges: Judges,
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
    judges : Judges
        Those of a fingerprint with conditions.
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
    fingerprint = judges.fingerprint
    found = list(hypotheses(image_hwc, fingerprint.crop, fingerprint.native_sizes))
    check_any(found, image_hwc, fingerprint.crop)
    # Those that no expert has learned lie outside: one of them speaks, and only where all do.
    heard = [one for one in found if not one.chained] or found[:1]
    accounts = [Account.of(hypothesis, residual) for hypothesis in heard]
    return judge_accounts(path, accounts, judges, rule, fpr, corrected)


def judge_accounts(
    path: str,
    accounts: Sequence[Account],
    judges: Judges,
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
    judges : Judges
        Those of a fingerprint with conditions.
    rule, fpr, corrected
        As in `attribution`.

    Returns
    -------
    Attribution
        The row.

    Notes
    -----
    Accounts outside the calibrated range are dropped. Where nothing tells the factor of an account,
    it can support no generator: reference images were calibrated at their own scale, and one that
    was enlarged may look like an upsampler's at another. Of the m others that remain each is
    tested, with m times its p-value under h1 (Bonferroni). The row is that of the largest
    likelihood ratio times p_condition (ratios have bounds, and at the bound it is the plausible
    account that counts): of these m where that one supports the generator, else of all. The
    reference is supported only where all accounts say so. Where an image would come to another
    expert were all conditions as probable before, a definite answer needs that one's as well.
    Several phases of one account are calibrated together
    (`fp.fingerprint.conditions.phases.p_jointly`); the one whose ratio is nearest to the mean by
    weights speaks for it. The ratio that the row has is that over phases and over the most probable
    conditions (`fp.fingerprint.conditions.pooling`).
    """
    conditions = judges.fingerprint.conditions
    assert conditions is not None

    @cache  # an expert may judge an account and be heard in its ratio: it looks once
    def looked(account: Account, expert: int) -> list[Look]:
        by = partial(judges.expert, expert)
        return looks(account.features, by, account.searched, account.grid)

    readings = [_read(account, conditions) for account in accounts]
    inside = [reading for reading in readings if reading.p > conditions.outside]
    if not inside:
        nearest = max(readings, key=lambda reading: reading.p)
        expert = nearest.placement.expert
        row = _judged(path, nearest, expert, looked, judges, rule, fpr, corrected)[0]
        return without_answer(row, "outside_calibrated_range", rule)

    tests = max(1, sum(reading.scale_is_known for reading in inside))

    def shared(p: float, evidence: float) -> float:
        return min(1.0, tests * corrected(p, evidence))

    def judged(reading: Reading, expert: int) -> list[Attribution]:
        return _judged(path, reading, expert, looked, judges, rule, fpr, shared)

    known: list[list[Attribution]] = []
    tried: list[list[Attribution]] = []
    for reading in inside:
        rows = _pooled(_heard(reading, judged, rule), reading, looked, conditions)
        if reading.scale_is_known:
            known.append(rows)
        else:
            tried.append([_at_unknown_scale(row, rule) for row in rows])
    heard = [*known, *tried]
    best = max((rows[0] for rows in heard), key=_plausible_evidence)
    surest = max((rows[0] for rows in known), key=_plausible_evidence, default=best)
    if rule == "conformal" and surest.decision == "supports_generator":
        best = surest
    dissent = [row for rows in heard for row in rows if row.decision != "supports_reference"]
    if best.decision == "supports_reference" and dissent:
        reasons = tuple(sorted({reason for row in dissent for reason in row.reasons}))
        return replace(best, decision="inconclusive", reasons=reasons)
    return best


def _heard(
    reading: Reading, judged: Callable[[Reading, int], list[Attribution]], rule: Rule
) -> list[Attribution]:
    """Judge a reading, and where its condition is unclear let the second expert be heard too."""
    first, second = reading.placement.expert, reading.placement.second
    rows = judged(reading, first)
    if second == first:
        return rows
    others = {row.decision for row in judged(reading, second)}
    return [
        row
        if row.decision == "inconclusive" or others == {row.decision}
        else without_answer(row, "condition_unclear", rule)
        for row in rows
    ]


def _at_unknown_scale(row: Attribution, rule: Rule) -> Attribution:
    """Take an answer for the generator back, and say why what speaks for it is no evidence."""
    if row.decision == "supports_reference" or _evidence(row) <= 0:
        return row
    return without_answer(row, "scale_unknown", rule)


def _pooled(
    rows: list[Attribution], reading: Reading, looked: Looks, conditions: Conditions
) -> list[Attribution]:
    """Give rows the ratio over all conditions that the image is probably in."""
    probable = reading.placement.probable
    found = pool(
        [looked(reading.account, expert) for expert, _ in probable],
        [share for _, share in probable],
    )
    told = tuple(f"{conditions.names[expert]} {share:.2f}" for expert, share in probable)
    return [replace(row, **asdict(found), conditions=told) for row in rows]


def _evidence(row: Attribution) -> float:
    return row.log10_lr if row.log10_lr is not None else -np.inf


def _plausible_evidence(row: Attribution) -> float:
    assert row.p_condition is not None
    return _evidence(row) + float(np.log10(row.p_condition))


def _read(account: Account, conditions: Conditions) -> Reading:
    found = conditions.read(account.features.named(OF_GATE), account.factor)
    return Reading(account, replace(found, p=0.0) if account.chained else found)


def _judged(
    path: str,
    reading: Reading,
    expert: int,
    looked: Looks,
    judges: Judges,
    rule: Rule,
    fpr: float,
    corrected: Corrected,
) -> list[Attribution]:
    """Judge a reading at every phase to be tested; the one that speaks for it comes first."""
    conditions = judges.fingerprint.conditions
    assert conditions is not None
    account = reading.account
    found = looked(account, expert)
    p = p_jointly(found) if len(found) > 1 else None

    def together(alone: float, evidence: float) -> float:
        return corrected(alone if p is None else p, evidence)

    judged = []
    for look in found:
        row = look.judge.attribution(path, look.stacks, rule, fpr, together, look.near)
        row = replace(
            row,
            condition=conditions.names[expert],
            p_condition=reading.p,
            phase=look.phase,
            factor=account.factor,
            reasons=_about_itself(row.reasons, judges.whole.weak),
        )
        if look.judge.weak:
            row = without_answer(row, "condition_hides_generator", rule)
        judged.append(row)
    evidence = [_evidence(row) for row in judged]
    return sorted(judged, key=lambda row: abs(_evidence(row) - float(mean_ratio(evidence, found))))


def _about_itself(reasons: tuple[str, ...], weak: bool) -> tuple[str, ...]:
    """Let ``weak_fingerprint`` speak of the fingerprint, not of the expert for one condition."""
    others = tuple(reason for reason in reasons if reason != "weak_fingerprint")
    return (*others, "weak_fingerprint") if weak else others


def without_answer(row: Attribution, reason: str, rule: Rule) -> Attribution:
    """Give a row whose decision is inconclusive, unless the rule knows no such answer."""
    decision = row.decision if rule == "nearest-mean" else "inconclusive"
    return replace(row, decision=decision, reasons=(reason, *row.reasons))
