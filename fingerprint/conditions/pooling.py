"""What several experts say of one image, each as probable as the gate holds its condition."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import log_expit, logsumexp

from fp.fingerprint.conditions.phases import Look, mean_ratio
from fp.fingerprint.decision.likelihood import stands_at_bound
from fp.fingerprint.learning.scoring import score
from fp.system.arrays import Doubles

_LN10 = float(np.log(10.0))


@dataclass(frozen=True)
class Pooled:
    """The evidence of an image over the conditions that it may be in.

    Parameters
    ----------
    log10_lr, log10_lr_specific : float
        log10 likelihood ratios of h2 against h1, of all evidence and of the generator's alone; each
        expert's within its empirical bounds. None for the second where nothing is joined.
    log10_lr_low, log10_lr_high : float
        95 % interval of the first without bounds, by resampling the calibration's source images.
    at_bound : bool
        Whether every expert stands at its bound.
    """

    log10_lr: float
    log10_lr_specific: float | None
    log10_lr_low: float
    log10_lr_high: float
    at_bound: bool


def pool(found: Sequence[Sequence[Look]], shares: Sequence[float]) -> Pooled:
    """Let the experts of the most probable conditions be heard together.

    Parameters
    ----------
    found : sequence of sequence of Look
        What `fp.fingerprint.conditions.phases.looks` gave of the image, for each expert.
    shares : sequence of float
        Probabilities of their conditions, which sum to 1.

    Returns
    -------
    Pooled
        The evidence.
    """
    voices = [_Voice.of(each) for each in found]

    def together(name: str) -> Doubles:
        return pooled([getattr(voice, name) for voice in voices], shares)

    ratio = float(together("ratio"))
    low, high = np.quantile(together("resampled"), [0.025, 0.975])
    return Pooled(
        ratio,
        float(together("specific")) if voices[0].joins else None,
        float(low),
        float(high),
        stands_at_bound(ratio, float(together("lower")), float(together("upper"))),
    )


def pooled(log10_lr: Sequence[Any], shares: Sequence[float]) -> Doubles:
    """Join likelihood ratios of experts to that of an image whose condition is uncertain.

    Parameters
    ----------
    log10_lr : sequence of float or ndarray of float64, shape (n,)
        log10 likelihood ratios, one entry for each expert.
    shares : sequence of float
        Probability of each one's condition; they sum to 1.

    Returns
    -------
    ndarray of float64, shape () or (n,)
        The ratio.

    Notes
    -----
    The gate knows images of both classes alike: its w_k is the probability of condition k at even
    odds. With P_k = LR_k / (1 + LR_k) the probability of h2 at these odds is P = sum_k w_k P_k (a
    linear opinion pool), and LR = P / (1 - P). So an improbable condition moves P by its share at
    most, however sure its expert is.

    References
    ----------
    M. Stone, "The Opinion Pool", The Annals of Mathematical Statistics 32 (1961),
    doi:10.1214/aoms/1177704873.
    """
    if len(shares) == 1:
        return np.asarray(log10_lr[0], np.float64)
    natural = _LN10 * np.array(log10_lr, np.float64)
    weights = np.array(shares, np.float64).reshape(-1, *([1] * (natural.ndim - 1)))
    odds = logsumexp(log_expit(natural), axis=0, b=weights)
    odds = odds - logsumexp(log_expit(-natural), axis=0, b=weights)
    return np.asarray(odds / _LN10)


@dataclass(frozen=True)
class _Voice:
    """What one expert says at all phases of an image."""

    joins: bool
    ratio: Doubles
    specific: Doubles
    lower: Doubles
    upper: Doubles
    resampled: Doubles

    @classmethod
    def of(cls, found: Sequence[Look]) -> _Voice:
        said = []
        for look in found:
            judge = look.judge
            scored = score(judge.fingerprint, look.stacks, judge.recipe)
            value = float(scored.score[0])
            specific = judge.ratio(value)
            if judge.specific_ratio is not None and scored.specific is not None:
                specific = judge.specific_ratio(float(scored.specific[0]))
            said.append(
                (
                    judge.ratio(value),
                    specific,
                    judge.ratio.lower,
                    judge.ratio.upper,
                    judge.resampled.ratios(value),
                )
            )
        means = [mean_ratio(each, found) for each in zip(*said, strict=True)]
        return cls(found[0].judge.specific_ratio is not None, *means)
