"""A folder of images as one class: its files, what was examined, its residuals."""

from __future__ import annotations

import re
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePath
from typing import Any

from fp.denoisers import registry
from fp.denoisers.cache import ResidualCache, cache_at
from fp.denoisers.residual import Residual
from fp.images.container import Container
from fp.images.crop import CropRule
from fp.images.degradations import Degradation
from fp.images.loading import (
    Limits,
    LoadedImage,
    display_path,
    image_size,
    load_image,
    load_with_container,
)
from fp.system.arrays import Floats, Pixels
from fp.system.errors import ImageError, InputError
from fp.system.folders import ImageFolder
from fp.system.joining import join_names
from fp.system.progress import Progress
from fp.system.workers import run_in_order


@dataclass(frozen=True)
class Skipped:
    """A file that was not examined.

    Parameters
    ----------
    path : Path
        The file.
    reason, message : str
        Key of `fp.images.loading.REASONS`, and one sentence.
    """

    path: Path
    reason: str
    message: str

    @classmethod
    def died(cls, path: Path, done: str = "examined", seconds: float | None = None) -> Skipped:
        """Return what is said of a file that ended or kept its process."""
        late = "" if seconds is None else f", or took longer than {seconds:g} seconds"
        shown = display_path(path)
        return cls(path, "worker_died", f"{shown} ended the process that {done} it{late}.")


@dataclass(frozen=True)
class Examined:
    """A file whose residual is at hand.

    Parameters
    ----------
    path : Path
        The file.
    sha256, source, size, format : str
        Hash of its bytes, what it was drawn or taken from (see `sources_of`), ``"WIDTHxHEIGHT"`` in
        pixels, and format by content.
    converted : tuple of str
        What was done to reach 8-bit RGB.
    seed, prompt : str or None
        What the file says that its generator was asked for; see `fp.images.requests.Request`.
    """

    path: Path
    sha256: str
    source: str
    size: str
    format: str
    converted: tuple[str, ...]
    seed: str | None = None
    prompt: str | None = None


@dataclass(frozen=True, eq=False)
class Seen:
    """A file while its pixels are in memory, for more than the residual.

    Parameters
    ----------
    image : LoadedImage
        The whole image.
    stored : Container
        How it is stored.
    part, residual : ndarray of uint8 (height, width, 3) and of float32 (3, height, width)
        The examined part, and its residual.
    """

    image: LoadedImage
    stored: Container
    part: Pixels
    residual: Floats


FEWEST_BEGINNINGS = 8
"""Fewest beginnings of numbered names that count as sources: a camera has one for all."""

_NUMBERED = re.compile(r"[ _.-]+\(?\d+\)?$")

Look = Callable[[Seen], Any]
"""What is taken of a file while it is in memory; picklable, as is what it gives."""


@dataclass(frozen=True)
class Reduction:
    """All that decides how a file becomes a residual. It is small, so that it travels to workers.

    Parameters
    ----------
    denoiser : str
        Name of the denoiser.
    crop : CropRule
        The examined part.
    parameters : tuple of (str, object)
        The denoiser's parameters that differ from its defaults.
    limits : Limits
        Sizes beyond which a file is refused.
    preparation : str
        What the cropped part goes through before its residual, the text of a `Degradation`.
    """

    denoiser: str
    crop: CropRule
    parameters: tuple[tuple[str, Any], ...] = ()
    limits: Limits = field(default_factory=Limits)
    preparation: str = "none"

    def part(self, image_hwc: Pixels) -> Pixels:
        """Return what the residual is taken of: an image (H, W, 3), uint8, cropped, then prepared.

        Cropped first: a crop starts at a multiple of 64 in either direction, so the grid of a
        re-encoded crop has the phase that the grid of the re-encoded image would have. `ImageError`
        with reason ``too_small``.
        """
        return Degradation(self.preparation).apply(self.crop.apply(image_hwc))

    def residual(self) -> Residual:
        """Make the denoiser with its mean residual; made once a process."""
        return registry.kept(self.denoiser, self.parameters)


