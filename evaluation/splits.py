"""Which images train and which test, with several classes or contents."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from sklearn.cluster import KMeans

from fp.evaluation.bench import Bench, SplitBy
from fp.evaluation.dataset import REAL, Dataset
from fp.system.arrays import Doubles, Indices
from fp.system.errors import UsageError


@dataclass(frozen=True, eq=False)
class Parts:
    """Images of several classes, divided by source.

    Parameters
    ----------
    train, test : tuple of ndarray of int
        Numbers of the training and test images of each class.
    """

    train: tuple[Indices, ...]
    test: tuple[Indices, ...]

    def distances(self, bench: Bench) -> Doubles:
        """Return how far the thumbnail of each test image lies from its class's training images.

        It is the root mean square of the nearest, in grey values from 0 to 1; shape (M,), class
        after class.
        """
        looks = np.array([picture.look for picture in bench.dataset.pictures])
        found = [
            np.sqrt(((looks[test][:, None] - looks[train]) ** 2).mean(axis=2).min(axis=1))
            for train, test in zip(self.train, self.test, strict=True)
        ]
        return np.concatenate(found)


def divide(
    bench: Bench, names: Sequence[str], training: int, seed: int, by: SplitBy = "sources"
) -> Parts:
    """Divide classes so that no source is on both sides. `UsageError` if one is too small.

    Sources come in random order; those up to where every class has enough images train, and each
    class takes its first of them; the sources after that test. `by` puts contents or single images
    in their place: those that no class trains on test.
    """
    own = [bench.numbers([name]) for name in names]
    units = bench.units(by)
    groups = [units[numbers] for numbers in own]
    # Only the sources of these classes: what else the data set holds must not matter.
    sources = np.unique(np.concatenate(groups))
    order = np.random.default_rng([seed, 2]).permutation(sources.size)
    places = [order[np.searchsorted(sources, g)] for g in groups]
    ranks = [np.sort(place) for place in places]
    if any(rank.size <= training for rank in ranks):
        small = names[int(np.argmin([rank.size for rank in ranks]))]
        raise UsageError(
            f"{training} training images and some to test on need more than {small} has."
        )
    # Whole sources only: the border lies after the last source that any class needs.
    border = max(int(rank[training - 1]) for rank in ranks)
    train = [
        np.sort(numbers[np.argsort(place, kind="stable")[:training]])
        for numbers, place in zip(own, places, strict=True)
    ]
    # Contents of one class alone lie anywhere in the order: behind the border there may be none.
    taught = np.unique(units[np.concatenate(train)])
    test = []
    for name, numbers, place, group in zip(names, own, places, groups, strict=True):
        asked = place > border if by == "sources" else ~np.isin(group, taught)
        test.append(numbers[asked])
        if not test[-1].size:
            raise UsageError(f"{training} training images leave none of {name} to test on.")
    return Parts(tuple(train), tuple(test))


def contents(bench: Bench, clusters: int = 0) -> tuple[NDArray[np.object_], tuple[str, ...]]:
    """Return the content of every image, shape (N,), and the distinct contents.

    The content is the folder of an image below its class; `UsageError` if an image has none, or no
    two of them occur in every class. With `clusters` it is a cluster of k-means over the
    photographs' thumbnails (8 x 8 colours), which the generators' images join.
    """
    if not clusters:
        members = [m for m in bench.dataset.members if m.name not in bench.dataset.strangers]
        told = [{p.content for p in m.pictures} for m in members]
        shared = set.intersection(*told)
        if len(shared) < 2 or "" in set.union(*told):
            raise UsageError("no two folders of contents occur in every class")
        names = [p.content for p in bench.dataset.pictures]
        return np.array(names, dtype=object), tuple(sorted(shared))
    found = _clusters(bench.dataset, clusters)
    distinct = tuple(f"cluster {number + 1}" for number in range(clusters))
    return np.array([distinct[k] for k in found], dtype=object), distinct


@lru_cache(maxsize=4)
def _clusters(dataset: Dataset, clusters: int) -> Indices:
    looks = np.array([p.look for p in dataset.pictures])
    model = KMeans(clusters, n_init=10, random_state=0).fit(looks[dataset.numbers(REAL)])
    return np.asarray(model.predict(looks), dtype=np.intp)
