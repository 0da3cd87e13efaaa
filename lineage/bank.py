"""Stored fingerprints against folders, on images that they have not seen."""

from __future__ import annotations

import numpy as np

from fp.lineage.collection import Collection, Folder
from fp.lineage.cross_detection import CrossDetection, tabulate
from fp.lineage.scores import held_out, names_its_images
from fp.system.arrays import Doubles
from fp.system.errors import InputError


def detect_with_bank(collection: Collection) -> CrossDetection:
    """Test the images of every folder with stored fingerprints.

    Parameters
    ----------
    collection : Collection
        The folders, with the fingerprints that scored their images.

    Returns
    -------
    CrossDetection
        The matrix, a row a fingerprint and a column a folder.

    Raises
    ------
    InputError
        If no reference image is left that a fingerprint has not seen.

    Notes
    -----
    An image of the calibration has a held-out score in the file, and that one counts. Other images
    of a source in the calibration are left out: the pattern has seen their photograph. A method
    that holds back a quarter does not say what it learned from, so that of a folder that shares a
    source with that quarter nothing else counts.
    """
    bank, reference = collection.bank, len(collection.generators)
    parts: list[list[Doubles]] = []
    counts = np.zeros((len(bank), reference + 1), dtype=np.intp)
    centres = []
    for i, fingerprint in enumerate(bank):
        own, all_named = held_out(fingerprint), names_its_images(fingerprint)
        centres.append((own.mu_r, own.mu_g))
        generated = dict(zip(own.generated_sha256, own.generated, strict=True))
        real = dict(zip(own.real_sha256, own.real, strict=True))
        classes = [(generated, {*own.generated_source})] * reference
        classes.append((real, {*own.real_source}))
        parts.append([])
        for j, (folder, (known, sources)) in enumerate(
            zip(collection.folders, classes, strict=True)
        ):
            scores, counts[i, j] = _unseen(folder, i, known, sources, all_named)
            parts[i].append(scores)
        if not counts[i, reference]:
            raise InputError(
                f"Fingerprint {fingerprint.name!r} has seen the sources of all reference images; "
                "name a folder of other photographs."
            )
    evidence = " joined methods by the generator's evidence alone;"
    return tabulate(
        tuple(fingerprint.name for fingerprint in bank),
        collection.names,
        [row[:-1] for row in parts],
        [row[-1] for row in parts],
        centres,
        counts[:, :-1],
        counts[:, -1],
        f"stored fingerprints;{evidence if any(one.joined for one in bank) else ''} held-out "
        "scores of their own calibration images, no other image of the calibration's sources",
    )


def _unseen(
    folder: Folder, number: int, known: dict[str, float], sources: set[str], all_named: bool
) -> tuple[Doubles, int]:
    """Return the scores of what a fingerprint has not seen, and the number of sources."""
    met = np.array([image.sha256 in known or image.source in sources for image in folder.images])
    fresh = ~met if all_named or not met.any() else np.zeros_like(met)
    inside = [image for image in folder.images if image.sha256 in known]
    named = {image.source for image in inside}
    named |= {image.source for image, new in zip(folder.images, fresh, strict=True) if new}
    own = [known[image.sha256] for image in inside]
    return np.concatenate([folder.scores[fresh, number], own]), len(named)
