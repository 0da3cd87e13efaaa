"""Traces brought to unit noise, in a way that prefers no place on the lattice."""

from __future__ import annotations

import numpy as np

from fp.lineage.traces import placements
from fp.system.arrays import Doubles, Indices, Spectra

_FLOOR = 0.01  # of the mean variance: what no direction's variance counts as less than
_EMPTY = 1e-9  # of the largest variance: below, a direction has been taken out of the traces


def whiten(rows: Doubles, member: Indices, period: int) -> Doubles:
    """Return the traces of one level times S^(-1/2): spread within folders is unit noise.

    S is the covariance within folders, averaged over all placements on the lattice: what spreads
    the trace of a picture is the picture, and that knows no phase. Averaged over all shifts it is a
    matrix of 12 x 12 for each of the P P frequencies, so few numbers that the images that it is
    estimated from do not show in it. A free covariance of as many numbers as images does: its
    inverse damps the spread that the folders had, not the errors of their means, and inner products
    of means then are too large, between unrelated folders as well. And since S looks alike from
    every placement, a placed pattern has the length of the pattern.
    """
    centred = np.array(rows)
    for folder in np.unique(member):
        centred[member == folder] -= centred[member == folder].mean(axis=0)
    spread = _products(_frequencies(centred, period)) / len(rows)
    return filtered(rows, _inverse_root(_placed(spread, period)), period)


def filters_outside(rows: Doubles, member: Indices, parts: Indices, period: int) -> Spectra:
    """Return S^(-1/2) for each of F parts from the images outside of it, shape (F, P P, 12, 12).

    S is that of `whiten`, for `filtered`. It is written in sums over parts, so all of them cost
    hardly more than one. Folders and parts are numbered from 0 on.
    """
    numbers = np.arange(parts.max() + 1)
    others = (numbers[:, None] != numbers).astype(float)
    belongs = (member[:, None] == np.arange(member.max() + 1)).astype(float)
    centres = np.concatenate([_centres(rows, belongs * one[parts][:, None]) for one in others])
    waves = _frequencies(rows, period)
    inside = np.stack([_products(waves[:, parts == part]) for part in numbers])
    means = np.split(_frequencies(centres, period), numbers.size, axis=1)
    spread = np.tensordot(others, inside, 1) - np.stack([_products(one) for one in means])
    images = others @ np.bincount(parts)
    return np.stack(
        [_inverse_root(_placed(one / n, period)) for one, n in zip(spread, images, strict=True)]
    )


def _centres(rows: Doubles, belongs: Doubles) -> Doubles:
    """Return what each folder's mean adds to the sums of squares: sqrt(n) times the mean."""
    number = np.maximum(belongs.sum(axis=0), 1.0)
    return np.asarray((belongs / np.sqrt(number)).T @ rows)


def filtered(rows: Doubles, filters: Spectra, period: int) -> Doubles:
    """Return traces times a matrix that looks alike from every place on the lattice.

    Traces have the shape (N, 12 P P), `filters` (P P, 12, 12): the matrix at each frequency.
    """
    found = _frequencies(rows, period) @ np.swapaxes(filters, 1, 2)
    back = np.moveaxis(found, 0, 2).reshape(len(rows), 12, period, period)
    return np.asarray(np.fft.ifft2(back, norm="ortho").real.reshape(len(rows), -1))


def _placed(spread: Spectra, period: int) -> Spectra:
    """Average a covariance over all placements on the lattice.

    Its transform over the frequencies is the mean product of pixel p of one plane and pixel p + d
    of another, which knows no shift; a turn or mirror image moves planes and differences d.
    """
    products = np.fft.fft2(np.moveaxis(spread, 0, 2).reshape(12, 12, period, period)).real
    found = np.zeros_like(products)
    turns = placements(period)[:, 0].reshape(-1, 12, period, period)
    for turn in turns:
        plane, (down, right) = turn // period**2, np.divmod(turn % period**2, period)
        first = np.s_[:, 0, 0, None, None, None]
        found += products[
            plane[first], plane, (down - down[first]) % period, (right - right[first]) % period
        ]
    waves = np.fft.ifft2(found / len(turns)).reshape(12, 12, -1)
    return np.asarray(np.moveaxis(waves, 2, 0))


def _inverse_root(spread: Spectra) -> Spectra:
    values, vectors = np.linalg.eigh(spread)
    there = values > _EMPTY * values.max(initial=0.0)
    level = float(values[there].mean()) if there.any() else 1.0
    roots = np.where(there, 1 / np.sqrt(np.maximum(values, _FLOOR * level)), 0.0)
    return np.asarray((vectors * roots[:, None]) @ np.swapaxes(vectors, 1, 2).conj())


def _products(waves: Spectra) -> Spectra:
    """Sum the outer products over images, shape (P P, 12, 12)."""
    return np.asarray(np.swapaxes(waves, 1, 2) @ waves.conj())


def _frequencies(rows: Doubles, period: int) -> Spectra:
    """Return the Fourier transform over the lattice, shape (P P, N, 12)."""
    shaped = rows.reshape(len(rows), 12, period, period)
    return np.moveaxis(np.fft.fft2(shaped, norm="ortho").reshape(len(rows), 12, -1), 2, 0)
