"""Banks of many fingerprints of one estimator: only what decides is in memory.

All fingerprints are read once and checked. Then an image is folded once, multiplied with the
weights of all of them, and placed among their calibration scores; only those that rank first are
judged in full, with the same figures as in a bank that is held whole.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from fp.fingerprint.decision import likelihood
from fp.fingerprint.decision.bank_columns import Calibrations, Judged
from fp.fingerprint.decision.cautions import (
    known_images,
    told_as_known,
    with_cautions,
)
from fp.fingerprint.decision.family import Family, Gathering
from fp.fingerprint.decision.judge import Features, Judge
from fp.fingerprint.decision.rows import Attribution, Finding, not_examined, with_file
from fp.fingerprint.decision.sorted_scores import SortedScores
from fp.fingerprint.detection.banks import check_member, check_rule, needs_more
from fp.fingerprint.detection.detection import (
    DetectOptions,
    Preparation,
    Voices,
    over_bank,
    unscored,
)
from fp.fingerprint.learning.method import Recipe, recipe
from fp.fingerprint.learning.strength import is_weak
from fp.fingerprint.model.distribution import OutOfDistribution
from fp.fingerprint.model.fingerprint import Fingerprint
from fp.fingerprint.store.lazy import LazyBank
from fp.images.loading import LoadedImage
from fp.system.arrays import Array, Doubles, Flags, Indices
from fp.system.errors import ImageError, UsageError
from fp.system.paths import display_path

SMALLEST = 65
"""Fingerprints of one method from which a bank is a large one."""

LISTED = 10
"""Rows of a large bank in ``attributions.csv``, an image."""

_OVERHEAD = 1024  # bytes of a fingerprint's name, place in the file and numbers


@dataclass(frozen=True, eq=False)
class _Group:
    """The fingerprints of one period that ask for the same residual, as one matrix."""

    asks: Preparation
    method: Recipe
    period: int
    members: Indices
    weights: Doubles
    norms: Doubles
    offsets: Doubles

    def score(self, features: Features) -> Doubles:
        """Score an image by all of them, with the bits of the estimator's own score."""
        (part,) = self.method.parts
        row = part.refold(features.of(self.method)[part.reads], self.period).ravel()
        return np.asarray(np.vecdot(self.weights, row)) / self.norms - self.offsets


class LargeBank:
    """A bank of many fingerprints of one estimator, ready for images.

    It lies in a file that fp wrote, or a folder of such files, and may hold `memory` bytes:
    UsageError if the columns alone take more. InputError, FormatError, IntegrityError and
    DenoiserError as `fp.fingerprint.store.bank.read_bank`, and if a fingerprint cannot be used
    here.
    """

    def __init__(self, path: Path, memory: int) -> None:
        self._judges: dict[int, Judge] = {}
        self._lazy = LazyBank(path, memory, lambda place: self._judges.pop(place, None))
        self._method = recipe(self._lazy.members[0].method)
        columns = _Columns(self._method)
        for fingerprint in self._lazy:
            check_member(fingerprint)
            columns.add(fingerprint)
            if columns.held > memory:
                needed = columns.held / len(columns.names) * len(self._lazy)
                raise needs_more(path, needed, memory)
            self._lazy.limit(memory - columns.held)
        self.family: Family = columns.gathered.family()
        self._groups = columns.groups()
        self._calibrations = columns.calibrations()
        self._tests = tuple(columns.tests)
        self._known = columns.known()

    def __len__(self) -> int:
        """Return the number of fingerprints."""
        return len(self._lazy)

    @property
    def weak(self) -> tuple[str, ...]:
        """Names of the weak fingerprints."""
        names = self._calibrations.names
        return tuple(names[k] for k in np.flatnonzero(self._calibrations.weak))

    @property
    def kin(self) -> Mapping[str, tuple[str, ...]]:
        """None: so many fingerprints are not compared with each other."""
        return {}

    def check(self, options: DetectOptions) -> None:
        """Refuse options that the bank does not support; see `OpenBank`."""
        check_rule(options, self.family)
        if options.mapped or options.window is not None:
            raise UsageError(
                "A bank of that many fingerprints is examined by crops alone; leave --map and "
                "--window out, or name fewer fingerprints."
            )

    def examine(self, image: LoadedImage, options: DetectOptions) -> Finding:
        """Test one image against every fingerprint; return its row and the first ten of all.

        They are as `fp.fingerprint.detection.banks.examine` gives them.
        """
        shown = display_path(image.path)
        scores = np.full(len(self), np.nan)
        parts: dict[Preparation, Features] = {}
        small: dict[Preparation, ImageError] = {}
        for group in self._groups:
            if group.asks not in parts and group.asks not in small:
                try:
                    parts[group.asks] = group.asks.features(image)
                except ImageError as error:
                    small[group.asks] = error
            if group.asks in parts:
                scores[group.members] = group.score(parts[group.asks])
        if not parts:
            place = len(self) - 1
            last = small[next(group.asks for group in self._groups if place in group.members)]
            return not_examined(shown, ImageError(last.reason, f"{shown}: {last}"), image)
        outside, known = self._outside(image, parts), self._known.of(image.sha256, len(self))
        judged = self._calibrations.judge(
            scores, outside, known, options.rule, options.fpr, self.family.p_many
        )
        rows = []
        for k in judged.best(LISTED):
            judge = self._judge(int(k))
            found = judge.fingerprint
            asks = Preparation.of(found)
            if asks in small:
                rows.append(unscored(shown, found, small[asks].reason))
                continue
            ruled = options.rule, options.fpr, self.family.p
            row = judge.examine(shown, parts[asks], image.compression, *ruled)
            if known[k]:
                row = told_as_known(row, options.rule)
            rows.append(with_cautions(row, judge.cautions))
        return self._finding(image, rows, judged, small, options)

    def members_of(self, names: Collection[str] | None) -> Iterator[Fingerprint]:
        """Return the fingerprints of these names, or all of them, in their order."""
        held = self._calibrations.names
        return (self._lazy[k] for k, name in enumerate(held) if names is None or name in names)

    def _outside(self, image: LoadedImage, parts: dict[Preparation, Features]) -> Flags:
        """Return which fingerprints' p-values do not speak of an image."""
        found = np.zeros(len(self), bool)
        for group in self._groups:
            for k in group.members if group.asks in parts else ():
                test = self._tests[k]
                p = parts[group.asks].p_of_coding(test)
                if test is not None and p is not None:
                    found[k] = not test.covers(p, image.compression)
        return found

    def _finding(
        self,
        image: LoadedImage,
        rows: list[Attribution],
        judged: Judged,
        small: dict[Preparation, ImageError],
        options: DetectOptions,
    ) -> Finding:
        voices = Voices(
            claims=int(np.count_nonzero(judged.claims)),
            unscored=tuple(sorted({error.reason for error in small.values()})),
        )
        judge = self._judge(self._calibrations.names.index(rows[0].fingerprint))
        row, best = over_bank(rows[0], voices, judge, options.rule), judge.fingerprint
        seen = best.crop.height * best.crop.width / (image.height * image.width)
        examined = None if row.score is None else seen
        return Finding(replace(with_file(row, image), examined=examined), tuple(rows))

    def _judge(self, place: int) -> Judge:
        """Return the judge of a fingerprint; it goes when its fingerprint does."""
        found = self._lazy[place]
        return self._judges.setdefault(place, Judge(found))


