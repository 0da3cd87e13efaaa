"""fp from Python, as pleasant as the command: fingerprints made, opened and asked.

Paths are strings or `Path` objects. Settings are the fields of `ExtractOptions` and `DetectOptions`
by name, so that what the command can do, a program can do.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fp.api.detections import (
    Detections,
    Pictures,
    answers_of,
    listed,
    of_no_file,
    paths_of,
    pictures_of,
)
from fp.api.notebook import MOST_ROWS, register, show, show_audit, show_extraction, show_fingerprint
from fp.api.pictures import folder_of
from fp.api.settings import PathLike, cache_of, meant, with_settings
from fp.audit.audit import audit
from fp.audit.findings import Audit
from fp.audit.measuring import measure_classes
from fp.denoisers.cache import ResidualCache
from fp.fingerprint.decision.rows import Finding
from fp.fingerprint.detection.banks import DEFAULT_MEMORY, BankFacts, WholeBank
from fp.fingerprint.detection.detection import DetectOptions
from fp.fingerprint.detection.large_bank import LargeBank
from fp.fingerprint.detection.opening import StoredBank, open_for_examination
from fp.fingerprint.extraction.extraction import extract as extract_folders
from fp.fingerprint.extraction.options import Extraction, ExtractOptions
from fp.fingerprint.model.calibration import NullControl
from fp.fingerprint.model.fingerprint import Fingerprint
from fp.fingerprint.store.bank import write_bank
from fp.fingerprint.store.lazy import LazyBank
from fp.images.loading import Limits
from fp.runs.examination import Examiner, list_items, worker_died
from fp.system.errors import InputError, UsageError
from fp.system.folders import require_folders
from fp.system.paths import name_of
from fp.system.progress import Progress
from fp.system.workers import run_in_order

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def extract(
    generated: Pictures,
    real: Pictures,
    name: str | None = None,
    options: ExtractOptions | None = None,
    cache: ResidualCache | PathLike | None = None,
    jobs: int = 1,
    progress: Progress | None = None,
    **settings: Any,
) -> Extraction:
    """Make a fingerprint from a generator's images and reference images.

    Parameters
    ----------
    generated, real : str, Path, or pictures
        The two folders, searched recursively; or arrays or PIL images, in a list or by name, which
        have no files and are known by their pixels alone.
    name : str, optional
        Name of the generator; by default that of its folder.
    options : ExtractOptions, optional
        Parameters; by default those of ``fp extract``.
    cache : ResidualCache, str or Path, optional
        Where residuals are kept between runs; without one they are kept until the end of this one.
    jobs : int
        Number of processes; the result does not depend on it.
    progress : callable, optional
        Called with a stage, the number done and the total.
    **settings
        Fields of `ExtractOptions` that differ from `options`, such as ``method="tile"``; besides,
        as ``checkpoint``, the path where a long optimisation leaves what it resumes from.

    Returns
    -------
    Extraction
        The fingerprint, the files that were not examined, and the audit of the two folders.

    Raises
    ------
    InputError
        If a class has too few images, the two folders share files, or a file changes meanwhile.
    UsageError, DenoiserError
        If the settings name something unknown.

    Examples
    --------
    >>> from fp.fingerprint import extract
    >>> made = extract("sd14/", "photographs/", "SD 1.4", method="tile")
    >>> made.fingerprint.name, made.skipped
    ('SD 1.4', ())
    """
    if name is None and not isinstance(generated, str | os.PathLike):
        raise UsageError("Pictures in memory have no folder to be named by; give a name.")
    checkpoint: PathLike | None = settings.pop("checkpoint", None)
    if "background" in settings:
        given = settings["background"]
        folders = (given,) if isinstance(given, str | os.PathLike) else given
        settings["background"] = tuple(map(Path, folders))
    chosen = with_settings(options or ExtractOptions(), settings)
    with folder_of(generated) as of_generator, folder_of(real) as of_references:
        inputs = (of_generator, of_references, *chosen.background)
        return extract_folders(
            of_generator,
            of_references,
            name_of(of_generator) if name is None else name,
            chosen,
            cache_of(cache, inputs),
            jobs,
            progress,
            None if checkpoint is None else Path(checkpoint),
        )


def audit_folders(
    generated: Pictures,
    real: Pictures,
    *tests: Pictures,
    limits: Limits | None = None,
    jobs: int = 1,
    progress: Progress | None = None,
) -> Audit:
    """Find differences between two folders of images that are not the generator.

    Parameters
    ----------
    generated, real : str, Path, or pictures
        The two folders, searched recursively; or arrays or PIL images, which were not stored in any
        way that could be compared.
    *tests : str, Path, or pictures
        Further folders in which copies of these images are looked for.
    limits : Limits, optional
        Sizes beyond which a file is refused.
    jobs : int
        Number of processes; the result does not depend on it.
    progress : callable, optional
        Called with a stage, the number done and the total.

    Returns
    -------
    Audit
        A finding for every code of docs/audit.md, the worst first.

    Raises
    ------
    InputError
        If a folder is missing or one of the first two holds no usable image.

    Examples
    --------
    >>> from fp.fingerprint import audit_folders
    >>> audit_folders("sd14/", "photographs/").at_least("warning")
    ()
    """
    with contextlib.ExitStack() as lent:
        folders = [lent.enter_context(folder_of(images)) for images in (generated, real, *tests)]
        require_folders(*folders[:2])
        measured = measure_classes(folders, limits or Limits(), jobs, progress)
    return audit(measured[0], measured[1], measured[2:])


class Bank:
    """Fingerprints that images are tested against, in memory or in files.

    Parameters
    ----------
    fingerprints : iterable of Fingerprint
        At least one; their names differ.

    Raises
    ------
    UsageError
        If there is none, or two have one name.
    DenoiserError, FormatError
        If a fingerprint cannot be used here.

    Examples
    --------
    >>> from fp.fingerprint import Bank
    >>> bank = Bank.open("generators.h5")
    >>> [fingerprint.name for fingerprint in bank]
    ['SD 1.4', 'M']
    >>> bank.detect("unknown/").counts
    {'inconclusive': 1, 'supports_generator': 4, 'supports_reference': 3}
    """

    def __init__(self, fingerprints: Iterable[Fingerprint]) -> None:
        self._members: tuple[Fingerprint, ...] | LazyBank = tuple(fingerprints)
        counted = Counter(fingerprint.name for fingerprint in self._members)
        for name, count in counted.items():
            if count > 1:
                raise UsageError(f"Fingerprints named {name!r}: {count}; rename all but one.")
        self._tester: WholeBank | LargeBank = WholeBank(self._members)
        self._place: tuple[Path, int] | None = None

    @classmethod
    def open(cls, path: PathLike, memory: int = DEFAULT_MEMORY) -> Bank:
        """Open a file of fingerprints, or a folder of such files.

        Parameters
        ----------
        path : str or Path
            What ``fp extract``, ``fp bank add`` or `Bank.save` wrote.
        memory : int
            Bytes that it may hold in each process.

        Returns
        -------
        Bank
            The bank; a large one of method ``tile`` stays in its file.

        Raises
        ------
        InputError, FormatError, IntegrityError
            If it is missing, of another format, or damaged.
        UsageError, DenoiserError
            If it takes more memory, or a fingerprint cannot be used here.
        """
        found = cls.__new__(cls)
        found._place = Path(path), memory
        found._tester = open_for_examination(StoredBank.at(*found._place))
        if isinstance(found._tester, WholeBank):
            found._members = tuple(found._tester.members)
        else:
            found._members = LazyBank(*found._place)
        return found

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the fingerprints, in their order."""
        if isinstance(self._members, LazyBank):
            return tuple(member.name for member in self._members.members)
        return tuple(fingerprint.name for fingerprint in self._members)

    @property
    def weak(self) -> tuple[str, ...]:
        """Names of those that separate no better than label shuffles may."""
        return self._tester.weak

    def __len__(self) -> int:
        """Return the number of fingerprints."""
        return len(self._members)

    def __iter__(self) -> Iterator[Fingerprint]:
        """Yield the fingerprints one by one."""
        return iter(self._members)

    def __getitem__(self, name: str) -> Fingerprint:
        """Return the fingerprint of a name; `InputError` where there is none."""
        try:
            return self._members[self.names.index(name)]
        except ValueError:
            close = meant(str(name), self.names)
            raise InputError(
                f"There is no fingerprint named {name!r}; {close or 'see .names'}."
            ) from None

    def detect(
        self,
        images: Pictures,
        options: DetectOptions | None = None,
        jobs: int = 1,
        progress: Callable[[int, int], None] | None = None,
        **settings: Any,
    ) -> Detections:
        """Test images against every fingerprint; nothing is written.

        Parameters
        ----------
        images : str, Path, ndarray, PIL image, or several
            A file, a folder (searched recursively), 8-bit RGB pixels as uint8 of shape (H, W, 3), a
            picture of Pillow, an iterable of paths or of pictures, or a mapping from names to
            pictures.
        options : DetectOptions, optional
            Parameters; by default those of ``fp detect``.
        jobs : int
            Number of processes for files; the rows do not depend on it.
        progress : callable, optional
            Called with the number of images done and their total.
        **settings
            Fields of `DetectOptions` that differ from `options`, such as ``fpr=0.01``.

        Returns
        -------
        Detections
            A row for every image, also for one that could not be examined.

        Raises
        ------
        InputError
            If a path does not exist, or an array is no picture.
        UsageError
            If the rate is out of reach of the calibration, or a setting is unknown.
        """
        chosen = with_settings(options or DetectOptions(), settings)
        self._tester.check(chosen)
        findings = []
        found, total = self._findings(images, chosen, jobs)
        for finding in found:
            findings.append(finding)
            if progress is not None:
                progress(len(findings), total)
        return answers_of(findings, self._tester, chosen)

    def save(self, path: PathLike, *, overwrite: bool = False) -> None:
        """Write all fingerprints into one file, whole or not at all.

        Parameters
        ----------
        path : str or Path
            File to write; an `OutputError` says that it exists or cannot be written.
        overwrite : bool
            Replace an existing file.
        """
        write_bank(Path(path), self, overwrite=overwrite)

    def __repr__(self) -> str:
        """Return the names of a few of the fingerprints."""
        shown = ", ".join(map(repr, self.names[:3])) + (", ..." if len(self) > 3 else "")
        return f"<Bank of {len(self)}: {shown}>"

    def _repr_html_(self) -> str:
        return _show_bank(self)

    def _findings(
        self, images: Pictures, options: DetectOptions, jobs: int
    ) -> tuple[Iterator[Finding], int]:
        given = listed(images)
        pictures = pictures_of(given)
        if pictures is not None:
            test = self._tester.examine
            return (of_no_file(test(image, options)) for image in pictures), len(pictures)
        items = list_items(paths_of(list(given)))

        def of_files() -> Iterator[Finding]:
            with tempfile.TemporaryDirectory(prefix="fp-bank-") as folder:
                path, memory = self._place or (Path(folder, "bank.h5"), DEFAULT_MEMORY)
                if self._place is None:  # only paths travel to other processes
                    self.save(path)
                stored = StoredBank.at(path, memory)
                examiner = Examiner(stored, options, BankFacts.of(self._tester, options.fpr))
                yield from run_in_order(examiner, items, worker_died, jobs)

        return of_files(), len(items)


