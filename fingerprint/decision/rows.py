"""What is said of an image, as rows of tables."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass, field, fields, replace
from typing import Any, ClassVar

from fp.fingerprint.decision.decision import Decision
from fp.fingerprint.model.evidence_map import EvidenceMap
from fp.images.claims import Claim
from fp.images.loading import LoadedImage
from fp.system.errors import ImageError


def _columns(*told: str) -> tuple[str, ...]:
    return tuple(" ".join(told).split())


@dataclass(frozen=True)
class Evidence:
    """What one fingerprint's scores say of one image: part of every row.

    Parameters
    ----------
    path : str
        The image.
    fingerprint : str or None
        Name of the generator that the row is about; over a bank that of the row which ranks first.
    score : float or None
        Score of the image; None where it is smaller than the fingerprint.
    rho : float or None
        The same, where the score is a correlation.
    mu_r, mu_g : float or None
        Mean held-out scores of reference and generated images.
    p_real, p_generated : float or None
        Conformal p-values under h1 and h2.
    p_bank : float or None
        p-value under h1 corrected over the bank; p_real itself for a single fingerprint.
    p_typical : float or None
        Conformal p-value of the image's distance from the generator's own, where that is known.
    p_reference : float or None
        The same of its distance from the reference images.
    log10_lr : float or None
        log10 likelihood ratio of h2 against h1, within its empirical bounds.
    log10_lr_low, log10_lr_high : float or None
        95 % interval of log10_lr without bounds, by resampling the calibration's source images; in
        the row over the whole bank.
    at_bound : bool or None
        Whether log10_lr stands at its bound: the data carry no larger one.
    specific : float or None
        Joined score of the generator's evidence alone, where parts are joined.
    log10_lr_specific : float or None
        Its log10 likelihood ratio.
    nearest_mean : str or None
        ``generated`` or ``real`` by the paper's rule.
    reasons : tuple of str
        Reason codes.
    condition : str or None
        What the image seems to have gone through, where the fingerprint measures it; the text of a
        `fp.images.degradations.Degradation`.
    p_condition : float or None
        Conformal p-value of how far the image's coding lies from that of all calibration images.
    p_content : float or None
        Conformal p-value of how far the image's content lies from that of the reference images.
    log10_lr_rest : float or None
        log10 likelihood ratio of the generator against all others of its bank and the references,
        within its bounds, where the bank was learned as one.
    p_rest : float or None
        Conformal p-value of that evidence among images of these others.
    posterior : float or None
        Probability of the generator at even odds between all of the bank and none of them.
    windows : int or None
        Number of windows that the row speaks of; None where it speaks of the crop.
    windows_effective : float or None
        Number of independent windows that are worth as much.
    crop_score, crop_log10_lr : float or None
        Score and ratio of the crop, where the row speaks of windows.
    crop_decision : str or None
        What the crop alone would have said, where the row speaks of windows.
    """

    columns: ClassVar[tuple[str, ...]]

    path: str
    _: KW_ONLY
    fingerprint: str | None = None
    score: float | None = None
    rho: float | None = None
    mu_r: float | None = None
    mu_g: float | None = None
    p_real: float | None = None
    p_generated: float | None = None
    p_bank: float | None = None
    p_typical: float | None = None
    p_reference: float | None = None
    log10_lr: float | None = None
    log10_lr_low: float | None = None
    log10_lr_high: float | None = None
    at_bound: bool | None = None
    specific: float | None = None
    log10_lr_specific: float | None = None
    nearest_mean: str | None = None
    reasons: tuple[str, ...] = ()
    condition: str | None = None
    p_condition: float | None = None
    p_content: float | None = None
    log10_lr_rest: float | None = None
    p_rest: float | None = None
    posterior: float | None = None
    windows: int | None = None
    windows_effective: float | None = None
    crop_score: float | None = None
    crop_log10_lr: float | None = None
    crop_decision: Decision | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return the row as a dict of JSON types, in the order of its columns."""
        return {name: getattr(self, name) for name in self.columns}

    def evidence(self) -> dict[str, Any]:
        """Return what every row tells, by name."""
        return {each.name: getattr(self, each.name) for each in fields(Evidence)}


