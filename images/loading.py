"""Images in: the one door through which a file becomes pixels.

Files are judged by content and never by name. Every way in which a file can fail to be an
examinable picture ends in an `ImageError` with a reason code of `REASONS` and one sentence; every
conversion is noted on the result. docs/images.md states the treatment of each kind.
"""

from __future__ import annotations

import contextlib
import hashlib
import math
import re
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageFile

from fp.images import boxes, completeness, container
from fp.images import conversion as pixels
from fp.images.claims import Claim, read_claims
from fp.images.container import Container, Metadata
from fp.images.formats import FORMATS, declared_size, kind_of, open_image
from fp.images.other_kinds import refusal
from fp.images.tiff_previews import is_preview
from fp.system.arrays import Pixels
from fp.system.errors import ImageError, UsageError, words_of
from fp.system.paths import display_path, find_images, read_file, refuse_container

__all__ = [
    "FORMATS",
    "REASONS",
    "Limits",
    "LoadedImage",
    "display_path",
    "find_images",
    "image_size",
    "load_image",
    "load_with_claims",
    "load_with_container",
    "load_with_metadata",
    "picture_of",
    "read_container",
]

REASONS = {
    "not_found": "the file is gone or its link leads nowhere",
    "not_readable": "the operating system refuses to read it",
    "not_a_regular_file": "a pipe, socket or device, or a link to a folder",
    "link_outside": "a symbolic link that leads out of the input folder",
    "empty_file": "zero bytes",
    "not_an_image": "by content of no format that is examined",
    "needs_package": "of a format that takes a package which is not installed",
    "encrypted": "locked by a password, alone or in its archive or document",
    "damaged": "truncated, or the decoder rejects it",
    "incomplete": "decodes, but holds pixels for only a part of its declared area",
    "too_many_bytes": "a larger file than the limit, or an archive that unpacks to too much",
    "too_many_pixels": "more pixels than the limit, or a decompression bomb",
    "unsupported_mode": "a pixel type without a documented treatment",
    "too_small": "smaller than the fingerprint; images are never padded",
    "worker_died": "the process that examined it died, was killed, or took too long",
}
"""Reason codes of an image that was not examined, with what each means."""

_EXIF_ORIENTATION = 0x0112
_TIFF_WIDTH, _TIFF_HEIGHT = 256, 257
_DARK = 16  # no high byte is as high: 12 bits or fewer lie at the low end of 16
_MOST_EXIF_PIECES = 64  # 4 MiB; Pillow's time grows with the square of their number

# Turns back what Pillow does to a TIFF by its orientation tag.
_UNTURN = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}

# Decoders' words for a sound file of a kind that they do not know.
_UNKNOWN_KIND = re.compile("unknown pixel mode|cannot handle|unsupported", re.IGNORECASE)


@dataclass(frozen=True)
class Limits:
    """How large a file may be before it is refused undecoded.

    Parameters
    ----------
    pixels : int
        Most pixels (width times height) that are decoded.
    file_bytes : int
        Most bytes that are read of one file.
    seconds : float
        Longest time that a worker process may be at one file; no process can bind itself.
    """

    pixels: int = 128 * 2**20
    file_bytes: int = 2**30
    seconds: float = 120.0

    def __post_init__(self) -> None:
        if not (self.pixels > 0 and self.file_bytes > 0 and 0 < self.seconds < math.inf):
            raise UsageError(
                f"Limits of {self.pixels} pixels, {self.file_bytes} bytes and {self.seconds} "
                "seconds are not possible; use finite numbers above 0."
            )


@dataclass(frozen=True)
class LoadedImage:
    """The pixels of one file and what was found and done on the way.

    Parameters
    ----------
    path : Path
        The file.
    sha256 : str
        SHA-256 of the file's bytes, in hexadecimal.
    format : str
        Pillow's name of the format, judged by content.
    mode : str
        Pillow's name of the stored pixel type.
    converted : tuple of str
        What was done to reach 8-bit RGB; empty where nothing was.
    orientation : int or None
        EXIF orientation, recorded and not applied: turning would move the generator's lattice.
    rgb_hwc : ndarray of uint8, shape (H, W, 3)
        The pixels.
    compression : str
        What the file's coding did to the pixels, of `fp.images.container.COMPRESSIONS`;
        "lossless" for pixels that no file held.
    """

    path: Path
    sha256: str
    format: str
    mode: str
    converted: tuple[str, ...]
    orientation: int | None
    rgb_hwc: Pixels
    compression: str = "lossless"

    @property
    def pixels_sha256(self) -> str:
        """SHA-256 of the text ``HEIGHT WIDTH 3``, a line end, and the pixels row by row."""
        digest = hashlib.sha256(f"{self.height} {self.width} 3\n".encode())
        digest.update(np.ascontiguousarray(self.rgb_hwc).data)
        return digest.hexdigest()

    @property
    def height(self) -> int:
        """Height in pixels as stored."""
        return int(self.rgb_hwc.shape[0])

    @property
    def width(self) -> int:
        """Width in pixels as stored."""
        return int(self.rgb_hwc.shape[1])


