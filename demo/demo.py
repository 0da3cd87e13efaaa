"""The whole way on images that need no download: what ``fp demo`` does.

Nothing here is a short cut. Image files are written, and what happens to them afterwards is what
``fp extract`` and ``fp detect`` do to anybody's.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fp.demo.figures import Example, Panel, draw_demonstration
from fp.demo.images import SPOILT, Region, plan_regions, write_images
from fp.demo.tiny_decoder import STRIDE, load_decoder
from fp.fingerprint.correlation.lattice import average, lattice_share
from fp.fingerprint.detection.detection import DetectOptions, residual_for
from fp.fingerprint.extraction.extraction import extract
from fp.fingerprint.extraction.options import ExtractOptions
from fp.fingerprint.model.fingerprint import Fingerprint
from fp.fingerprint.store.bank import write_bank
from fp.images.loading import display_path, find_images, load_image
from fp.reports.words import DECISIONS
from fp.runs.examination import examiner_of, list_items
from fp.runs.options import RunOptions
from fp.runs.results import detect_into
from fp.system.arrays import Floats
from fp.system.atomic_files import output_error, write_bytes_atomic
from fp.system.errors import OutputError
from fp.system.progress import Progress

IMAGES, FINGERPRINT, DIF_FINGERPRINT = "images", "fingerprint.h5", "fingerprint-dif.h5"
CASE, PICTURE = "case", "demo.png"

GENERATOR = "tiny decoder"

DENOISER = "wavelet"
"""The quickest one: a newcomer should not wait."""

DIF_STEPS = 60
"""Steps of the DIF optimisation: about an eighth of what a real case takes."""


@dataclass(frozen=True)
class UnknownFile:
    """What was found out about one file of unknown origin.

    Parameters
    ----------
    file : str
        Name of the file.
    score : float or None
        Its score; None where it was not examined.
    decision : str
        Decision of ``detections.csv``.
    reasons : tuple of str
        Its reason codes.
    generated : bool or None
        Whether the decoder drew it; None for a file that is no whole image.
    """

    file: str
    score: float | None
    decision: str
    reasons: tuple[str, ...]
    generated: bool | None


@dataclass(frozen=True, eq=False)
class Demonstration:
    """What a demonstration came to.

    Parameters
    ----------
    folder : Path
        Where everything lies.
    regions : tuple of Region
        The images.
    fingerprint : Fingerprint
        The fingerprint that the unknown files were tested against.
    dif : Fingerprint or None
        The DIF fingerprint, where there was time for it.
    share_of_photographs, share_of_generated : float
        Share of the averaged residual's energy on the decoder's 8-pixel lattice.
    unknown : tuple of UnknownFile
        The unknown files, the highest score first.
    """

    folder: Path
    regions: tuple[Region, ...]
    fingerprint: Fingerprint
    dif: Fingerprint | None
    share_of_photographs: float
    share_of_generated: float
    unknown: tuple[UnknownFile, ...]


def demonstrate(
    folder: Path,
    *,
    quick: bool = False,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> Demonstration:
    """Go the whole way: images, fingerprint, tests of unknown images, picture.

    Parameters
    ----------
    folder : Path
        Gets ``images/``, ``fingerprint.h5``, ``fingerprint-dif.h5``, ``case/`` and ``demo.png``.
    quick : bool
        Leave out the DIF fingerprint and the extractions with shuffled labels.
    overwrite : bool
        Replace an earlier demonstration; what else lies in the folder is left alone.
    progress : callable, optional
        See `fp.system.progress.Progress`.

    Raises
    ------
    OutputError
        If the folder exists already, holds images of somebody else, or cannot be written.
    InputError
        If a dependency lacks a photograph.
    """
    report: Progress = progress or (lambda stage, done, total: None)
    images, case = folder / IMAGES, folder / CASE
    regions = plan_regions()
    decoder = load_decoder()
    _prepare(folder, regions, overwrite)
    write_images(images, regions, decoder.redraw, lambda done, total: report("images", done, total))
    options = ExtractOptions(denoiser=DENOISER, null=0 if quick else None, audit=not quick)
    found = _extract(images, options, report)
    write_bank(folder / FINGERPRINT, [found], overwrite=overwrite)
    dif = None
    if not quick:
        options = ExtractOptions(
            method="dif", method_parameters={"steps": DIF_STEPS}, denoiser=DENOISER, audit=False
        )
        dif = _extract(images, options, report)
        write_bank(folder / DIF_FINGERPRINT, [dif], overwrite=overwrite)
    detect_into(
        case,
        examiner_of(folder / FINGERPRINT, DetectOptions()),
        list_items([images / "unknown"]),
        RunOptions(
            overwrite=overwrite,
            progress=lambda done, total: report("unknown images", done, total),
        ),
    )
    unknown = tuple(sorted(_unknown_files(case, regions), key=_from_the_highest_score))
    photographs, generated = (_averaged(images / kind, found) for kind in ("real", "generated"))
    panels = _panels(regions, photographs, generated, found, dif)
    picture = draw_demonstration("What fp says, and why", _examples(images, unknown), panels)
    write_bytes_atomic(folder / PICTURE, picture, overwrite=overwrite)
    return Demonstration(
        folder=folder,
        regions=regions,
        fingerprint=found,
        dif=dif,
        share_of_photographs=lattice_share(photographs, STRIDE),
        share_of_generated=lattice_share(generated, STRIDE),
        unknown=unknown,
    )


def _prepare(folder: Path, regions: tuple[Region, ...], overwrite: bool) -> None:
    if os.path.lexists(folder) and not overwrite:
        raise OutputError(
            f"{display_path(folder)} exists already; choose another folder with -o or replace an "
            "earlier demonstration with --overwrite."
        )
    kinds = [folder / IMAGES / kind for kind in ("real", "generated", "unknown")]
    try:
        for kind in kinds:
            kind.mkdir(parents=True, exist_ok=True)
        _refuse_foreign_images(kinds, regions)
        # A quick run must not leave an earlier run's fingerprint beside its own.
        (folder / DIF_FINGERPRINT).unlink(missing_ok=True)
    except OutputError:
        raise
    except OSError as error:
        raise output_error(folder, error) from error


def _refuse_foreign_images(kinds: list[Path], regions: tuple[Region, ...]) -> None:
    """Stop where somebody's images would be taken for the demo's own."""
    own = {region.path for region in regions} | {Path("unknown", name) for name in SPOILT}
    for path in find_images(kinds):
        if Path(path.parent.name, path.name) not in own:
            raise OutputError(
                f"{display_path(path)} is not an image of the demo; move it away or choose another "
                "folder with -o."
            )


def _extract(images: Path, options: ExtractOptions, report: Progress) -> Fingerprint:
    generated, real = images / "generated", images / "real"

    def stage(name: str, done: int, total: int) -> None:
        known = {display_path(generated): "generated images", display_path(real): "photographs"}
        report(f"{options.method}: {known.get(name, name)}", done, total)

    return extract(generated, real, GENERATOR, options, progress=stage).fingerprint


def _averaged(folder: Path, fingerprint: Fingerprint) -> Floats:
    residual = residual_for(fingerprint.denoiser)
    return average(
        residual(fingerprint.crop.apply(load_image(path, folder).rgb_hwc))
        for path in find_images([folder])
    )


def _examples(images: Path, unknown: Sequence[UnknownFile]) -> tuple[Example, Example]:
    """Return one image of the generator and one of a camera, each of middle score."""
    found = []
    for generated, maker in ((True, "the generator"), (False, "a camera")):
        files = [file for file in unknown if file.generated is generated]
        file = files[len(files) // 2]
        assert file.score is not None  # a whole image
        lines = (DECISIONS[file.decision][0], f"score {file.score:+.1f}", f"made by {maker}")
        image_hwc = load_image(images / "unknown" / file.file, images).rgb_hwc
        found.append(Example(lines, image_hwc))
    return found[0], found[1]


def _panels(
    regions: tuple[Region, ...],
    photographs: Floats,
    generated: Floats,
    found: Fingerprint,
    dif: Fingerprint | None,
) -> list[Panel]:
    count = Counter(region.folder for region in regions)
    assert found.joined is not None  # the default method joins parts, a tile first
    tile = found.joined.parts[0].pattern
    period = tile.shape[-1]
    repeats = (1, found.crop.height // period, found.crop.width // period)
    panels = [
        Panel(
            f"Photographs: average of {count['real']} residuals",
            "What they have in common: next to nothing.",
            photographs,
        ),
        Panel(
            f"Generated: average of {count['generated']} residuals",
            "A grid appears, from the decoder's steps of 2, 4, 8 pixels.",
            generated,
        ),
        Panel(
            "Part tile of the fingerprint",
            f"What tells the two apart, {period} x {period} pixels repeated.",
            np.tile(tile, repeats),
        ),
    ]
    if dif is not None:
        note = "Its network draws grids itself; a grid alone says nothing."
        panels.append(Panel(f"Fingerprint by method dif, {DIF_STEPS} steps", note, dif.pattern))
    return panels


def _unknown_files(case: Path, regions: tuple[Region, ...]) -> Iterator[UnknownFile]:
    unknown = (region for region in regions if region.folder == "unknown")
    generated = {region.path.name: region.redrawn for region in unknown}
    for line in (case / "detections.jsonl").read_text("utf-8").splitlines():
        row = json.loads(line)
        file = Path(row["path"]).name
        yield UnknownFile(
            file, row["score"], row["decision"], tuple(row["reasons"]), generated.get(file)
        )


def _from_the_highest_score(file: UnknownFile) -> tuple[bool, float, str]:
    return (file.score is None, -file.score if file.score is not None else 0.0, file.file)
