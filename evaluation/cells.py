"""The cells of the tables: each learns from one choice of training images and measures.

A cell is data: everything that decides it stands in its fields, so that its result can be kept
under their hash.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from fp.evaluation.adapter import Likeness
from fp.evaluation.bench import MIX, Bench, Detector, SplitBy
from fp.evaluation.dataset import REAL
from fp.evaluation.features import Wanted
from fp.evaluation.methods import Choice
from fp.evaluation.splits import contents, divide
from fp.evaluation.statistics import auc, cllr
from fp.evaluation.trials import balanced_accuracy, split
from fp.system.arrays import Doubles, Flags, Indices


@dataclass(frozen=True)
class Row:
    """One figure of one cell.

    Parameters
    ----------
    protocol, method, denoiser, generator : str
        What it belongs to; the denoiser is empty for methods that do without, and the generator is
        the one whose images it speaks about.
    training, seed : int
        Training images of each class, and the seed of the split.
    trained_on, condition : str
        What happened to the training images and to the test images.
    shuffled : bool
        Whether the labels were shuffled: a null control.
    metric : str
        What was measured.
    value : float
        The figure.
    n : int
        Number of test images.
    """

    protocol: str
    method: str
    denoiser: str
    generator: str
    training: int
    seed: int
    trained_on: str
    condition: str
    shuffled: bool
    metric: str
    value: float
    n: int


@dataclass(frozen=True)
class Found:
    """What a cell gives.

    Parameters
    ----------
    rows : tuple of Row
        Figures.
    claims : tuple of dict
        False claims by name: generator, folder, name and evidence.
    """

    rows: tuple[Row, ...]
    claims: tuple[dict[str, Any], ...] = ()


@dataclass(frozen=True)
class Cell:
    """What all cells have.

    Parameters
    ----------
    protocol : str
        Name of the protocol.
    method : Choice
        The method.
    denoiser : str
        Name of the denoiser, empty for methods that do without.
    generators : tuple of str
        Generators that take part.
    training, seed : int
        Training images of each class, and the seed of everything.
    shuffled : bool
        Whether to learn from shuffled labels.
    """

    protocol: str
    method: Choice
    denoiser: str
    generators: tuple[str, ...]
    training: int
    seed: int
    shuffled: bool

    def wanted(self, bench: Bench) -> list[Wanted]:
        """Return the features that it needs."""
        return bench.wanted(self.members(), self.denoiser, self.needs(), self.method)

    def members(self) -> tuple[str, ...]:
        """Return the classes whose images it needs."""
        return (REAL, *self.generators)

    def needs(self) -> tuple[str, ...]:
        """Return the conditions whose images it needs."""
        return ("none",)

    def measure(self, bench: Bench) -> Found:
        """Learn and measure."""
        raise NotImplementedError

    def row(self, generator: str, metric: str, value: float, n: int, **given: Any) -> Row:
        """Make a row of this cell; `given` replaces fields."""
        made = Row(
            self.protocol,
            self.method.name,
            self.denoiser,
            generator,
            self.training,
            self.seed,
            "none",
            "none",
            self.shuffled,
            metric,
            float(value),
            int(n),
        )
        return replace(made, **given)

    def learn(
        self, bench: Bench, numbers: Indices, labels: Flags, conditions: str | list[str] = "none"
    ) -> Detector:
        """Learn from images, with shuffled labels where the cell is a null control."""
        return bench.learn(
            self.method, self.denoiser, numbers, labels, conditions, self.seed, self.shuffled
        )

    def score(
        self, bench: Bench, detector: Detector, numbers: Indices, condition: str = "none"
    ) -> Doubles:
        """Score images."""
        stacks = bench.stacks(self.method, self.denoiser, numbers, condition)
        return detector.learned.score(stacks)

    def judged(
        self, detector: Detector, scores: Doubles, labels: Flags, fpr: float, **given: Any
    ) -> Iterator[Row]:
        """Yield the figures of one detection."""
        evidence, claims = detector.evidence(scores), detector.claims(scores, fpr)
        (generator,) = self.generators
        real, made, both = int((~labels).sum()), int(labels.sum()), labels.size
        accuracy = balanced_accuracy(labels, evidence > 0)
        yield self.row(generator, "accuracy", accuracy, both, **given)
        yield self.row(generator, "auc", auc(labels, scores), both, **given)
        if detector.threshold is None:
            yield self.row(generator, "cllr", cllr(evidence, labels), both, **given)
        yield self.row(generator, "false claims", claims[~labels].mean(), real, **given)
        yield self.row(generator, "true claims", claims[labels].mean(), made, **given)


@dataclass(frozen=True)
class TrainedCell(Cell):
    """A cell whose training images may have been changed too.

    Parameters
    ----------
    trained_on : str
        Condition of the training images; ``mix`` deals `conditions` over them.
    conditions : tuple of str
        Conditions of the test images.
    mixed : tuple of str
        Conditions that ``mix`` deals.
    """

    trained_on: str = "none"
    conditions: tuple[str, ...] = ("none",)
    mixed: tuple[str, ...] = ()

    def needs(self) -> tuple[str, ...]:
        """Return the conditions whose images it needs."""
        taught = self.mixed if self.trained_on == MIX else (self.trained_on,)
        return tuple(dict.fromkeys((*taught, *self.conditions)))


@dataclass(frozen=True)
class DetectionCell(TrainedCell):
    """One generator against photographs."""

    def measure(self, bench: Bench) -> Found:
        """Learn and measure under every condition."""
        numbers, labels = bench.detection(self.generators[0])
        inside = split(labels, bench.groups[numbers], self.training, self.seed)
        known, unknown = numbers[inside], numbers[~inside]
        conditions = dealt(self.trained_on, self.mixed, known.size, self.seed)
        detector = self.learn(bench, known, labels[inside], conditions)
        rows: list[Row] = []
        for condition in self.conditions:
            scores = self.score(bench, detector, unknown, condition)
            given = {"trained_on": self.trained_on, "condition": condition}
            rows += self.judged(detector, scores, labels[~inside], bench.fpr, **given)
        return Found(tuple(rows))


def dealt(trained_on: str, mixed: Sequence[str], count: int, seed: int) -> str | list[str]:
    """Return the condition of each training image, dealt evenly where it is a mix."""
    if trained_on != MIX:
        return trained_on
    order = np.random.default_rng([seed, 3]).permutation(count)
    return [mixed[place % len(mixed)] for place in order]


@dataclass(frozen=True)
class SemanticCell(Cell):
    """Learn from one content and test on the others, beside random training sets as large.

    Parameters
    ----------
    clusters, content : int
        Number of clusters of thumbnails, 0 where folders are the contents; and which of them
        trains.
    conditions : tuple of str
        Conditions of the test images.
    """

    clusters: int = 0
    content: int = 0
    conditions: tuple[str, ...] = ("none",)

    def needs(self) -> tuple[str, ...]:
        """Return the conditions whose images it needs."""
        return tuple(dict.fromkeys(("none", *self.conditions)))

    def measure(self, bench: Bench) -> Found:
        """Learn twice and measure, from as many images as the content has, at most `training`."""
        names, distinct = contents(bench, self.clusters)
        numbers, labels = bench.detection(self.generators[0])
        content = distinct[self.content]
        inside = names[numbers] == content
        groups = bench.groups[numbers]
        count = min(self.training, *(int((inside & (labels == k)).sum()) for k in (False, True)))
        rng = np.random.default_rng([self.seed, 4, self.content])
        chosen = np.zeros(numbers.size, dtype=bool)
        for label in (False, True):
            chosen[rng.permutation(np.flatnonzero(inside & (labels == label)))[:count]] = True
        anyhow = split(labels, groups, count, self.seed)
        rows: list[Row] = []
        found: dict[tuple[str, str], Row] = {}
        for name, train, test in (
            (content, chosen, ~inside & ~np.isin(groups, groups[chosen])),
            ("random", anyhow, ~anyhow),
        ):
            detector = self.learn(bench, numbers[train], labels[train])
            for condition in self.conditions:
                scores = self.score(bench, detector, numbers[test], condition)
                told = self.judged(detector, scores, labels[test], bench.fpr, condition=condition)
                for row in told:
                    # The random sets stand beside the content that they are as large as.
                    against = name if name == content else f"random, as many as {content}"
                    rows.append(replace(row, trained_on=against, training=self.training))
                    if row.metric == "accuracy":
                        found[name, condition] = rows[-1]
        for condition in self.conditions:
            own = found[content, condition]
            loss = found["random", condition].value - own.value
            # What else the row says, such as what it was trained on, is that of the content.
            rows.append(replace(own, metric="loss", value=loss))
        size = self.row(self.generators[0], "training images", count, count, trained_on=content)
        return Found((*rows, size))


@dataclass(frozen=True)
class AttributionCell(TrainedCell):
    """Several generators, with photographs or without, as classes of a closed set.

    Parameters
    ----------
    reference : bool
        Whether photographs are a class.
    scheme : {"reference", "rest", "pairs"}
        Against what each class is learned: photographs, everything else, or every other class.
    split_by : {"sources", "contents", "images"}
        What is never on both sides of the split.
    """

    reference: bool = True
    scheme: str = "rest"
    split_by: SplitBy = "sources"

    def members(self) -> tuple[str, ...]:
        """Return the classes; `reference` decides whether photographs are one."""
        return (REAL, *self.generators) if self.reference else self.generators

    def measure(self, bench: Bench) -> Found:
        """Learn and measure under every condition."""
        names = self.members()
        parts = divide(bench, names, self.training, self.seed, self.split_by)
        known, unknown = np.concatenate(parts.train), np.concatenate(parts.test)
        truth = np.repeat(np.arange(len(names)), [len(p) for p in parts.test])
        taught = np.repeat(np.arange(len(names)), [len(p) for p in parts.train])
        if self.shuffled:
            taught = np.random.default_rng([self.seed, 5]).permutation(taught)
        conditions = dealt(self.trained_on, self.mixed, known.size, self.seed)
        rows: list[Row] = []
        given = self.method.sees == "scores"
        fitted = [] if given else list(self._learn(bench, known, taught, conditions))
        for condition in self.conditions:
            evidence = (
                bench.scores_of_classes(self.method, names, unknown, condition)
                if given
                else self._evidence(bench, fitted, unknown, condition)
            )
            called = evidence.argmax(axis=1)
            rows += self._count(bench, names, truth, called, condition)
            if self.split_by == "contents":
                rows += self._by_distance(parts.distances(bench), truth, called, condition)
        return Found(tuple(rows))

    def _evidence(
        self,
        bench: Bench,
        fitted: Sequence[tuple[int, int | None, Detector]],
        unknown: Indices,
        condition: str,
    ) -> Doubles:
        """Return the evidence for each class, shape (N, K)."""
        evidence = np.zeros((unknown.size, len(self.members())))
        for first, second, detector in fitted:
            found = detector.evidence(self.score(bench, detector, unknown, condition))
            if self.scheme == "reference":
                stacks = bench.stacks(self.method, self.denoiser, unknown, condition)
                found = _nearest_first(found, detector.likeness(stacks))
            evidence[:, first] += found
            if second is not None:
                evidence[:, second] -= found
        return evidence

    def _learn(
        self, bench: Bench, known: Indices, taught: Indices, conditions: str | list[str]
    ) -> Iterator[tuple[int, int | None, Detector]]:
        classes = len(self.members())

        def learned(positive: int, against: Flags) -> Detector:
            use = against | (taught == positive)
            told = conditions
            if not isinstance(told, str):
                told = [c for c, used in zip(told, use, strict=True) if used]
            # Not `self.learn`: where labels are shuffled, those of all classes were, together.
            return bench.learn(
                self.method, self.denoiser, known[use], taught[use] == positive, told, self.seed
            )

        if self.scheme == "pairs":
            for first in range(classes):
                for second in range(first + 1, classes):
                    yield first, second, learned(first, taught == second)
        elif self.scheme == "rest":
            for each in range(classes):
                yield each, None, learned(each, taught != each)
        else:  # photographs keep evidence 0: they win where no generator has more
            for each in range(1, classes):
                yield each, None, learned(each, taught == 0)

    def _count(
        self, bench: Bench, names: Sequence[str], truth: Indices, called: Indices, condition: str
    ) -> Iterator[Row]:
        told = {"trained_on": self.trained_on, "condition": condition}
        classes = range(len(names))
        shares = np.array([[(called[truth == k] == o).mean() for o in classes] for k in classes])
        recalls, tied = shares.diagonal(), []
        # As if every class had as many images; where nothing is given to a class, it is 0.
        precisions = recalls / np.maximum(shares.sum(axis=0), 1e-12)
        harmonic = 2 * precisions * recalls / np.maximum(precisions + recalls, 1e-12)
        for number, name in enumerate(names):
            size = int((truth == number).sum())
            near = [
                n
                for n, o in enumerate(names)
                if n == number or any({name, o} <= set(line) for line in bench.siblings)
            ]
            tied.append(shares[number, near].sum())
            for metric, found in (
                ("recall", recalls),
                ("precision", precisions),
                ("F1", harmonic),
            ):
                yield self.row(name, metric, found[number], size, **told)
            for other, label in enumerate(names):
                yield self.row(name, f"called {label}", shares[number, other], size, **told)
        for metric, found in (("precision", precisions), ("F1", harmonic)):
            yield self.row("(all)", metric, float(np.mean(found)), truth.size, **told)
        chance = 1 / len(names)
        yield self.row("(all)", "accuracy", float(np.mean(recalls)), truth.size, **told)
        yield self.row("(all)", "siblings tied", float(np.mean(tied)), truth.size, **told)
        yield self.row("(all)", "chance", chance, truth.size, **told)

    def _by_distance(
        self, distances: Doubles, truth: Indices, called: Indices, condition: str
    ) -> Iterator[Row]:
        """Yield the accuracy on the half of each class with nearer contents, and the other."""
        told = {"trained_on": self.trained_on, "condition": condition}
        half = np.zeros(truth.size, dtype=bool)
        for number in np.unique(truth):
            own = truth == number
            half[own] = distances[own] > np.median(distances[own])
        for metric, chosen in (("near contents", ~half), ("far contents", half)):
            recalls = [
                (called[chosen & (truth == number)] == number).mean()
                for number in np.unique(truth[chosen])
            ]
            yield self.row("(all)", metric, float(np.mean(recalls)), int(chosen.sum()), **told)


def _nearest_first(evidence: Doubles, likeness: Likeness | None) -> Doubles:
    """Rank the generators that are supported by their distance, as a bank does, where known."""
    if likeness is None:
        return evidence
    # Monotone in the distance and above 0, the evidence of photographs.
    return np.where(evidence > 0, 1 / (1 + likeness.distance), -1.0)
