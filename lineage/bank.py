"""Stored fingerprints against folders, on images that they have not seen."""

from __future__ import annotations

import numpy as np

from fp.lineage.collection import CollectedFolder, Collection
from fp.lineage.cross_detection import CrossDetection, CrossScores, tabulate
from fp.system.arrays import Doubles
from fp.system.errors import InputError


def detect_with_bank(collection: Collection) -> CrossDetection:
    """Return the matrix of stored fingerprints (rows) against the images of folders (columns).

    An image of the calibration has a held-out score in the file, and that one counts. Other images
    of a source in the calibration are left out: the pattern has seen their photograph. A method
    that holds back a quarter does not say what it learned from, so that of a folder that shares a
    source with that quarter nothing else counts. An `InputError` says that a fingerprint has seen
    the sources of all reference images.
    """
    answers = []
    for i, tested in enumerate(collection.bank):
        held = tested.held
        generated = dict(zip(held.generated_sha256, held.generated, strict=True))
        real = dict(zip(held.real_sha256, held.real, strict=True))
        unseen = [
            _unseen(folder, i, generated, {*held.generated_source}, tested.names_all)
            for folder in collection.generators
        ]
        reference = collection.reference
        unseen.append(_unseen(reference, i, real, {*held.real_source}, tested.names_all))
        scores, sources = zip(*unseen, strict=True)
        if not sources[-1]:
            raise InputError(
                f"Fingerprint {tested.name!r} has seen the sources of all reference images; "
                "name a folder of other photographs."
            )
        answers.append(CrossScores(scores, sources, held.mu_r, held.mu_g))
    joins = any(tested.joins for tested in collection.bank)
    evidence = " joined methods by the generator's evidence alone;" if joins else ""
    scheme = (
        f"stored fingerprints;{evidence} held-out scores of their own calibration images, no other "
        "image of the calibration's sources"
    )
    names = tuple(tested.name for tested in collection.bank)
    return tabulate(names, collection.names, answers, scheme)


def _unseen(
    folder: CollectedFolder,
    number: int,
    known: dict[str, float],
    sources: set[str],
    names_all: bool,
) -> tuple[Doubles, int]:
    """Return the scores of what a fingerprint has not seen, and the number of sources."""
    met = np.array([image.sha256 in known or image.source in sources for image in folder.images])
    fresh = ~met if names_all or not met.any() else np.zeros_like(met)
    inside = [image for image in folder.images if image.sha256 in known]
    named = {image.source for image in inside}
    named |= {image.source for image, new in zip(folder.images, fresh, strict=True) if new}
    own = [known[image.sha256] for image in inside]
    return np.concatenate([folder.scores[fresh, number], own]), len(named)
