"""The words of an answer, for terminal and report: findings and their limits.

An answer is about the generators of a bank and the reference images of their fingerprints, and its
words claim no more: no picture is called real, or a photograph, because one generator did not draw
it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import chain, repeat
from typing import Any

from fp.fingerprint.decision.decision import REASONS

DECISIONS = {
    "supports_generator": (
        "supports the generator",
        "The evidence points to this generator, or to another one with the same decoder, the last "
        "part of its network. The score is higher than that of nearly all reference images and "
        "ordinary for the generator, and the picture is like the generator's own. What it shows "
        "was not asked about.",
    ),
    "supports_reference": (
        "not this generator",
        "No pattern that was looked for was found. Other generators were not asked, so this does "
        "not say where the picture comes from. It scores like reference images, and lower than "
        "nearly all calibration images of the generator.",
    ),
    "inconclusive": (
        "inconclusive",
        "The test cannot tell. This speaks neither for the generator nor against it; the reasons "
        "say what stands in the way.",
    ),
    "not_examined": ("not examined", "There is no score; the reason says why."),
}
"""Decisions with their words and what they mean."""

RANKED = ("supports_generator", "inconclusive", "supports_reference", "not_examined")
"""Decisions, what matters most first."""

NEAREST = {
    decision: (DECISIONS[decision][0], f"The score lies nearer to the mean of {whose} images.")
    for decision, whose in (
        ("supports_generator", "the generator's"),
        ("supports_reference", "the reference"),
    )
}
"""The same by the rule of the DIF paper, where it says something else."""


def meanings(rule: str, fpr: float) -> dict[str, tuple[str, str]]:
    """Return decisions by a rule with their words and meaning. A rate that is kept is told."""
    if rule == "nearest-mean":
        return DECISIONS | NEAREST
    name, meaning = DECISIONS["supports_reference"]
    mistaken = f"; {100 * fpr:.2g} % of such may get this answer by mistake."
    return DECISIONS | {"supports_reference": (name, meaning.removesuffix(".") + mistaken)}


WITHHELD = frozenset(
    {
        "unlike_generator",
        "nearer_to_another",
        "not_told_apart",
        "fits_neither",
        "no_separation",
        "weak_fingerprint",
        "several_candidates",
        "coding_not_calibrated",
        "content_not_calibrated",
        "unlike_reference",
        "calibration_image",
        "typicality_unknown",
    }
)
"""Reasons with which no likelihood ratio is put into words: neither proposition is known to fit."""

BESIDE = frozenset({"weak_fingerprint", "few_sources", "audit_serious"})
"""Reasons that stand beside any decision."""

_ELSEWHERE = "other generators were not asked"
_NO_MORE = 0.30103  # log10 of 2: below it, a ratio supports nothing


def rounded(log10_lr: float) -> str:
    """Return the ratio of the better supported proposition over the other, in two digits."""
    ratio = 10 ** min(abs(log10_lr), 300.0)
    if ratio < 99.5:
        return f"{ratio:.2g}"
    power = len(str(int(ratio))) - 2
    return f"{round(ratio / 10**power) * 10**power:,}" if ratio < 1e7 else f"{ratio:.1e}"


@dataclass(frozen=True)
class Question:
    """What was asked of a picture.

    Parameters
    ----------
    fingerprints : int
        Number of fingerprints of the bank.
    rule : {"conformal", "nearest-mean"}
        Rule of the decision.
    fpr : float
        False-positive rate that was asked for.
    certified : float or None
        The rate that the calibration certifies (95 %); None where it supports no claim.
    kin : mapping of str to tuple of str
        Of a bank that was learned as one, the generators that a generator is not told from.
    """

    fingerprints: int
    rule: str
    fpr: float
    certified: float | None
    kin: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


def answer(row: Mapping[str, Any], question: Question) -> str:
    """Return what the row of a picture, one of ``detections.jsonl``, says in a sentence's words."""
    decision, name = row["decision"], row["fingerprint"]
    if decision == "not_examined":
        return f"not examined: {row['message']}"
    if decision == "inconclusive":
        # The fingerprint of the row says no where the image is too small for another.
        who = "a generator of the bank" if "too_small" in row["reasons"] else name
        return f"inconclusive: whether {who} drew it cannot be said"
    if decision == "supports_generator":
        more = (
            ", and another generator of the bank" if "several_candidates" in row["reasons"] else ""
        )
        return (
            f"supports {_with_kin(name, question)}{more}, as far as its fingerprint can see; a "
            "generator with the same decoder may do so too"
        )
    if question.fingerprints == 1:
        return f"not {name}, as far as this fingerprint can see; {_ELSEWHERE}"
    return (
        f"none of the {question.fingerprints} generators of this bank, as far as their "
        f"fingerprints can see; {_ELSEWHERE}"
    )


