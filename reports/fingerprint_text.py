"""A fingerprint in a few lines of text, for whoever just made it."""

from __future__ import annotations

from collections.abc import Iterator

from fp.fingerprint.decision.likelihood import certified_rate
from fp.fingerprint.learning.strength import permutation_p
from fp.fingerprint.model.calibration import NullControl
from fp.fingerprint.model.fingerprint import Fingerprint
from fp.reports.facts import Facts


def summary(about: Facts) -> tuple[str, list[tuple[str, str]]]:
    """Return what a fingerprint is, and labelled facts. One that goes on has no label."""
    fingerprint, n = about.fingerprint, about.n_real
    title = (
        f"{fingerprint.name}: {fingerprint.method} fingerprint on {fingerprint.denoiser.name} "
        f"residuals, {fingerprint.crop.width} x {fingerprint.crop.height}"
    )
    facts = []
    if fingerprint.preparation != "none":
        facts.append(
            ("preparation", f"{fingerprint.preparation}, also of every image at detection")
        )
    scheme = fingerprint.calibration.scheme
    facts.append(("scored", f"{about.n_generated} generated, {n} reference images ({scheme})"))
    if "period" in fingerprint.parameters:
        facts.append(("period", f"{fingerprint.parameters['period']} pixels"))
    facts.append(("means", f"mu_g {about.judge.mu_g:+.5f}, mu_r {about.judge.mu_r:+.5f}"))
    facts.append(
        ("smallest p", f"{about.smallest_p:.4f}: no smaller false-positive rate can be asked for")
    )
    if 0.05 * (n + 1) >= 1:
        rate = certified_rate(0.05, n)
        facts.append(
            ("at 0.05", f"the rate that {n} reference images certify (95 %) is {rate:.4f}")
        )
    facts += [*_against_chance(fingerprint), *_specificity(fingerprint)]
    if about.sides:
        facts.append(("windows", f"of {about.sides} pixels are calibrated"))
    for place, line in enumerate(about.powers):
        facts.append(("" if place else "conditions", line))
    return title, [*facts, *about.labels]


def _against_chance(fingerprint: Fingerprint) -> Iterator[tuple[str, str]]:
    for title, null in _controls(fingerprint):
        yield (
            title,
            f"separation {null.observed:.2f}, with shuffled labels at most "
            f"{null.shuffled.max():.2f} in {null.shuffled.size} (p = {null.p:.3f})",
        )
    if "second_look" in fingerprint.parameters:
        told = fingerprint.parameters["second_look"]
        yield (
            "second look",
            "the closed forms were weak; with dif the held-out scores have permutation p = "
            f"{told['p']:.3f}, so it was {'' if told['joined'] else 'not '}joined",
        )
    elif fingerprint.null is None:
        yield (
            "permutation",
            f"p = {permutation_p(fingerprint.calibration):.3f} of the held-out scores; label "
            "shuffles of the whole extraction were not run",
        )


def _specificity(fingerprint: Fingerprint) -> Iterator[tuple[str, str]]:
    specificity = fingerprint.parameters.get("specificity", {})
    if not specificity:
        return
    yield (
        "specificity",
        f"at rate {specificity['fpr']:g} it would claim {100 * specificity['own']:.0f} % of its "
        "own held-out images",
    )
    for claims in specificity["foreign"]:
        yield (
            "",
            f"and claims {claims['claimed']} of {claims['images']} of {claims['name']} "
            f"(95 % upper bound {100 * claims['upper']:.1f} %)",
        )
    if not specificity["foreign"]:
        yield "", "other generators were not tried; --background DIR counts its claims"


def _controls(fingerprint: Fingerprint) -> list[tuple[str, NullControl]]:
    joined = fingerprint.joined
    found = [("null", fingerprint.null)]
    if joined is not None:
        found.append(("null (G only)", joined.specific_null))
    return [(title, null) for title, null in found if null is not None]
