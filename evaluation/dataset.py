"""A data set: photographs, generators' images, and folders of strangers."""

from __future__ import annotations

import csv
import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from PIL import Image

from fp.denoisers.population import Skipped, most_common_crop, sources_of
from fp.fingerprint.estimators.folds import group
from fp.images.crop import CropRule
from fp.images.loading import Limits, display_path, find_images, load_image
from fp.system.arrays import Indices, Pixels
from fp.system.errors import ImageError, InputError
from fp.system.folders import ImageFolder
from fp.system.paths import is_folder, name_of, subfolders
from fp.system.progress import Progress, told
from fp.system.workers import run_in_order

REAL = "real"
"""Name of the class of photographs."""

_THUMBNAIL = 8


@dataclass(frozen=True)
class Picture:
    """One image of a data set.

    Parameters
    ----------
    path : Path
        The file.
    name, sha256 : str
        Its path below the data set, as one line of UTF-8, and the hash of its bytes.
    source, content : str
        What it was drawn or taken from, which is never on both sides of a split; and the folder
        below its class, where there is one.
    look : tuple of float
        Colours of an 8 x 8 thumbnail, in [0, 1].
    """

    path: Path
    name: str
    sha256: str
    source: str
    content: str
    look: tuple[float, ...]


@dataclass(frozen=True)
class Member:
    """One class of a data set.

    Parameters
    ----------
    name : str
        ``real``, a generator's name, or the name of a folder of strangers.
    root : Path
        Its folder.
    pictures : tuple of Picture
        In the order of their hashes.
    """

    name: str
    root: Path
    pictures: tuple[Picture, ...]

    @property
    def digest(self) -> str:
        """Hash of everything about it that a result depends on."""
        told = [(p.name, p.sha256, p.source, p.content) for p in self.pictures]
        text = json.dumps([self.name, told])
        return hashlib.sha256(text.encode()).hexdigest()


@dataclass(frozen=True)
class Dataset:
    """Everything that an evaluation looks at.

    Parameters
    ----------
    members : tuple of Member
        Photographs first, then the generators by name, then strangers.
    strangers : tuple of str
        Which members nothing is calibrated on.
    skipped : tuple of Skipped
        Files that were not examined.
    crop : CropRule
        The examined part of every image.
    """

    members: tuple[Member, ...]
    strangers: tuple[str, ...]
    skipped: tuple[Skipped, ...]
    crop: CropRule

    @property
    def generators(self) -> tuple[str, ...]:
        """Names of the generators."""
        return tuple(m.name for m in self.members[1:] if m.name not in self.strangers)

    @property
    def pictures(self) -> tuple[Picture, ...]:
        """All images, class after class: their place here is their number everywhere."""
        return tuple(picture for member in self.members for picture in member.pictures)

    def member(self, name: str) -> Member:
        """Return a class by name."""
        for member in self.members:
            if member.name == name:
                return member
        known = ", ".join((REAL, *self.generators))
        raise InputError(f"The data set has no class {name!r}; there are {known}.")

    def numbers(self, name: str) -> Indices:
        """Return the numbers of a class' images."""
        start = 0
        for member in self.members:
            if member.name == name:
                return np.arange(start, start + len(member.pictures))
            start += len(member.pictures)
        raise InputError(f"The data set has no class {name!r}.")

    def groups(self) -> Indices:
        """Number the sources over all images; see `fp.fingerprint.estimators.folds.group`."""
        pictures = self.pictures
        return group([p.source for p in pictures], [p.sha256 for p in pictures])


