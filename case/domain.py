"""What a report says of a fingerprint: where it is valid, and its evidence's reach."""

from __future__ import annotations

from fp.case.verbal import words
from fp.fingerprint.decision.decision import REASONS
from fp.fingerprint.model.fingerprint import Fingerprint
from fp.reports.facts import Facts
from fp.reports.words import WITHHELD, rounded
from fp.runs.journal import Row

_LOSSLESS = frozenset({"PNG", "BMP", "TIFF"})
_MAY_BE_LOSSLESS = _LOSSLESS | {"WEBP"}


def domain(member: Fingerprint) -> list[str]:
    """Return in sentences for what images a fingerprint speaks, and how far."""
    found = Facts(member)
    ratio = found.judge.ratio
    sizes = ", ".join(f"{size} ({n})" for size, n in list(member.native_sizes.items())[:8])
    kinds = ", ".join(f"{kind} ({n})" for kind, n in list(member.formats.items())[:8])
    told = [
        f"Calibrated on {found.n_generated} images of the generator and {found.n_real} reference "
        f"images. No conformal p-value is below {found.smallest_p:.2g}.",
        f"Likelihood ratios reach from 1/{rounded(ratio.lower)} to {rounded(ratio.upper)}: at most "
        f"{_most(ratio.upper)} for h2, and at most {_most(ratio.lower)} for h1.",
        f"Valid for images of the sizes {sizes or 'not stated'}; formats seen: {kinds or '-'}.",
        f"Examined part: {member.crop.width} x {member.crop.height} pixels, {member.crop.anchor}; "
        f"preparation: {member.preparation}.",
    ]
    if found.sides:
        told.append(f"Windows of {found.sides} pixels are calibrated.")
    if found.powers:
        told.append(
            "It judges an image by the coding that is measured in its pixels, and was calibrated "
            "on versions of its images. How well the generator shows in each kind of them: "
            f"{'; '.join(found.powers)}."
        )
    told += [
        f"Specificity: it claimed {each['claimed']} of {each['images']} images of {each['name']}."
        for each in found.foreign
    ] or ["Specificity against other generators was not measured."]
    if _warned(member) == []:
        told.append("The audit of its two folders of images gave no warning.")
    return told


def cautions(member: Fingerprint) -> list[str]:
    """Return in sentences what a reader must know of a fingerprint before its findings."""
    told = [f"{label.capitalize()}: {text}." for label, text in Facts(member).labels]
    worse = _warned(member)
    if worse is None:
        told.append("Its two folders of images were not audited for what else tells them apart.")
    for each in worse or ():
        told.append(
            f"The audit of its two folders of images found ({each['severity']}): "
            f"{each['sentence']} The fingerprint may owe a part of its separation to that."
        )
    return told


def _warned(member: Fingerprint) -> list[dict[str, str]] | None:
    """Return what the audit of its folders warned of; None where there was no audit."""
    found = member.parameters.get("audit")
    if not isinstance(found, list):
        return None
    return [each for each in found if each["severity"] in ("warning", "serious")]


def _most(log10_lr: float) -> str:
    told = words(log10_lr)
    return "no support" if told == "no more" else f"{told} support"


def outside(row: Row, member: Fingerprint) -> list[str]:
    """Return why a ratio would speak about images that the calibration knows nothing of.

    Each is the end of a sentence; none where the image lies in the domain.
    """
    found = [REASONS[reason] for reason in row["reasons"] if reason in WITHHELD]
    size = f"{row['width']}x{row['height']}"
    # What came in another coding was asked by its pixels whether the calibration knows it.
    if row.get("condition") is not None:
        return found
    if member.native_sizes and size not in member.native_sizes:
        found.append(f"the image has {size} pixels, a size outside the fingerprint's domain")
    if member.preparation == "none" and _coded_otherwise(row["format"], set(member.formats)):
        found.append(
            f"the image is stored as {row['format']}, a coding outside the fingerprint's domain"
        )
    return found


def _coded_otherwise(kind: str, seen: set[str]) -> bool:
    """Return whether the coding may have changed pixels as that of no calibration image did."""
    if not seen or kind in seen or (kind == "MPO" and "JPEG" in seen):
        return False
    return not (kind in _LOSSLESS and seen & _MAY_BE_LOSSLESS)
