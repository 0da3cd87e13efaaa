"""What an extraction is asked for, and what it gives."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fp.audit.findings import Audit
from fp.audit.preparation import check_match
from fp.denoisers import registry
from fp.denoisers.population import Skipped
from fp.fingerprint.estimators.recipes import DEFAULT
from fp.fingerprint.model.fingerprint import Fingerprint
from fp.images.crop import Anchor
from fp.images.loading import Limits
from fp.system.errors import UsageError


@dataclass(frozen=True)
class ExtractOptions:
    """Everything that decides the content of a fingerprint, beside the images.

    Parameters
    ----------
    method : str
        Name of the method.
    method_parameters : dict
        Parameters of the method that differ from its defaults.
    denoiser : str
        Name of the denoiser.
    denoiser_parameters : dict
        Parameters of the denoiser that differ from its defaults.
    size : tuple of int, optional
        Height and width of the examined part; by default the largest multiples of 32 within the
        most common size of the generated images, and within nine tenths of the reference images.
    anchor : {"top-left", "centre"}
        Place of the examined part.
    folds : int
        Number of folds of the cross-fitted scores.
    null : int
        Number of extractions with shuffled labels; by default 200 for the closed forms that learn
        a difference, which share all their work, and none for the others. None is made where `dif`
        is joined to others.
    seed : int
        Seed of folds and shuffles.
    limits : Limits
        Sizes beyond which a file is refused.
    audit : bool
        Whether differences between the classes that are not the generator are looked for.
    match : str, optional
        What both classes go through alike before their residuals, the text of a `Degradation`;
        ``"lowest"`` are the codings of both classes at their lowest quality, see
        `fp.audit.preparation.matching`.
    background : tuple of Path
        Folders of other generators' images, on which the claims of the fingerprint are counted;
        nothing is learned from them.
    dif : mapping, optional
        Parameters of the `dif` fingerprint that a joined method without conditions tries where its
        closed forms are weak, see `fp.fingerprint.learning.second_look`; None tries none.
    windows : bool
        Whether windows are calibrated too, so that large images can be examined as a whole and
        mapped.
    conditions : bool
        Whether a method that joins parts is learned and calibrated for images as they come, see
        `fp.fingerprint.conditions`. It is not where both classes are re-encoded alike or windows
        are calibrated, nor where `dif` is joined: those go with images as they are, and of others
        nothing is claimed.
    """

    method: str = DEFAULT
    method_parameters: dict[str, Any] = field(default_factory=dict)
    denoiser: str = registry.DEFAULT
    denoiser_parameters: dict[str, Any] = field(default_factory=dict)
    size: tuple[int, int] | None = None
    anchor: Anchor = "top-left"
    folds: int = 10
    null: int | None = None
    seed: int = 0
    limits: Limits = field(default_factory=Limits)
    audit: bool = True
    match: str | None = None
    background: tuple[Path, ...] = ()
    dif: Mapping[str, Any] | None = field(default_factory=dict)
    windows: bool = False
    conditions: bool = True

    def __post_init__(self) -> None:
        if self.folds < 2:
            raise UsageError(f"Held-out scores need at least 2 folds, not {self.folds}.")
        if self.null is not None and self.null < 0:
            raise UsageError(f"The number of label shuffles cannot be {self.null}.")
        check_match(self.match)


@dataclass(frozen=True)
class Extraction:
    """A fingerprint and what its making came across.

    Parameters
    ----------
    fingerprint : Fingerprint
        The result.
    skipped : tuple of Skipped
        Files that were not examined.
    audit : Audit or None
        How the two folders differ beside the generator; None where that was not asked for.
    """

    fingerprint: Fingerprint
    skipped: tuple[Skipped, ...]
    audit: Audit | None = None
