"""Windows whose phase is not known: what they say over all phases together.

A region that was pasted at another place than a multiple of the lattice keeps its pattern at
another phase. So a window is read at every phase, and what it says is the log odds of a mixture of
them, calibrated as such on held-out windows that were read alike.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import reduce

import numpy as np

from fp.fingerprint.estimators.cells import PERIOD
from fp.fingerprint.model.windows import CELL, Search
from fp.fingerprint.windows.fields import Fields
from fp.system.arrays import Doubles, Flags, Floats, Indices

OWN = 0.5
"""Weight of the lattice's own phase, the one that begins at the first pixel; the other half is
shared by all."""

PHASES = PERIOD**2

_BAND = 64  # rows of windows that are scored at once, so that memory stays flat


@dataclass(frozen=True, eq=False)
class Readings:
    """Scores of windows by each part, at the lattice's own phase and at all.

    Parameters
    ----------
    own : ndarray of float64, shape (K, ...)
        Scores at the lattice's own phase, by the whole patterns.
    moved : dict of int to ndarray of float32, shape (Q, Q, ...)
        By the number of the part, of those that move: the scores as if the lattice began at pixel
        (y, x), by what of their patterns repeats every Q pixels, Q a divisor of 8.
    """

    own: Doubles
    moved: dict[int, Floats]

    def at(self, phase: Indices) -> Doubles:
        """Return the scores of all parts (K, ...) at one phase each.

        Phase 0 is the lattice's own, 1 + 8 y + x are the others.
        """
        found = self.own.copy()
        y, x = np.divmod(np.maximum(phase - 1, 0), PERIOD)
        for number, values in self.moved.items():
            side = len(values)
            flat = values.reshape(side * side, -1)
            place = (y % side * side + x % side).ravel()
            there = flat[place, np.arange(place.size)].reshape(phase.shape)
            found[number] = np.where(phase > 0, there, self.own[number])
        return found

    def log_odds(self, weights: Floats, offset: float) -> Iterator[Doubles]:
        """Compute the log odds at each phase of `at`, the lattice's own first."""
        # Part by part: the bits must not depend on how many windows there are.
        still = np.full(self.own.shape[1:], -offset)
        own = still.copy()
        each = weights.astype(np.float64)
        for number, values in enumerate(self.own):
            own += each[number] * values
            if number not in self.moved:
                still += each[number] * values
        yield own
        for y in range(PERIOD):
            for x in range(PERIOD):
                found = still.copy()
                for number, planes in self.moved.items():
                    found += each[number] * planes[y % len(planes), x % len(planes)]
                yield found


def read(fields: Fields, size: int, step: int) -> Readings:
    """Score all windows of one size by each part at all phases. The last axes are rows, columns."""
    cells, every = size // CELL, step // CELL
    divisors, moved = fields.divisors(size, step), {}
    numbers = [number for number, measure in enumerate(fields.measures) if measure.phases]
    for number, sums in zip(numbers, fields.moved, strict=True):
        below = divisors[fields.measures[number].kind]
        share = np.divide(1.0, below, out=np.zeros_like(below), where=below > 0)
        moved[number] = _boxes_of_planes(sums, cells, every) * share.astype(np.float32)
    return Readings(fields.scores(size, step), moved)


def _boxes_of_planes(planes: Floats, cells: int, every: int) -> Floats:
    """Sum many planes (Q, Q, h, w) over squares of cells; as `box_sums`, without its views."""
    down, across = ((n - cells) // every * every + 1 for n in planes.shape[2:])
    rows = reduce(np.add, (planes[:, :, i : i + down : every] for i in range(cells)))
    return reduce(np.add, (rows[..., i : i + across : every] for i in range(cells)))


@dataclass(frozen=True, eq=False)
class Mixture:
    """What windows say over all phases, of one shape.

    Parameters
    ----------
    whole : ndarray of float64
        log(exp(L_0) / 2 + sum over all phases of exp(L_p) / 128): half of the weight beforehand
        lies on the lattice's own phase.
    alike : ndarray of float64
        log(sum over all phases of exp(L_p)): the same wherever the lattice lies.
    phase : ndarray of int
        The phase that has most of `whole`, in the order of `Readings.at`.
    """

    whole: Doubles
    alike: Doubles
    phase: Indices


def mixed(log_odds: Iterator[Doubles]) -> Mixture:
    """Join the log odds at the lattice's own phase and those at all 64. The own ones come first."""
    most = next(log_odds) + np.log(OWN)
    whole, phase = most.copy(), np.zeros(most.shape, np.intp)
    alike = np.full(most.shape, -np.inf)
    for number, values in enumerate(log_odds, start=1):
        alike = np.logaddexp(alike, values)
        values += np.log((1 - OWN) / PHASES)
        above = values > most
        most[above], phase[above] = values[above], number
    whole = np.logaddexp(whole, alike + np.log((1 - OWN) / PHASES))
    return Mixture(whole, alike, phase)


def mixtures(readings: Readings, weights: Floats, offsets: Doubles) -> tuple[Mixture, Mixture]:
    """Join the log odds at all phases by both rows of weights in `Search`."""
    whole, specific = (
        mixed(readings.log_odds(weights[row], float(offsets[row]))) for row in range(2)
    )
    return whole, specific


@dataclass(frozen=True, eq=False)
class Searched:
    """What an image's windows say, read at all phases.

    Parameters
    ----------
    odds : ndarray of float64, shape (2, rows, columns)
        Log odds: of all parts, and of those that speak of the generator.
    alike : ndarray of float64, shape (rows, columns)
        The same of all parts, up to a constant, with all phases alike: of a picture that was
        cropped off its lattice it is what it was.
    phase : ndarray of int, shape (2, rows, columns)
        Row and column in 0 to 7 of the pixel at which the lattice of a window most likely begins.
    """

    odds: Doubles
    alike: Doubles
    phase: Indices


def search_image(search: Search, fields: Fields, size: int, step: int) -> Searched:
    """Return what an image's windows of one size say, and where their lattice lies."""
    cells, every = size // CELL, step // CELL
    rows = (fields.energy.shape[0] - cells) // every + 1
    found = []
    for first in range(0, rows, _BAND):
        last = min(rows, first + _BAND)
        band = fields.rows(first * every, (last - 1) * every + cells)
        found.append(_search_readings(search, read(band, size, step)))
    odds, alike, phase = (
        np.concatenate([getattr(each, name) for each in found], axis=-2)
        for name in ("odds", "alike", "phase")
    )
    return Searched(odds, alike, phase)


def _search_readings(search: Search, readings: Readings) -> Searched:
    whole, specific = mixtures(readings, search.weights, search.offsets)
    (a, b), (c, d) = search.scale
    phase = np.stack(np.divmod(np.maximum(whole.phase - 1, 0), PERIOD))
    odds = np.stack([a * whole.whole - b, c * specific.whole - d])
    return Searched(odds, a * whole.alike - b, phase)


def together(readings: Sequence[Readings]) -> Readings:
    """Join the windows of several images: shape (K, n, ...) and (Q, Q, n, ...)."""
    moved = {
        number: np.stack([each.moved[number] for each in readings], axis=2)
        for number in readings[0].moved
    }
    return Readings(np.stack([each.own for each in readings], axis=1), moved)


def chosen(readings: Readings, images: Indices | Flags) -> Readings:
    """Return some of the images of `together`."""
    moved = {number: planes[:, :, images] for number, planes in readings.moved.items()}
    return replace(readings, own=readings.own[:, images], moved=moved)
