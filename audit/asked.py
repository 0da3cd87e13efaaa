"""Images to ask about, beside those that a fingerprint would be calibrated with."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from fp.audit.checks import has_border
from fp.audit.findings import CODES, AuditFinding, finding
from fp.audit.measuring import Properties
from fp.system.paths import display_path

_MOST_EXAMPLES = 3


def compare_asked(asked: Sequence[Properties], known: Sequence[Properties]) -> list[AuditFinding]:
    """Return what images are that no calibration image is: a finding for each property.

    `known` are the images of both classes together. Without any that are asked about, nothing is
    compared.
    """
    return list(_findings(asked, known)) if asked else []


def _findings(asked: Sequence[Properties], known: Sequence[Properties]) -> Iterator[AuditFinding]:
    for code, value, words in (
        ("test_compression", lambda i: i.container.compression, "stored as {}"),
        ("test_grid", lambda i: i.grid_row is not None, "with a JPEG grid in their pixels"),
        ("test_border", has_border, "with a flat border"),
        ("test_pipeline", lambda i: i.pipeline or False, "stored as those of {} are"),
        ("test_size", lambda i: f"{i.width}x{i.height}", "of {} pixels"),
    ):
        yield _finding(code, value, words, asked, known)


def _finding(
    code: str,
    value: Callable[[Properties], object],
    words: str,
    asked: Sequence[Properties],
    known: Sequence[Properties],
) -> AuditFinding:
    seen = {value(image) for image in known}
    # That an image has no grid, border or known pipeline is nothing of its own.
    unlike = [image for image in asked if value(image) not in seen and value(image) is not False]
    kinds = sorted({str(value(image)) for image in unlike})
    more = f" and {len(kinds) - 2} more" if len(kinds) > 2 else ""
    told = words.format(", ".join(kinds[:2]) + more)
    text = f": {len(unlike)} of {len(asked)} are {told}, as no image of the two folders is."
    return finding(
        code,
        CODES[code].cap if unlike else "none",
        text if unlike else f": {len(asked)} images, each like one of the two folders.",
        "images",
        float(len(unlike)),
        examples=tuple(sorted(display_path(i.path) for i in unlike)[:_MOST_EXAMPLES]),
    )
