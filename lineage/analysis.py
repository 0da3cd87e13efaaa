"""From folders of images to families: the whole analysis."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from fp.lineage.clusters import Families, find_families
from fp.lineage.collection import Collection
from fp.lineage.cross_detection import CrossDetection, cross_detect, detect_with_bank
from fp.lineage.levels import compare
from fp.lineage.null import adjusted_for_many, within_reach
from fp.lineage.options import LineageOptions
from fp.lineage.pairs import OUT_OF_REACH, Pair, pair_up
from fp.lineage.traces import every_level
from fp.system.arrays import Doubles, Flags, Indices


@dataclass(frozen=True, eq=False)
class Lineage:
    """What was found about the descent of some generators.

    Parameters
    ----------
    names : tuple of str
        The K generators.
    images : tuple of int
        Number of images of each, the reference images last.
    sources : tuple of int
        Number of source photographs of each, the reference images last.
    cross_detection : CrossDetection
        Fingerprints against folders.
    kinship : ndarray of float64, shape (K, K)
        Cosine of the patterns, free of noise.
    strides : tuple of int
        Stride of each decoder in pixels, as its images show it; 0 where they show no pattern.
    pairs : tuple of Pair
        All pairs.
    families : Families
        Dendrogram and clusters.
    notes : tuple of str
        What a reader must know about these images, in sentences.
    options : LineageOptions
        Parameters.
    """

    names: tuple[str, ...]
    images: tuple[int, ...]
    sources: tuple[int, ...]
    cross_detection: CrossDetection
    kinship: Doubles
    strides: tuple[int, ...]
    pairs: tuple[Pair, ...]
    families: Families
    notes: tuple[str, ...]
    options: LineageOptions

    def parameters(self) -> dict[str, Any]:
        """Return all parameters; JSON types only."""
        return asdict(self.options)


def analyse(collection: Collection, options: LineageOptions | None = None) -> Lineage:
    """Return the families among the generators of a collection.

    Cross-detection is by the collection's bank; without one, fingerprints of the folders are
    learned here. Kinship and families always come from the images: a stored fingerprint does not
    say how its own noise is to be taken out.
    """
    options = options or LineageOptions()
    sample = collection.sample(options.folds, options.seed)
    # One thread: the matrices are small, and its sums have the same bits on every machine.
    with threadpool_limits(1, user_api="blas"):
        traces = np.concatenate([folder.traces for folder in collection.folders])
        crossed = (
            detect_with_bank(collection)
            if collection.bank
            else cross_detect(
                collection.names, every_level(traces, options.period), sample, options.period
            )
        )
        compared = compare(traces, sample, options.period, options.samples, options.seed)
        q = adjusted_for_many(compared.p)
        # A likeness that strangers or a codec reach as well counts as none.
        is_coded = np.array([folder.is_coded for folder in collection.generators])
        coded = np.logical_and.outer(is_coded, is_coded)
        shown = (q <= options.rate) & ~coded
        np.fill_diagonal(shown, True)
        families = find_families(
            _counted(compared.kinship, shown), _counted(compared.resampled, shown), options.cut
        )
    reach = within_reach(compared.p, q, compared.strangers, options.rate)
    pairs = pair_up(compared, q, coded, reach, options.cut, options.rate)
    return Lineage(
        names=collection.names,
        images=tuple(len(folder.images) for folder in collection.folders),
        sources=sample.sources,
        cross_detection=crossed,
        kinship=compared.kinship,
        strides=tuple(compared.strides.tolist()),
        pairs=tuple(pairs),
        families=_decided(families, pairs),
        notes=tuple(_notes(collection, compared.strides)),
        options=options,
    )


def _decided(families: Families, pairs: list[Pair]) -> Families:
    """Remove the support of lone generators whose kinship no data could have shown."""
    undecided = {
        member
        for pair in pairs
        if pair.relation == "undecided" and OUT_OF_REACH in pair.reasons
        for member in (pair.first, pair.second)
    }
    clusters = tuple(
        replace(cluster, support=None)
        if len(cluster.members) == 1 and cluster.members[0] in undecided
        else cluster
        for cluster in families.clusters
    )
    return replace(families, clusters=clusters)


def _counted(kinship: Doubles, shown: Flags) -> Doubles:
    return np.where(shown, kinship, np.minimum(kinship, 0.0))


def _notes(collection: Collection, strides: Indices) -> list[str]:
    notes = [
        f"{first} and {second} share {count} files; equal files make kin of anything."
        for first, second, count in collection.shared_files()
    ]
    notes += [
        f"{name} shows no pattern that its other images repeat; its kinship is set to 0."
        for name, stride in zip(collection.names, strides, strict=True)
        if stride == 0
    ]
    coded = [folder.name for folder in collection.generators if folder.is_coded]
    if len(coded) > 1:
        notes.append(
            f"{', '.join(coded)}: compressed with loss, half of the images or more. A codec leaves "
            "a lattice of its own, so no two of these are called kin; give images as the "
            "generators drew them."
        )
    for folder in collection.folders:
        sizes = {image.size for image in folder.images}
        if len(sizes) > 1:
            notes.append(f"{folder.name} has images of {len(sizes)} sizes; a lattice has one.")
    others = [one.name for one in collection.bank if not one.speaks_of_generator]
    if others:
        notes.append(
            f"Of the bank, by a method that does not speak of the generator alone: "
            f"{', '.join(others)}. What such a fingerprint flags may be kin by processing, and "
            "those are no kin; families come from the images of the folders."
        )
    return notes
