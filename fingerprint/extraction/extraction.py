"""Two folders of images in, one fingerprint out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from fp.audit.preparation import prepare
from fp.denoisers.cache import ResidualCache
from fp.denoisers.population import (
    Examined,
    Population,
    Reduction,
    most_common_crop,
    residual_store,
    residuals,
    survey_all,
)
from fp.fingerprint.conditions import learning as conditioned
from fp.fingerprint.conditions.versions import rows_of
from fp.fingerprint.decision.cautions import REQUESTS, requests_of
from fp.fingerprint.estimators.folds import FEWEST_SOURCES, Labelled, group, separation
from fp.fingerprint.estimators.protocol import Course
from fp.fingerprint.extraction.one_pass import (
    ExaminedVersions,
    Take,
    audit_of,
    stacked,
    versions_of,
)
from fp.fingerprint.extraction.options import Extraction, ExtractOptions
from fp.fingerprint.extraction.specificity import describe as describe_specificity
from fp.fingerprint.extraction.specificity import foreign_claims
from fp.fingerprint.learning import distribution, permutation, second_look
from fp.fingerprint.learning import method as learning
from fp.fingerprint.learning.assembly import assemble
from fp.fingerprint.learning.crossfit import null_control
from fp.fingerprint.learning.method import Learned, Recipe
from fp.fingerprint.learning.permutation import Nulls, permutation_control
from fp.fingerprint.learning.scoring import fitted_of
from fp.fingerprint.model.conditions import seen_of
from fp.fingerprint.model.distribution import OutOfDistribution
from fp.fingerprint.model.fingerprint import Fingerprint
from fp.fingerprint.model.windows import Windows
from fp.fingerprint.store.record import check_name
from fp.fingerprint.windows import learning as windowed
from fp.images.crop import SIDE, CropRule
from fp.images.loading import display_path
from fp.system.arrays import Array
from fp.system.errors import InputError
from fp.system.folders import ImageFolder, list_classes
from fp.system.progress import Progress

_LOSSY = {"jpeg": "JPEG", "webp": "lossy WebP"}


def extract(
    generated: Path,
    real: Path,
    name: str,
    options: ExtractOptions | None = None,
    cache: ResidualCache | None = None,
    jobs: int = 1,
    progress: Progress | None = None,
    checkpoint: Path | None = None,
) -> Extraction:
    """Make a fingerprint from folders of a generator's images and of reference images.

    Both are searched recursively. Without a cache residuals are kept until the end of the run; a
    checkpoint is where a long optimisation leaves what it resumes from. The result does not depend
    on the number of processes. InputError if a class has too few images, the two folders share
    files, or a file changes meanwhile; UsageError or DenoiserError if the options name something
    unknown.
    """
    options = options or ExtractOptions()
    check_name(name)
    study = Study.of((generated,), real, options, jobs, progress)
    # Every residual is read once, but for windows and a second look.
    with study.store_of(cache) as store:
        return study.learn(name, study.survey(store), store, checkpoint)


@dataclass(frozen=True, eq=False)
class Study:
    """How fingerprints are made of some folders, settled before any image is read.

    Parameters
    ----------
    folders : tuple of ImageFolder
        A folder for each generator, the reference images last.
    options : ExtractOptions
        What is asked for.
    method : Recipe
        The method, as far as it fits into the examined part.
    reduction : Reduction
        How files become residuals.
    versions : ExaminedVersions or None
        Which versions of the images are examined.
    jobs : int
        Number of processes.
    progress : callable, optional
        Called after every image and every stage.
    """

    folders: tuple[ImageFolder, ...]
    options: ExtractOptions
    method: Recipe
    reduction: Reduction
    versions: ExaminedVersions | None
    jobs: int = 1
    progress: Progress | None = None

    @classmethod
    def of(
        cls,
        generated: Sequence[Path],
        real: Path,
        options: ExtractOptions,
        jobs: int = 1,
        progress: Progress | None = None,
    ) -> Study:
        """Settle method, examined part and preparation for folders of generators' images."""
        method = learning.recipe(options.method, options.method_parameters)
        reduction = _reduction(options)
        folders = tuple(list_classes(generated, real))
        if options.size is None:
            first, *others = folders
            found = most_common_crop(first, options.limits, options.anchor, others)
            reduction = replace(reduction, crop=found)
        # Of a joined method, what does not fit into the examined part is left out.
        method = method.fitting(min(reduction.crop.height, reduction.crop.width))
        if options.windows:  # what cannot have any is told before the work is done
            windowed.usable(method, reduction.crop)
        reduction = prepare(folders, reduction, options.match)
        *drawn, references = (len(folder.paths) for folder in folders)
        versions = _versions(max(drawn) + references, method, reduction, options)
        return cls(folders, options, method, reduction, versions, jobs, progress)

    def store_of(self, cache: ResidualCache | None) -> AbstractContextManager[ResidualCache]:
        """Lend the cache, or a store of residuals that lasts as long as the block."""
        return residual_store(cache, dear=bool(self.reduction.residual().identity.weights_sha256))

    def survey(self, store: ResidualCache) -> list[Population]:
        """Examine the images of all folders; InputError where one has too few."""
        denoiser = self.reduction.residual().identity
        take = Take(self.method, denoiser if self.options.audit else None, self.versions)
        found = survey_all(self.folders, self.reduction, store, self.jobs, self.progress, take)
        for folder, population in zip(self.folders, found, strict=True):
            _require_enough(folder, population)
        return found

    def learn(
        self,
        name: str,
        populations: Sequence[Population],
        store: ResidualCache,
        checkpoint: Path | None = None,
    ) -> Extraction:
        """Make the fingerprint of the first population against the second.

        What was taken of the images is let go of.
        """
        options, reduction = self.options, self.reduction
        images = [image for population in populations for image in population.images]
        known = known_of(populations, options)
        course = Course(_stage("optimisation", self.progress), checkpoint)
        rows = (taken.features for population in populations for taken in population.taken)
        stacks = stacked(rows, len(images))

        def learn(method: Recipe) -> Fingerprint:
            missing = tuple(part for part in method.parts if part.reads not in stacks)
            if missing:  # a second look reads the residuals only for what is new in it
                unread = replace(method, parts=missing)
                stacks.update(_features(images, unread, reduction, store, self.progress))
            # One thread: the matrices are small, and its sums have the same bits on every machine.
            with threadpool_limits(1, user_api="blas"):
                learned = method.learn(stacks, known, course, self.jobs)
                nulls = _nulls(options.null, learned, stacks, known, self.jobs)
                settings = _resolved(options, learned, nulls)
                return assemble(name, settings, reduction, images, known.labels, learned, nulls)

        method = self.method
        fingerprint = learn(method)
        looks_again = options.dif is not None and self.versions is None
        if looks_again and second_look.is_due(fingerprint, method):
            more = {"seed": options.seed, **(options.dif or {})}
            joined = learn(second_look.with_dif(method, more))
            fingerprint = second_look.choose(fingerprint, joined)
        if self.versions is None:
            learned = _distribution(populations, known, reduction.preparation)
            fingerprint = replace(fingerprint, distribution=learned)
        else:
            recipe = self.versions.recipe
            fingerprint = _with_conditions(fingerprint, recipe, populations, known)
        if options.windows:
            sample = _Sample(images, known, reduction)
            found = _windows(fingerprint, sample, method, stacks, store, self.progress)
            fingerprint = replace(fingerprint, windows=found)
        audited = audit_of(populations, reduction.preparation) if options.audit else None
        told: dict[str, Any] = {} if audited is None else {"audit": audited.summary()}
        if requests := requests_of(populations[0].images):
            told[REQUESTS] = requests
        asked = options.background, reduction, store, self.jobs, self.progress
        foreign = foreign_claims(fingerprint, *asked)
        told["specificity"] = describe_specificity(fingerprint, foreign)
        fingerprint = replace(fingerprint, parameters={**fingerprint.parameters, **told})
        skipped = tuple(skipped for population in populations for skipped in population.skipped)
        return Extraction(fingerprint, skipped, audited)


