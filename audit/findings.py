"""What an audit can find: codes, and the rule from figure to severity."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

from fp.audit.preparation import Step
from fp.denoisers.population import Skipped

Severity = Literal["none", "note", "warning", "serious"]

SEVERITIES: tuple[Severity, ...] = ("none", "note", "warning", "serious")
"""From harmless to worst."""

ALPHA = 0.05
"""Largest p-value, corrected over all properties, of a difference that is more than chance."""

LEAST_AREA = {"note": 0.55, "warning": 0.60, "serious": 0.75}
"""Severity by the lower end of the 95 % interval of the area under the ROC curve."""


@dataclass(frozen=True)
class Code:
    """A kind of finding.

    Parameters
    ----------
    label : str
        The property in words.
    cap : {"note", "warning", "serious"}
        The worst severity that it can have.
    advice : str
        What to do; ``{match}`` stands for what --match would re-encode both classes by.
    """

    label: str
    cap: Severity
    advice: str


_MATCH = (
    "get both classes as they left generator and camera, or extract with --match, which "
    "re-encodes both alike, here by {match}"
)
_SAME_WAY = "take both classes from sources that store their pictures in the same way"
_SIZE = "give both classes the size at which the generator drew, cropped and not resized"
_CONTENT = "choose reference images with the same kind of content, or read it as content"
_COPIES = "remove the copies"

CODES: dict[str, Code] = {
    "format": Code("the file format", "note", _SAME_WAY),
    "compression": Code("the compression", "serious", _MATCH),
    "jpeg_quality": Code("the JPEG quality", "serious", _MATCH),
    "webp_quality": Code("the WebP quality", "serious", _MATCH),
    "chroma_subsampling": Code("the chroma subsampling of JPEGs", "warning", _MATCH),
    "jpeg_grid": Code("a JPEG grid in the decoded pixels", "serious", _MATCH),
    "grid_phase": Code(
        "the phase of the JPEG grid",
        "warning",
        "use pictures that were not cropped after they were compressed",
    ),
    "size": Code("the size", "warning", _SIZE),
    "aspect_ratio": Code("the aspect ratio", "note", _SIZE),
    "resampling": Code("a trace of resampling", "serious", _SIZE),
    "resampling_period": Code("the period of resampling", "warning", _SIZE),
    "flat_border": Code(
        "a flat border",
        "warning",
        "cut frames and blank margins away, or leave out the pictures that have them",
    ),
    "few_colours": Code("a palette of 256 colours or fewer", "serious", _SAME_WAY),
    "pipeline": Code("the pipeline that files look like", "warning", _MATCH),
    "screenshot": Code("metadata that say screenshot", "warning", "leave out screenshots"),
    "colour_mode": Code("the stored pixel type", "warning", _SAME_WAY),
    "bit_depth": Code("the bits a sample", "warning", _SAME_WAY),
    "alpha": Code("an alpha channel", "warning", _SAME_WAY),
    "grey": Code("pictures without colour", "serious", "leave out pictures without colour"),
    "icc_profile": Code("a colour profile", "note", _SAME_WAY),
    "exif": Code("EXIF metadata", "note", "nothing: metadata are not looked at"),
    "brightness": Code("the brightness", "note", _CONTENT),
    "sharpness": Code("the fine detail", "note", _CONTENT),
    "clipping": Code("the share of clipped samples", "note", _CONTENT),
    "colourfulness": Code("the colourfulness", "note", _CONTENT),
    "duplicates_within": Code("the same pixels twice in a class", "warning", _COPIES),
    "duplicates_across": Code("the same pixels in both classes", "serious", _COPIES),
    "duplicates_test": Code("pixels of the training in a further folder", "serious", _COPIES),
    "near_duplicates_within": Code(
        "look-alikes in a class",
        "note",
        "give pictures of one origin the same file name (without its suffix), which keeps them "
        "together in every split",
    ),
    "near_duplicates_across": Code(
        "look-alikes in both classes",
        "warning",
        "give both pictures of a pair the same file name (without its suffix), which keeps them "
        "together in every split, or remove them",
    ),
    "near_duplicates_test": Code(
        "look-alikes of the training in a further folder",
        "warning",
        "remove them from the further folder",
    ),
    "test_compression": Code(
        "the compression of the images to be asked about",
        "warning",
        "extract without --conditions none, which calibrates JPEG and WebP, or with images that "
        "were stored as these are",
    ),
    "test_grid": Code(
        "a JPEG grid in the images to be asked about",
        "warning",
        "extract without --conditions none, which calibrates JPEG and WebP, or with images that "
        "went through the same",
    ),
    "test_size": Code(
        "the size of the images to be asked about",
        "note",
        "ask about images of the size at which the generator drew; others are examined in part, "
        "and resized ones are mostly inconclusive",
    ),
    "test_border": Code(
        "a flat border of the images to be asked about",
        "warning",
        "ask about the picture without its frame, cut at multiples of 64 pixels of the original "
        "where these are known",
    ),
    "test_pipeline": Code(
        "the pipeline that the images to be asked about look like",
        "note",
        "extract with images that went the same way, or without --conditions none",
    ),
    "mixed_generators": Code(
        "more than one generator among the generated images",
        "warning",
        "split the folder by generator and extract a fingerprint of each",
    ),
    "few_seeds": Code(
        "a pattern at fixed places of the generated images",
        "warning",
        "give pictures of many seeds of the initial noise; where the generator leaves the same "
        "pattern in every picture, such as a watermark, nothing",
    ),
    "few_images": Code(
        "the number of images",
        "note",
        "give at least 32 images of each class: with fewer, a difference can pass unseen",
    ),
}
"""Every code; docs/audit.md explains each, and a test holds the page to this list."""


@dataclass(frozen=True)
class AuditFinding:
    """What was found of one property.

    Parameters
    ----------
    code : str
        Key of `CODES`.
    severity : {"none", "note", "warning", "serious"}
        How badly it confounds; "none" where nothing was found.
    sentence : str
        The finding in words and numbers, without names of files.
    measure : str
        What `value` is: ``"AUC"``, ``"images"``, ``"dip"`` or ``"share"``.
    value : float
        The figure.
    p : float or None
        p-value, corrected over all properties that were compared (Benjamini-Hochberg).
    advice : str
        What to do.
    examples : tuple of str
        Up to three files, or pairs of files, that show it.
    low, high : float or None
        95 % interval of the figure, where it has one.
    """

    code: str
    severity: Severity
    sentence: str
    measure: str
    value: float
    p: float | None
    advice: str
    examples: tuple[str, ...] = ()
    low: float | None = None
    high: float | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return the finding as a dict of JSON types."""
        return asdict(self)


