"""Findings about pictures that are there twice, in one folder or in several."""

from __future__ import annotations

from collections.abc import Sequence

from fp.audit.duplicates import SamePictures, equal_pairs, near_pairs
from fp.audit.findings import AuditFinding, Severity, finding
from fp.audit.measuring import Properties
from fp.system.paths import display_path

Images = Sequence[Properties]

MANY = 0.05
"""Share of repeated images in a class from which they are more than a note."""


def copies(generated: Images, real: Images, tests: Images | None) -> list[AuditFinding]:
    """Return findings of exact and near copies within and across classes, and in `tests`.

    `tests` is None where there are no further folders.
    """
    training = [*generated, *real]
    within, near_within = [], []
    for images in (generated, real):
        within += _named(equal_pairs(_hashes(images)), images, images)
        near_within += _near(images, None)
    across = _named(equal_pairs(_hashes(generated), _hashes(real)), generated, real)
    many = bool(training) and len(within) > MANY * len(training)
    found = [
        _finding("duplicates_within", within, "warning" if many else "note"),
        _finding("duplicates_across", across, "serious"),
        _finding("near_duplicates_within", near_within, "note"),
        _finding("near_duplicates_across", _near(generated, real), "warning"),
    ]
    if tests is not None:
        equal = _named(equal_pairs(_hashes(training), _hashes(tests)), training, tests)
        found += [
            _finding("duplicates_test", equal, "serious"),
            _finding("near_duplicates_test", _near(training, tests), "warning"),
        ]
    return found


def _hashes(images: Images) -> list[str]:
    return [image.pixels_sha256 for image in images]


def _near(first: Images, second: Images | None) -> list[str]:
    """Return look-alikes that are no exact copies."""
    # One of each set of equals, so that a folder of copies is not compared pair by pair.
    ours = list({image.pixels_sha256: image for image in first}.values())
    if second is None:
        return _named(near_pairs([image.look for image in ours]), ours, ours)
    theirs = list({image.pixels_sha256: image for image in second}.values())
    pairs = near_pairs([image.look for image in ours], [image.look for image in theirs])
    unequal = [
        pair
        for pair in pairs
        if ours[pair.first].pixels_sha256 != theirs[pair.second].pixels_sha256
    ]
    return _named(unequal, ours, theirs)


def _named(pairs: Sequence[SamePictures], first: Images, second: Images) -> list[str]:
    return sorted(
        f"{display_path(first[pair.first].path)} = {display_path(second[pair.second].path)}"
        for pair in pairs
    )


def _finding(code: str, pairs: list[str], severity: Severity) -> AuditFinding:
    count = len(pairs)
    words = f": {count} {'pair' if count == 1 else 'pairs'}." if pairs else ": none found."
    severity = severity if pairs else "none"
    return finding(code, severity, words, "pairs", float(count), examples=tuple(pairs[:3]))
