"""Observations of one file: what it says, how it is stored, what its pixels show.

Each thing is seen by itself. No observation says who drew a picture, and none is weighed against
another.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from fp.audit.checks import has_border, has_palette, period
from fp.audit.measuring import Properties
from fp.images.claims import Claim, one_line
from fp.images.container import BY_FORMAT
from fp.images.requests import Request

About = Literal["claim", "storage", "pixels"]

SOURCE_TYPES = {
    "trainedAlgorithmicMedia": "a trained model drew it",
    "compositeWithTrainedAlgorithmicMedia": "a trained model drew or changed parts of it",
    "algorithmicMedia": "a program drew it, and none that was trained",
    "algorithmicallyEnhanced": "a program enhanced it",
    "dataDrivenMedia": "a program drew it from data",
    "digitalCapture": "a camera took it",
    "computationalCapture": "a camera took it and computed it from several exposures",
    "negativeFilm": "scanned from a negative",
    "positiveFilm": "scanned from a slide",
    "print": "scanned from paper",
    "screenCapture": "a picture of a screen",
    "virtualRecording": "recorded in a virtual world",
    "digitalCreation": "a person made it with a program",
    "digitalArt": "a person made it with a program",
    "humanEdits": "a person edited it",
    "minorHumanEdits": "a person edited it a little",
    "composite": "put together from several pictures",
    "compositeCapture": "put together from several pictures that cameras took",
    "compositeSynthetic": "put together, with computed parts",
}
"""The terms of IPTC for where a picture comes from, in words."""

_SOURCE_TYPE = "DigitalSourceType"
_FORMATS = {"WEBP": "WebP", **BY_FORMAT}  # others have the name that Pillow gives them
_ABSENT = {
    "jpeg_grid": "no grid of 8 x 8 blocks as JPEG leaves it",
    "resampling": "no trace of resizing",
    "flat_border": "no flat border",
    "few_colours": "no palette",
}


@dataclass(frozen=True)
class Observation:
    """One thing that was read or measured.

    Parameters
    ----------
    about : {"claim", "storage", "pixels"}
        Whether the file says it, its form shows it, or its pixels do.
    code : str
        What kind of thing it is; docs/look.md has the list.
    sentence : str
        The thing in words, on one line.
    """

    about: About
    code: str
    sentence: str


def observe(
    found: Properties, claims: Sequence[Claim], request: Request, converted: Sequence[str] = ()
) -> tuple[Observation, ...]:
    """Return what is seen in a measured file, beginning with what it says of itself.

    `converted` is what was done to its pixels when they were read, as in `LoadedImage`.
    """
    return (
        *(Observation("claim", *told) for told in _claims(found, claims, request)),
        *(Observation("storage", *told) for told in _storage(found, converted)),
        *(Observation("pixels", *told) for told in _pixels(found)),
    )


def _claims(
    found: Properties, claims: Sequence[Claim], request: Request
) -> Iterator[tuple[str, str]]:
    asked = list(_request(request))
    if asked:
        form = f" in the form of {request.form}" if request.form else ""
        yield "request", f"It tells what a generator was asked for{form}: {'; '.join(asked)}."
    for claim in claims:
        term = claim.text.rpartition("/")[2]
        if claim.name == _SOURCE_TYPE and term in SOURCE_TYPES:
            yield "source_type", f"{claim.line} ({SOURCE_TYPES[term]})"
        else:
            yield "claim", claim.line
    if found.container.screenshot:
        yield "screenshot", "It calls itself a screenshot."
    if not claims:
        yield (
            "no_claim",
            "It says nothing of its origin. Such texts are easily removed, or lost on the way.",
        )


def _request(request: Request) -> Iterator[str]:
    if request.seed is not None:
        yield f"seed {one_line(request.seed)}"
    if request.models:
        yield f"model {one_line(', '.join(request.models))}"
    if request.words is not None:
        yield f'prompt "{one_line(request.words)}"'


def _storage(found: Properties, converted: Sequence[str]) -> Iterator[tuple[str, str]]:
    stored = found.container
    parts = {
        "an alpha channel": stored.alpha,
        "a palette": stored.palette,
        "a colour profile": stored.icc,
        "EXIF metadata": stored.exif,
    }
    held = ", ".join(name for name, present in parts.items() if present)
    bits = f"{stored.bits} bit{'s' if stored.bits > 1 else ''} a sample"
    yield (
        "format",
        f"{_FORMATS.get(found.format, found.format)} of {found.width} x {found.height} pixels, "
        f"{found.mode}, {bits}{f', with {held}' if held else ''}.",
    )
    yield "compression", _compression(found)
    if converted:
        yield "conversion", f"fp read it so: {', '.join(converted)}."
    if found.pipeline:
        yield (
            "pipeline",
            f"It is stored as files from {found.pipeline} are; others store files so too.",
        )


def _compression(found: Properties) -> str:
    stored = found.container
    if stored.compression == "lossless":
        return "Compressed without loss, which says nothing of what came before."
    if stored.compression in BY_FORMAT.values():
        return f"Compressed as {stored.compression} does, with loss or without."
    quality = stored.quality if stored.compression == "JPEG" else stored.webp_quality
    told = f"Compressed with loss: {stored.compression.removeprefix('lossy ')}"
    if quality is not None:
        told += f" of quality {quality} or so"
    if stored.subsampling is not None:
        colour = "no colour" if stored.subsampling == "grey" else f"colour {stored.subsampling}"
        tables = (
            "tables as most programs write them"
            if stored.standard_tables
            else "tables of its own, as some cameras, editors and services write them"
        )
        told += f", {colour}{', progressive' if stored.progressive else ''}; {tables}"
    return f"{told}."


def _pixels(found: Properties) -> Iterator[tuple[str, str]]:
    seen = dict(_traces(found))
    yield from seen.items()
    absent = [words for code, words in _ABSENT.items() if code not in seen]
    if absent:
        told = "; ".join(absent)
        told = f"{told[0].upper()}{told[1:]}"
        yield "not_found", f"{told}. What was not found may still have happened."


def _traces(found: Properties) -> Iterator[tuple[str, str]]:
    if found.grid_row is not None:
        yield "jpeg_grid", _grid(found)
    if found.resampled:
        yield (
            "resampling",
            "A pattern as resizing leaves it: it repeats every "
            f"{period(found.resampling_frequency)}. Some pictures have such a pattern by nature.",
        )
    if has_border(found):
        yield (
            "flat_border",
            f"{100 * found.border:.0f} % of the area is a flat border, such as a frame, a white "
            "page or black bars.",
        )
    if has_palette(found):
        yield (
            "few_colours",
            f"Only {found.colours} different colours in the middle, as a palette leaves them.",
        )
    if found.grey:
        yield "grey", "There is no colour."


def _grid(found: Properties) -> str:
    kind, shift = found.container.compression, (found.grid_row, found.grid_column)
    begins = "begins at the first pixel"
    if shift != (0, 0):
        begins = f"begins {shift[1]} pixels from the left and {shift[0]} from the top"
    told = f"A grid of 8 x 8 blocks as JPEG leaves it; it {begins}"
    if kind == "lossy WebP":
        return f"{told}. Its own compression may have left it, or an earlier one."
    if kind == "JPEG" and shift == (0, 0):
        return f"{told}, as that of its own compression does."
    cut = "" if shift == (0, 0) else ", and cropped or moved after that"
    return f"{told}. So it seems to have been compressed before it was stored as it is now{cut}."