@dataclass(frozen=True, kw_only=True)
class Attribution(Evidence):
    """What one fingerprint says of one image; a row of ``attributions.csv``.

    Parameters
    ----------
    method : str
        Name of the estimator.
    decision : str
        Decision by this fingerprint alone, at its share of the rate.
    distance : float or None
        Squared distance from the generator's own images, where parts are joined and the fingerprint
        has no conditions: what fingerprints of a bank are ranked by. Distances from versions do not
        tell generators apart.
    path, fingerprint, mu_r, mu_g
        As all others in `Evidence`.
    """

    columns: ClassVar[tuple[str, ...]] = _columns(
        "path fingerprint method score rho mu_r mu_g p_real p_generated p_bank p_typical",
        "p_reference distance log10_lr specific log10_lr_specific decision nearest_mean reasons",
        "windows windows_effective crop_score crop_log10_lr crop_decision condition p_condition",
        "p_content log10_lr_rest p_rest posterior log10_lr_low log10_lr_high at_bound",
    )

    fingerprint: str = field()
    method: str
    mu_r: float = field()
    mu_g: float = field()
    decision: Decision
    distance: float | None = None


@dataclass(frozen=True)
class Detection(Evidence):
    """What is said of one image; a row of ``detections.csv``.

    Parameters
    ----------
    path
        As all that is not named here in `Evidence`.
    status : {"examined", "not_examined"}
        Whether there is a score.
    decision : str
        Decision over the whole bank.
    q_real : float or None
        p_bank corrected over the images of the run (Benjamini and Hochberg), where a
        false-discovery rate was asked for.
    candidates : tuple of str
        Fingerprints that share 95 % of the posterior, the most probable first; ``none of these``
        among them where it belongs there.
    message : str
        One sentence where the image was not examined.
    sha256, pixels_sha256, format, width, height, mode, converted, orientation
        The file; see `LoadedImage`.
    claimed : tuple of str
        What the file says about its own origin; see `fp.images.claims`.
    examined : float or None
        Share of the image's area that the row speaks of.
    map : str or None
        Name of the map in ``maps/``, without suffix.
    map_generated, map_reference : float or None
        Share of the mapped area that is too high for the reference images, and too low for the
        generator; None where that cannot be said at the asked rate.
    """

    columns: ClassVar[tuple[str, ...]] = _columns(
        "path status decision fingerprint score rho mu_r mu_g p_real p_generated p_bank p_typical",
        "p_reference log10_lr log10_lr_low log10_lr_high at_bound specific log10_lr_specific",
        "q_real nearest_mean condition p_condition p_content log10_lr_rest p_rest posterior",
        "candidates reasons message sha256 pixels_sha256 format width height mode converted",
        "orientation claimed examined windows windows_effective crop_score crop_log10_lr",
        "crop_decision map map_generated map_reference",
    )

    status: str
    decision: Decision
    _: KW_ONLY
    q_real: float | None = None
    candidates: tuple[str, ...] = ()
    message: str = ""
    sha256: str | None = None
    pixels_sha256: str | None = None
    format: str | None = None
    width: int | None = None
    height: int | None = None
    mode: str | None = None
    converted: tuple[str, ...] = ()
    orientation: int | None = None
    claimed: tuple[str, ...] = ()
    examined: float | None = None
    map: str | None = None
    map_generated: float | None = None
    map_reference: float | None = None


DETECTION_COLUMNS, ATTRIBUTION_COLUMNS = Detection.columns, Attribution.columns


@dataclass(frozen=True)
class Finding:
    """All rows of one image.

    Parameters
    ----------
    detection : Detection
        The row over the whole bank.
    attributions : tuple of Attribution
        A row for each fingerprint, the best first; empty where nothing was examined.
    map : EvidenceMap or None
        The map of the image, where one was asked for.
    """

    detection: Detection
    attributions: tuple[Attribution, ...] = ()
    map: EvidenceMap | None = None


def not_examined(path: str, error: ImageError, image: LoadedImage | None = None) -> Finding:
    """Return the row of a file that could not be examined."""
    row = Detection(
        path, "not_examined", "not_examined", reasons=(error.reason,), message=str(error)
    )
    return Finding(row if image is None else with_file(row, image))


def with_claims(finding: Finding, claims: Sequence[Claim]) -> Finding:
    """Return a finding with what the file claims about itself."""
    told = tuple(claim.line for claim in claims)
    return replace(finding, detection=replace(finding.detection, claimed=told))


def with_file(row: Detection, image: LoadedImage) -> Detection:
    """Return a row with what is known of the file."""
    names = ("sha256", "pixels_sha256", "format", "width", "height", "mode", "converted")
    known = {name: getattr(image, name) for name in (*names, "orientation")}
    return replace(row, **known)