def _show_bank(bank: Bank) -> str:
    """Show the fingerprints of a bank."""
    rows = []
    for fingerprint, _ in zip(bank, range(MOST_ROWS), strict=False):
        found = fingerprint.calibration
        rows.append(
            (
                fingerprint.name,
                fingerprint.method,
                fingerprint.denoiser.name,
                f"{found.generated.size} + {found.real.size}",
                fingerprint.mu_g,
                fingerprint.mu_r,
            )
        )
    more = len(bank) - len(rows)
    return show(
        f"Bank, fingerprints: {len(bank)}",
        None,
        ("name", "method", "denoiser", "images", "mu_g", "mu_r"),
        rows,
        [f"... and {more} more fingerprints"] if more else [],
    )


def _detect(self: Fingerprint, images: Pictures, **settings: Any) -> Detections:
    """Test images against this fingerprint alone; nothing is written.

    The arguments are those of `Bank.detect`, such as ``fpr=0.01`` or ``jobs=2``, and so are the
    rows.
    """
    return Bank([self]).detect(images, **settings)


def _save(self: Fingerprint, path: PathLike, *, overwrite: bool = False) -> None:
    """Write the fingerprint into a file, whole or not at all; as `Bank.save`."""
    write_bank(Path(path), [self], overwrite=overwrite)