def load_image(
    path: str | Path, root: Path | None = None, limits: Limits | None = None
) -> LoadedImage:
    """Read one image file as 8-bit RGB.

    Parameters
    ----------
    path : str or Path
        The file.
    root : Path, optional
        The input folder; a symbolic link that leads out of it is refused.
    limits : Limits, optional
        Sizes beyond which a file is refused undecoded.

    Returns
    -------
    LoadedImage
        Pixels and notes.

    Raises
    ------
    ImageError
        If the file cannot be examined; ``reason`` is a key of `REASONS`.

    Examples
    --------
    >>> from fp.denoisers import load_image
    >>> load_image("picture.png").rgb_hwc.shape
    (256, 256, 3)
    """
    path = Path(path)
    with _opened(path, root, limits or Limits()) as (image, content):
        return _decode(image, content, path)


def load_with_container(
    path: Path, root: Path | None = None, limits: Limits | None = None
) -> tuple[LoadedImage, Container]:
    """Read one image file as `load_image`, and how it is stored, at once."""
    with _opened(path, root, limits or Limits()) as (image, content):
        stored = container.describe(image, content)
        return _decode(image, content, path), stored


def load_with_claims(
    path: Path, root: Path | None = None, limits: Limits | None = None
) -> tuple[LoadedImage, tuple[Claim, ...]]:
    """Read one image file as `load_image`, and its claims about its origin, at once.

    No part of fp takes the claims into account.
    """
    with _opened(path, root, limits or Limits()) as (image, content):
        return _decode(image, content, path), read_claims(content)


def load_with_metadata(
    path: Path, root: Path | None = None, limits: Limits | None = None
) -> tuple[LoadedImage, Metadata]:
    """Read one image file as `load_image`, and all that is beside its pixels.

    The file is read once.
    """
    with _opened(path, root, limits or Limits()) as (image, content):
        told = container.metadata_of(image, content)
        return _decode(image, content, path), told


def picture_of(image: Image.Image, name: str) -> LoadedImage:
    """Return a picture that Pillow holds, converted as one from a file is; as `load_image`.

    It has no bytes, so its hash is empty; the name stands where a path does.
    """
    odd = pixels.unsupported(image)
    if odd is not None:
        raise ImageError("unsupported_mode", f"{name} has {odd}, which have no treatment.")
    converted, turned = pixels.conversions(image), None
    if image.mode.startswith("I;16") and pixels.HIGH_BYTE not in converted:  # loaded already
        converted.insert(0, pixels.HIGH_BYTE)
    if image.format == "TIFF":
        turned = _orientation(image)
    try:
        image.load()
    except Exception as error:  # what it was opened from may be as hostile as any file
        raise _refusal(str(image.format), name, error) from error
    rgb_hwc = pixels.as_rgb(_as_stored(image, turned))
    return LoadedImage(Path(name), "", "", image.mode, tuple(converted), None, rgb_hwc)


def read_container(path: Path, root: Path | None = None, limits: Limits | None = None) -> Container:
    """Read how an image is stored from its head, without decoding it; as `load_image`."""
    with _opened(path, root, limits or Limits()) as (image, content):
        return container.describe(image, content)


def image_size(
    path: Path, root: Path | None = None, limits: Limits | None = None
) -> tuple[int, int]:
    """Read height and width as stored from an image's head, without decoding; as `load_image`."""
    with _opened(path, root, limits or Limits()) as (image, _):
        if image.format == "TIFF":  # where Pillow gives the size as turned for display
            tags = getattr(image, "tag_v2", {})
            return int(tags[_TIFF_HEIGHT]), int(tags[_TIFF_WIDTH])
        return image.height, image.width


@contextlib.contextmanager
def _opened(path: Path, root: Path | None, limits: Limits) -> Iterator[tuple[Image.Image, bytes]]:
    """Open an image; whatever goes wrong inside the block becomes an `ImageError`."""
    content = read_file(path, root, limits.file_bytes)
    refuse_container(path, content)
    shown = display_path(path)
    kind = kind_of(content)
    if kind is None:
        raise refusal(content, shown)
    if kind == "JPEG" and content.count(b"Exif\0\0") > _MOST_EXIF_PIECES:
        raise ImageError("damaged", f"{shown} has more pieces of EXIF data than any camera writes.")
    try:
        with warnings.catch_warnings(), _strict_decoders():
            # Our own limit on pixels, checked below before decoding, replaces Pillow's warning;
            # complaints about metadata do not concern the pixels.
            warnings.simplefilter("ignore")
            size = declared_size(kind, content)
            if size is not None:
                _check_size(size, shown, limits)
            with open_image(kind, content, shown) as image:
                _check_size(image.size, shown, limits)
                if kind == "TIFF" and is_preview(image, content):
                    raise ImageError(
                        "unsupported_mode",
                        f"{shown} is a raw file, or another TIFF that begins with a reduced "
                        "preview; develop or export the picture itself as 8-bit RGB.",
                    )
                yield image, content
    except ImageError:
        raise
    except Image.DecompressionBombError:
        raise ImageError(
            "too_many_pixels", f"{shown} declares more pixels than can be decoded safely."
        ) from None
    except MemoryError:
        raise ImageError("too_many_pixels", f"{shown} does not fit into memory.") from None
    except Exception as error:  # hostile bytes make decoders raise anything
        raise _refusal(kind, shown, error) from error


