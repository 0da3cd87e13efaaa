"""Pictures in memory where a folder goes: lossless files while they are used."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from PIL import Image

from fp.api.detections import Pictures, listed, pictures_of
from fp.system.errors import InputError


@contextmanager
def folder_of(images: Pictures) -> Iterator[Path]:
    """Lend the folder that was named, or one of the pictures in memory.

    Names of a mapping become names of files, so that they tell sources as those of files do.
    """
    if isinstance(images, str | os.PathLike):
        yield Path(images)
        return
    given = listed(images)
    pictures = pictures_of(given)
    if pictures is None:
        raise InputError("A list of paths is no class of images; name a folder.")
    names = list(given) if isinstance(given, Mapping) else [""] * len(pictures)
    with tempfile.TemporaryDirectory(prefix="fp-pictures-") as place:
        for number, (name, picture) in enumerate(zip(names, pictures, strict=True)):
            folder = Path(place, f"{number:06d}")
            folder.mkdir()
            stem = str(name).replace("/", "_").replace("\0", "_").strip(".")
            stem = stem.encode()[:200].decode(errors="ignore") or f"{number:06d}"
            Image.fromarray(picture.rgb_hwc).save(folder / f"{stem}.png", compress_level=1)
        yield Path(place)
