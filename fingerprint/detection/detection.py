"""One image against the fingerprints of a bank: what was found, or why nothing was."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from fp.denoisers import registry
from fp.denoisers.residual import DenoiserIdentity, Residual
from fp.fingerprint.decision.decision import Rule
from fp.fingerprint.decision.judge import Features, Judge
from fp.fingerprint.decision.rows import Attribution, Detection
from fp.fingerprint.model.fingerprint import Fingerprint
from fp.images.crop import CropRule
from fp.images.degradations import Degradation
from fp.images.loading import Limits, LoadedImage
from fp.system.errors import DenoiserError, UsageError
from fp.system.workers import use_one_thread


@dataclass(frozen=True)
class DetectOptions:
    """Everything that decides the rows of a detection, beside the bank and the images.

    Parameters
    ----------
    rule : {"conformal", "nearest-mean"}
        Rule of the decision.
    fpr : float
        False-positive rate of the conformal rule, over the whole bank.
    fdr : float, optional
        False-discovery rate over all images of the run (Benjamini and Hochberg): claims that do not
        survive it are inconclusive.
    limits : Limits
        Sizes beyond which a file is refused.
    whole : bool
        Whether an image larger than the crop is examined as a whole, where the fingerprints have
        windows.
    window : int, optional
        Side of the windows in pixels; by default the usual one.
    mapped : bool
        Whether a map is drawn of each image.
    """

    rule: Rule = "conformal"
    fpr: float = 0.05
    fdr: float | None = None
    limits: Limits = field(default_factory=Limits)
    whole: bool = True
    window: int | None = None
    mapped: bool = False

    def __post_init__(self) -> None:
        if not 0 < self.fpr <= 0.5:
            raise UsageError(
                f"A false-positive rate of {self.fpr} is not possible; use 0 < rate <= 0.5."
            )
        if self.fdr is not None and not 0 < self.fdr < 1:
            raise UsageError(
                f"A false-discovery rate of {self.fdr} is not possible; use 0 < rate < 1."
            )


def residual_for(identity: DenoiserIdentity) -> Residual:
    """Make exactly the denoiser that a fingerprint was made with.

    DenoiserError if the denoiser of that name is another one here.
    """
    return _residual_for(identity.as_json())


@lru_cache(maxsize=8)
def _residual_for(identity_json: str) -> Residual:
    wanted = DenoiserIdentity.from_json(identity_json)
    residual = registry.restore(wanted)
    use_one_thread()
    if residual.identity != wanted:
        raise DenoiserError(
            f"The fingerprint was made with denoiser {wanted.name!r} of identity "
            f"{wanted.digest[:12]} and this fp has {residual.identity.digest[:12]}: version, "
            "parameters, precision or weights differ; extract it again."
        )
    return residual


@dataclass(frozen=True)
class Preparation:
    """What happens to an image before features are taken; fingerprints share it.

    Parameters
    ----------
    denoiser : DenoiserIdentity
        Which residuals.
    crop : CropRule
        Which part of the image.
    preparation : str
        The degradation before.
    digest : str
        The denoiser's, by which preparations are compared.
    """

    denoiser: DenoiserIdentity = field(compare=False)
    crop: CropRule
    preparation: str
    digest: str

    @classmethod
    def of(cls, fingerprint: Fingerprint) -> Preparation:
        """Return the features that a fingerprint asks for."""
        denoiser = fingerprint.denoiser
        return cls(denoiser, fingerprint.crop_in_use, fingerprint.preparation, denoiser.digest)

    def features(self, image: LoadedImage) -> Features:
        """Prepare an image; raises `ImageError` where it is too small."""
        part = Degradation(self.preparation).apply(self.crop.apply(image.rgb_hwc))
        return Features(residual_for(self.denoiser)(part), part)


def rank(row: Attribution, by_distance: bool = True) -> tuple[Any, ...]:
    """Sort key of a bank's rows; the answer speaks of the first.

    Fingerprints that say "not this generator" come after the others. In both parts come the most
    probable, definite claims, how badly h1 and well h2 explain. Distances count only where all rows
    that are compared have one.
    """
    if row.score is None or row.p_real is None or row.p_generated is None:
        return (2, 0.0, 0, 0.0, 0.0, 0.0, 0.0, row.fingerprint)
    denies = 1 if row.decision == "supports_reference" else 0
    claims = 0 if row.decision == "supports_generator" else 1
    place = (row.score - row.mu_r) / abs(row.mu_g - row.mu_r or 1.0)
    # Where the bank was learned as one the most probable comes first, and where images of the
    # generators themselves were measured the nearest of those that claim.
    probable = 0.0 if row.posterior is None else row.posterior
    near = row.distance if by_distance and row.distance is not None else 0.0
    score = (row.p_real, -row.p_generated, -place)
    return (denies, -probable, claims, near, *score, row.fingerprint)


@dataclass(frozen=True)
class Voices:
    """What all fingerprints of a bank together add to what the first one says.

    Parameters
    ----------
    claims : int
        Number of fingerprints that claim the image.
    unscored : tuple of str
        Reasons of those that the image is too small for, each once.
    nearer_elsewhere : bool
        Whether the image lies nearer to a generator than to the first one, or is more probably its.
    """

    claims: int
    unscored: tuple[str, ...]
    nearer_elsewhere: bool = False


def voices_of(rows: Sequence[Attribution]) -> Voices:
    """Return what the rows of a bank's fingerprints, in their order, add to the first."""
    best, scored = rows[0], [row for row in rows if row.score is not None]
    nearer = best.distance is not None and any(
        row.method == best.method and row.distance is not None and row.distance < best.distance
        for row in scored
    )
    # The most probable one does not claim the image; it matters where another does.
    probable = max(scored, key=lambda row: row.posterior or 0.0, default=best)
    nearer |= probable.posterior is not None and probable.decision != "supports_generator"
    return Voices(
        claims=sum(row.decision == "supports_generator" for row in scored),
        unscored=tuple(sorted({row.reasons[0] for row in rows if row.score is None})),
        nearer_elsewhere=nearer,
    )


def over_bank(best: Attribution, voices: Voices, judge: Judge, rule: Rule) -> Detection:
    """Join the row that ranks first with what the others add.

    Its reasons are those of the answer: where nobody claims the image and it says no itself, all
    that have a score do. The judge is that of the first; what is known of the file is not in the
    row.
    """
    decision, reasons = best.decision, best.reasons
    if rule == "conformal" and voices.claims and voices.nearer_elsewhere:
        decision, reasons = "inconclusive", (*reasons, "nearer_to_another")
    elif voices.claims > 1:
        reasons = (*reasons, "several_candidates")
    elif not voices.claims and decision == "supports_reference" and voices.unscored:
        decision, reasons = "inconclusive", (*voices.unscored, *reasons)
    low, high = best.log10_lr_low, best.log10_lr_high
    if low is None and best.score is not None:
        low, high = judge.resampled.interval(best.score)
    told = {"log10_lr_low": low, "log10_lr_high": high, "reasons": reasons}
    return Detection(status="examined", decision=decision, **best.evidence() | told)


def unscored(path: str, fingerprint: Fingerprint, reason: str) -> Attribution:
    """Return the row of a fingerprint that an image is too small for."""
    return Attribution(
        path=path,
        fingerprint=fingerprint.name,
        method=fingerprint.method,
        mu_r=fingerprint.mu_r,
        mu_g=fingerprint.mu_g,
        decision="not_examined",
        reasons=(reason,),
    )
