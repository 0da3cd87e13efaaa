"""What chance gives: patterns without a generator, and likeness without descent."""

from __future__ import annotations

import numpy as np
from scipy.stats import false_discovery_control

from fp.lineage.traces import placements
from fp.system.arrays import Doubles, Flags, Indices


def presence_p(
    whitened: Doubles, member: Indices, groups: Indices, shuffles: int, seed: int
) -> Doubles:
    """Test for each generator whether its images repeat anything that photographs do not.

    Return the permutation p of the squared size of its pattern, shape (K,), taken between sources
    only; sources trade places between the generator and the reference. `whitened`, shape (N, p),
    are features; `member` and `groups`, shape (N,), the folder of each image, the last one of
    reference images, and its source.
    """
    reference = int(member.max())
    found = np.empty(reference)
    for i in range(reference):
        chosen = (member == i) | (member == reference)
        rows, group, own = whitened[chosen], groups[chosen], member[chosen] == i
        gram = (rows @ rows.T) * (group[:, None] != group)
        # The same draws for every folder: the result must not depend on its place.
        labels = _shuffled(own, group, shuffles, np.random.default_rng([seed, 2]))
        counts = labels.sum(axis=1, keepdims=True)
        signed = np.where(labels, 1 / counts, -1 / (own.size - counts))
        size = ((signed @ gram) * signed).sum(axis=1)
        found[i] = np.mean(size >= size[0])
    return found


def _shuffled(own: Flags, group: Indices, shuffles: int, rng: np.random.Generator) -> Flags:
    """Draw labels that whole sources trade; the first row is as it was.

    Sources of one class trade among themselves. One that occurs in both swaps its two sides or not.
    """
    _, first, place = np.unique(group, return_index=True, return_inverse=True)
    held = np.bincount(place, own) / np.bincount(place)
    pure = (held == 0) | (held == 1)
    label = np.tile(own[first], (1 + shuffles, 1))
    label[1:, pure] = rng.permuted(label[1:, pure], axis=1)
    swapped = np.zeros(label.shape, dtype=bool)
    swapped[1:, ~pure] = rng.random((shuffles, int((~pure).sum()))) < 0.5
    return np.where(pure[place], label[:, place], own ^ swapped[:, place])


def permutation_p(fingerprints: Doubles, images: Doubles, period: int) -> Doubles:
    """Test for each ordered pair whether i answers to j more than strangers would.

    `fingerprints` and `images`, shape (K, 12 P P), are the mean whitened trace of each generator
    less that of the reference images, from one half of the sources and from the other: what two
    folders share by noise must not make them alike. Entry (i, j), a multiple of 1 / `strangers`, is
    p of fingerprint i on images of j; ones are in the diagonal.

    The null "i and j are unrelated" has patterns of the same make but of no common descent. Such
    patterns are made of fingerprint i: shifted by any number of pixels, turned, mirrored, and each
    with either sign, 16 P P in all with the pattern itself. Each keeps strength, colours and
    spectrum of i and loses what only descent would align. p is the share of them that answer to j
    at least as strongly as i itself does. It is counted, never extrapolated. What all networks of
    one architecture put at the same phase is not lost, and can lower p; that alternative is named
    in the report.
    """
    ways = placements(period).reshape(8 * period**2, -1)
    found = np.ones((len(images), len(images)))
    for i, difference in enumerate(fingerprints):
        # All strangers have one length, so their answers compare as they are.
        answers = difference[ways] @ images.T
        # The pattern itself counts, whatever the rounding.
        observed = answers[0] - 1e-9 * np.abs(answers).max(axis=0)
        reached = (answers >= observed).sum(0) + (-answers >= observed).sum(0)
        found[i] = reached / strangers(period)
    np.fill_diagonal(found, 1.0)
    return found


def strangers(period: int) -> int:
    """Return the number of patterns that `permutation_p` counts among: no p is below 1 / of it."""
    return 16 * period**2


def adjusted_for_many(p: Doubles) -> Doubles:
    """Adjust the p-values of ordered pairs, shape (K, K), after Benjamini and Hochberg.

    The q-values are symmetric; NaN, as p, for pairs that were not tested, and in the diagonal. The
    p of a pair is the larger of its two directions: "both directions answer" is claimed only where
    both are significant (R. L. Berger, Technometrics 24, 1982). Which pairs are tested depends on
    each generator alone, so it does not favour small p among the rest (R. Bourgon et al., PNAS 107,
    2010).
    """
    rows, columns = np.triu_indices(len(p), 1)
    larger = np.maximum(p[rows, columns], p[columns, rows])
    tested = np.isfinite(larger)
    q = np.full(larger.shape, np.nan)
    if tested.any():
        q[tested] = false_discovery_control(larger[tested], method="bh")
    found = np.full_like(p, np.nan)
    found[rows, columns] = found[columns, rows] = q
    return found


def within_reach(p: Doubles, q: Doubles, strangers: Indices, rate: float) -> Flags:
    """Return whether any data could have made each pair's q as low as the rate.

    `p` and `strangers`, shape (K, K), are those of ordered pairs, `q` is what `adjusted_for_many`
    made of p; the result is symmetric, True for pairs that were not tested. A pair is within reach
    where the least p that can be counted among its strangers, in place of its own, is significant
    beside the other pairs as they are. With a stride of 2 pixels that least p is 1/64, which four
    pairs or more can put out of reach.
    """
    rows, columns = np.triu_indices(len(p), 1)
    larger = np.maximum(p[rows, columns], p[columns, rows])
    best = 1 / strangers[rows, columns]
    tested = np.isfinite(larger)
    values = np.sort(larger[tested])
    reached = ~(q[rows, columns] > rate)
    for least in np.unique(best[tested]):
        # With the pair at its best, one more p lies at or below each place under its own.
        places = np.array([least, *values[values >= least]])
        counts = np.searchsorted(values, places, "right") + 1
        enough = places[values.size * places / counts <= rate]
        if enough.size:
            reached |= (best == least) & (larger > enough[0])
    found = np.ones(p.shape, dtype=bool)
    found[rows, columns] = found[columns, rows] = reached
    return found
