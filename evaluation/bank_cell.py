"""A bank of fingerprints: open set, specificity, growing bank and strangers from one learning."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from fp.evaluation.bench import Bench, Detector
from fp.evaluation.cells import Cell, Found, Row
from fp.evaluation.dataset import REAL
from fp.evaluation.splits import Parts, divide
from fp.evaluation.statistics import average_precision, upper_bound
from fp.evaluation.trials import balanced_accuracy
from fp.system.arrays import Doubles, Flags, Indices

TABLES = ("open_set", "specificity", "growing_bank", "strangers")
"""What a bank is asked for, by name."""


@dataclass(frozen=True, eq=False)
class _Bank:
    """Fingerprints of all generators, each learned against the same photographs."""

    names: tuple[str, ...]
    detectors: tuple[Detector, ...]
    parts: Parts

    def held(self) -> dict[int, Doubles]:
        """Return the held-out evidence of each training photograph for every fingerprint."""
        real = set(self.parts.train[0].tolist())
        found: dict[int, list[float]] = {}
        for detector in self.detectors:
            evidence = detector.evidence(detector.learned.held.scores)
            for number, value in zip(detector.images.tolist(), evidence, strict=True):
                if number in real:
                    found.setdefault(number, []).append(float(value))
        whole = len(self.detectors)
        return {k: np.array(v) for k, v in found.items() if len(v) == whole}


@dataclass(frozen=True, eq=False)
class _Seen:
    """What the fingerprints of a bank say of images: (N, K) scores, typicality and distances."""

    scores: Doubles
    typical: Flags
    distance: Doubles

    def claims(self, detector: Detector, place: int, fpr: float) -> Flags:
        """Return which images one fingerprint claims by itself."""
        return detector.claims(self.scores[:, place], fpr) & self.typical[:, place]


@dataclass(frozen=True)
class BankCell(Cell):
    """One fingerprint for each generator.

    Parameters
    ----------
    tables : tuple of str
        Which of `TABLES` to make.
    strangers : tuple of str
        Folders that nothing is calibrated on.
    """

    tables: tuple[str, ...] = TABLES
    strangers: tuple[str, ...] = ()

    def members(self) -> tuple[str, ...]:
        """Return the classes whose images it needs."""
        return (REAL, *self.generators, *self.strangers)

    def measure(self, bench: Bench) -> Found:
        """Learn all fingerprints and ask them."""
        parts = divide(bench, (REAL, *self.generators), self.training, self.seed)
        detectors = []
        for train in parts.train[1:]:
            numbers = np.concatenate([parts.train[0], train])
            labels = np.arange(numbers.size) >= parts.train[0].size
            detectors.append(self.learn(bench, numbers, labels))
        bank = _Bank(self.generators, tuple(detectors), parts)
        scores = [self._seen(bench, bank, numbers) for numbers in parts.test]
        rows: list[Row] = []
        claims: list[dict[str, Any]] = []
        if "open_set" in self.tables:
            rows += self._open_set(bench, bank, scores)
        if "specificity" in self.tables:
            rows += self._specificity(bench, bank, scores)
        if "growing_bank" in self.tables:
            rows += self._growing(bench, bank, scores)
        if "strangers" in self.tables:
            for name in self.strangers:
                found, named = self._stranger(bench, bank, name)
                rows += found
                claims += named
        return Found(tuple(rows), tuple(claims))

    def _seen(self, bench: Bench, bank: _Bank, numbers: Indices) -> _Seen:
        stacks = bench.stacks(self.method, self.denoiser, numbers, "none")
        scores = np.stack([d.learned.score(stacks) for d in bank.detectors], axis=1)
        likeness = [d.likeness(stacks) for d in bank.detectors]
        known = [found for found in likeness if found is not None]
        if len(known) < len(likeness):
            return _Seen(scores, np.ones(scores.shape, dtype=bool), np.zeros(scores.shape))
        return _Seen(
            scores,
            np.stack([found.typical for found in known], axis=1),
            np.stack([found.distance for found in known], axis=1),
        )

    def _specificity(self, bench: Bench, bank: _Bank, scores: list[_Seen]) -> Iterator[Row]:
        for place, (name, detector) in enumerate(zip(bank.names, bank.detectors, strict=True)):
            shares: dict[str, list[float]] = {"kin": [], "unrelated": []}
            for other, found in zip((REAL, *bank.names), scores, strict=True):
                claimed = found.claims(detector, place, bench.fpr)
                share = float(claimed.mean())
                if other not in (name, REAL):
                    kind = "kin" if bench.are_kin(name, other) else "unrelated"
                    shares[kind].append(share)
                yield self._told("specificity", name, f"claims {other}", share, claimed.size)
            own = scores[1 + place].claims(detector, place, bench.fpr)
            yield self._told("specificity", name, "own claimed", own.mean(), own.size)
            for kind, values in shares.items():
                if values:
                    metric = f"{kind} claimed"
                    yield self._told("specificity", name, metric, np.mean(values), len(values))

    def _open_set(self, bench: Bench, bank: _Bank, scores: list[_Seen]) -> Iterator[Row]:
        held = np.array(list(bank.held().values()))
        for place, name in enumerate(bank.names):
            members = [k for k in range(len(bank.names)) if k != place]
            if len(members) < 1 or not held.size:
                return
            kin = [k for k in members if bench.are_kin(name, bank.names[k])]
            given = _attribute(bank, scores[1 + place], members, held, bench.fpr)
            unrelated = (given >= 0) & ~np.isin(given, kin)
            n = given.size
            yield self._told("open_set", name, "not attributed", (given < 0).mean(), n)
            yield self._told("open_set", name, "not to an unrelated one", (~unrelated).mean(), n)
        everyone = list(range(len(bank.names)))
        given = _attribute(bank, scores[0], everyone, held, bench.fpr)
        yield self._told("open_set", REAL, "attributed", (given >= 0).mean(), given.size)
        for place, name in enumerate(bank.names):
            given = _attribute(bank, scores[1 + place], everyone, held, bench.fpr)
            right = (given == place).mean()
            yield self._told("open_set", name, "attributed rightly", right, given.size)

    def _growing(self, bench: Bench, bank: _Bank, scores: list[_Seen]) -> Iterator[Row]:
        order = np.random.default_rng([self.seed, 6]).permutation(len(bank.names))
        evidence = [
            np.stack([d.evidence(s.scores[:, k]) for k, d in enumerate(bank.detectors)], axis=1)
            for s in scores
        ]
        for size in range(1, len(bank.names)):
            inside, outside = order[:size], order[size:]
            found: dict[str, list[float]] = {"average precision": [], "accuracy": []}
            for unseen in outside:
                best = np.concatenate(
                    [e[:, inside].max(axis=1) for e in (evidence[0], evidence[1 + unseen])]
                )
                labels = np.arange(best.size) >= len(evidence[0])
                found["average precision"].append(average_precision(labels, best))
                found["accuracy"].append(balanced_accuracy(labels, best > 0))
            for metric, values in found.items():
                yield self.row(
                    "(unseen)",
                    metric,
                    float(np.mean(values)),
                    len(values),
                    protocol="growing_bank",
                    condition=f"{size} in the bank",
                )

    def _stranger(
        self, bench: Bench, bank: _Bank, name: str
    ) -> tuple[list[Row], list[dict[str, Any]]]:
        numbers = bench.numbers([name])
        pictures = bench.dataset.member(name).pictures
        scores = self._seen(bench, bank, numbers)
        rows, claims = [], []
        for place, (generator, detector) in enumerate(zip(bank.names, bank.detectors, strict=True)):
            claimed = scores.claims(detector, place, bench.fpr)
            count, n = int(claimed.sum()), claimed.size
            for metric, value in (
                ("claimed", claimed.mean()),
                ("upper bound", upper_bound(count, n)),
            ):
                given = {"protocol": "strangers", "condition": name}
                rows.append(self.row(generator, metric, float(value), n, **given))
            evidence = detector.evidence(scores.scores[:, place])
            for image in np.flatnonzero(claimed):
                claims.append(
                    {
                        "method": self.method.name,
                        "denoiser": self.denoiser,
                        "generator": generator,
                        "seed": self.seed,
                        "folder": name,
                        "path": pictures[image].name,
                        "log10_lr": float(evidence[image]),
                        "shuffled": self.shuffled,
                    }
                )
        return rows, claims

    def _told(self, protocol: str, generator: str, metric: str, value: Any, n: int) -> Row:
        return self.row(generator, metric, float(value), n, protocol=protocol)


def _attribute(bank: _Bank, seen: _Seen, members: list[int], held: Doubles, fpr: float) -> Indices:
    """Return the fingerprint of each image, or -1 for none, as `fp detect` decides.

    Evidence is calibrated as a maximum: against the largest held-out evidence over the bank of each
    training photograph. A claim must find the image ordinary for its generator too, and typical and
    nearest where that is known; otherwise the largest evidence of the claims decides.
    """
    evidence = np.stack([bank.detectors[k].evidence(seen.scores[:, k]) for k in members], axis=1)
    largest = np.sort(held[:, members].max(axis=1))
    under_h1 = 1 + largest.size - np.searchsorted(largest, evidence, "left")
    claims = under_h1 / (1 + largest.size) <= fpr
    for column, k in enumerate(members):
        claims[:, column] &= bank.detectors[k].ordinary(seen.scores[:, k], fpr)
        claims[:, column] &= seen.typical[:, k]
    given = np.full(len(seen.scores), -1)
    if seen.distance.any():
        best = seen.distance[:, members].argmin(axis=1)
    else:
        best = np.where(claims, evidence, -np.inf).argmax(axis=1)
    stands = claims[np.arange(len(given)), best]
    given[stands] = np.array(members)[best[stands]]
    return given
