"""What an analysis starts from: the folders examined, and the bank read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from fp.denoisers.cache import ResidualCache
from fp.denoisers.population import Reduction, most_common_crop, residual_store
from fp.denoisers.registry import arguments_of
from fp.fingerprint.detection.detection import residual_for
from fp.fingerprint.detection.opening import BankIdentity, StoredBank, open_bank
from fp.fingerprint.model.fingerprint import Fingerprint
from fp.images.crop import SIDE, CropRule
from fp.lineage.collection import Collection, collect
from fp.lineage.options import LineageOptions
from fp.lineage.scores import common
from fp.system.folders import ImageFolder
from fp.system.progress import Progress


@dataclass(frozen=True, eq=False)
class Session:
    """Everything read; where there is a bank, the denoiser of the options is the bank's.

    The identity of the bank is name and SHA-256 of each file.
    """

    collection: Collection
    options: LineageOptions
    bank_identity: BankIdentity = ()


def open_session(
    folders: Sequence[ImageFolder],
    options: LineageOptions,
    bank: Path | None = None,
    cache: ResidualCache | None = None,
    jobs: int = 1,
    progress: Progress | None = None,
) -> Session:
    """Return bank and folders, all read; the rest is as in `fp.lineage.find_families`.

    `folders` are those of the generators, and last that of the reference images. An `InputError`,
    `UsageError` or `DenoiserError` says why folders or bank cannot be used.
    """
    reduction = Reduction(options.denoiser, CropRule(SIDE, SIDE), (), options.limits)
    stored = None if bank is None else StoredBank.at(bank)
    if stored is None:
        reduction.residual()  # an unknown denoiser is found before the images are read
        root = folders[0].root.parent
        drawn = ImageFolder(root, tuple(path for each in folders[:-1] for path in each.paths))
        reduction = replace(reduction, crop=most_common_crop(drawn, options.limits))
    else:
        reduction = _reduction_of(common(open_bank(stored)), options)
        options = replace(options, denoiser=reduction.denoiser)
    with residual_store(cache) as store:
        collection = collect(folders, reduction, store, jobs, progress, stored)
    return Session(collection, options, () if stored is None else stored.identity)


def _reduction_of(fingerprint: Fingerprint, options: LineageOptions) -> Reduction:
    identity = fingerprint.denoiser
    residual_for(identity)  # refuses what is another denoiser here
    return Reduction(
        identity.name,
        fingerprint.crop,
        arguments_of(identity),
        options.limits,
        fingerprint.preparation,
    )
