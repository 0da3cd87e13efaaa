"""Which files there are to examine, and their bytes.

Names, links and special files are as hostile as content: nothing here blocks on a pipe, follows a
link out of the input folder, or lets a name break a line of the output.
"""

from __future__ import annotations

import contextlib
import io
import os
import re
import stat
from collections import deque
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from fp.system import members
from fp.system.errors import ImageError, InputError

LITTER = frozenset({".ds_store", "thumbs.db", "desktop.ini"})
"""Files that operating systems leave in folders of pictures; passed over without a row."""

# What would break a line, forge one on a terminal, or be no valid UTF-8.
_UNPRINTABLE = re.compile(
    "[\\\\\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]"
)

_ADDRESS = re.compile(r"(https?|ftp|file|data|blob):", re.IGNORECASE)

_ESCAPE = re.compile(r"\\\\|\\x[0-9a-f]{2}|\\u[0-9a-f]{4}")


def display_path(path: Path) -> str:
    """Return a path as one line of UTF-8. Two paths never give the same text.

    Bytes that are not UTF-8 and control characters become ``\\xNN`` or ``\\uNNNN``, so a backslash
    becomes two; any other name is left as it is.
    """
    text = path.as_posix()
    # By its bytes: what Python makes of them depends on the locale, which must not be recorded.
    with contextlib.suppress(UnicodeError):
        text = os.fsencode(text).decode("utf-8", "surrogateescape")
    return _UNPRINTABLE.sub(_escaped, text)


def _escaped(match: re.Match[str]) -> str:
    code = ord(match[0])
    if match[0] == "\\":
        return "\\\\"
    if 0xDC80 <= code <= 0xDCFF:  # a byte that is not UTF-8, as the operating system gave it
        return f"\\x{code - 0xDC00:02x}"
    return f"\\x{code:02x}" if code < 0x80 else f"\\u{code:04x}"


def name_of(folder: Path) -> str:
    """Return the name of a folder, whatever it is reached by, as `display_path` shows it."""
    return display_path(Path(folder.resolve().name))


def path_of(text: str) -> Path:
    """Return the path that `display_path` wrote as this text, in whatever locale."""
    found = _ESCAPE.sub(_unescaped, text)
    with contextlib.suppress(UnicodeError):
        found = os.fsdecode(found.encode("utf-8", "surrogateescape"))
    return Path(found)


def _unescaped(match: re.Match[str]) -> str:
    if match[0] == "\\\\":
        return "\\"
    code = int(match[0][2:], 16)
    return chr(code + 0xDC00) if match[0][1] == "x" and code >= 0x80 else chr(code)


def find_images(inputs: Iterable[Path], members: bool = True) -> list[Path]:
    """List every file under the given files and folders, sorted by path.

    Folders are searched recursively, and so are ZIP archives and PDF documents, whose files get
    paths below them. What is not a picture is found out at loading, so that nothing is passed over
    in silence but `LITTER`. Folders behind symbolic links, and folders and archives that cannot be
    opened, are one entry each and refused at loading.

    Parameters
    ----------
    inputs : iterable of Path
        Files, folders, and files in archives; one named twice, in whatever spelling, is listed
        once.
    members : bool
        Whether archives and documents are searched, too; else each is one file.

    Returns
    -------
    list of Path
        Files in the order of their path components.

    Raises
    ------
    InputError
        If an input does not exist.
    """
    found: dict[Path, Path] = {}
    for given in inputs:
        if is_folder(given):
            real = Path(os.path.realpath(given))
            for listed in _walk(given):
                for path in _with_members(listed, given) if members else (listed,):
                    found.setdefault(real / path.relative_to(given), path)
        elif os.path.lexists(given) or container_of(given) is not None:
            real = Path(os.path.realpath(given.parent)) / given.name
            for path in _with_members(given, None) if members else (given,):
                found.setdefault(real / path.relative_to(given), path)
        elif _ADDRESS.match(given.as_posix()):
            # A path keeps one of two slashes.
            typed = re.sub("^(https?|ftp):/", r"\1://", display_path(given), flags=re.IGNORECASE)
            raise InputError(
                f"{typed} is an address, and fp reads nothing but files here; save "
                "the picture itself, no screenshot of it, and name the file."
            )
        else:
            raise InputError(
                f"{display_path(given)} does not exist or cannot be reached; "
                "name a file or a folder."
            )
    return sorted(found.values(), key=lambda path: path.parts)


def is_folder(path: Path) -> bool:
    """Return whether a path leads to a folder. What the system refuses to say counts as no."""
    try:
        return path.is_dir()
    except OSError:  # a name too long, a parent that may not be entered, a server that is gone
        return False


def is_empty(path: Path) -> bool:
    """Return whether a path leads to an empty folder. A refusal of the system counts as no."""
    try:
        return path.is_dir() and not any(path.iterdir())
    except OSError:
        return False


def is_file(path: Path) -> bool:
    """Return whether a path leads to a file. What the system refuses to say counts as no."""
    try:
        return path.is_file()
    except OSError:
        return False


def is_link(path: Path) -> bool:
    """Return whether a path is a symbolic link. What the system refuses to say counts as no."""
    try:
        return path.is_symlink()
    except OSError:
        return False


def files_in(folder: Path, suffix: str) -> list[Path]:
    """Return the files of one suffix in a folder by name. Hidden ones are left out."""
    return sorted(f for f in folder.iterdir() if f.suffix == suffix and f.name[0] != ".")