def finding(
    code: str, severity: Severity, words: str, measure: str, value: float, **more: Any
) -> AuditFinding:
    """Make a finding whose sentence begins with its label, and advises where there is something.

    `words` follow the label; the advice is that of the code unless another is given.
    """
    label = CODES[code].label
    given: dict[str, Any] = {"p": None, "advice": CODES[code].advice, **more}
    if severity == "none":
        given |= {"advice": "", "examples": ()}
    return AuditFinding(
        code, severity, f"{label[0].upper()}{label[1:]}{words}", measure, value, **given
    )


@dataclass(frozen=True)
class Audit:
    """What an audit found.

    Parameters
    ----------
    findings : tuple of AuditFinding
        One for every code that could be checked, the worst first.
    n_generated, n_real : int
        Number of images that were measured.
    skipped : tuple of Skipped
        Files that were not.
    steps : tuple of Step
        What --match re-encodes both classes by, and how that was measured.
    prepared : str
        What both classes went through alike before they were measured, the text of a `Degradation`.
    """

    findings: tuple[AuditFinding, ...]
    n_generated: int
    n_real: int
    skipped: tuple[Skipped, ...]
    steps: tuple[Step, ...]
    prepared: str = "none"

    def at_least(self, severity: Severity) -> tuple[AuditFinding, ...]:
        """Return the findings that are as bad as this or worse, the worst first."""
        least = SEVERITIES.index(severity)
        return tuple(f for f in self.findings if SEVERITIES.index(f.severity) >= least)

    @property
    def matching(self) -> str:
        """What --match does to both classes, and what it leaves, in one sentence."""
        steps = ", then ".join(f"{step.text} ({step.basis})" for step in self.steps)
        if self.prepared == "none":
            done = f"Both classes would be re-encoded by {steps}"
        else:
            done = f"Measured after both classes were re-encoded by {self.prepared}"
        rest = "whether pictures were reduced or sharpened cannot be measured, and is left as it is"
        return f"{done}; {rest}."

    def summary(self) -> list[dict[str, str]]:
        """Return code, severity and sentence of what was found; it names no file."""
        return [
            {"code": f.code, "severity": f.severity, "sentence": f.sentence}
            for f in self.at_least("note")
        ]


def severity_of(low: float, p: float, cap: Severity) -> Severity:
    """Return the severity of a difference between the classes, no worse than `cap`.

    `low` is the lower end of the 95 % interval of the area under the ROC curve, at least 1/2 for a
    difference. It is "none" where the corrected p exceeds `ALPHA`; else the worst severity whose
    `LEAST_AREA` the lower end exceeds.
    """
    if p > ALPHA:
        return "none"
    reached = max(
        (SEVERITIES.index(name) for name in SEVERITIES[1:] if low > LEAST_AREA[name]), default=0
    )
    return SEVERITIES[min(reached, SEVERITIES.index(cap))]
