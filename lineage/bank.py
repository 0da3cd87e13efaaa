"""Stored fingerprints against folders, on images that they have not seen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from fp.fingerprint.estimators.tile import Tile
from fp.fingerprint.model.fingerprint import Fingerprint
from fp.lineage.collection import Collection, Folder
from fp.lineage.cross_detection import CrossDetection, tabulate
from fp.system.arrays import Doubles, Floats
from fp.system.errors import InputError, UsageError


@dataclass(frozen=True, eq=False)
class TileView:
    """What a fingerprint says by its folded tile, alone or as a part of a joined method.

    Parameters
    ----------
    owner : Fingerprint
        The fingerprint.
    pattern : ndarray of float32, shape (3, P, P)
        Weights of the tile.
    offset : float
        What is subtracted from its scores.
    real, generated : ndarray of float64, shape (n_r,) and (n_g,)
        Held-out scores by the tile, in the order of the owner's calibration.
    """

    owner: Fingerprint
    pattern: Floats
    offset: float
    real: Doubles
    generated: Doubles


def tile_of(fingerprint: Fingerprint) -> TileView | None:
    """Give the tile of a fingerprint, the first where it joins several; None where it has none."""
    if fingerprint.joined is None:
        if fingerprint.method != Tile.name:
            return None
        seen = fingerprint.calibration
        return TileView(
            fingerprint, fingerprint.pattern, fingerprint.offset, seen.real, seen.generated
        )
    for part in fingerprint.joined.parts:
        if part.method == Tile.name:
            return TileView(fingerprint, part.pattern, part.offset, part.real, part.generated)
    return None


def usable_members(bank: Sequence[Fingerprint]) -> tuple[TileView, ...]:
    """Choose the fingerprints that speak about lineage.

    Parameters
    ----------
    bank : sequence of Fingerprint
        All fingerprints of a bank.

    Returns
    -------
    tuple of TileView
        The tiles of those that have one.

    Raises
    ------
    UsageError
        If there is none, or they are for different crops, residuals or preparations.
    """
    views = [tile_of(fingerprint) for fingerprint in bank]
    chosen = tuple(view for view in views if view is not None)
    if not chosen:
        raise UsageError(
            "The bank holds no fingerprint with a tile; extract some with 'fp extract --method "
            "auto', lattice or tile, or leave the bank out."
        )
    kinds = {
        (view.owner.crop, view.owner.denoiser.digest, view.owner.preparation) for view in chosen
    }
    if len(kinds) > 1:
        raise UsageError(
            "The fingerprints of the bank are for different crops, denoisers or preparations; give "
            "a bank in which all are alike."
        )
    return chosen


def detect_with_bank(collection: Collection, bank: Sequence[Fingerprint]) -> CrossDetection:
    """Test the images of every folder with stored fingerprints.

    Parameters
    ----------
    collection : Collection
        The folders.
    bank : sequence of Fingerprint
        Fingerprints; those without a tile are left out.

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
    of a source in the calibration are left out: the pattern has seen their photograph.
    """
    chosen = usable_members(bank)
    parts, real = [], []
    counts = np.zeros((len(chosen), len(collection.generators)), dtype=np.intp)
    real_counts = np.zeros(len(chosen), dtype=np.intp)
    for i, view in enumerate(chosen):
        seen = view.owner.calibration
        row = []
        known = dict(zip(seen.generated_sha256, view.generated, strict=True))
        for j, folder in enumerate(collection.generators):
            scores, counts[i, j] = _unseen(view, folder, known, set(seen.generated_source))
            row.append(scores)
        known = dict(zip(seen.real_sha256, view.real, strict=True))
        scores, real_counts[i] = _unseen(view, collection.reference, known, set(seen.real_source))
        if not scores.size:
            raise InputError(
                f"Fingerprint {view.owner.name!r} has seen the sources of all reference images; "
                "name a folder of other photographs."
            )
        parts.append(row)
        real.append(scores)
    centres = [(float(view.real.mean()), float(view.generated.mean())) for view in chosen]
    return tabulate(
        tuple(view.owner.name for view in chosen),
        collection.names,
        parts,
        real,
        centres,
        counts,
        real_counts,
        "stored fingerprints; held-out scores of their own calibration images, no other image of "
        "the calibration's sources",
    )


def _unseen(
    view: TileView, folder: Folder, known: dict[str, float], sources: set[str]
) -> tuple[Doubles, int]:
    """Score what the pattern has not seen; also give the number of sources."""
    fresh = np.array(
        [i.sha256 not in known and i.source not in sources for i in folder.images], dtype=bool
    )
    scores = (
        Tile().score(folder.tiles[fresh], view.pattern, view.offset) if fresh.any() else np.zeros(0)
    )
    held_out = [i for i in folder.images if i.sha256 in known]
    named = {i.source for i in held_out}
    named |= {i.source for i, new in zip(folder.images, fresh, strict=True) if new}
    return np.concatenate([scores, [known[i.sha256] for i in held_out]]), len(named)
