"""Families of generators from Python, and how they show themselves in a notebook."""

from __future__ import annotations

import os
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

from fp.api.notebook import register, show
from fp.denoisers.cache import ResidualCache
from fp.lineage.analysis import Lineage, analyse
from fp.lineage.options import LineageOptions
from fp.lineage.session import open_session
from fp.system.errors import UsageError
from fp.system.outputs import check_folder
from fp.system.progress import Progress

PathLike = str | os.PathLike[str]


def find_families(
    images: PathLike,
    real: PathLike,
    bank: PathLike | None = None,
    options: LineageOptions | None = None,
    cache: ResidualCache | PathLike | None = None,
    jobs: int = 1,
    progress: Progress | None = None,
    **settings: Any,
) -> Lineage:
    """Return which of several generators share an ancestor; nothing is written.

    Parameters
    ----------
    images : str or Path
        Folder that holds a folder of images for each generator.
    real : str or Path
        Folder of reference images.
    bank : str or Path, optional
        Fingerprints for the cross-detection; without, they are learned from the folders.
    options : LineageOptions, optional
        Parameters; by default those of ``fp lineage``.
    cache : ResidualCache, str or Path, optional
        Where residuals are kept between runs.
    jobs : int
        Number of processes; the result does not depend on it.
    progress : callable, optional
        Called with a stage, the number done and the total.
    **settings
        Fields of `LineageOptions` that differ from `options`, such as ``period=4``.

    Returns
    -------
    Lineage
        Cross-detection, kinship, pairs and families.

    Raises
    ------
    InputError, UsageError, DenoiserError
        If folders, bank or settings cannot be used.
    """
    known = {field.name for field in fields(LineageOptions)}
    for name in settings:
        if name not in known:
            raise UsageError(f"There is no setting {name!r}; there are {', '.join(sorted(known))}.")
    images, real = Path(images), Path(real)
    if cache is not None and not isinstance(cache, ResidualCache):
        check_folder(Path(cache), (images, real))
        cache = ResidualCache(Path(cache))
    chosen = replace(options or LineageOptions(), **settings)
    place = None if bank is None else Path(bank)
    session = open_session(images, real, chosen, place, cache, jobs, progress)
    return analyse(session.collection, session.options)


def show_lineage(found: Lineage) -> str:
    """Return families and pairs as HTML."""
    families = {
        f"{'family' if len(cluster.members) > 1 else 'alone'} {number}": (
            f"{', '.join(sorted(found.names[member] for member in cluster.members))} "
            f"({cluster.told})"
        )
        for number, cluster in enumerate(found.families.clusters, start=1)
    }
    rows = [
        (found.names[pair.first], found.names[pair.second], pair.relation) for pair in found.pairs
    ]
    return show(
        f"{len(found.names)} generators",
        families,
        ("first", "second", "relation"),
        rows,
        found.notes,
    )


register(Lineage, _repr_html_=show_lineage)
