"""Families of generators from Python, and how they show themselves in a notebook."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from fp.api.notebook import register, show
from fp.api.settings import PathLike, cache_of, with_settings
from fp.denoisers.cache import ResidualCache
from fp.lineage.analysis import Lineage, analyse
from fp.lineage.collection import WANTED
from fp.lineage.options import LineageOptions
from fp.lineage.session import open_session
from fp.system.folders import list_generators
from fp.system.progress import Progress


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

    Examples
    --------
    >>> from fp.lineage import find_families
    >>> families = find_families("generators/", "photographs/")
    >>> families.names, families.pairs[0].relation
    (('parent', 'stranger'), 'not_shown')
    """
    chosen = with_settings(options or LineageOptions(), settings)
    images, real = Path(images), Path(real)
    store = cache_of(cache, (images, real))
    place = None if bank is None else Path(bank)
    folders = list_generators(images, real, WANTED)
    session = open_session(folders, chosen, place, store, jobs, progress)
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