@dataclass(frozen=True, eq=False)
class _Known:
    """Which fingerprints know which files: the first 64 bits of their hashes, ascending."""

    hashes: Array
    members: Indices

    def of(self, sha256: str, count: int) -> Flags:
        """Return which of so many fingerprints know a file."""
        found = np.zeros(count, bool)
        key = np.uint64(int(sha256[:16], 16)) if sha256 else None
        if key is not None:
            first, last = (np.searchsorted(self.hashes, key, side) for side in ("left", "right"))
            found[self.members[first:last]] = True
        return found


class _Columns:
    """What is kept of fingerprints that are read one by one."""

    def __init__(self, method: Recipe) -> None:
        self._method = method
        self.held = 0
        self.names: list[str] = []
        self.gathered = Gathering()
        self.tests: list[OutOfDistribution | None] = []
        self._hashes: list[Array] = []
        self._real: list[Doubles] = []
        self._generated: list[Doubles] = []
        self._numbers: list[tuple[float, float, float, float, bool]] = []
        self._templates: dict[tuple[Preparation, int], list[tuple[int, Doubles, float, float]]] = (
            defaultdict(list)
        )

    def add(self, fingerprint: Fingerprint) -> None:
        (part,) = self._method.parts
        found, made = fingerprint.calibration, part.template(fingerprint.pattern)
        free = likelihood.fit_without_bounds(found)
        place, period = len(self.names), fingerprint.pattern.shape[-1]
        self.names.append(fingerprint.name)
        self.gathered.add(found, free.free_many(found.real)[:, None])
        self._real.append(np.sort(found.real))
        self._generated.append(np.sort(found.generated))
        self._numbers.append(
            (found.mu_r, found.mu_g, free.slope, free.intercept, is_weak(fingerprint))
        )
        self._templates[Preparation.of(fingerprint), period].append(
            (place, made.weights.ravel(), made.norm, fingerprint.offset)
        )
        self.tests.append(fingerprint.distribution)
        self._hashes.append(
            np.array([int(each[:16], 16) for each in known_images(fingerprint)], np.uint64)
        )
        self.held += made.weights.nbytes + found.real.nbytes + found.generated.nbytes + _OVERHEAD
        self.held += 0 if fingerprint.distribution is None else fingerprint.distribution.nbytes

    def groups(self) -> tuple[_Group, ...]:
        return tuple(
            _Group(
                asks,
                self._method,
                period,
                np.array([place for place, *_ in rows]),
                np.stack([weights for _, weights, *_ in rows]),
                np.array([norm for *_, norm, _ in rows]),
                np.array([offset for *_, offset in rows]),
            )
            for (asks, period), rows in self._templates.items()
        )

    def known(self) -> _Known:
        counts = [hashes.size for hashes in self._hashes]
        hashes, members = np.concatenate(self._hashes), np.repeat(np.arange(len(counts)), counts)
        order = np.argsort(hashes, kind="stable")
        return _Known(hashes[order], members[order])

    def calibrations(self) -> Calibrations:
        mu_r, mu_g, slope, intercept, weak = map(np.array, zip(*self._numbers, strict=True))
        return Calibrations(
            tuple(self.names),
            SortedScores.of(self._real),
            SortedScores.of(self._generated),
            mu_r,
            mu_g,
            slope,
            intercept,
            weak,
        )
