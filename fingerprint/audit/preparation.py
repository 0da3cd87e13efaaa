"""Audit and matching as extraction does them: before anything is learned."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from fp.denoisers.degradations import Degradation
from fp.fingerprint.audit import audit, matching_quality
from fp.fingerprint.audit.findings import Audit
from fp.fingerprint.audit.measuring import Folder, Measure, Progress, measure_folder
from fp.fingerprint.population import Reduction

LOWEST = "lowest"
"""Asks for JPEG at the quality that `fp.fingerprint.audit.matching_quality` finds."""


def check_match(match: str | None) -> None:
    """Refuse what cannot be matched by.

    Parameters
    ----------
    match : str or None
        The text of a `Degradation`, ``"lowest"``, or None for no matching.

    Raises
    ------
    UsageError
        If it is none of these.
    """
    if match is not None and match != LOWEST:
        Degradation(match)


def prepare(
    folders: tuple[Path, Path],
    reduction: Reduction,
    match: str | None,
    wanted: bool,
    jobs: int = 1,
    progress: Progress | None = None,
) -> tuple[Reduction, Audit | None]:
    """Find out how both classes are prepared, and audit them as their residuals will see them.

    Parameters
    ----------
    folders : tuple of Path
        Folder of the generator's images and of reference images.
    reduction : Reduction
        How files become residuals.
    match : str or None
        What both classes go through, as in `check_match`.
    wanted : bool
        Whether an audit is wanted.
    jobs : int
        Number of processes; the result does not depend on it.
    progress : callable, optional
        Called with a stage, the number done and the total.

    Returns
    -------
    tuple of Reduction and Audit or None
        The reduction with its preparation, and what was found where it was asked for.
    """

    def measured() -> tuple[Folder, Folder]:
        generated, real = (
            measure_folder(
                folder,
                Measure(folder, reduction.crop, reduction.preparation, reduction.limits),
                jobs,
                progress,
            )
            for folder in folders
        )
        return generated, real

    if match == LOWEST:
        match = f"jpeg:{matching_quality(*measured())}"
    if match is not None:
        reduction = replace(reduction, preparation=match)
    if not wanted:
        return reduction, None
    return reduction, audit(*measured(), prepared=reduction.preparation)
