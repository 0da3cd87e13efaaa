"""A folder for each generator in, a bank out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from scipy.sparse.csgraph import connected_components
from threadpoolctl import threadpool_limits

from fp.denoisers.cache import ResidualCache
from fp.denoisers.population import Population
from fp.fingerprint.conditions import learning as conditioned
from fp.fingerprint.conditions.versions import MOST_ROWS
from fp.fingerprint.estimators.folds import Labelled, area
from fp.fingerprint.extraction.extraction import Study, known_of
from fp.fingerprint.extraction.one_pass import versions_of
from fp.fingerprint.extraction.options import Extraction, ExtractOptions
from fp.fingerprint.learning.method import Recipe
from fp.fingerprint.model.conditions import TOLD_APART, Conditions
from fp.images.loading import display_path
from fp.system.arrays import Doubles, Indices
from fp.system.folders import generator_folders
from fp.system.progress import Progress

LIKE = 0.75
"""Area under the ROC curve up to which two generators are not told apart."""


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
        wanted = "a bank is learned from a folder for each of at least two generators"
        return cls(tuple(generator_folders(folder, wanted)), real)

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
    """Make a fingerprint of each generator, and tell it from all others.

    Every file is read once, at one examined part for all folders. The fingerprints share their
    reference images, so that the bank is calibrated as one. InputError as for
    `fp.fingerprint.extraction.extraction.extract`.
    """
    options = options or ExtractOptions()
    study = Study.of(folders.generated, folders.real, options, jobs, progress)
    with study.store_of(cache) as store:
        *generated, real = study.survey(store)
        found = []
        for place, (name, population) in enumerate(zip(folders.names, generated, strict=True)):
            found.append(study.learn(name, (lent(population), lent(real)), store))
            if progress is not None:
                progress("fingerprints", place + 1, len(generated))
    if study.versions is None:
        return found
    return Peers(study.versions.recipe, generated, real, options, progress).added_to(found)


def lent(population: Population) -> Population:
    """Return a population whose features may be let go of. Those of the original stay."""
    taken = tuple(
        replace(
            each,
            features=dict(each.features),
            versions=tuple(replace(v, features=dict(v.features)) for v in each.versions),
        )
        for each in population.taken
    )
    return replace(population, taken=taken)


@dataclass(frozen=True, eq=False)
class Peers:
    """The generators of a bank, to be told from each other.

    Two that cannot be told apart, in either direction, are kin; such as two that draw through one
    decoder. What tells a generator from all others is learned without its kin.

    Parameters
    ----------
    recipe : Recipe
        The parts that learn from versions.
    generated : sequence of Population
        The images of each generator.
    real : Population
        The reference images.
    options : ExtractOptions
        What is asked for.
    progress : callable, optional
        Called after every generator.
    """

    recipe: Recipe
    generated: Sequence[Population]
    real: Population
    options: ExtractOptions
    progress: Progress | None = None

    def added_to(self, found: Sequence[Extraction]) -> list[Extraction]:
        """Add to each fingerprint what tells it from the others, and who its kin is."""
        names = [made.fingerprint.name for made in found]
        everyone = set(range(len(found)))
        rests, areas = [], np.ones((len(found), len(found)))
        for place in range(len(found)):
            others = sorted(everyone - {place})
            rest, apart = self._rest(place, others)
            rests.append(rest)
            areas[place, others] = apart
            if self.progress is not None:
                self.progress("peers", place + 1, len(found))
        family = families(areas)
        told = []
        for place, made in enumerate(found):
            kin = set(np.flatnonzero(family == family[place]).tolist()) - {place}
            if kin:
                rests[place], _ = self._rest(place, sorted(everyone - kin - {place}))
            parameters = {
                **made.fingerprint.parameters,
                "peers": names,
                "kin": [names[k] for k in sorted(kin)],
            }
            known = replace(made.fingerprint, rest=rests[place], parameters=parameters)
            told.append(replace(made, fingerprint=known))
        return told

    def _rest(self, place: int, others: Sequence[int]) -> tuple[Conditions, list[float]]:
        """Learn a generator against others and the references, as many versions as it has.

        Of the others these are drawn evenly. The list says how well each of them is told apart: the
        area under the ROC curve of held-out evidence.
        """
        rng = np.random.default_rng([self.options.seed, 2])
        own = self.generated[place]
        populations = [*(self.generated[k] for k in others), self.real]
        rows = max(
            MOST_ROWS // 2,
            sum(len(each.versions) for each in own.taken),
            round(2 * len(self.generated) / TOLD_APART),
        )
        drawn = [_thinned(each, rows // len(populations), rng) for each in populations]
        chosen = [lent(own), *drawn]
        known: Labelled = known_of(chosen, self.options)
        with threadpool_limits(1, user_api="blas"):
            rest = conditioned.learn(self.recipe, versions_of(chosen), known).conditions
        ends = np.cumsum([len(each.images) for each in drawn])
        parts = np.split(rest.real, ends[:-1])[:-1]
        return rest, [area(rest.generated, part) for part in parts]


def families(areas: Doubles) -> Indices:
    """Number the families among K generators, by areas under ROC curves (K, K); shape (K,).

    Two generators are kin where neither is told from the other by more than `LIKE`, and so are the
    kin of kin.
    """
    _, found = connected_components(np.maximum(areas, areas.T) <= LIKE, directed=False)
    return np.asarray(found, dtype=np.intp)


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
