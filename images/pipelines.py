"""Pipelines that are known by the bytes that they write."""

from __future__ import annotations

from dataclasses import dataclass

from fp.images.container import Container


@dataclass(frozen=True)
class Pipeline:
    """How a service stores the pictures it passes on.

    Parameters
    ----------
    name : str
        The service.
    quality : int
        Quality of JPEG, whose luminance table is exactly that of libjpeg.
    longest : tuple of int
        Lengths of the longest side in pixels.
    subsampling, progressive : str and bool, or None
        Chroma subsampling, and whether the JPEG is progressive; None where that is not known.
    """

    name: str
    quality: int
    longest: tuple[int, ...]
    subsampling: str | None = None
    progressive: bool | None = None


PIPELINES = (
    # 25 of the 30 files from posts in the folder strangers/gpt_image_2_web of the corpus are so.
    # Its interface gave 1200 x 1200 as the box of "medium" ("sizes" of a media entity); a picture
    # that just fits may come out a pixel short.
    Pipeline("X (Twitter), medium", 85, (1199, 1200), "4:2:0", True),
    # telegramdesktop/tdesktop: kPhotoSideLimit = 1280 bounds a photo's sides, and QImage::save
    # gets "JPG", 87, in storage/localimageloader.cpp.
    Pipeline("Telegram", 87, (1280,)),
)
"""Pipelines with the public source of each."""


def pipeline_of(stored: Container, width: int, height: int) -> str | None:
    """Return the name of the pipeline that a file looks like, or None.

    Others write such files too, so it is a hint.
    """
    if not stored.standard_tables:
        return None
    for known in PIPELINES:
        if (
            stored.quality == known.quality
            and max(width, height) in known.longest
            and known.subsampling in (None, stored.subsampling)
            and known.progressive in (None, stored.progressive)
        ):
            return known.name
    return None