def known_of(populations: Sequence[Population], options: ExtractOptions) -> Labelled:
    """Return what is known of images, of which the first population is the generator's."""
    images = [image for population in populations for image in population.images]
    labels = np.arange(len(images)) < len(populations[0].images)
    groups = group([i.source for i in images], [i.sha256 for i in images])
    return Labelled(labels, groups, options.folds, options.seed)


@dataclass(frozen=True, eq=False)
class _Sample:
    """The images that a fingerprint is learned from, with what is known of them."""

    images: list[Examined]
    known: Labelled
    reduction: Reduction


def _versions(
    images: int, method: Recipe, reduction: Reduction, options: ExtractOptions
) -> ExaminedVersions | None:
    """Return which versions of the images are examined, where conditions are learned."""
    plain = options.windows or reduction.preparation != "none" or not options.conditions
    if plain or not method.joins or not method.is_closed_form:
        return None
    reduction = replace(reduction, crop=seen_of(reduction.crop))
    side = min(reduction.crop.height, reduction.crop.width)
    recipe = conditioned.recipe_of_versions(method, side)
    return ExaminedVersions(recipe, reduction, rows_of(images))


def _windows(
    fingerprint: Fingerprint,
    sample: _Sample,
    method: Recipe,
    stacks: Mapping[str, Array],
    store: ResidualCache,
    progress: Progress | None,
) -> Windows:
    """Calibrate windows of the images whose scores the fingerprint holds."""
    held = fingerprint.calibration
    scored = {*held.real_sha256, *held.generated_sha256}
    chosen = np.array([n for n, image in enumerate(sample.images) if image.sha256 in scored])
    seen = residuals([sample.images[n] for n in chosen], sample.reduction, store)
    told = _stage("windows", progress)
    with threadpool_limits(1, user_api="blas"):
        return windowed.learn_windows(
            method,
            sample.reduction.crop,
            stacks,
            sample.known,
            fitted_of(fingerprint),
            seen,
            chosen,
            told,
        )


