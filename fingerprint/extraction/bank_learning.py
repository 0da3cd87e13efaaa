"""A folder for each generator in, a bank out: each against the references and all the others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from threadpoolctl import threadpool_limits

from fp.denoisers.cache import ResidualCache
from fp.denoisers.population import Population
from fp.fingerprint.conditions import learning as conditioned
from fp.fingerprint.conditions.versions import MOST_ROWS
from fp.fingerprint.estimators.folds import Labelled
from fp.fingerprint.extraction.extraction import Study, known_of
from fp.fingerprint.extraction.one_pass import versions_of
from fp.fingerprint.extraction.options import Extraction, ExtractOptions
from fp.fingerprint.learning.method import Recipe
from fp.images.loading import display_path
from fp.system.errors import InputError
from fp.system.paths import subfolders
from fp.system.progress import Progress


@dataclass(frozen=True)
class Folders:
    """Folders of images by generator, and one of reference images.

    Parameters
    ----------
    generated : tuple of Path
        A folder for each generator, whose name is that of the folder.
    real : Path
        The reference images.
    """

    generated: tuple[Path, ...]
    real: Path

    @classmethod
    def below(cls, folder: Path, real: Path) -> Folders:
        """Return the folders in a folder, sorted; InputError where there are fewer than two."""
        found = subfolders(folder)
        if len(found) < 2:
            raise InputError(
                f"{display_path(folder)} holds {len(found)} folders; a bank is learned from a "
                "folder for each of at least two generators."
            )
        return cls(tuple(found), real)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the generators."""
        return tuple(display_path(Path(folder.name)) for folder in self.generated)


def learn_bank(
    folders: Folders,
    options: ExtractOptions | None = None,
    cache: ResidualCache | None = None,
    jobs: int = 1,
    progress: Progress | None = None,
) -> list[Extraction]:
    """Make a fingerprint of each generator, and what tells it from all others of the bank.

    Every file is read once, at one examined part for all folders. The fingerprints share their
    reference images, so that the bank is calibrated as one. InputError as for
    `fp.fingerprint.extraction.extraction.extract`.
    """
    options = options or ExtractOptions()
    study = Study.of(folders.generated, folders.real, options, jobs, progress)
    with study.store_of(cache) as store:
        *generated, real = study.survey((*folders.generated, folders.real), store)
        found = []
        for place, (name, population) in enumerate(zip(folders.names, generated, strict=True)):
            made = study.learn(name, (lent(population), lent(real)), store)
            if study.versions is not None:
                others = [*(each for k, each in enumerate(generated) if k != place), real]
                recipe, peers = study.versions.recipe, folders.names
                made = _told_apart(made, recipe, (population, *others), options, peers)
            found.append(made)
            if progress is not None:
                progress("fingerprints", place + 1, len(generated))
    return found


def lent(population: Population) -> Population:
    """Return a population whose features may be let go of, while those of the original stay."""
    taken = tuple(
        replace(
            each,
            features=dict(each.features),
            versions=tuple(replace(v, features=dict(v.features)) for v in each.versions),
        )
        for each in population.taken
    )
    return replace(population, taken=taken)


def _told_apart(
    made: Extraction,
    recipe: Recipe,
    populations: Sequence[Population],
    options: ExtractOptions,
    peers: Sequence[str],
) -> Extraction:
    """Add what tells the first population from all others, references among them.

    Of the others as many versions are drawn as the generator has, evenly over the folders.
    """
    rng = np.random.default_rng([options.seed, 2])
    own, others = populations[0], populations[1:]
    most = max(MOST_ROWS // 2, sum(len(each.versions) for each in own.taken))
    drawn = [_thinned(each, most // len(others), rng) for each in others]
    chosen = [lent(own), *drawn]
    known: Labelled = known_of(chosen, options)
    with threadpool_limits(1, user_api="blas"):
        rest = conditioned.learn(recipe, versions_of(chosen), known).conditions
    parameters = {**made.fingerprint.parameters, "peers": list(peers)}
    return replace(made, fingerprint=replace(made.fingerprint, rest=rest, parameters=parameters))


def _thinned(population: Population, rows: int, rng: np.random.Generator) -> Population:
    """Return so many versions of a population, of as many images as there can be."""
    images = rng.permutation(len(population.images))[: max(rows, 1)]
    each = max(1, rows // max(images.size, 1))
    taken = []
    for image in np.sort(images):
        found = population.taken[image]
        kept = rng.permutation(len(found.versions))[:each]
        versions = tuple(
            replace(found.versions[k], features=dict(found.versions[k].features))
            for k in np.sort(kept)
        )
        taken.append(replace(found, features={}, versions=versions))
    chosen = tuple(population.images[image] for image in np.sort(images))
    return replace(population, images=chosen, taken=tuple(taken))
