"""The files of a run, and the function from a file to its rows."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from fp.denoisers.population import Skipped
from fp.fingerprint.decision.rows import Finding, not_examined, with_claims
from fp.fingerprint.detection.banks import DEFAULT_MEMORY, BankFacts
from fp.fingerprint.detection.detection import DetectOptions
from fp.fingerprint.detection.opening import StoredBank, open_for_examination
from fp.fingerprint.model.fingerprint import Fingerprint
from fp.images.loading import display_path, find_images, load_with_claims
from fp.runs.map_files import with_map
from fp.runs.options import RunOptions
from fp.system.errors import ImageError, InputError
from fp.system.executors import run_on
from fp.system.paths import is_folder
from fp.system.workers import run_in_order


@dataclass(frozen=True)
class Item:
    """A file to examine, and the named folder that it must not lead out of.

    The folder is None where the file itself was named.
    """

    path: Path
    root: Path | None


def list_items(inputs: Sequence[Path]) -> list[Item]:
    """Return the files to examine, in the order of their paths; folders are searched recursively.

    A file that was named itself may be a link to anywhere. An `InputError` says that an input does
    not exist, or that there is no file.
    """
    paths = find_images(inputs)
    if not paths:
        raise InputError(
            f"{', '.join(map(display_path, inputs))}: there is no file; name images or folders of "
            "images."
        )
    # The longest first: of folders inside each other the narrower one binds.
    folders = sorted(set(inputs), key=lambda given: len(given.parts), reverse=True)
    named = set(inputs)

    def root(path: Path) -> Path | None:
        if path in named and not is_folder(path):
            return None
        return next((folder for folder in folders if path.is_relative_to(folder)), None)

    return [Item(path, root(path)) for path in paths]


@dataclass(frozen=True)
class Examiner:
    """The function from a file to its rows. It travels to workers as paths, options and facts.

    Every process opens the bank once and examines with the same fingerprints; `maps` is a folder,
    where the options ask for maps.
    """

    bank: StoredBank
    options: DetectOptions
    facts: BankFacts
    maps: Path | None = None

    def __call__(self, item: Item) -> Finding:
        """Examine one file; every failure that a file can cause is a row."""
        bank = open_for_examination(self.bank)
        try:
            image, claims = load_with_claims(item.path, item.root, self.options.limits)
        except ImageError as error:
            return not_examined(display_path(item.path), error)
        # Joined to the row when all is decided: what a file says of itself changes no figure.
        found = with_claims(bank.examine(image, self.options), claims)
        return found if self.maps is None else with_map(found, image, self.maps)

    def members_of(self, names: Collection[str] | None) -> Iterator[Fingerprint]:
        """Return the fingerprints of these names, or all of them, in their order."""
        return open_for_examination(self.bank).members_of(names)


def examiner_of(bank: Path, options: DetectOptions, memory: int = DEFAULT_MEMORY) -> Examiner:
    """Open a bank, a file or a folder of files, and return its examiner.

    `memory` is the bytes that the bank may hold in each process. UsageError, InputError,
    FormatError or DenoiserError if it cannot be used with these options, IntegrityError if it is
    damaged.
    """
    stored = StoredBank.at(bank, memory)
    opened = open_for_examination(stored)
    opened.check(options)
    return Examiner(stored, options, BankFacts.of(opened, options.fpr))


def examined(
    examiner: Examiner, items: Sequence[Item], how: RunOptions, done: int = 0
) -> Iterator[Finding]:
    """Yield what is found of each file, in order; `done` files came before these.

    Who gets a finding has dealt with it before it is reported.
    """
    seconds = examiner.options.limits.seconds
    died = partial(worker_died, seconds=seconds)
    if how.pool is not None:
        findings = run_on(how.pool, examiner, items, died, seconds)
    else:
        findings = run_in_order(
            examiner, items, died, how.jobs, isolated=how.isolated, seconds=seconds
        )
    total = done + len(items)
    for number, finding in enumerate(findings, start=done + 1):
        yield finding
        if how.report is not None:
            how.report(finding.detection)
        if how.progress is not None:
            how.progress(number, total)


def worker_died(item: Item, seconds: float | None = None) -> Finding:
    """Return the row of a file that ended or kept the process that examined it."""
    lost = Skipped.died(item.path, seconds=seconds)
    return not_examined(display_path(item.path), ImageError(lost.reason, lost.message))
