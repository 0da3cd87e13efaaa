"""What a program asks about, files or pixels, and the rows that it gets."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from fp.api.notebook import register, show, show_detection
from fp.fingerprint.decision.rows import Attribution, Detection, Finding
from fp.fingerprint.detection.banks import BankFacts, OpenBank
from fp.fingerprint.detection.detection import DetectOptions
from fp.images.loading import LoadedImage, display_path, picture_of
from fp.runs.results import corrected
from fp.system.arrays import Pixels
from fp.system.errors import ImageError, InputError, UsageError

if TYPE_CHECKING:
    from matplotlib.axes import Axes

InMemory = Pixels | Image.Image
Picture = str | os.PathLike[str] | InMemory
Pictures = Picture | Iterable[Picture] | Mapping[str, InMemory]


@dataclass(frozen=True)
class Detections:
    """The rows of images that were tested together.

    Parameters
    ----------
    findings : tuple of Finding
        All rows of each image, in the order of the images.
    options : DetectOptions
        Parameters of the test.
    certified : float or None
        Upper bound (95 %) of the rate of false claims that the calibration certifies.
    weak : tuple of str
        Fingerprints that separate no better than label shuffles may.

    Examples
    --------
    >>> from fp.fingerprint import Bank
    >>> detections = Bank.open("generators.h5").detect("unknown/")
    >>> detections[0].decision, len(detections.as_dicts())
    ('supports_generator', 8)
    """

    findings: tuple[Finding, ...]
    options: DetectOptions
    certified: float | None = None
    weak: tuple[str, ...] = ()

    @property
    def rows(self) -> tuple[Detection, ...]:
        """A row for each image, as in ``detections.csv``."""
        return tuple(finding.detection for finding in self.findings)

    @property
    def attributions(self) -> tuple[Attribution, ...]:
        """A row for each image and fingerprint, as in ``attributions.csv``."""
        return tuple(row for finding in self.findings for row in finding.attributions)

    @property
    def counts(self) -> dict[str, int]:
        """Number of images of each decision."""
        return dict(sorted(Counter(row.decision for row in self.rows).items()))

    def as_dicts(self) -> list[dict[str, Any]]:
        """Return the rows as dicts of JSON types, ready for a data frame."""
        return [row.as_dict() for row in self.rows]

    def to_pandas(self, *, attributions: bool = False) -> Any:
        """Return the rows as a data frame of pandas, which is to be installed.

        Parameters
        ----------
        attributions : bool
            Give a row for each image and fingerprint instead of one for each image.

        Returns
        -------
        pandas.DataFrame
            The columns of ``detections.csv``, or of ``attributions.csv``.
        """
        try:
            pandas = import_module("pandas")
        except ImportError:
            raise UsageError(
                "There is no pandas here; install it with 'pip install pandas', or use as_dicts()."
            ) from None
        if attributions:
            columns = Attribution.columns
            rows = [row.as_dict() for row in self.attributions]
        else:
            columns, rows = Detection.columns, self.as_dicts()
        return pandas.DataFrame(rows, columns=list(columns))

    def plot(self, axes: Axes | None = None) -> Axes:
        """Draw the likelihood ratio of each image with its interval, by name.

        Without axes a figure is made for them. A ratio at its bound is hollow and has no interval.
        Left out are images for which neither proposition is known to fit. Return the axes, whose
        ``figure`` can be saved.
        """
        from fp.reports.figures import draw_ratios
        from fp.reports.figures.style import new_axes

        height = 1.2 + 0.22 * len(self)
        return draw_ratios(new_axes(7, height) if axes is None else axes, self.rows)

    def __len__(self) -> int:
        """Return the number of images."""
        return len(self.findings)

    def __iter__(self) -> Iterator[Detection]:
        """Yield the row of each image."""
        return iter(self.rows)

    def __getitem__(self, index: int) -> Detection:
        """Return the row of one image."""
        return self.findings[index].detection

    def __repr__(self) -> str:
        """Count the decisions."""
        told = ", ".join(f"{count} {decision}" for decision, count in self.counts.items())
        return f"<Detections of {len(self)} images: {told or 'none'}>"

    def _repr_html_(self) -> str:
        return _show_detections(self)


def answers_of(findings: Sequence[Finding], bank: OpenBank, options: DetectOptions) -> Detections:
    """Join the rows of images, corrected over all of them where that was asked for."""
    if options.fdr is not None:
        rates = corrected({"detection": finding.detection.as_dict()} for finding in findings)
        findings = [
            replace(finding, detection=_over_all(finding.detection, rates, options.fdr))
            for finding in findings
        ]
    facts = BankFacts.of(bank, options.fpr)
    return Detections(tuple(findings), options, certified=facts.certified, weak=facts.weak)


def _over_all(row: Detection, rates: Mapping[str, float], fdr: float) -> Detection:
    """Return a row as the tables of a run have it. A test compares the two."""
    rate = rates.get(row.path)
    row = replace(row, q_real=rate)
    if row.decision != "supports_generator" or (rate is not None and rate <= fdr):
        return row
    reasons = (*row.reasons, "beyond_false_discovery_rate")
    return replace(row, decision="inconclusive", reasons=reasons)


def listed(images: Pictures) -> list[Picture] | dict[str, InMemory]:
    """Return the pictures as a list, or as a dict where they have names.

    An iterator is used up. An `InputError` says that there is nothing.
    """
    if isinstance(images, Mapping):
        found: list[Picture] | dict[str, InMemory] = dict(images)
    elif isinstance(images, str | os.PathLike | np.ndarray | Image.Image):
        found = [images]
    else:
        found = list(images)
    if not found:
        raise InputError("There is no image; name files, folders or arrays of pixels.")
    return found


def paths_of(images: Sequence[Picture]) -> list[Path]:
    """Return the paths that somebody asks about; `InputError` where something is no path."""
    paths = []
    for image in images:
        if not isinstance(image, str | os.PathLike):
            raise InputError(
                f"{type(image).__name__} is no path beside other paths; ask about files and about "
                "arrays of pixels one after the other."
            )
        paths.append(Path(image))
    return paths


def pictures_of(
    images: Sequence[Picture] | Mapping[str, InMemory],
) -> list[LoadedImage] | None:
    """Return the pictures that somebody has in memory; None where the first is a path.

    A mapping names them, else the file that Pillow opened. An `InputError` says which array is not
    8-bit RGB; pictures of Pillow are converted as files are, with notes.
    """
    if isinstance(images, Mapping):
        return [_pictured(name, pixels) for name, pixels in images.items()]
    if not isinstance(images[0], np.ndarray | Image.Image):
        return None
    return [_pictured(_name(image, index), image) for index, image in enumerate(images)]


def _name(image: Any, index: int) -> str:
    if not isinstance(image, Image.Image):
        return f"array {index}"
    file = getattr(image, "filename", "")
    return display_path(Path(os.fsdecode(file))) if file else f"image {index}"


def of_no_file(finding: Finding) -> Finding:
    """Return the rows of pixels that no file held."""
    row = replace(finding.detection, sha256=None, format=None, mode=None)
    return replace(finding, detection=row)


def _pictured(name: str, pixels: Any) -> LoadedImage:
    if isinstance(pixels, Image.Image):
        try:
            return picture_of(pixels, name)
        except ImageError as error:
            raise InputError(f"The picture {error}") from error
    if (
        not isinstance(pixels, np.ndarray)
        or pixels.dtype != np.uint8
        or pixels.ndim != 3
        or pixels.shape[2] != 3
    ):
        told = (
            f"{pixels.dtype} of shape {pixels.shape}"
            if isinstance(pixels, np.ndarray)
            else type(pixels).__name__
        )
        raise InputError(
            f"The picture {name!r} is {told}; give 8-bit RGB, uint8 of shape (height, width, 3)."
        )
    return LoadedImage(Path(name), "", "", "", (), None, pixels)


_SHORT = ("path", "decision", "fingerprint", "score", "p_bank", "p_generated", "log10_lr")


def _show_detections(found: Detections) -> str:
    """Show the rows of images, with the rate that the decisions keep."""
    facts: dict[str, Any] = dict(found.counts)
    if found.options.rule == "conformal":
        facts["rate asked for"] = found.options.fpr
        facts["rate certified (95 %)"] = found.certified
    rows = [
        (*(getattr(row, name) for name in _SHORT), row.message or row.reasons) for row in found.rows
    ]
    notes = [f"{name} separates no better than label shuffles may" for name in found.weak]
    return show(f"Images: {len(found)}", facts, (*_SHORT, "reasons"), rows, notes)


register(Detection, _repr_html_=show_detection)
