"""The doors through which files from anybody reach fp.

A door takes a file and says what fp answered. An answer that the door does not promise begins with
``fault``.
"""

from __future__ import annotations

import contextlib
import hashlib
import random
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from damages import damage, damage_hdf5, damage_members
from seeds import case_seeds, container_seeds, fingerprint_seeds, image_seeds, pattern_seeds

MOST_INSIDE = 20


def through_image_door(path: Path) -> str:
    """Examine a file, or what lies in it, and give what was said, joined."""
    from fp.images.loading import find_images

    try:
        found = find_images([path])
    except BaseException as error:
        return f"fault: {type(error).__name__}: {error}"[:300]
    said = [through_door_of_one(inside) for inside in found[:MOST_INSIDE]]
    wrong = [each for each in said if each.startswith("fault")]
    examined = [each for each in said if each.startswith("examined")]
    return " ".join(wrong or examined or said[:1]) or "fault: no row"


def through_door_of_one(path: Path) -> str:
    from fp.images.loading import REASONS, load_with_claims
    from fp.system.errors import ImageError

    try:
        image, claims = load_with_claims(path)
    except ImageError as error:
        return error.reason if error.reason in REASONS else f"fault: reason {error.reason}"
    except BaseException as error:
        return f"fault: {type(error).__name__}: {error}"[:300]
    if not all(claim.line.isprintable() and len(claim.line) < 500 for claim in claims):
        return "fault: a claim that is no line"
    return "examined " + image.pixels_sha256


def through_hdf5_door(path: Path) -> str:
    from fp.fingerprint.store.bank import read_bank
    from fp.fingerprint.store.conformance import verify_bank
    from fp.system.errors import FormatError, InputError, IntegrityError

    try:
        verify_bank(path)
        members = read_bank(path)
    except (FormatError, InputError, IntegrityError) as error:
        return type(error).__name__
    except BaseException as error:
        return f"fault: {type(error).__name__}: {error}"[:300]
    return "read " + " ".join(member.uuid for member in members)


def through_pattern_door(path: Path) -> str:
    """Read a published fingerprint as `fp bank import` does."""
    from fp.fingerprint.estimators.published import read_published
    from fp.system.errors import FormatError, InputError

    try:
        found = read_published(path)
    except (FormatError, InputError) as error:
        return type(error).__name__
    except BaseException as error:
        return f"fault: {type(error).__name__}: {error}"[:300]
    norm = float(np.linalg.norm(found.pattern))
    if not (abs(norm - 1) < 1e-3 and np.isfinite(found.losses).all()):
        return "fault: a pattern that is none"
    return f"read {hashlib.sha256(found.pattern.tobytes()).hexdigest()}"


def through_case_door(path: Path) -> str:
    """Verify the archive of a case, and ask what the case in it comes to."""
    from fp.case import as_case_uco, hash_list, status_of, verify_archive
    from fp.case.archive import UNREADABLE, opened_archive
    from fp.case.folder import Case
    from fp.case.log import read_log
    from fp.system.errors import FpError

    try:
        try:
            different = len(list(verify_archive(path)))
        except FpError as error:
            return type(error).__name__
        with contextlib.ExitStack() as stack:
            try:
                folder = stack.enter_context(opened_archive(path))
            except UNREADABLE:
                return "no_archive" if different else "fault: an archive that does not open"
            try:
                status_of(folder)
                case = Case(folder, read_log(folder))
            except FpError as error:
                return type(error).__name__
            hash_list(case)
            as_case_uco(case)
    except BaseException as error:
        return f"fault: {type(error).__name__}: {error}"[:300]
    return f"answered with {different} differences"


@dataclass(frozen=True)
class Door:
    """Where files from anybody come in.

    Parameters
    ----------
    seeds : callable
        Makes intact files.
    damage : callable
        Writes a damaged file: of which content, of which seeds, where, drawn by what.
    through : callable
        Says in a word what fp answers to a file.
    packages : tuple of str
        What is instrumented where coverage guides, as far as it is Python and imported by then.
    longest : int
        Bytes of the longest input there; the seeds are shorter.
    suffix : str
        How a file's name ends, where that counts.
    """

    seeds: Callable[[], list[bytes]]
    damage: Callable[[bytes, list[bytes], Path, random.Random], None]
    through: Callable[[Path], str]
    packages: tuple[str, ...]
    longest: int = 2**16
    suffix: str = ""


DOORS = {
    "images": Door(image_seeds, damage, through_image_door, ("fp", "PIL")),
    "containers": Door(
        container_seeds,
        damage_members,
        through_image_door,
        ("fp", "pypdf"),
    ),
    "fingerprints": Door(
        fingerprint_seeds,
        damage_hdf5,
        through_hdf5_door,
        ("fp", "h5py"),
        2**20,
    ),
    "patterns": Door(
        pattern_seeds,
        damage_members,
        through_pattern_door,
        ("fp",),
        2**17,
    ),
    "cases": Door(case_seeds, damage_members, through_case_door, ("fp",), 2**20, ".zip"),
}
