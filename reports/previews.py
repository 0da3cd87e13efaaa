"""Small pictures of what was examined: only of files that are still what they were."""

from __future__ import annotations

import io
import re
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal

import numpy as np
from PIL import Image

from fp.images.loading import Limits, load_image
from fp.reports.drawing import data_uri
from fp.reports.words import RANKED
from fp.system.arrays import Pixels
from fp.system.errors import FpError

MOST = 240
"""Pictures in a report: about one and a half megabytes."""

MOST_PIXELS = 6 * 10**8
"""Pixels that are decoded for them, all told: a few seconds."""

SIDE = 176
"""Longest side of a picture, in pixels."""

MAP_SIDE = 400
"""Longest side of an evidence map, in pixels: it has a legend to be read."""

MAPS = "maps"
"""Folder of evidence maps beside the tables, where a run made them."""

Showing = Literal["shown", "blurred", "none"]
"""How a report shows what was examined: as small pictures, without their detail, or not at all."""

_NAME = re.compile(r"[0-9a-f]{16}", re.ASCII)
_QUALITY = 62
_FIELDS = 10  # that a blurred picture has along its longest side

Place = Callable[[str], tuple[Path, Path | None]]
"""From the path of a row to its file and to the folder that no link may lead out of."""


def quotas(counts: Mapping[str, int], most: int) -> dict[str, int]:
    """Share places among decisions: equally first, then to claims, then to what is undecided."""
    names = [*(n for n in RANKED if n in counts), *(n for n in counts if n not in RANKED)]
    found = {name: min(counts[name], most // max(1, len(names))) for name in names}
    for name in names:
        found[name] += min(counts[name] - found[name], most - sum(found.values()))
    return found


class Previews:
    """Pictures for the rows of a run, taken in their order.

    Parameters
    ----------
    folder : Path
        Folder of the run, where maps may lie.
    place : callable
        Finds the file of a row.
    counts : mapping of str to int
        Number of files of each decision.
    limits : Limits
        Sizes beyond which a file is refused.
    showing : {"shown", "blurred", "none"}
        How they are shown. Evidence maps are drawn on the picture and come with `shown` alone.
    """

    def __init__(
        self,
        folder: Path,
        place: Place,
        counts: Mapping[str, int],
        limits: Limits,
        showing: Showing = "shown",
    ) -> None:
        self._folder = folder
        self._place = place
        self._limits = limits
        examined = {name: n for name, n in counts.items() if name != "not_examined"}
        self._showing = showing
        self._left = Counter(quotas(examined, 0 if showing == "none" else MOST))
        self._pixels = MOST_PIXELS

    def of(self, row: Mapping[str, Any]) -> tuple[str | None, str | None]:
        """Return picture and evidence map of a row as data URIs, None where missing."""
        decision = row["decision"]
        if row["status"] != "examined" or not self._left[decision]:
            return None, None
        pixels = row["width"] * row["height"]
        if pixels > self._pixels:
            return None, None
        self._left[decision] -= 1
        self._pixels -= pixels
        picture = self._picture(row["path"], row["sha256"])
        return picture, self._map(row) if self._showing == "shown" else None

    def _picture(self, name: str, sha256: str) -> str | None:
        try:
            path, root = self._place(name)
        except (OSError, ValueError):
            return None
        return preview(path, root, sha256, self._limits, blurred=self._showing == "blurred")

    def _map(self, row: Mapping[str, Any]) -> str | None:
        path = map_file(self._folder, row.get("map"))
        if path is None:
            return None
        try:
            return small(load_image(path, self._folder, self._limits).rgb_hwc, MAP_SIDE)
        except (FpError, OSError):
            return None


def preview(
    path: Path, root: Path | None, sha256: str, limits: Limits, *, blurred: bool = False
) -> str | None:
    """Return the small picture of a file. None where it has not the recorded hash any more."""
    try:
        image = load_image(path, root, limits)
    except (FpError, OSError, ValueError):
        return None  # gone or unreadable since
    if image.sha256 != sha256:
        return None
    return small(without_detail(image.rgb_hwc) if blurred else image.rgb_hwc)


def without_detail(image_hwc: Pixels) -> Pixels:
    """Return a picture (H, W, 3) of which only the colours of a few fields are left.

    The detail is not hidden but gone: what is enlarged has ten fields along its longest side.
    """
    picture = Image.fromarray(image_hwc)
    picture.thumbnail((SIDE, SIDE), Image.Resampling.BOX, reducing_gap=None)
    fields = picture.copy()
    fields.thumbnail((_FIELDS, _FIELDS), Image.Resampling.BOX, reducing_gap=None)
    return np.asarray(fields.resize(picture.size, Image.Resampling.BICUBIC))


def map_file(folder: Path, name: object) -> Path | None:
    """Return ``maps/NAME.png`` below a run, there or not, for what a row says in ``map``.

    None where that is no name of an evidence map.
    """
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        return None
    return folder / MAPS / f"{name}.png"


def small(image_hwc: Pixels, side: int = SIDE) -> str:
    """Return a picture (H, W, 3) as WebP in a data URI, its longest side `side` pixels.

    The same picture gives the same text.
    """
    picture = Image.fromarray(image_hwc)
    picture.thumbnail((side, side), Image.Resampling.BOX, reducing_gap=None)
    file = io.BytesIO()
    picture.save(file, "WEBP", quality=_QUALITY, method=2)
    return data_uri(file.getvalue(), "image/webp")