def _distribution(
    populations: Sequence[Population], known: Labelled, preparation: str
) -> OutOfDistribution:
    """Learn what tells images that no calibration image is like."""
    coded = [taken.coding for population in populations for taken in population.taken]
    # What all images went through alike counts as a coding that they had.
    steps = {step.partition(":")[0] for step in preparation.split("+")}
    prepared = [stored for kind, stored in _LOSSY.items() if kind in steps]
    with threadpool_limits(1, user_api="blas"):
        return distribution.learn(
            np.stack([row for row, _ in coded]),
            known.deal(),
            [*prepared, *(kind for _, kind in coded)],
        )


def _with_conditions(
    fingerprint: Fingerprint, recipe: Recipe, populations: Sequence[Population], known: Labelled
) -> Fingerprint:
    """Add what judges images as they come, and how well each kind of version separates."""
    with threadpool_limits(1, user_api="blas"):
        learned = conditioned.learn(recipe, versions_of(populations), known)
    told = [asdict(power) for power in learned.powers]
    parameters = {**fingerprint.parameters, "conditions": told, "unlike_content": learned.unlike}
    return replace(fingerprint, conditions=learned.conditions, parameters=parameters)


def _stage(stage: str, progress: Progress | None) -> Callable[[int, int], None] | None:
    return None if progress is None else lambda done, total: progress(stage, done, total)


def _reduction(options: ExtractOptions) -> Reduction:
    """Return how files become residuals, so far as that is settled without them."""
    parameters = tuple(sorted(options.denoiser_parameters.items()))
    # An unknown denoiser or an impossible size is found before the images are read.
    crop = CropRule(*(options.size or (SIDE, SIDE)), options.anchor)
    reduction = Reduction(options.denoiser, crop, parameters, options.limits)
    reduction.residual()
    return reduction


def _require_enough(folder: ImageFolder, population: Population) -> None:
    sources = len({image.source for image in population.images})
    if sources < FEWEST_SOURCES:
        reasons = Counter(skipped.reason.replace("_", " ") for skipped in population.skipped)
        skipped = "".join(f", {count} {reason}" for reason, count in reasons.most_common())
        raise InputError(
            f"{display_path(folder.root)} holds {sources} usable source images{skipped}; "
            f"a fingerprint needs at least {FEWEST_SOURCES}, better 128, in each class."
        )


def _features(
    images: list[Examined],
    method: Recipe,
    reduction: Reduction,
    store: ResidualCache,
    progress: Progress | None,
) -> dict[str, Array]:
    def rows() -> Iterator[dict[str, Array]]:
        for done, residual in enumerate(residuals(images, reduction, store), start=1):
            yield method.features(residual)
            if progress is not None:
                progress("residuals", done, len(images))

    return stacked(rows(), len(images))


def _nulls(
    asked: int | None, learned: Learned, stacks: dict[str, Array], known: Labelled, jobs: int
) -> Nulls | None:
    """Shuffle labels as often as asked for, by default where that is cheap."""
    method = learned.recipe
    if method.joins and not method.is_closed_form:
        return None
    if permutation.covers(method):
        shuffles = permutation.SHUFFLES if asked is None else asked
        return permutation_control(method, stacks, known, shuffles, jobs) if shuffles else None
    if not asked:
        return None
    observed = separation(learned.held.scores, known.labels[learned.held.index])
    (part,) = method.parts
    return Nulls(null_control(part, stacks[part.reads], known, observed, asked), None)


def _resolved(options: ExtractOptions, learned: Learned, nulls: Nulls | None) -> dict[str, Any]:
    method = learned.recipe
    if method.joins:
        described: dict[str, Any] = {
            "parts": [[part.name, part.parameters()] for part in method.parts]
        }
        chosen = {}
    else:
        described, chosen = method.parts[0].parameters(), learned.held.fitted.chosen
    return {
        "method": described,
        "folds": options.folds,
        "null": 0 if nulls is None else nulls.whole.shuffled.size,
        "seed": options.seed,
        "limits": {"pixels": options.limits.pixels, "file_bytes": options.limits.file_bytes},
    } | chosen
