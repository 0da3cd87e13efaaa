"""One image against the fingerprints of a bank: what was found, or why nothing was."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, fields
from functools import lru_cache
from typing import Any

from fp.denoisers import registry
from fp.denoisers.crop import CropRule
from fp.denoisers.degradations import Degradation
from fp.denoisers.errors import DenoiserError, ImageError, UsageError
from fp.denoisers.images import Limits, LoadedImage, display_path
from fp.denoisers.residual import DenoiserIdentity, Residual
from fp.fingerprint import estimators
from fp.fingerprint.decision import Answer, Decision, Rule, decide
from fp.fingerprint.estimators import Estimator
from fp.fingerprint.fingerprint import Fingerprint
from fp.fingerprint.workers import with_one_thread


@dataclass(frozen=True)
class DetectOptions:
    """Everything that decides the rows of a detection, beside the bank and the images.

    Parameters
    ----------
    rule : {"conformal", "nearest-mean"}
        Rule of the decision.
    fpr : float
        False-positive rate of the conformal rule, over the whole bank.
    limits : Limits
        Sizes beyond which a file is refused.
    """

    rule: Rule = "conformal"
    fpr: float = 0.05
    limits: Limits = field(default_factory=Limits)

    def __post_init__(self) -> None:
        if not 0 < self.fpr <= 0.5:
            raise UsageError(
                f"A false-positive rate of {self.fpr} is not possible; use 0 < rate <= 0.5."
            )


@dataclass(frozen=True)
class Attribution:
    """What one fingerprint says of one image; a row of ``attributions.csv``.

    Parameters
    ----------
    path : str
        The image.
    fingerprint : str
        Name of the generator.
    method : str
        Name of the estimator.
    score : float or None
        Score of the image; None where it is smaller than the fingerprint.
    rho : float or None
        The same, where the score is a correlation.
    mu_r, mu_g : float
        Mean held-out scores of reference and generated images.
    p_real, p_generated : float or None
        Conformal p-values under h1 and h2.
    decision : str
        Decision by this fingerprint alone, at its share of the rate.
    nearest_mean : str or None
        ``generated`` or ``real`` by the paper's rule.
    reasons : tuple of str
        Reason codes.
    """

    path: str
    fingerprint: str
    method: str
    score: float | None
    rho: float | None
    mu_r: float
    mu_g: float
    p_real: float | None
    p_generated: float | None
    decision: Decision
    nearest_mean: str | None
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True)
class Detection:
    """What is said of one image; a row of ``detections.csv``.

    Parameters
    ----------
    path : str
        The image.
    status : {"examined", "not_examined"}
        Whether there is a score.
    decision : str
        Decision over the whole bank.
    fingerprint : str or None
        The fingerprint that the scores of this row belong to: the one that fits best.
    score, rho : float or None
        Score, and the correlation where the score is one.
    mu_r, mu_g : float or None
        Mean held-out scores of reference and generated images.
    p_real, p_generated : float or None
        Conformal p-values under h1 and h2.
    nearest_mean : str or None
        ``generated`` or ``real`` by the paper's rule.
    reasons : tuple of str
        Reason codes.
    message : str
        One sentence where the image was not examined.
    sha256, format, width, height, mode, converted, orientation
        The file; see `LoadedImage`.
    """

    path: str
    status: str
    decision: Decision
    fingerprint: str | None = None
    score: float | None = None
    rho: float | None = None
    mu_r: float | None = None
    mu_g: float | None = None
    p_real: float | None = None
    p_generated: float | None = None
    nearest_mean: str | None = None
    reasons: tuple[str, ...] = ()
    message: str = ""
    sha256: str | None = None
    format: str | None = None
    width: int | None = None
    height: int | None = None
    mode: str | None = None
    converted: tuple[str, ...] = ()
    orientation: int | None = None

    def as_dict(self) -> dict[str, Any]:
        """Give the row as a dict of JSON types."""
        return asdict(self)


DETECTION_COLUMNS = tuple(column.name for column in fields(Detection))
ATTRIBUTION_COLUMNS = tuple(column.name for column in fields(Attribution))


@dataclass(frozen=True)
class Finding:
    """All rows of one image.

    Parameters
    ----------
    detection : Detection
        The row over the whole bank.
    attributions : tuple of Attribution
        A row for each fingerprint, the best first; empty where nothing was examined.
    """

    detection: Detection
    attributions: tuple[Attribution, ...] = ()


def not_examined(path: str, error: ImageError, image: LoadedImage | None = None) -> Finding:
    """Give the row of a file that could not be examined."""
    row = Detection(
        path, "not_examined", "not_examined", reasons=(error.reason,), message=str(error)
    )
    return Finding(row if image is None else _with_file(row, image))


def residual_for(identity: DenoiserIdentity) -> Residual:
    """Make exactly the denoiser that a fingerprint was made with.

    Parameters
    ----------
    identity : DenoiserIdentity
        Identity that the fingerprint stores.

    Returns
    -------
    Residual
        Residuals that the fingerprint speaks about.

    Raises
    ------
    DenoiserError
        If the denoiser of that name is another one here.
    """
    return _residual_for(identity.as_json())


@lru_cache(maxsize=8)
def _residual_for(identity_json: str) -> Residual:
    wanted = DenoiserIdentity.from_json(identity_json)
    residual = with_one_thread(registry.restore(wanted))
    if residual.identity != wanted:
        raise DenoiserError(
            f"The fingerprint was made with denoiser {wanted.name!r} of identity "
            f"{wanted.digest[:12]} and this fp has {residual.identity.digest[:12]}: version, "
            "parameters, precision or weights differ; extract it again."
        )
    return residual


def estimator_for(fingerprint: Fingerprint) -> Estimator:
    """Make the estimator that a fingerprint was made with.

    Parameters
    ----------
    fingerprint : Fingerprint
        The fingerprint.

    Returns
    -------
    Estimator
        With the parameters that the fingerprint stores.

    Raises
    ------
    UsageError
        If this fp does not know the method or a parameter.
    """
    return estimators.get(fingerprint.method, **fingerprint.parameters.get("method", {}))


def examine(image: LoadedImage, bank: Sequence[Fingerprint], options: DetectOptions) -> Finding:
    """Test one image against every fingerprint of a bank.

    Parameters
    ----------
    image : LoadedImage
        The image.
    bank : sequence of Fingerprint
        The fingerprints, at least one.
    options : DetectOptions
        Parameters.

    Returns
    -------
    Finding
        The row of the image and a row for each fingerprint.

    Notes
    -----
    The rate is shared by the K fingerprints (Bonferroni): an image is given to a generator where
    p_real <= fpr / K < p_generated, so that over images of the reference population the chance of
    any claim stays within fpr. It supports the reference only where every fingerprint says so.
    """
    shown = display_path(image.path)
    parts: dict[tuple[str, CropRule, str], Any] = {}
    rows: list[Attribution] = []
    too_small: ImageError | None = None
    for fingerprint in bank:
        key = (fingerprint.denoiser.digest, fingerprint.crop, fingerprint.preparation)
        try:
            if key not in parts:
                part = fingerprint.crop.apply(image.rgb_hwc)
                part = Degradation(fingerprint.preparation).apply(part)
                parts[key] = residual_for(fingerprint.denoiser)(part)
        except ImageError as error:
            too_small = ImageError(error.reason, f"{shown}: {error}")
            rows.append(_unscored(shown, fingerprint, error.reason))
            continue
        estimator = estimator_for(fingerprint)
        features = estimator.features(parts[key])
        score = float(estimator.score(features[None], fingerprint.pattern, fingerprint.offset)[0])
        answer = decide(score, fingerprint.calibration, options.rule, options.fpr / len(bank))
        rho = score if estimator.correlates else None
        rows.append(_scored(shown, fingerprint, score, rho, answer))
    if not parts:
        assert too_small is not None
        return not_examined(shown, too_small, image)
    rows.sort(key=_rank)
    return Finding(_with_file(_over_bank(rows), image), tuple(rows))


def _rank(row: Attribution) -> tuple[Any, ...]:
    """Sort key: definite claims first, then by how badly h1 and how well h2 explains the score."""
    if row.score is None or row.p_real is None or row.p_generated is None:
        return (2, 0.0, 0.0, 0.0, row.fingerprint)
    claims = 0 if row.decision == "supports_generator" else 1
    place = (row.score - row.mu_r) / abs(row.mu_g - row.mu_r or 1.0)
    return (claims, row.p_real, -row.p_generated, -place, row.fingerprint)


def _over_bank(rows: Sequence[Attribution]) -> Detection:
    """Join the rows of a bank, the best first, to one."""
    best = rows[0]
    decision, reasons = best.decision, best.reasons
    scored = [row for row in rows if row.score is not None]
    claims = [row for row in scored if row.decision == "supports_generator"]
    if len(claims) > 1:
        reasons = (*reasons, "several_candidates")
    elif not claims and len(rows) > 1:
        dissent = [row for row in rows if row.decision != "supports_reference"]
        if dissent:
            decision = "inconclusive"
            reasons = tuple(sorted({reason for row in dissent for reason in row.reasons}))
    return Detection(
        path=best.path,
        status="examined",
        decision=decision,
        fingerprint=best.fingerprint,
        score=best.score,
        rho=best.rho,
        mu_r=best.mu_r,
        mu_g=best.mu_g,
        p_real=best.p_real,
        p_generated=best.p_generated,
        nearest_mean=best.nearest_mean,
        reasons=reasons,
    )


def _scored(
    path: str, fingerprint: Fingerprint, score: float, rho: float | None, answer: Answer
) -> Attribution:
    return Attribution(
        path=path,
        fingerprint=fingerprint.name,
        method=fingerprint.method,
        score=score,
        rho=rho,
        mu_r=fingerprint.mu_r,
        mu_g=fingerprint.mu_g,
        p_real=answer.p_real,
        p_generated=answer.p_generated,
        decision=answer.decision,
        nearest_mean=answer.nearest_mean,
        reasons=answer.reasons,
    )


def _unscored(path: str, fingerprint: Fingerprint, reason: str) -> Attribution:
    return Attribution(
        path=path,
        fingerprint=fingerprint.name,
        method=fingerprint.method,
        score=None,
        rho=None,
        mu_r=fingerprint.mu_r,
        mu_g=fingerprint.mu_g,
        p_real=None,
        p_generated=None,
        decision="not_examined",
        nearest_mean=None,
        reasons=(reason,),
    )


def _with_file(row: Detection, image: LoadedImage) -> Detection:
    return Detection(
        **{
            **row.as_dict(),
            "sha256": image.sha256,
            "format": image.format,
            "width": image.width,
            "height": image.height,
            "mode": image.mode,
            "converted": image.converted,
            "orientation": image.orientation,
        }
    )
