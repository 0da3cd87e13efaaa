"""How far one generator's pattern is in another's images, free of noise."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fp.system.arrays import Doubles, Indices

_SOURCES_AT_ONCE = 64


@dataclass(frozen=True, eq=False)
class Responses:
    """Inner products of the patterns, for the images as they are and for resampled sources.

    Parameters
    ----------
    products : ndarray of float64, shape (K, K)
        Entry (i, j): mean score, above the reference images, that fingerprint i gives to images of
        generator j. The fingerprint is the whitened difference of means, and no image meets
        another of its own source.
    resampled : ndarray of float64, shape (B, K, K)
        The same for B bootstrap samples of the sources.
    """

    products: Doubles
    resampled: Doubles

    @property
    def kinship(self) -> Doubles:
        """Kinship of each pair; see `normalise`."""
        return normalise(self.products)

    @property
    def kinship_resampled(self) -> Doubles:
        """Kinship of each pair in each bootstrap sample, shape (B, K, K)."""
        return np.stack([normalise(sample) for sample in self.resampled])

    @property
    def relative(self) -> Doubles:
        """Entry (i, j): response of fingerprint i to images of j, its own images' being 1."""
        own = np.diagonal(self.products)
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.asarray(np.where(own[:, None] > 0, self.products / own[:, None], np.nan))


def normalise(products: Doubles) -> Doubles:
    """Return the cosine of the patterns: the geometric mean of the two directions' responses.

    `products`, shape (K, K), are free of noise; their diagonal may be negative where there is no
    pattern. The cosines lie in [-1, 1], with ones in the diagonal and 0 where a generator shows no
    pattern. With g_ij the inner product, fingerprint i answers to images of j by r_ij = g_ij / g_ii
    of what it answers to its own. r_ij r_ji = g_ij^2 / (g_ii g_jj): the size of the patterns, by
    which an unfinished network sets off the fingerprints of strangers, falls out.
    """
    size = np.sqrt(np.maximum(np.diagonal(products), 0.0))
    scale = np.outer(size, size)
    found = np.divide(products, scale, out=np.zeros_like(products), where=scale > 0)
    np.fill_diagonal(found, 1.0)
    return np.asarray(np.clip(found, -1.0, 1.0))


def respond(
    whitened: Doubles, member: Indices, groups: Indices, samples: int, seed: int
) -> Responses:
    """Measure how all patterns answer to all folders.

    `whitened`, shape (N, p), are the features of images; `member`, shape (N,), their folders, the
    last one of reference images; `groups`, shape (N,), their sources, of which `samples` bootstrap
    samples are drawn.

    With m_i the mean of folder i and m_r that of the reference, entry (i, j) is the mean of (x -
    x')(y - y') over images x of i, y of j and x', y' of the reference, where the two factors never
    share a source: an unbiased estimate of (mu_i - mu_r)(mu_j - mu_r), on the diagonal too. Sources
    are resampled, those with generated images and the others each among themselves.
    """
    weights = _weights(member, groups, samples, seed)
    products = _between_sources(whitened, member, groups, weights)
    to_reference = products[:, :, -1:]
    found = products - to_reference - np.swapaxes(to_reference, 1, 2) + to_reference[:, -1:]
    found = found[:, :-1, :-1]
    return Responses(found[0], found[1:])


def _weights(member: Indices, groups: Indices, samples: int, seed: int) -> Doubles:
    """Draw how often each source counts, shape (1 + B, S); the first row is all ones."""
    unique = np.unique(groups)
    drawn = np.isin(unique, groups[member != member.max()])
    weights = np.ones((1 + samples, unique.size))
    rng = np.random.default_rng([seed, 1])
    for part in (np.flatnonzero(drawn), np.flatnonzero(~drawn)):
        if part.size:
            chances = np.full(part.size, 1 / part.size)
            weights[1:, part] = rng.multinomial(part.size, chances, samples)
    return weights


def _between_sources(
    whitened: Doubles, member: Indices, groups: Indices, weights: Doubles
) -> Doubles:
    """Average inner products over pairs of images of two sources, shape (1 + B, M, M)."""
    folders, p = int(member.max()) + 1, whitened.shape[1]
    unique, place = np.unique(groups, return_inverse=True)
    order = np.argsort(place, kind="stable")
    totals = np.zeros((len(weights), folders * p))
    counts = np.zeros((len(weights), folders))
    same = np.zeros((len(weights), folders * folders))
    same_counts = np.zeros_like(same)
    for first in range(0, unique.size, _SOURCES_AT_ONCE):
        last = min(first + _SOURCES_AT_ONCE, unique.size)
        part = order[np.searchsorted(place[order], first) : np.searchsorted(place[order], last)]
        sums = np.zeros((last - first, folders, p))
        number = np.zeros((last - first, folders))
        np.add.at(sums, (place[part] - first, member[part]), whitened[part])
        np.add.at(number, (place[part] - first, member[part]), 1.0)
        weight = weights[:, first:last]
        totals += weight @ sums.reshape(len(sums), -1)
        counts += weight @ number
        same += weight**2 @ (sums @ np.swapaxes(sums, 1, 2)).reshape(len(sums), -1)
        same_counts += weight**2 @ (number[:, :, None] * number[:, None]).reshape(len(sums), -1)
    shaped = totals.reshape(len(weights), folders, p)
    whole = shaped @ np.swapaxes(shaped, 1, 2) - same.reshape(-1, folders, folders)
    pairs = counts[:, :, None] * counts[:, None] - same_counts.reshape(-1, folders, folders)
    return np.asarray(whole / np.maximum(pairs, 1.0))
