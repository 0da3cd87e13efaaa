"""The properties of every image of a folder, measured in one pass."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field, fields, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from fp.audit.duplicates import Look, look_of
from fp.audit.fixed_places import Signs, signs_of
from fp.audit.mixture import tile_of
from fp.audit.traces import colours, flat_border, resampling_trace
from fp.denoisers import registry
from fp.denoisers.population import Skipped
from fp.denoisers.residual import DenoiserIdentity
from fp.images.container import Container
from fp.images.crop import CropRule
from fp.images.degradations import Degradation
from fp.images.jpeg_grid import jpeg_grid, luminance_window, window_of
from fp.images.loading import (
    Limits,
    LoadedImage,
    display_path,
    find_images,
    load_with_container,
)
from fp.images.pipelines import pipeline_of
from fp.system.arrays import Floats, Pixels
from fp.system.errors import ImageError, InputError
from fp.system.progress import Progress, told
from fp.system.workers import run_in_order

RESIDUALS = "wavelet"
"""Denoiser of the tests for generators and seeds: a few milliseconds an image, no network."""

_SIDE = 256  # longest side of the part whose residual is taken


@dataclass(frozen=True, eq=False)
class Properties:
    """What was measured of one image.

    Parameters
    ----------
    path : Path
        The file.
    sha256, pixels_sha256 : str
        Hash of the file, and of its size and decoded pixels.
    format : str
        Format by content.
    container : Container
        How it is stored.
    mode : str
        Pillow's name of the stored pixel type.
    width, height : int
        Size in pixels as stored.
    grey : bool
        Whether all pixels have three equal channels.
    grid_strength : float
        Strength of a JPEG grid in the pixels, in [0, 1]; see `fp.audit.traces`.
    grid_row, grid_column : int or None
        Phase of the grid, 0 to 7; None where there is none.
    resampling_strength : float
        Strength of the strongest period of interpolation.
    resampling_frequency : float
        Its frequency in cycles a pixel.
    resampled : bool
        Whether that is more than picture content gives.
    border : float
        Share of the whole picture in flat borders, in [0, 1]; see `fp.audit.traces.flat_border`.
    colours : int
        Number of different colours in the middle of the whole picture, at most 256 x 256 pixels.
    pipeline : str or None
        What the file looks like, see `fp.images.pipelines`.
    brightness : float
        Mean luminance, in [0, 255].
    sharpness : float
        log10 of the mean square of the luminance's Laplacian, plus 0.01.
    clipped : float
        Share of samples that are 0 or 255.
    colourfulness : float
        Mean distance of a pixel's largest and smallest channel, in [0, 255].
    look : Look
        What it looks like.
    tile : ndarray of float32, shape (768,), or None
        The folded residual; None where there is none.
    signs : Signs or None
        The signs of the residual at fixed places; None where there is none.
    """

    path: Path
    sha256: str
    pixels_sha256: str
    format: str
    container: Container
    mode: str
    width: int
    height: int
    grey: bool
    grid_strength: float
    grid_row: int | None
    grid_column: int | None
    resampling_strength: float
    resampling_frequency: float
    resampled: bool
    border: float
    colours: int
    pipeline: str | None
    brightness: float
    sharpness: float
    clipped: float
    colourfulness: float
    look: Look
    tile: Floats | None = field(metadata={"told": False})
    signs: Signs | None = field(metadata={"told": False})

    def row(self) -> dict[str, Any]:
        """Return what a table holds: JSON types, without thumbnail, tile and signs."""
        row: dict[str, Any] = {}
        for item in fields(self):
            value = getattr(self, item.name)
            if item.name == "path":
                row["path"] = display_path(value)
            elif item.name == "container":
                row |= {part.name: getattr(value, part.name) for part in fields(value)}
            elif item.name == "look":
                row["dhash"] = f"{value.dhash:016x}"
            elif item.metadata.get("told", True):
                row[item.name] = round(value, 6) if isinstance(value, float) else value
        return row


@dataclass(frozen=True)
class Folder:
    """The measured images of one folder, and the files that were not measured.

    Images are in the order of their hashes, so that names and order of the files change nothing.
    """

    images: tuple[Properties, ...]
    skipped: tuple[Skipped, ...] = ()


@dataclass(frozen=True)
class Measure:
    """The measurement of one file; small, so that it travels to workers.

    Parameters
    ----------
    root : Path
        The input folder, out of which no link may lead.
    crop : CropRule, optional
        The part whose pixels are measured; an image that it does not fit is not measured.
    preparation : str
        What that part goes through first, the text of a `Degradation`.
    limits : Limits
        Sizes beyond which a file is refused.
    """

    root: Path
    crop: CropRule | None = None
    preparation: str = "none"
    limits: Limits = field(default_factory=Limits)

    def __call__(self, path: Path) -> Properties | Skipped:
        """Measure one file, or say why not."""
        try:
            image, stored = load_with_container(path, self.root, self.limits)
            part = image.rgb_hwc if self.crop is None else self.crop.apply(image.rgb_hwc)
        except ImageError as error:
            return Skipped(path, error.reason, str(error))
        return measure_part(image, stored, Degradation(self.preparation).apply(part))


def measure_folder(
    folder: Path,
    measure: Measure,
    jobs: int = 1,
    progress: Progress | None = None,
) -> Folder:
    """Measure every file of a folder, searched recursively and never written to.

    An `InputError` says that it does not exist.
    """
    paths = find_images([folder])
    died = partial(Skipped.died, done="measured")
    results = run_in_order(measure, paths, died, jobs, seconds=measure.limits.seconds)
    found = list(told(results, progress, f"audit of {display_path(folder)}", len(paths)))
    images = [each for each in found if isinstance(each, Properties)]
    images.sort(key=lambda image: (image.sha256, image.path.as_posix()))
    return Folder(tuple(images), tuple(each for each in found if isinstance(each, Skipped)))


def measure_classes(
    folders: Sequence[Path],
    limits: Limits,
    jobs: int = 1,
    progress: Progress | None = None,
    prepared: str = "none",
) -> list[Folder]:
    """Measure the folders of both classes and further ones, whose pixels are prepared alike first.

    An `InputError` says that one of the first two holds no usable image.
    """
    measured = [
        measure_folder(folder, Measure(folder, preparation=prepared, limits=limits), jobs, progress)
        for folder in folders
    ]
    for folder, found in zip(folders[:2], measured, strict=False):
        if not found.images:
            raise InputError(
                f"{display_path(folder)} holds no usable image; name a folder of images."
            )
    return measured


def measure_part(
    image: LoadedImage,
    stored: Container,
    part: Pixels,
    known: tuple[DenoiserIdentity, Floats] | None = None,
) -> Properties:
    """Measure a part of an image, as it was prepared, uint8 of shape (H, W, 3).

    `known`, its residual by some denoiser, is taken where the audit would compute the same.
    """
    residual = _residual_of(part, known)
    if residual is None:
        return properties_of(image, stored, part)
    return replace(
        properties_of(image, stored, part), tile=tile_of(residual), signs=signs_of(residual)
    )


def properties_of(image: LoadedImage, stored: Container, part: Pixels) -> Properties:
    """Measure an image as `measure_part` does, but for what its residual has."""
    luminance = luminance_window(part)
    grid, period = jpeg_grid(luminance), resampling_trace(luminance)
    middle = luminance[1:-1, 1:-1]
    around = luminance[:-2, 1:-1] + luminance[2:, 1:-1] + luminance[1:-1, :-2] + luminance[1:-1, 2:]
    laplacian = 4 * middle - around if middle.size else np.zeros(1, np.float32)
    channels, window = image.rgb_hwc, window_of(part)
    red, green, blue = (window[..., channel] for channel in range(3))
    largest = np.maximum(np.maximum(red, green), blue)
    smallest = np.minimum(np.minimum(red, green), blue)
    return Properties(
        path=image.path,
        sha256=image.sha256,
        pixels_sha256=_pixels_hash(channels),
        format=image.format,
        container=stored,
        mode=image.mode,
        width=image.width,
        height=image.height,
        grey=_is_grey(window) and _is_grey(channels),
        grid_strength=grid.strength,
        grid_row=grid.row if grid.present else None,
        grid_column=grid.column if grid.present else None,
        resampling_strength=period.strength,
        resampling_frequency=period.frequency,
        resampled=period.present,
        border=flat_border(channels),
        colours=colours(window_of(channels)),
        pipeline=pipeline_of(stored, image.width, image.height),
        brightness=float(luminance.mean()),
        sharpness=float(np.log10(np.square(laplacian).mean() + 0.01)),
        clipped=float(((window == 0) | (window == 255)).mean()),
        colourfulness=float((largest - smallest).mean()),
        look=look_of(channels),
        tile=None,
        signs=None,
    )


def _residual_of(part: Pixels, known: tuple[DenoiserIdentity, Floats] | None) -> Floats | None:
    height, width = part.shape[:2]
    if min(height, width) < 32:
        return None
    residual = registry.kept(RESIDUALS)
    if known is not None and max(height, width) <= _SIDE and known[0] == residual.identity:
        return known[1]
    # From the first pixel, so that a lattice has one phase in all images.
    return residual(np.ascontiguousarray(part[:_SIDE, :_SIDE]))


def _is_grey(image_hwc: Pixels) -> bool:
    return bool((image_hwc == image_hwc[..., :1]).all())


def _pixels_hash(image_hwc: Pixels) -> str:
    digest = hashlib.sha256(f"{image_hwc.shape}".encode())
    digest.update(np.ascontiguousarray(image_hwc).data)
    return digest.hexdigest()
