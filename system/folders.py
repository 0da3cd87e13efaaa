"""Folders of images: which there are, and the files of each."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from fp.system.errors import InputError
from fp.system.paths import display_path, find_images, is_file, name_of, subfolders


@dataclass(frozen=True)
class ImageFolder:
    """A folder of images of one class, searched once.

    Parameters
    ----------
    root : Path
        The folder.
    paths : tuple of Path
        Every file in it and below it; see `fp.system.paths.find_images`.
    """

    root: Path
    paths: tuple[Path, ...]

    @classmethod
    def at(cls, root: Path) -> ImageFolder:
        """Return a folder with its files; `InputError` where it does not exist."""
        return cls(root, tuple(find_images([root])))

    @property
    def name(self) -> str:
        """Name of the folder, fit to be shown."""
        return name_of(self.root)


def require_folders(generated: Path, real: Path) -> None:
    """Refuse two classes if one is a file or lies inside the other. An `InputError` says which."""
    for folder in (generated, real):
        if is_file(folder):
            raise InputError(f"{display_path(folder)} is no folder; name a folder of images.")
    places = [Path(os.path.realpath(folder)) for folder in (generated, real)]
    if places[0].is_relative_to(places[1]) or places[1].is_relative_to(places[0]):
        raise InputError(
            f"{display_path(generated)} and {display_path(real)} share files; name two folders "
            "with no image in both."
        )


def list_classes(generated: Sequence[Path], real: Path) -> list[ImageFolder]:
    """Return the folders of classes with their files, the reference images last.

    An `InputError` refuses what `require_folders` does, and a folder that does not exist.
    """
    for folder in generated:
        require_folders(folder, real)
    return [ImageFolder.at(folder) for folder in (*generated, real)]


def list_generators(root: Path, real: Path, wanted: str) -> list[ImageFolder]:
    """Return the folders of generators in a folder with their files, the reference images last.

    Errors are those of `generator_folders` and `list_classes`.
    """
    return list_classes(generator_folders(root, wanted), real)


def generator_folders(root: Path, wanted: str) -> list[Path]:
    """Return the folders in a folder by name, one a generator, but hidden ones.

    Fewer than two are refused by an `InputError`, which says what is `wanted`.
    """
    found = subfolders(root)
    if len(found) < 2:
        raise InputError(f"{display_path(root)} holds {len(found)} folders; {wanted}.")
    return found
