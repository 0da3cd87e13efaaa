"""How well one property alone tells two classes apart, and how sure that is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np

from fp.system.arrays import Doubles

_Z = 1.959963984540054  # of a two-sided 95 % interval


@dataclass(frozen=True)
class PropertyComparison:
    """A property of two classes.

    Parameters
    ----------
    auc : float
        Area under the ROC curve of the property alone, turned so that it is at least 1/2.
    low, high : float
        95 % interval of the area before it was turned, turned alike; images count as independent.
    p : float
        p-value under the null that the property is distributed alike in both classes.
    level : Hashable or None
        Of a category, the value whose shares differ most; None for a number.
    generated, real : float
        Share of that value in each class, in [0, 1], or the medians of a number.
    n_generated, n_real : int
        Number of images of each class that have the property.
    """

    auc: float
    low: float
    high: float
    p: float
    level: Hashable | None
    generated: float
    real: float
    n_generated: int
    n_real: int


def compare_numbers(generated: Doubles, real: Doubles) -> PropertyComparison | None:
    """Compare a number of each image between the classes by the Mann-Whitney test.

    None where a class is empty. The interval is that of Newcombe (2006, doi 10.1002/sim.2324),
    method 5: all areas A with |A - A_found| <= z sqrt(V(A)),
    V(A) = A (1 - A) [1 + N (1 - A) / (2 - A) + N A / (1 + A)] / (n_g n_r), N = (n_g + n_r) / 2 - 1.
    It has an extent where the classes do not overlap at all.
    """
    if not generated.size or not real.size:
        return None
    medians = float(np.median(generated)), float(np.median(real))
    sizes = generated.size, real.size
    if np.ptp(np.concatenate([generated, real])) == 0:
        return PropertyComparison(0.5, 0.5, 0.5, 1.0, None, *medians, *sizes)
    from scipy.stats import mannwhitneyu  # takes a second to import, which no worker needs

    test = mannwhitneyu(generated, real, alternative="two-sided")
    area = float(test.statistic) / (generated.size * real.size)
    area = max(area, 1 - area)
    low, high = area_interval(area, *sizes)
    return PropertyComparison(area, low, high, float(test.pvalue), None, *medians, *sizes)


def area_interval(area: float, n: int, m: int) -> tuple[float, float]:
    """Return the 95 % interval of an area under the ROC curve in [0, 1]; see `compare_numbers`.

    `n` and `m` are the numbers of images of the two classes.
    """
    from scipy.optimize import brentq  # like scipy.stats: no worker waits for it

    star = (n + m) / 2 - 1

    def excess(a: float, side: int) -> float:
        variance = a * (1 - a) * (1 + star * (1 - a) / (2 - a) + star * a / (1 + a)) / (n * m)
        return side * (area - a) - _Z * float(np.sqrt(max(variance, 0.0)))

    tiny = 1e-12
    low = 0.0 if area <= tiny else brentq(excess, tiny, min(area, 1 - tiny), args=(1,))
    high = 1.0 if area >= 1 - tiny else brentq(excess, max(area, tiny), 1 - tiny, args=(-1,))
    return float(low), float(high)


def compare_categories(
    generated: Sequence[Hashable], real: Sequence[Hashable]
) -> PropertyComparison | None:
    """Compare the value of a category whose shares differ most, against all others.

    None where a class is empty. Telling the classes apart by "has this value" has the area 1/2 +
    |share_g - share_r| / 2; its interval is that of the difference by Newcombe's hybrid score
    method (1998, method 10, doi 10.1002/(SICI)1097-0258(19980430)17:8<873::AID-SIM779>3.0.CO;2-I).
    p is Fisher's, times the number of values (Bonferroni).
    """
    n, m = len(generated), len(real)
    if not n or not m:
        return None
    from scipy.stats import fisher_exact  # as above

    ours, theirs = Counter(generated), Counter(real)
    # Of equal differences that of "yes", then by the text: no order of the files decides.
    levels = sorted({*ours, *theirs}, key=lambda level: (level is not True, str(level)))
    level = max(levels, key=lambda level: abs(ours[level] / n - theirs[level] / m))
    a, b = ours[level], theirs[level]
    difference = abs(a / n - b / m)
    p = float(fisher_exact([[a, n - a], [b, m - b]]).pvalue)
    low, high = (
        _difference_interval(a, n, b, m) if a / n >= b / m else _difference_interval(b, m, a, n)
    )
    return PropertyComparison(
        auc=0.5 + difference / 2,
        low=0.5 + low / 2,
        high=0.5 + high / 2,
        p=min(1.0, p * max(1, len(levels) - (len(levels) == 2))),
        level=level,
        generated=a / n,
        real=b / m,
        n_generated=n,
        n_real=m,
    )


def _difference_interval(a: int, n: int, b: int, m: int) -> tuple[float, float]:
    """Return the 95 % interval of a / n - b / m."""
    (low_a, high_a), (low_b, high_b) = wilson(a, n), wilson(b, m)
    difference = a / n - b / m
    below = np.hypot(a / n - low_a, high_b - b / m)
    above = np.hypot(high_a - a / n, b / m - low_b)
    return float(max(-1.0, difference - below)), float(min(1.0, difference + above))


def wilson(count: int, total: int) -> tuple[float, float]:
    """Return Wilson's 95 % score interval of a share, in [0, 1]; `total` is at least 1."""
    share, z2 = count / total, _Z**2
    middle = (share + z2 / (2 * total)) / (1 + z2 / total)
    half = _Z / (1 + z2 / total) * np.sqrt(share * (1 - share) / total + z2 / (4 * total**2))
    return float(max(0.0, middle - half)), float(min(1.0, middle + half))
