"""The demo's images: regions of photographs that come with the dependencies, dealt into roles.

Each region is used once. It stays as it is, or the tiny decoder redraws it, and it serves to learn
the fingerprint or to test it; every photograph is found in every role as far as it reaches, so
that neither what it shows nor its camera tells the roles apart.
"""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import resources
from itertools import cycle
from pathlib import Path
from typing import Literal

from PIL import Image

from fp.images.loading import image_size, load_image
from fp.system.arrays import Pixels
from fp.system.atomic_files import write_bytes_atomic, write_text_atomic
from fp.system.errors import InputError

SIDE = 128
"""Side of a region in pixels."""

PITCH = 131
"""Distance of two regions. It is odd, so that the 8-pixel blocks of photographs that were JPEG
once fall on every phase, and no grid but the generator's survives an average."""

Folder = Literal["real", "generated", "unknown"]

# Unknown images come last, so that the smallest photograph gives to both classes first.
_DEALT: tuple[tuple[Folder, bool], ...] = (
    *((("real", False), ("generated", True)) * 3),
    ("unknown", False),
    ("unknown", True),
)


@dataclass(frozen=True)
class Photograph:
    """A photograph inside an installed dependency.

    Parameters
    ----------
    name, package, file, credit : str
        What it shows; the installed package, and the path of the file in it; who took it, and its
        licence.
    """

    name: str
    package: str
    file: str
    credit: str

    @contextmanager
    def opened(self) -> Iterator[Path]:
        """Lend the file; `InputError` if this installation lacks it."""
        with resources.as_file(resources.files(self.package) / self.file) as path:
            if not path.is_file():
                raise InputError(
                    f"The demo needs the photograph {path}, which this installation lacks; "
                    f"install {self.package.replace('sklearn', 'scikit-learn')} from its wheel."
                )
            yield path


PHOTOGRAPHS = (
    Photograph("astronaut", "skimage", "data/astronaut.png", "NASA, public domain"),
    Photograph("cat", "skimage", "data/chelsea.png", "Stefan van der Walt, CC0"),
    Photograph("coffee", "skimage", "data/coffee.png", "Rachel Michetti, CC0"),
    Photograph(
        "motorcycle",
        "skimage",
        "data/motorcycle_left.png",
        "D. Scharstein et al., Middlebury stereo data sets 2014",
    ),
    Photograph("rocket", "skimage", "data/rocket.jpg", "SpaceX, public domain"),
    Photograph("pagoda", "sklearn", "datasets/images/china.jpg", "danielbuechele, CC BY 2.0"),
    Photograph("flower", "sklearn", "datasets/images/flower.jpg", "vultilion, CC BY 2.0"),
)
"""Colour photographs that the wheels of scikit-image and scikit-learn contain."""


@dataclass(frozen=True)
class Region:
    """A square of a photograph and what it is used for.

    Parameters
    ----------
    photograph : Photograph
        Where it lies.
    top, left : int
        Its first row and column.
    folder : {"real", "generated", "unknown"}
        Folder that it is written into.
    redrawn : bool
        Whether the tiny decoder redraws it.
    """

    photograph: Photograph
    top: int
    left: int
    folder: Folder
    redrawn: bool

    @property
    def path(self) -> Path:
        """Path below the folder of images. Its stem is the source: photograph and place."""
        return Path(self.folder, f"{self.photograph.name}-y{self.top}-x{self.left}.png")


def deal_regions(photograph: Photograph, height: int, width: int) -> Iterator[Region]:
    """Yield the regions of a photograph of this size in pixels, dealt into roles.

    They do not touch, and their order has nothing to do with their places.
    """
    corners = [
        (top, left)
        for top in range(0, height - SIDE + 1, PITCH)
        for left in range(0, width - SIDE + 1, PITCH)
    ]
    corners.sort(key=lambda c: hashlib.sha256(f"{photograph.name} {c}".encode()).digest())
    for (top, left), (folder, redrawn) in zip(corners, cycle(_DEALT), strict=False):
        yield Region(photograph, top, left, folder, redrawn)


def plan_regions() -> tuple[Region, ...]:
    """Cut all photographs into regions; `InputError` if a photograph is missing."""
    regions: list[Region] = []
    for photograph in PHOTOGRAPHS:
        with photograph.opened() as path:
            regions.extend(deal_regions(photograph, *image_size(path)))
    return tuple(regions)


def write_images(
    folder: Path,
    regions: Sequence[Region],
    redraw: Callable[[Pixels], Pixels],
    progress: Callable[[int, int], None] | None = None,
) -> None:
    """Write regions, at least one, as PNG, and beside them ``sources.csv``: where each comes from.

    Two files that cannot be examined lie among the unknown ones: a text and a truncated image.
    Files of an earlier run are replaced. `redraw` is the generator, from pixels of a region, uint8
    of shape (128, 128, 3), to as many others; `progress` is called with the regions done and their
    total. `OutputError` if a file cannot be written.
    """
    photographs = {region.photograph: _pixels(region.photograph) for region in regions}
    for done, region in enumerate(regions, start=1):
        whole = photographs[region.photograph]
        part = whole[region.top : region.top + SIDE, region.left : region.left + SIDE]
        drawn = redraw(part) if region.redrawn else part
        write_bytes_atomic(folder / region.path, _png(drawn), overwrite=True)
        if progress is not None:
            progress(done, len(regions))
    for name, content in _spoilt_files(folder / regions[0].path).items():
        write_bytes_atomic(folder / "unknown" / name, content, overwrite=True)
    write_text_atomic(folder / "sources.csv", _sources(regions), overwrite=True)


SPOILT = ("notes.txt", "torn.png")
"""Names of the files among the unknown ones that cannot be examined."""


def _spoilt_files(intact: Path) -> dict[str, bytes]:
    content = intact.read_bytes()
    contents = (b"No picture: fp judges files by content.\n", content[: len(content) // 2])
    return dict(zip(SPOILT, contents, strict=True))


def _pixels(photograph: Photograph) -> Pixels:
    with photograph.opened() as path:
        return load_image(path).rgb_hwc


def _png(pixels: Pixels) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def _sources(regions: Sequence[Region]) -> str:
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(("file", "drawn_by", "photograph", "top", "left", "credit"))
    for region in sorted(regions, key=lambda region: region.path):
        drawn_by = "tiny decoder" if region.redrawn else "photograph"
        photograph = region.photograph
        table.writerow(
            (
                region.path.as_posix(),
                drawn_by,
                f"{photograph.package}/{photograph.file}",
                region.top,
                region.left,
                photograph.credit,
            )
        )
    return text.getvalue()
