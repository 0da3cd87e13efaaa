"""What a report says of a fingerprint: where it is valid, and its evidence's reach."""

from __future__ import annotations

from collections.abc import Iterator

from fp.case.escaping import plain
from fp.case.verbal import words
from fp.fingerprint.decision.decision import REASONS
from fp.fingerprint.model.fingerprint import Fingerprint
from fp.reports.facts import Facts, describe
from fp.reports.words import WITHHELD, rounded
from fp.runs.journal import Row

_LOSSLESS = frozenset({"PNG", "BMP", "TIFF"})
_MAY_BE_LOSSLESS = _LOSSLESS | {"WEBP"}


def domain(member: Fingerprint) -> Iterator[str]:
    """Yield, in lines of Markdown, for what images a fingerprint speaks, and how far."""
    found = describe(member)
    ratio = found.judge.ratio
    sizes = ", ".join(f"{plain(size)} ({n})" for size, n in list(member.native_sizes.items())[:8])
    kinds = ", ".join(f"{plain(kind)} ({n})" for kind, n in list(member.formats.items())[:8])
    yield f"**{plain(member.name)}** (`{plain(member.method)}`)\n"
    yield (
        f"* Calibrated on {found.n_generated} images of the generator and {found.n_real} "
        f"reference images. No conformal p-value is below {found.smallest_p:.2g}."
    )
    yield (
        f"* Likelihood ratios reach from 1/{rounded(ratio.lower)} to {rounded(ratio.upper)}: at "
        f"most {_most(ratio.upper)} for h2, and at most {_most(ratio.lower)} for h1."
    )
    yield f"* Valid for images of the sizes {sizes or 'not stated'}; formats seen: {kinds or '-'}."
    yield (
        f"* Examined part: {member.crop.width} x {member.crop.height} pixels, "
        f"{member.crop.anchor}; preparation: {plain(member.preparation)}."
    )
    yield from _beyond(found)
    for claims in found.foreign:
        yield (
            f"* Specificity: it claimed {claims['claimed']} of {claims['images']} images of "
            f"{plain(claims['name'])}."
        )
    if not found.foreign:
        yield "* Specificity against other generators was not measured."
    yield from _audited(member)
    if found.judge.weak:
        yield (
            "* It separates no better than shuffled labels may. No support is expressed on its "
            "ground."
        )
    yield ""


def _beyond(found: Facts) -> Iterator[str]:
    """Return what a fingerprint is calibrated for beside images as the generator drew them."""
    if found.sides:
        yield f"* Windows of {found.sides} pixels are calibrated."
    if not found.powers:
        return
    yield (
        "* It judges an image by the coding that is measured in its pixels, and was calibrated on "
        "versions of its images. How well the generator shows in each kind of them:"
    )
    yield from (f"  * {line}" for line in found.powers)


def _audited(member: Fingerprint) -> Iterator[str]:
    """Return in what else the two folders differed that the fingerprint was learned from."""
    found = member.parameters.get("audit")
    if not isinstance(found, list):
        yield "* Its two folders of images were not audited for differences beside their origin."
        return
    worse = [each for each in found if each["severity"] in ("warning", "serious")]
    for each in worse:
        yield (
            f"* The audit of its two folders of images found ({plain(each['severity'])}): "
            f"{plain(each['sentence'])} The fingerprint may owe a part of its separation to that."
        )
    if not worse:
        yield "* The audit of its two folders of images gave no warning."


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
            f"the image is stored as {plain(row['format'])}, a coding outside the fingerprint's "
            "domain"
        )
    return found


def _coded_otherwise(kind: str, seen: set[str]) -> bool:
    """Return whether the coding may have changed pixels as that of no calibration image did."""
    if not seen or kind in seen or (kind == "MPO" and "JPEG" in seen):
        return False
    return not (kind in _LOSSLESS and seen & _MAY_BE_LOSSLESS)