def _plot(
    self: Fingerprint, detections: Detections | None = None, axes: Axes | None = None
) -> Axes:
    """Draw its held-out scores, and those of tested images among them, by name.

    Without axes a figure is made for them. Scores of windows have a scale of their own and are left
    out. Return the axes, whose ``figure`` can be saved.
    """
    from fp.reports.figures import draw_scores
    from fp.reports.figures.style import new_axes, short

    rows = () if detections is None else detections.attributions
    tested: dict[str, float] = {}
    for row in rows:
        if row.fingerprint == self.name and row.score is not None and row.windows is None:
            name = short(Path(row.path).name)
            tested[row.path if name in tested else name] = row.score
    return draw_scores(new_axes(7, 3.2) if axes is None else axes, self.calibration_in_use, tested)


def _plot_null(self: NullControl, axes: Axes | None = None) -> Axes:
    """Draw what separation the shuffled labels gave, and that of the true ones.

    Without axes a figure is made for them. Return the axes, whose ``figure`` can be saved.
    """
    from fp.reports.figures import draw_null_control
    from fp.reports.figures.style import new_axes

    return draw_null_control(new_axes(6, 2.6) if axes is None else axes, self)


register(Fingerprint, detect=_detect, save=_save, plot=_plot, _repr_html_=show_fingerprint)
register(Extraction, _repr_html_=show_extraction)
register(NullControl, plot=_plot_null)
register(Audit, _repr_html_=show_audit)