def read_dataset(
    folder: Path,
    strangers: Sequence[Path] = (),
    sources: Path | None = None,
    size: tuple[int, int] | None = None,
    limits: Limits | None = None,
    jobs: int = 1,
    progress: Progress | None = None,
) -> Dataset:
    """Read every file of a data set: ``real/``, ``generated/<name>/``, and folders of strangers.

    Nothing is calibrated on `strangers`. `sources` is a CSV with the columns ``path`` (below the
    data set) and ``source``; without it the source is the stem of the file's name, the same
    photograph under several generators. `size` is height and width of the examined part, by default
    the largest within the most common size of the first generator by name. `InputError` if the
    folder does not have that form or a class has no usable image.
    """
    limits = limits or Limits()
    generated = _generators(folder)
    crop = CropRule(*size) if size else most_common_crop(ImageFolder.at(generated[0]), limits)
    given = {} if sources is None else _table_of_sources(sources)
    roots = [(REAL, folder / REAL)] + [(root.name, root) for root in generated]
    aliens = _distinct(strangers, {name for name, _ in roots})
    members, skipped = [], []
    for name, root in [*roots, *aliens]:
        found = _look_at(root, crop, limits, jobs, progress)
        below = root if (name, root) in aliens else folder
        members.append(_member(name, root, below, found, given))
        skipped += [each for each in found if isinstance(each, Skipped)]
    for member in members:
        if not member.pictures:
            raise InputError(f"{display_path(member.root)} holds no image that can be examined.")
    return Dataset(tuple(members), tuple(name for name, _ in aliens), tuple(skipped), crop)


def _generators(folder: Path) -> list[Path]:
    place = folder / "generated"
    if not (is_folder(folder / REAL) and is_folder(place)):
        raise InputError(
            f"{display_path(folder)} is no data set; it needs the folders real/ and "
            "generated/<name>/."
        )
    found = subfolders(place)
    if not found:
        raise InputError(f"{display_path(place)} holds no folder of a generator.")
    return found


def _distinct(strangers: Sequence[Path], taken: set[str]) -> list[tuple[str, Path]]:
    named = []
    for path in strangers:
        name = base = f"stranger {name_of(path)}"
        number = 2
        while name in taken:
            name, number = f"{base} ({number})", number + 1
        taken.add(name)
        named.append((name, path))
    return named


@dataclass(frozen=True)
class _Look:
    root: Path
    crop: CropRule
    limits: Limits

    def __call__(self, path: Path) -> Picture | Skipped:
        try:
            image = load_image(path, self.root, self.limits)
            part = self.crop.apply(image.rgb_hwc)
        except ImageError as error:
            return Skipped(path, error.reason, str(error))
        inner = path.relative_to(self.root).parts
        content = inner[0] if len(inner) > 1 else ""
        return Picture(path, "", image.sha256, "", content, _look(part))


def _look(part: Pixels) -> tuple[float, ...]:
    small = Image.fromarray(part).resize((_THUMBNAIL, _THUMBNAIL), Image.Resampling.BOX)
    # Nothing finer: how sharp a picture is depends on who drew it, and content must not.
    return tuple((np.asarray(small, dtype=np.float64).ravel() / 255).tolist())


def _look_at(
    root: Path, crop: CropRule, limits: Limits, jobs: int, progress: Progress | None
) -> list[Picture | Skipped]:
    paths = find_images([root])
    task = _Look(root, crop, limits)
    found = run_in_order(task, paths, Skipped.died, jobs, seconds=limits.seconds)
    return list(told(found, progress, f"look at {display_path(root)}", len(paths)))


def _member(
    name: str,
    root: Path,
    below: Path,
    found: Sequence[Picture | Skipped],
    given: dict[str, str],
) -> Member:
    pictures = [each for each in found if isinstance(each, Picture)]
    stems = sources_of([picture.path.relative_to(root) for picture in pictures])
    kind = REAL if name == REAL else "generated" if root.parent.parent == below else name
    named = []
    for picture, stem in zip(pictures, stems, strict=True):
        shown = display_path(picture.path.relative_to(below))
        if given and shown not in given and root.is_relative_to(below) and below != root:
            raise InputError(f"The table of sources has no row for {shown}; add one.")
        source = f"given/{given[shown]}" if shown in given else f"{kind}/{stem}"
        named.append(replace(picture, name=shown, source=source))
    named.sort(key=lambda picture: (picture.sha256, picture.name))
    return Member(name, root, tuple(named))


def _table_of_sources(path: Path) -> dict[str, str]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            return {row["path"]: row["source"] for row in csv.DictReader(file)}
    except (OSError, KeyError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(
            f"{display_path(path)} is no table with the columns path and source ({error})."
        ) from error