@contextlib.contextmanager
def _strict_decoders() -> Iterator[None]:
    """Keep Pillow from filling up truncated files, whatever else asked it to."""
    lenient = ImageFile.LOAD_TRUNCATED_IMAGES
    if lenient:
        ImageFile.LOAD_TRUNCATED_IMAGES = False
    try:
        yield
    finally:
        if lenient:
            ImageFile.LOAD_TRUNCATED_IMAGES = True


def _refusal(kind: str, shown: str, error: Exception) -> ImageError:
    detail = words_of(error, 200)
    if _UNKNOWN_KIND.search(detail):
        return ImageError(
            "unsupported_mode",
            f"{shown} is a {kind} image of a kind that has no treatment (the decoder says "
            f"'{detail}'); save it as 8-bit RGB.",
        )
    return ImageError("damaged", f"{shown} is damaged or truncated: the decoder says '{detail}'.")


def _check_size(size: tuple[int, int], shown: str, limits: Limits) -> None:
    width, height = size
    if width * height > limits.pixels:
        raise ImageError(
            "too_many_pixels",
            f"{shown} declares {width} x {height} pixels, more than the limit of {limits.pixels}.",
        )


def _decode(image: Image.Image, content: bytes, path: Path) -> LoadedImage:
    shown = display_path(path)
    odd = pixels.unsupported(image)
    if odd is not None:
        raise ImageError(
            "unsupported_mode", f"{shown} has {odd}, which have no treatment; save it as 8-bit RGB."
        )
    lacking = completeness.missing_before_decoding(image, content)
    if lacking is not None:
        raise ImageError("incomplete", f"{shown} is incomplete: {lacking}.")
    coding = container.compression(image, content)
    notes = [*boxes.conversions(image, content), *pixels.conversions(image), *_frames(image)]
    mode, converted = image.mode, notes
    turned = _orientation(image) if image.format == "TIFF" else None
    image.load()
    if completeness.ends_early(image, content):
        raise ImageError("incomplete", f"{shown} is incomplete: its coded data end too soon.")
    orientation = _orientation(image)
    if turned is not None and orientation is None:  # applied and removed in loading
        orientation = turned
    rgb_hwc = pixels.as_rgb(_as_stored(image, turned))
    if converted[:1] == [pixels.HIGH_BYTE] and rgb_hwc.max() < _DARK:
        low = _low_bytes(str(image.format), content, shown, turned)
        if rgb_hwc.any() or low is None:
            raise ImageError(
                "unsupported_mode",
                f"{shown} has 16-bit samples of which none is above {_DARK * 256 - 1}: it seems to "
                "hold fewer bits and does not say how many; save it as 8-bit RGB.",
            )
        if low.any():
            rgb_hwc, converted[0] = low, pixels.LOW_BYTE
    return LoadedImage(
        path=path,
        sha256=hashlib.sha256(content).hexdigest(),
        format=str(image.format),
        mode=mode,
        converted=tuple(converted),
        orientation=orientation,
        rgb_hwc=rgb_hwc,
        compression=coding,
    )


def _as_stored(image: Image.Image, turned: int | None) -> Image.Image:
    """Turn back a loaded TIFF that Pillow turned by its orientation tag."""
    if turned in _UNTURN and _orientation(image) is None:
        return image.transpose(_UNTURN[turned])
    return image


def _low_bytes(kind: str, content: bytes, shown: str, turned: int | None) -> Pixels | None:
    """Decode an image of 16-bit samples again, for their low bytes; None where Pillow cannot."""
    with open_image(kind, content, shown) as again:
        pixels.swap_bytes(again)
        try:
            again.load()
        except (ValueError, OSError):
            return None
        return pixels.as_rgb(_as_stored(again, turned))


def _frames(image: Image.Image) -> list[str]:
    if image.format == "TIFF":
        # Counting pages means reading them all: minutes on a hostile file.
        return ["first of several frames"] if getattr(image, "is_animated", False) else []
    frames = int(getattr(image, "n_frames", 1))
    if frames < 2:
        return []
    # A HEIC may name another of its pictures as the one to show.
    place = image.tell()
    return [f"number {place + 1} of {frames} frames" if place else f"first of {frames} frames"]


def _orientation(image: Image.Image) -> int | None:
    try:
        if image.format == "HEIF":  # its reader takes the value out
            value = image.info.get("original_orientation")
        else:
            value = image.getexif().get(_EXIF_ORIENTATION)
        return None if value is None else int(value)
    except Exception:  # damaged metadata says nothing about the pixels
        return None