def subfolders(folder: Path) -> list[Path]:
    """Return the folders in a folder by name, links followed and hidden ones left out.

    An `InputError` names what the system refuses to say: a class must not be lost in silence.
    """
    try:
        found = [path for path in folder.iterdir() if path.name[0] != "." and path.is_dir()]
    except OSError as error:
        place = Path(os.fsdecode(error.filename or folder))
        raise InputError(
            f"{display_path(place)} cannot be read: {error.strerror}; name a folder that can."
        ) from None
    return sorted(found)


def _with_members(path: Path, root: Path | None) -> Iterator[Path]:
    """Yield the files in an archive or document, or the path of anything else.

    That of an archive which is not read is among them: its loading says why.
    """
    names: tuple[str, ...] = ()
    if _holds_members(path):
        shown = display_path(path)
        with contextlib.suppress(ImageError), _opened(path, root, shown) as file:
            names = members.names_in(file, shown)
    if not names:
        yield path
    for name in names:
        if not _is_litter(PurePosixPath(name).name):
            yield path / name


def _holds_members(path: Path) -> bool:
    """Return whether a path leads to a file that begins as archives and documents do."""
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            return False
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
        try:
            return members.holds_members(os.read(descriptor, members.HEAD_BYTES))
        finally:
            os.close(descriptor)
    except (OSError, ValueError):  # its loading says why
        return False


def _walk(root: Path) -> Iterator[Path]:
    """Yield what is in a folder and below it. One entry that fails takes no other with it."""
    folders = [root]
    while folders:
        here = folders.pop()
        try:
            with os.scandir(here) as entries:
                for entry in entries:
                    name = entry.name
                    if _is_own_folder(entry):
                        folders.append(here / name)
                    elif not _is_litter(name):
                        yield here / name
        except OSError:
            yield here  # one entry, beside what was listed before: its loading says why


def _is_litter(name: str) -> bool:
    return name.lower() in LITTER or name.startswith("._")


def _is_own_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir(follow_symlinks=False)
    except OSError:  # its loading says why
        return False


def container_of(path: Path) -> Path | None:
    """Return the file that a path leads into, such as the archive of a member. None for others."""
    if os.path.lexists(path):
        return None
    return next((parent for parent in path.parents if is_file(parent)), None)


def read_file(path: Path, root: Path | None, most_bytes: int) -> bytes:
    """Return the bytes of somebody else's file. What is hashed is what is decoded.

    A path may lead into an archive or a document. No link may lead out of `root`, the input folder,
    where there is one, and a file of more than `most_bytes` is refused unread. `ImageError` with a
    reason of `fp.images.loading.REASONS`.
    """
    shown = display_path(path)
    container = container_of(path)
    if container is not None:
        with _opened(container, None if container == root else root, shown) as file:
            name = path.relative_to(container).as_posix()
            content = members.read_from(file, name, shown, most_bytes)
            size = len(content)
    else:
        with _opened(path, root, shown) as file:
            size = os.fstat(file.fileno()).st_size
            if size > most_bytes:
                raise ImageError(
                    "too_many_bytes",
                    f"{shown} has {size} bytes, more than the limit of {most_bytes}.",
                )
            content = file.read(size + 1)
    if not content:
        raise ImageError("empty_file", f"{shown} is empty.")
    if len(content) > size:
        raise ImageError("not_readable", f"{shown} is still being written; run again later.")
    return content


def refuse_container(path: Path, content: bytes) -> None:
    """Refuse an archive or document that was not taken apart, by an `ImageError`."""
    if not members.holds_members(content):
        return
    shown = display_path(path)
    if container_of(path) is not None:
        raise ImageError(
            "not_an_image",
            f"{shown} is an archive or PDF inside another one; take it out into a folder.",
        )
    inside = display_path(path / members.names_in(io.BytesIO(content), shown)[0])
    raise ImageError("not_an_image", f"{shown} holds files; name one of them, such as {inside}.")


@contextlib.contextmanager
def _opened(path: Path, root: Path | None, shown: str) -> Iterator[BinaryIO]:
    """Open a regular file, called `shown` in messages.

    What the system says against it, here or in the block, is an `ImageError`.
    """
    try:
        status, target = path.stat(), path
        # A pipe must not block the run: look before opening, and open without waiting.
        flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0)
        if root is not None:
            target = path.resolve(strict=True)
            flags |= getattr(os, "O_NOFOLLOW", 0)
            if not target.is_relative_to(root.resolve()):
                raise ImageError(
                    "link_outside", f"{shown} leads out of the input folder; copy it in."
                )
        _check_regular(path, status.st_mode)
        with os.fdopen(os.open(target, flags), "rb") as file:
            _check_regular(path, os.fstat(file.fileno()).st_mode)
            yield file
    except ImageError:
        raise
    except FileNotFoundError:
        raise ImageError("not_found", f"{shown} is not there (any more).") from None
    except MemoryError:
        raise ImageError("too_many_bytes", f"{shown} does not fit into memory.") from None
    except (OSError, RuntimeError, ValueError) as error:  # ValueError: no such name can exist
        detail = getattr(error, "strerror", None) or type(error).__name__
        raise ImageError("not_readable", f"{shown} cannot be read: {detail}.") from None


def _check_regular(path: Path, mode: int) -> None:
    if stat.S_ISDIR(mode):
        with os.scandir(path) as entries:  # where it cannot be listed: why
            deque(entries, maxlen=0)
        told = (
            "is a link to a folder, which is not followed; name the folder"
            if is_link(path)
            else "is a folder, whose files could not all be listed; run again"
        )
        raise ImageError("not_a_regular_file", f"{display_path(path)} {told}.")
    if not stat.S_ISREG(mode):
        raise ImageError("not_a_regular_file", f"{display_path(path)} is not a regular file.")
