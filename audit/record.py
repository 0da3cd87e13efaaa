"""Record of what one file says of itself and what its picture went through.

No fingerprint is asked.
"""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from fp.audit.measuring import Properties, properties_of
from fp.audit.observations import Observation, observe
from fp.images.claims import Claim, one_line
from fp.images.loading import Limits, load_with_metadata
from fp.images.requests import Request


@dataclass(frozen=True, eq=False)
class FileRecord:
    """What one file says of itself, and what its picture went through.

    Parameters
    ----------
    properties : Properties
        What was measured of the picture; it has no tile.
    claims : tuple of Claim
        What the file says of its own origin.
    request : Request
        What it says that a generator was asked for.
    converted : tuple of str
        What was done to reach 8-bit RGB.
    """

    properties: Properties
    claims: tuple[Claim, ...]
    request: Request
    converted: tuple[str, ...]

    @property
    def path(self) -> Path:
        """The file."""
        return self.properties.path

    @cached_property
    def observations(self) -> tuple[Observation, ...]:
        """The same in words, each thing by itself: claims, then storage, then pixels."""
        return observe(self.properties, self.claims, self.request, self.converted)

    def as_dict(self) -> dict[str, Any]:
        """Return all of it as a dict of JSON types. Texts are on one line and cut as claims are."""
        asked = self.request
        return {
            **self.properties.row(),
            "converted": list(self.converted),
            "claimed": [claim.line for claim in self.claims],
            "words": None if asked.words is None else one_line(asked.words),
            "models": [one_line(name) for name in asked.models],
            "form": asked.form,
            "observations": [asdict(each) for each in self.observations],
        }


def look(
    path: str | os.PathLike[str], root: Path | None = None, limits: Limits | None = None
) -> FileRecord:
    """Read what one file says of itself, and measure what its picture went through.

    Parameters
    ----------
    path : str or Path
        The file, of a format of docs/images.md.
    root : Path, optional
        The input folder; a symbolic link that leads out of it is refused.
    limits : Limits, optional
        Sizes beyond which a file is refused undecoded.

    Returns
    -------
    FileRecord
        Claims, storage and traces in the pixels. Nothing in it says who drew the picture.

    Raises
    ------
    ImageError
        If the file cannot be examined; ``reason`` is a code of docs/images.md.

    Examples
    --------
    >>> from fp.fingerprint import look
    >>> record = look("picture.png")
    >>> record.properties.format, record.properties.width, record.properties.height
    ('PNG', 256, 256)
    """
    image, told = load_with_metadata(Path(path), root, limits)
    measured = properties_of(image, told.container, image.rgb_hwc)
    return FileRecord(measured, told.claims, told.request, image.converted)