@dataclass(frozen=True)
class Population:
    """The examined images of one class.

    Parameters
    ----------
    images : tuple of Examined
        In the order of their hashes, so that names and order of the files change nothing.
    skipped : tuple of Skipped
        Files that were not examined.
    taken : tuple
        What the look that was asked for gave of each image, in the same order.
    """

    images: tuple[Examined, ...]
    skipped: tuple[Skipped, ...]
    taken: tuple[Any, ...] = ()


@contextmanager
def residual_store(cache: ResidualCache | None, dear: bool = True) -> Iterator[ResidualCache]:
    """Lend the user's cache of residuals, or one that lasts as long as the block.

    That one keeps nothing where residuals are not dear: cost no more than to write and delete them.
    """
    if cache is not None:
        yield cache
        return
    with tempfile.TemporaryDirectory(prefix="fp-") as folder:
        yield ResidualCache(Path(folder), limit_bytes=2**62 if dear else 0)


def most_common_crop(
    folder: ImageFolder,
    limits: Limits,
    anchor: str = "top-left",
    others: Sequence[ImageFolder] = (),
) -> CropRule:
    """Return the largest crop within the most common size of a folder's images.

    Of equally common sizes the smaller one decides. Where the images of another folder are smaller,
    it is cut down to what nine tenths of them hold. `InputError` if no file is an image of at least
    32 x 32 pixels within the limits.
    """
    sizes, refused = _sizes(folder, limits)
    if not sizes:
        found = f"{display_path(folder.root)} holds no image of at least 32 x 32 pixels"
        if refused:  # not for want of pixels: links that are not followed, files of another kind
            found += f", and {len(refused)} that cannot be examined, such as: {refused[0]}"
            raise InputError(found)
        raise InputError(f"{found}; a fingerprint needs some.")
    height, width = max(sizes, key=lambda size: (sizes[size], -size[0] * size[1], size))
    for other in others:
        if small := list(_sizes(other, limits)[0].elements()):
            height, width = _held_by_most(small, height, width)
    return CropRule.largest_within(height, width, "centre" if anchor == "centre" else "top-left")