def short(row: Mapping[str, Any], question: Question) -> str:
    """Return the same in few words, to stand in a list; see `FOOTNOTE`."""
    decision, name = row["decision"], row["fingerprint"]
    if decision == "inconclusive":
        reason = deciding(row)
        return decision if reason is None else f"inconclusive; {reason}"
    if decision == "not_examined":
        return answer(row, question)
    for_it = decision == "supports_generator"
    told = ""
    if is_told(row):
        alone = question.fingerprints == 1
        side = "for" if row["log10_lr"] > 0 else "against"
        side += " it" if for_it or alone else f" {name}"
        told = f", ratio {rounded(row['log10_lr'])} {side}"
    beside = f" ({', '.join(row['reasons'])})" if row["reasons"] else ""
    if for_it:
        return f"supports {_with_kin(name, question)}{told}{beside}"
    whose = name if question.fingerprints == 1 else f"any of the {question.fingerprints} generators"
    return f"not {whose}{told}{beside}"


def is_weakened(row: Mapping[str, Any]) -> bool:
    """Return whether something beside the decision makes an answer for or against weak."""
    return row["decision"].startswith("supports_") and not BESIDE.isdisjoint(row["reasons"])


def deciding(row: Mapping[str, Any]) -> str | None:
    """Return what made a row inconclusive in words. None where it is not, or without a reason."""
    if row["decision"] != "inconclusive" or not row["reasons"]:
        return None
    # What stands beside any decision did not make it inconclusive.
    codes = [code for code in row["reasons"] if code not in BESIDE] or row["reasons"]
    return REASONS[codes[0]]


Line = tuple[str | None, str]
"""A label and its text. The answer itself has no label."""


def brief(row: Mapping[str, Any], question: Question) -> list[Line]:
    """Return the answer and what weakens it, a sentence each."""
    told, reason = answer(row, question), deciding(row)
    weak = [REASONS[code] for code in row["reasons"] if code in BESIDE]
    return [
        (None, f"{told}; {reason}" if reason else told),
        *((None, f"but {text}") for text in weak if text != reason and row["status"] == "examined"),
    ]


def _with_kin(name: str, question: Question) -> str:
    kin = question.kin.get(name)
    return f"{name} (not told from {', '.join(kin)})" if kin else name


FOOTNOTE = (
    "'supports' and 'not' mean: as far as these fingerprints can see. A generator with the same "
    f"decoder may be supported too; {_ELSEWHERE}."
)
"""What stands below a list of `short` answers."""


def ratio(row: Mapping[str, Any]) -> str | None:
    """Return in words how much more probable one proposition makes the score than the other.

    None where there is no ratio, or none that may be put into words.
    """
    if not is_told(row):
        return None
    name, log10_lr = row["fingerprint"], row["log10_lr"]
    drawn, other = f"{name} drew it", "it is of the kind of the reference images"
    if abs(log10_lr) < _NO_MORE:
        return f"the score is about as probable if {drawn} as if {other}"
    if log10_lr < 0:
        drawn, other = other, drawn
    return f"the score is {rounded(log10_lr)} times more probable if {drawn} than if {other}"


def is_told(row: Mapping[str, Any]) -> bool:
    """Return whether the ratio of a row may be put into words."""
    return row["log10_lr"] is not None and not WITHHELD & set(row["reasons"])


def at_length(row: Mapping[str, Any], question: Question) -> list[Line]:
    """Return the answer about an examined picture, and what stands below it.

    A second limit and those after it have an empty label.
    """
    told: list[Line] = [(None, answer(row, question))]
    if (found := ratio(row)) is not None:
        told.append(("ratio", found))
    if row["p_bank"] is not None and row["p_generated"] is not None:
        told.append(
            (
                "p",
                f"{row['p_bank']:.2g} that a reference image scores as high or higher, "
                f"{row['p_generated']:.2g} that one of {row['fingerprint']} scores as low or lower",
            )
        )
    return [*told, *zip(chain(["limits"], repeat("")), limits(row, question), strict=False)]


def mistakes(fpr: float, certified: float | None) -> str:
    """Return in words the rate of false claims that was asked for, and that promised."""
    promise = (
        "with these reference images nothing can be claimed at this rate"
        if certified is None
        else "with these reference images fp can promise only that no more than "
        f"{100 * certified:.2g} % are (95 % confidence)"
    )
    return (
        f"of pictures like the reference images, {100 * fpr:.2g} % may be claimed by mistake, as "
        f"was asked; {promise}"
    )


def limits(row: Mapping[str, Any], question: Question) -> list[str]:
    """Return what limits the answer about an examined picture, a line each, the nearest first."""
    found = [REASONS[code] for code in row["reasons"]]
    if row["log10_lr"] is not None and not is_told(row):
        found.append("no ratio is put into words, since neither proposition is known to fit")
    elif row["at_bound"]:
        found.append("the ratio is at its bound: the calibration carries no larger one")
    for_it = row["decision"] == "supports_generator"
    if is_told(row) and row["decision"] != "inconclusive" and for_it != (row["log10_lr"] > 0):
        found.append("the ratio speaks for the other side than the decision")
    if question.rule == "conformal":
        found.append(mistakes(question.fpr, question.certified))
    else:
        found.append("the rule of the DIF paper is never inconclusive and keeps no rate")
    if row["condition"] not in (None, "none"):
        found.append(f"by its pixels, the picture seems to have gone through {row['condition']}")
    if row["claimed"]:
        found.append("what the file says of its own origin is part of no figure")
    return found
