"""What an analysis starts from: the folders examined, and the bank read."""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass, replace
from pathlib import Path

from fp.denoisers.cache import ResidualCache
from fp.denoisers.population import Reduction, most_common_crop, residual_store
from fp.denoisers.residual import DenoiserIdentity
from fp.fingerprint.detection.detection import residual_for
from fp.fingerprint.detection.opening import BankIdentity, bank_identity, open_bank
from fp.fingerprint.model.fingerprint import Fingerprint
from fp.images.crop import SIDE, CropRule
from fp.images.loading import display_path
from fp.lineage.bank import usable_members
from fp.lineage.collection import Collection, collect, generator_folders
from fp.lineage.options import LineageOptions
from fp.system.errors import FpError, InputError
from fp.system.progress import Progress


@dataclass(frozen=True, eq=False)
class Session:
    """Everything read.

    Parameters
    ----------
    collection : Collection
        The folders.
    options : LineageOptions
        Parameters; the denoiser is the bank's where there is a bank.
    bank : tuple of Fingerprint
        All fingerprints of the bank.
    bank_identity : tuple of (str, str)
        Name and SHA-256 of its files.
    """

    collection: Collection
    options: LineageOptions
    bank: tuple[Fingerprint, ...] = ()
    bank_identity: BankIdentity = ()


def open_session(
    images: Path,
    real: Path,
    options: LineageOptions,
    bank: Path | None = None,
    cache: ResidualCache | None = None,
    jobs: int = 1,
    progress: Progress | None = None,
) -> Session:
    """Read the bank and examine all folders.

    Parameters
    ----------
    images : Path
        Holds a folder for each generator.
    real : Path
        Folder of reference images.
    options : LineageOptions
        Parameters.
    bank : Path, optional
        A bank or a folder of banks.
    cache : ResidualCache, optional
        Where residuals are kept between runs.
    jobs : int
        Number of processes.
    progress : callable, optional
        Called after every image.

    Returns
    -------
    Session
        Everything read.

    Raises
    ------
    InputError, UsageError, DenoiserError
        If folders or bank cannot be used.
    """
    folders = generator_folders(images)
    _require_apart(images, folders, real)
    members: tuple[Fingerprint, ...] = ()
    identity: BankIdentity = ()
    reduction = Reduction(options.denoiser, CropRule(SIDE, SIDE), (), options.limits)
    if bank is not None:
        identity = bank_identity(bank)
        members = open_bank(bank, identity)
        first = usable_members(members)[0].owner
        options = replace(options, denoiser=first.denoiser.name)
        reduction = _reduction_of(first.denoiser, options)
        reduction = replace(reduction, crop=first.crop, preparation=first.preparation)
    else:
        reduction.residual()  # an unknown denoiser is found before the images are read
        reduction = replace(reduction, crop=most_common_crop(images, options.limits))
    with residual_store(cache) as store:
        collection = collect(folders, real, reduction, store, jobs, progress)
    return Session(collection, options, members, identity)


def _reduction_of(identity: DenoiserIdentity, options: LineageOptions) -> Reduction:
    residual_for(identity)  # refuses what is another denoiser here
    given = {
        # JSON knows no tuples, and a reduction must be hashable.
        name: tuple(value) if isinstance(value, list) else value
        for name, value in identity.parameters.items()
    }
    for parameters in (given, {**given, "precision": identity.precision}):
        chosen = tuple(sorted(parameters.items()))
        made = Reduction(identity.name, CropRule(SIDE, SIDE), chosen, options.limits)
        with contextlib.suppress(TypeError, FpError):  # not every denoiser has a precision
            if made.residual().identity == identity:
                return made
    raise InputError(
        f"The bank's residuals by {identity.name!r} cannot be made here; extract it again."
    )


def _require_apart(images: Path, folders: list[Path], real: Path) -> None:
    if real.is_file():
        raise InputError(f"{display_path(real)} is no folder; name a folder of reference images.")
    place = Path(os.path.realpath(real))
    for folder in folders:
        other = Path(os.path.realpath(folder))
        if place.is_relative_to(other) or other.is_relative_to(place):
            raise InputError(
                f"{display_path(real)} and {display_path(folder)} share files; keep the reference "
                f"images outside of {display_path(images)}."
            )
