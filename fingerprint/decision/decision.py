"""From a score to what may be said of an image.

h2 is the proposition that the image comes from the generator, h1 that it comes from the population
of the reference images. Nothing here extrapolates beyond the calibration scores.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from fp.fingerprint.model.calibration import Calibration
from fp.fingerprint.model.typicality import LEVEL

Rule = Literal["conformal", "nearest-mean"]
Decision = Literal["supports_generator", "supports_reference", "inconclusive", "not_examined"]

REASONS = {
    "fits_both": "the score is ordinary for both populations",
    "fits_neither": "the score is unusual for both populations",
    "no_separation": "mu_g does not exceed mu_r: the fingerprint separates nothing",
    "several_candidates": "more than one fingerprint of the bank claims the image",
    "nearer_to_another": "the image lies nearer to a generator whose fingerprint claims nothing, "
    "or is more probably drawn by it",
    "too_small": "the image is smaller than what another fingerprint of the bank examines",
    "unlike_generator": "the score claims the generator, and the image is unlike its own images",
    "typicality_unknown": "the windows claim the generator; the image is too small for the crop",
    "weak_fingerprint": "the fingerprint separates no better than label shuffles may",
    "unlike_reference": "the score speaks for the reference images, and the image is unlike them",
    "not_told_apart": "the score claims the generator, and images of other generators of its bank "
    "have as much evidence for it, or are too few to tell",
    "coding_not_calibrated": "the coding of the image is unusual among the calibration images: it "
    "went through a compression or a resampling that they did not",
    "content_not_calibrated": "hardly any reference image shows such content, by roughness, "
    "contrast, brightness and colour, so it is not known how pictures like it score",
    "calibration_image": "the fingerprint was learned from or calibrated with this image, so its "
    "p-values do not hold for it",
    "few_sources": "the fingerprint's images of a class come from fewer than 20 sources, such as "
    "prompts, or the generator's from one seed",
    "audit_serious": "the generator's images and the reference images of this fingerprint differ "
    "in more than their origin, such as compression; the score may measure that alone, so the "
    "answer is weak until a fingerprint of images coded alike agrees",
    "beyond_false_discovery_rate": "the claim does not survive the correction over the folder",
}
"""Reason codes of an answer, with what each means."""


@dataclass(frozen=True)
class Verdict:
    """What follows from the sides on which a score lies.

    Parameters
    ----------
    decision : str
        ``supports_generator``, ``supports_reference`` or ``inconclusive``.
    reasons : tuple of str
        Keys of `REASONS`.
    """

    decision: Decision
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True)
class Answer:
    """What the score of one image says.

    Parameters
    ----------
    decision : str
        ``supports_generator``, ``supports_reference`` or ``inconclusive``.
    nearest_mean : str
        ``generated`` or ``real`` by the paper's rule, whatever the rule of the decision.
    p_real : float
        Conformal p-value under h1: small where the score is unusually high for reference images.
    p_generated : float
        Conformal p-value under h2: small where the score is unusually low for the generator.
    reasons : tuple of str
        Keys of `REASONS`.
    """

    decision: Decision
    nearest_mean: Literal["generated", "real"]
    p_real: float
    p_generated: float
    reasons: tuple[str, ...] = ()


def p_real(score: float, calibration: Calibration) -> float:
    """Return the conformal p-value under h1: (1 + reference scores >= score) / (n_r + 1)."""
    return (1 + int(np.count_nonzero(calibration.real >= score))) / (1 + calibration.real.size)


def p_generated(score: float, calibration: Calibration) -> float:
    """Return the conformal p-value under h2: (1 + generated scores <= score) / (n_g + 1)."""
    generated = calibration.generated
    return (1 + int(np.count_nonzero(generated <= score))) / (1 + generated.size)


def decide(
    score: float,
    calibration: Calibration,
    rule: Rule,
    fpr: float,
    p_typical: float | None = None,
    weak: bool = False,
    p_bank: float | None = None,
) -> Answer:
    """Judge one score.

    Parameters
    ----------
    score : float
        Score of an image.
    calibration : Calibration
        Held-out scores of the fingerprint.
    rule : {"conformal", "nearest-mean"}
        ``conformal`` supports the generator where p_bank <= fpr < p_generated, the reference where
        p_generated <= fpr < p_bank, and is inconclusive otherwise. ``nearest-mean`` is the rule of
        the DIF paper: generated if ``|score - mu_g| < |score - mu_r|``.
    fpr : float
        Rate of the conformal rule.
    p_typical : float, optional
        Conformal p-value of the image's distance from the generator's own; the conformal rule does
        not give the generator an image below `fp.fingerprint.model.typicality.LEVEL`.
    weak : bool
        Whether the fingerprint is weak, which every answer then says.
    p_bank : float, optional
        p-value under h1 corrected over the bank; by default that of the fingerprint alone.

    Returns
    -------
    Answer
        Decision, p-values and reasons.

    Examples
    --------
    >>> from fp.fingerprint import Bank, decide
    >>> known = Bank.open("generators.h5")["SD 1.4"].calibration
    >>> decide(known.generated.mean(), known, "conformal", fpr=0.05).decision
    'supports_generator'
    >>> decide(known.generated.mean(), known, "conformal", fpr=0.05, p_bank=0.2).decision
    'inconclusive'
    """
    mu_r, mu_g = calibration.mu_r, calibration.mu_g
    alone, under_h2 = p_real(score, calibration), p_generated(score, calibration)
    under_h1 = alone if p_bank is None else p_bank
    nearest: Literal["generated", "real"] = (
        "generated" if abs(score - mu_g) < abs(score - mu_r) else "real"
    )
    found = verdict(
        rule,
        separates=mu_g > mu_r,
        generated_nearer=nearest == "generated",
        against_h1=under_h1 <= fpr,
        against_h2=under_h2 <= fpr,
        weak=weak,
        typical=p_typical is None or p_typical > LEVEL,
    )
    return Answer(found.decision, nearest, alone, under_h2, found.reasons)


def verdict(
    rule: Rule,
    *,
    separates: bool,
    generated_nearer: bool,
    against_h1: bool,
    against_h2: bool,
    weak: bool,
    typical: bool = True,
    like_reference: bool = True,
) -> Verdict:
    """Judge a score by the sides on which it lies. A bank then needs few judgements.

    By the rule of `decide`. It lies against h1 (over the bank) or h2 where the p-value is at most
    the rate; a fingerprint separates where mu_g > mu_r. Typical is an image that is like the
    generator's own, as far as that is known, and like the reference one that is like these.
    """
    decision: Decision
    reasons: tuple[str, ...] = ()
    if not separates:
        decision, reasons = "inconclusive", ("no_separation",)
    elif rule == "nearest-mean":
        decision = "supports_generator" if generated_nearer else "supports_reference"
    elif against_h1 and not against_h2:
        if typical:
            decision = "supports_generator"
        else:
            decision, reasons = "inconclusive", ("unlike_generator",)
    elif against_h2 and not against_h1:
        if like_reference:
            decision = "supports_reference"
        else:
            decision, reasons = "inconclusive", ("unlike_reference",)
    else:
        decision, reasons = "inconclusive", ("fits_neither" if against_h1 else "fits_both",)
    return Verdict(decision, (*reasons, "weak_fingerprint") if weak else reasons)


def withheld(found: Verdict, rule: Rule, reason: str) -> Verdict:
    """Make no claim of an image that the p-values do not speak of.

    The reason is a key of `REASONS`. By the paper's rule the call stays, with the reason beside it.
    """
    decision = found.decision if rule == "nearest-mean" else "inconclusive"
    return Verdict(decision, (*found.reasons, reason))


def not_told_apart(found: Verdict, rule: Rule) -> Verdict:
    """Make no claim for a generator that is not told from others here.

    By the paper's rule the call stays. Other answers stay by any rule.
    """
    if rule == "nearest-mean" or found.decision != "supports_generator":
        return found
    return Verdict("inconclusive", (*found.reasons, "not_told_apart"))


def of_calibration(found: Verdict, rule: Rule) -> Verdict:
    """Make no claim of an image that the fingerprint was learned from or calibrated with.

    Its p-values do not hold for that image. By the paper's rule the call stays, and the reason
    ``calibration_image`` stands before the others.
    """
    decision = found.decision if rule == "nearest-mean" else "inconclusive"
    return Verdict(decision, ("calibration_image", *found.reasons))