def _held_by_most(sizes: Sequence[tuple[int, int]], height: int, width: int) -> tuple[int, int]:
    """Return the largest area within a size that nine tenths of the images hold."""
    most = len(sizes) - len(sizes) // 10
    held = []
    for tall in {min(height, each) for each, _ in sizes}:
        wide = sorted((min(width, across) for each, across in sizes if each >= tall), reverse=True)
        if len(wide) >= most:
            held.append((tall, wide[most - 1]))
    return max(held, key=lambda size: (size[0] // 32 * (size[1] // 32), size))


def _sizes(
    folder: ImageFolder, limits: Limits
) -> tuple[Counter[tuple[int, int]], list[ImageError]]:
    """Count the heights and widths of images that hold 32 x 32 pixels.

    Beside them, why the others cannot be examined.
    """
    sizes: Counter[tuple[int, int]] = Counter()
    refused: list[ImageError] = []
    for path in folder.paths:
        try:
            size = image_size(path, folder.root, limits)
        except ImageError as error:
            refused.append(error)
            continue
        if min(size) >= 32:
            sizes[size] += 1
    return sizes, refused


def survey(
    folder: ImageFolder,
    reduction: Reduction,
    store: ResidualCache,
    jobs: int = 1,
    progress: Progress | None = None,
) -> Population:
    """Examine every file of a folder; see `survey_all`."""
    return survey_all([folder], reduction, store, jobs, progress)[0]


def survey_all(
    folders: Sequence[ImageFolder],
    reduction: Reduction,
    store: ResidualCache,
    jobs: int = 1,
    progress: Progress | None = None,
    look: Look | None = None,
) -> list[Population]:
    """Return what was examined of some folders, a class each. Residuals are in the store then.

    `look` is what else is taken of each image while it is in memory.
    """
    items = [(folder.root, path) for folder in folders for path in folder.paths]
    task = _Examine(reduction, store.folder, store.limit_bytes, look)
    results = run_in_order(
        task, items, lambda item: Skipped.died(item[1]), jobs, seconds=reduction.limits.seconds
    )
    rows: list[list[tuple[Examined, Any]]] = [[] for _ in folders]
    skipped: list[list[Skipped]] = [[] for _ in folders]
    places = [place for place, folder in enumerate(folders) for _ in folder.paths]
    for place, result in zip(places, results, strict=True):
        if isinstance(result, Skipped):
            skipped[place].append(result)
        else:
            rows[place].append(result)
        if progress is not None:
            done = len(rows[place]) + len(skipped[place])
            folder = folders[place]
            progress(display_path(folder.root), done, len(folder.paths))
    return [_population(*each) for each in zip(folders, rows, skipped, strict=True)]


def _population(
    folder: ImageFolder, rows: list[tuple[Examined, Any]], skipped: list[Skipped]
) -> Population:
    # Named when it is known which files count: what was skipped must not change the rest.
    paths = [image.path.relative_to(folder.root) for image, _ in rows]
    sources = sources_of(paths, [image.prompt for image, _ in rows])
    named = [
        (replace(image, source=name), taken)
        for (image, taken), name in zip(rows, sources, strict=True)
    ]
    named.sort(key=lambda row: (row[0].sha256, row[0].path.as_posix()))
    images, taken = tuple(image for image, _ in named), tuple(taken for _, taken in named)
    return Population(images, tuple(skipped), taken)


@dataclass(frozen=True)
class _Examine:
    reduction: Reduction
    cache_folder: Path
    cache_limit: int
    look: Look | None

    def __call__(self, item: tuple[Path, Path]) -> tuple[Examined, Any] | Skipped:
        root, path = item
        try:
            image, stored = load_with_container(path, root, self.reduction.limits)
            part = self.reduction.part(image.rgb_hwc)
            store = cache_at(self.cache_folder, self.cache_limit)
            residual = store.residual(part, self.reduction.residual())
        except ImageError as error:
            return Skipped(path, error.reason, str(error))
        taken = None if self.look is None else self.look(Seen(image, stored, part, residual))
        size = f"{image.width}x{image.height}"
        kind, done = image.format, image.converted
        request = stored.seed, stored.prompt
        return Examined(path, image.sha256, "", size, kind, done, *request), taken


def residuals(
    images: Sequence[Examined], reduction: Reduction, store: ResidualCache
) -> Iterator[Floats]:
    """Yield the residual of each image, float32 (3, H, W); see `examined_again`."""
    for _, _, residual in examined_again(images, reduction, store):
        yield residual


def examined_again(
    images: Sequence[Examined], reduction: Reduction, store: ResidualCache
) -> Iterator[tuple[LoadedImage, Pixels, Floats]]:
    """Yield each image, its examined part, and the residual, from the store or computed again.

    `InputError` if a file changed since it was examined, or is gone.
    """
    for image in images:
        try:
            loaded = load_image(image.path, None, reduction.limits)
        except ImageError:
            loaded = None
        if loaded is None or loaded.sha256 != image.sha256:
            raise InputError(
                f"{display_path(image.path)} changed while it was in use; run again when nothing "
                "writes to its folder."
            )
        part = reduction.part(loaded.rgb_hwc)
        yield loaded, part, store.residual(part, reduction.residual())


def sources_of(paths: Sequence[PurePath], prompts: Sequence[str | None] | None = None) -> list[str]:
    """Return the source of each image of one class: the stem of its file name.

    Where numbered stems share few beginnings (``a red cat-1``, ``a red cat-2``), these are the
    sources: pictures of one prompt resemble each other. Where stems say nothing, because fewer than
    half of the files have one of their own (``0001/image.png``, ``0002/image.png``), the path
    without its suffix serves instead. Sources whose files tell the same prompt become one, unless
    that leaves fewer than `FEWEST_BEGINNINGS`.
    """
    names = _names_of(paths)
    joined = names if prompts is None else join_names(names, prompts)
    return joined if len(set(joined)) >= FEWEST_BEGINNINGS else names


def _names_of(paths: Sequence[PurePath]) -> list[str]:
    stems = [path.stem for path in paths]
    beginnings = [_NUMBERED.sub("", stem) or stem for stem in stems]
    if FEWEST_BEGINNINGS <= len(set(beginnings)) <= len(stems) / 2:
        return beginnings
    if 2 * len(set(stems)) >= len(stems):
        return stems
    return [path.with_suffix("").as_posix() for path in paths]
