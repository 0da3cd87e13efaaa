"""What a reader of an answer must know of the fingerprint and the image."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from fp.denoisers.population import Examined
from fp.fingerprint.decision.decision import Rule, Verdict, of_calibration
from fp.fingerprint.decision.rows import Attribution
from fp.fingerprint.model.fingerprint import Fingerprint

FEW_SOURCES = 20
"""Sources of a class from which on p-values of 0.05 rest on more than one of them."""

REQUESTS = "requests"
"""Name of the parameter that holds what files tell of seeds and prompts, where that limits."""


def cautions_of(fingerprint: Fingerprint) -> tuple[str, ...]:
    """Return the reason codes that stand beside every answer of a fingerprint."""
    found = []
    if fewest_sources(fingerprint) < FEW_SOURCES or has_one_seed(fingerprint):
        found.append("few_sources")
    audit = fingerprint.parameters.get("audit", ())
    if any(each.get("severity") == "serious" for each in audit):
        found.append("audit_serious")
    return tuple(found)


def fewest_sources(fingerprint: Fingerprint) -> int:
    """Return from how many sources the images of the poorer class come.

    Of a method that held images back, its calibration has a part of them only; in that proportion
    there were more. Prompts that the generator's files tell count as sources.
    """
    held = fingerprint.calibration
    images = sum(fingerprint.native_sizes.values()) or held.generated.size
    part = min(1.0, held.generated.size / images)
    named = round(min(len(set(held.real_source)), len(set(held.generated_source))) / part)
    told = fingerprint.parameters.get(REQUESTS, {})
    return min(named, int(told.get("prompts", named)))


def has_one_seed(fingerprint: Fingerprint) -> bool:
    """Return whether the generator's files tell one seed for all images."""
    return bool(fingerprint.parameters.get(REQUESTS, {}).get("one_seed", False))


def requests_of(images: Sequence[Examined]) -> dict[str, object]:
    """Return what files tell of a generator's seeds and prompts, as it is stored.

    It is empty where no answer is limited by it. A file that tells no prompt counts as one of its
    own, and there is one seed where at least half of the files tell it, and none tells another.
    """
    seeds = [image.seed for image in images if image.seed is not None]
    prompts = {image.prompt for image in images if image.prompt is not None}
    untold = sum(image.prompt is None for image in images)
    one_seed = len(set(seeds)) == 1 and 2 * len(seeds) >= len(images)
    few = bool(prompts) and len(prompts) + untold < FEW_SOURCES
    if not (one_seed or few):
        return {}
    return {"one_seed": one_seed, "prompts": len(prompts) + untold}


def known_images(fingerprint: Fingerprint) -> frozenset[str]:
    """Return the hashes of the files that a fingerprint was learned from or calibrated with."""
    held = fingerprint.calibration
    return frozenset((*held.real_sha256, *held.generated_sha256))


def with_cautions(row: Attribution, cautions: tuple[str, ...]) -> Attribution:
    """Return a row that has a score with these codes behind its reasons."""
    if row.score is None or not cautions:
        return row
    return replace(row, reasons=(*row.reasons, *cautions))


def told_as_known(row: Attribution, rule: Rule) -> Attribution:
    """Return the row of an image that the fingerprint was learned from or calibrated with."""
    if row.score is None:
        return row
    found = of_calibration(Verdict(row.decision, row.reasons), rule)
    return replace(row, decision=found.decision, reasons=found.reasons)
