"""Where in an image the evidence lies, at a controlled rate of false alarms.

Every window is tested against the reference images' windows, and against the generator's. Windows
of one picture resemble each other, so the level of Benjamini and Hochberg's step-up is itself
calibrated, image by image: untouched reference pictures are flagged anywhere in at most the share
that was asked for.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from fp.fingerprint.model.evidence_map import EvidenceMap
from fp.fingerprint.model.windows import CELL, Search, WindowSize
from fp.fingerprint.windows.fields import Fields, box_sums, window_odds
from fp.fingerprint.windows.searching import Searched, search_image
from fp.system.arrays import Doubles, Flags, Indices

Null = WindowSize | Search

_LN10 = float(np.log(10.0))


def draw_map(fields: Fields, windows: WindowSize, rate: float) -> EvidenceMap:
    """Draw the map of an image.

    The rate of false alarms is the share of untouched reference pictures in which any window is
    flagged as too high, and of the generator's in which any is flagged as too low; and the
    false-discovery rate over windows. Windows are read at all phases where the calibration knows of
    that and the fields hold them.
    """
    held: Null = windows
    if windows.search is not None and fields.moved:
        held, seen = windows.search, search_image(windows.search, fields, windows.size, CELL)
    else:
        dense = window_odds(windows, fields, CELL)
        seen = Searched(dense, dense[0], np.zeros(dense.shape, np.intp))
    dense, shape, every = seen.odds, seen.alike.shape, windows.step // CELL
    found: dict[str, Doubles] = {}
    flagged: dict[str, Flags | None] = {}
    separates = windows.generated.mean() > windows.real.mean()
    for name, high, null in (
        ("real", dense[0], held.real),
        ("generated", -seen.alike, -held.generated),
    ):
        adjusted = adjusted_p(high[::every, ::every], np.sort(null.ravel()))
        level = calibrated_level(held, name == "real", rate)
        owned = adjusted[_owner(shape, windows.size, windows.step, adjusted.shape)]
        found[name] = owned
        flagged[name] = (owned < level) if separates and level > 0 else None
    side = windows.size // CELL
    nearest = seen.phase[:, *_owner(shape, windows.size, CELL, shape)]
    return EvidenceMap(
        size=windows.size,
        log10_lr=_covering(dense[0], side) / _LN10,
        log10_lr_specific=_covering(dense[1], side) / _LN10,
        q_real=found["real"],
        q_generated=found["generated"],
        phase_y=nearest[0],
        phase_x=nearest[1],
        generated=flagged["real"],
        reference=flagged["generated"],
        rate=rate,
        searched=held is not windows,
    )


def adjusted_p(scores: Doubles, null: Doubles) -> Doubles:
    """Return Benjamini and Hochberg's adjusted p-values of an image's windows.

    min over k >= rank of m p_(k) / k, with p = (1 + null scores at or above) / (M + 1). Scores are
    high where they speak against the null; the M held-out ones under the null are ascending.
    """
    p = (1 + null.size - np.searchsorted(null, scores.ravel(), "left")) / (1 + null.size)
    order = np.argsort(p, kind="stable")
    stepped = p[order] * p.size / np.arange(1, p.size + 1)
    adjusted = np.empty(p.size)
    adjusted[order] = np.minimum(1.0, np.minimum.accumulate(stepped[::-1])[::-1])
    return adjusted.reshape(scores.shape)


def calibrated_level(windows: Null, real: bool, rate: float) -> float:
    """Return the level below which an adjusted p-value is flagged.

    In a share `rate` of the pictures of the null, reference images or the generator's, anything may
    be flagged; the level is 0.0 where n of them cannot support that.

    Notes
    -----
    Q_j is the smallest adjusted p-value of calibration image j, against the windows of all other
    images. A new image is flagged anywhere where its own Q is below the r-th smallest of them,
    r = floor(rate (n + 1)): the conformal p-value (1 + #{Q_j <= Q}) / (n + 1) is then at most the
    rate, whatever the dependence of windows within an image. The level is never above the rate
    itself, so that within a picture Benjamini and Hochberg's false-discovery rate stays below it
    where the windows depend positively on each other.
    """
    smallest = _smallest(windows)[0 if real else 1]
    rank = int(np.floor(rate * (smallest.size + 1) + 1e-9))
    if rank < 1:
        return 0.0
    return float(min(np.nextafter(rate, 1.0), smallest[rank - 1]))


@lru_cache(maxsize=16)
def _smallest(windows: Null) -> tuple[Doubles, Doubles]:
    """Compute, for either class, the smallest adjusted p-value of each image, ascending."""
    found = []
    for scores in (windows.real, -windows.generated):
        flat = np.sort(scores.ravel())
        each = scores[0].size
        smallest = []
        for own in scores:
            values, mine = own.ravel(), np.sort(own.ravel())
            above = flat.size - np.searchsorted(flat, values, "left")
            above = above - (each - np.searchsorted(mine, values, "left"))
            p = np.sort((1 + above) / (1 + flat.size - each))
            smallest.append(float((p * each / np.arange(1, each + 1)).min()))
        found.append(np.sort(np.array(smallest)))
    return found[0], found[1]


def _owner(
    dense: tuple[int, ...], size: int, step: int, tested: tuple[int, ...]
) -> tuple[Indices, Indices]:
    """Return, for each cell, the tested window whose middle lies nearest."""
    numbers = []
    for starts, count in zip(dense, tested, strict=True):
        cells = starts + size // CELL - 1
        middle = (np.arange(cells) + 0.5) * CELL
        nearest = np.floor((middle - size / 2) / step + 0.5).astype(np.intp)
        numbers.append(np.clip(nearest, 0, count - 1))
    rows, columns = np.ix_(numbers[0], numbers[1])
    return rows, columns


def _covering(odds: Doubles, side: int) -> Doubles:
    """Average, over each cell, all windows that cover it."""
    found, counted = (
        box_sums(np.pad(values, side - 1), side) for values in (odds, np.ones_like(odds))
    )
    return found / counted


def share(flagged: Flags | None) -> float | None:
    """Compute the share of flagged cells; None where nothing can be flagged."""
    return None if flagged is None else float(flagged.mean())
