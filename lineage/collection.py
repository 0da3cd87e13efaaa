"""Folders of several generators and reference images, examined once and reduced to traces."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from fp.denoisers.cache import ResidualCache
from fp.denoisers.population import Examined, Population, Reduction, Seen, Skipped, survey_all
from fp.fingerprint.detection.opening import StoredBank, open_bank
from fp.fingerprint.estimators.folds import FEWEST_SOURCES, group
from fp.images.jpeg_grid import jpeg_grid, luminance_window
from fp.images.loading import display_path
from fp.lineage.sample import Sample
from fp.lineage.scores import BankMember, scores_of
from fp.lineage.traces import trace
from fp.system.arrays import Doubles, Flags, Indices
from fp.system.errors import InputError
from fp.system.folders import ImageFolder
from fp.system.progress import Progress

WANTED = "lineage needs one for each of at least 2 generators"
"""What a folder of generators is for, to `fp.system.folders.list_generators`."""


@dataclass(frozen=True, eq=False)
class CollectedFolder:
    """The images of one generator, or the reference images.

    Parameters
    ----------
    name : str
        Name of the folder, fit to be shown.
    images : tuple of Examined
        In the order of their hashes.
    traces : ndarray of float64, shape (N, 4, 3, 16, 16)
        Trace of each image; see `fp.lineage.traces`.
    scores : ndarray of float64, shape (N, K)
        Score of each image by each fingerprint of the bank; no column without a bank.
    coded : ndarray of bool, shape (N,)
        Whether each image is stored by a lossy codec, or shows the grid of JPEG in its pixels.
    """

    name: str
    images: tuple[Examined, ...]
    traces: Doubles
    scores: Doubles
    coded: Flags

    @property
    def digest(self) -> str:
        """SHA-256 over the hashes of the images: the folder's identity, whatever its name."""
        return hashlib.sha256("".join(image.sha256 for image in self.images).encode()).hexdigest()

    @property
    def is_coded(self) -> bool:
        """Whether a lossy codec left its own lattice in at least half of the images."""
        return bool(2 * np.count_nonzero(self.coded) >= self.coded.size)


@dataclass(frozen=True, eq=False)
class Collection:
    """All folders of an analysis.

    Parameters
    ----------
    generators : tuple of CollectedFolder
        In the order of their digests, so that names change nothing.
    reference : CollectedFolder
        The reference images.
    skipped : tuple of Skipped
        Files that were not examined.
    bank : tuple of BankMember
        The stored fingerprints that scored the images.
    """

    generators: tuple[CollectedFolder, ...]
    reference: CollectedFolder
    skipped: tuple[Skipped, ...] = ()
    bank: tuple[BankMember, ...] = ()

    @property
    def sha256(self) -> Iterator[str]:
        """Hash of the bytes of each image."""
        return (image.sha256 for folder in self.folders for image in folder.images)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the generators."""
        return tuple(folder.name for folder in self.generators)

    @property
    def folders(self) -> tuple[CollectedFolder, ...]:
        """All folders, the reference images last."""
        return (*self.generators, self.reference)

    def members(self) -> Indices:
        """Return the folder of each image, in the order of `folders`; shape (N,)."""
        sizes = [len(folder.images) for folder in self.folders]
        return np.repeat(np.arange(len(sizes)), sizes)

    def groups(self) -> Indices:
        """Number the sources over all folders: one photograph is one group wherever it occurs."""
        images = [image for folder in self.folders for image in folder.images]
        return group([image.source for image in images], [image.sha256 for image in images])

    def sample(self, folds: int, seed: int) -> Sample:
        """Return all images as one sample, dealt into so many folds."""
        return Sample.of(self.members(), self.groups(), folds, seed)

    def shared_files(self) -> list[tuple[str, str, int]]:
        """Return the pairs of folders with equal files, and how many."""
        hashes = [{image.sha256 for image in folder.images} for folder in self.folders]
        return [
            (self.folders[i].name, self.folders[j].name, len(hashes[i] & hashes[j]))
            for j in range(len(hashes))
            for i in range(j)
            if hashes[i] & hashes[j]
        ]


def collect(
    listed: Sequence[ImageFolder],
    reduction: Reduction,
    store: ResidualCache,
    jobs: int = 1,
    progress: Progress | None = None,
    bank: StoredBank | None = None,
) -> Collection:
    """Return what is in the folders of all generators and, the last, the reference images.

    The fingerprints of a bank score the images on the way. An `InputError` names a folder with too
    few sources.
    """
    look = _Look(bank, prepared=reduction.preparation != "none")
    found = survey_all(listed, reduction, store, jobs, progress, look)
    folders = [_folder(each, population) for each, population in zip(listed, found, strict=True)]
    ordered = sorted(folders[:-1], key=lambda folder: (folder.digest, folder.name))
    skipped = tuple(one for population in found for one in population.skipped)
    members = () if bank is None else tuple(map(BankMember.of, open_bank(bank)))
    return Collection(tuple(ordered), folders[-1], skipped, members)


def _folder(listed: ImageFolder, found: Population) -> CollectedFolder:
    sources = len({image.source for image in found.images})
    if sources < FEWEST_SOURCES:
        raise InputError(
            f"{display_path(listed.root)} holds {sources} usable source images; lineage needs "
            f"at least {FEWEST_SOURCES}, better 64, of each generator and of the reference."
        )
    traces, scores, coded = (np.stack(taken) for taken in zip(*found.taken, strict=True))
    return CollectedFolder(listed.name, found.images, traces, scores, coded)


@dataclass(frozen=True)
class _Look:
    """Trace of an image, scores by a bank, and whether a codec lost something.

    They are small enough to travel, as no residual is.
    """

    bank: StoredBank | None
    prepared: bool

    def __call__(self, seen: Seen) -> tuple[Doubles, Doubles, bool]:
        scores = np.empty(0) if self.bank is None else scores_of(seen.residual, self.bank)
        coded = self.prepared or seen.stored.compression != "lossless"
        coded = coded or jpeg_grid(luminance_window(seen.part)).present
        return trace(seen.residual), scores, coded
