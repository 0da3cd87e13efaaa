"""ZIP archives, read where they lie.

The directory is read once, a member when it is asked for. Nothing is unpacked to disk, and no size
that an archive declares is believed before it is bounded.
"""

from __future__ import annotations

import re
import threading
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import BinaryIO

from fp.system.errors import ImageError, words_of

SIGNATURES = (b"PK\3\4", b"PK\5\6")
"""How an archive begins, with members and without."""

MOST_MEMBERS = 100_000
"""Members of an archive that is read."""

_MOST_AT_ONCE = 16 * 2**20  # a directory of more bytes has more members than are read
_CAREFUL_FROM = 16 * 2**20  # smaller members may be packed to any ratio: they cost nothing
_MOST_RATIO = 200  # few pictures reach it; Deflate ends at 1032
_PIECE = 2**20
_UTF_8, _ENCRYPTED = 0x800, 0x1
# The others unpack a few bytes to gigabytes at once.
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_NUMBERED = re.compile(r"#\d")


class Archive:
    """The directory of an archive, which holds no file open.

    Parameters
    ----------
    file : binary file
        The archive.
    shown : str
        Its name in messages.

    Raises
    ------
    ImageError
        If the directory cannot be read, or is larger than what is read.
    """

    def __init__(self, file: BinaryIO, shown: str) -> None:
        self._lent = _Lent()
        self._lock = threading.Lock()
        try:
            with self._lent.over(file):
                self._zip = zipfile.ZipFile(self._lent)
            listed = self._zip.infolist()
            self._members = _by_name(listed[:MOST_MEMBERS])
        except _TooMuch:
            raise _too_many(shown) from None
        except Exception as error:  # hostile bytes make the reader raise anything
            raise ImageError(
                "damaged",
                f"{shown} is a damaged or truncated ZIP archive: {_words(error)}; unpack what can "
                "be unpacked into a folder.",
            ) from error
        if len(listed) > MOST_MEMBERS:
            raise _too_many(shown)
        if not self._members:
            raise ImageError("not_an_image", f"{shown} is a ZIP archive without a file in it.")
        self.names = tuple(self._members)

    def read(self, file: BinaryIO, name: str, shown: str, most_bytes: int) -> bytes:
        """Return the bytes of a member, called `shown` in messages.

        An `ImageError` says why they cannot be read. `file` is the archive that the directory was
        read from.
        """
        member = self._members.get(name)
        if member is None:
            raise ImageError("not_found", f"{shown} is not in its archive (any more).")
        if member.flag_bits & _ENCRYPTED:
            raise ImageError(
                "encrypted", f"{shown} is encrypted; unpack it with its password into a folder."
            )
        if member.compress_type not in _METHODS:
            raise ImageError(
                "unsupported_mode",
                f"{shown} is packed by a method other than Deflate; unpack it into a folder.",
            )
        size = member.file_size
        if size > most_bytes:
            raise ImageError(
                "too_many_bytes", f"{shown} has {size} bytes, more than the limit of {most_bytes}."
            )
        if size > max(_CAREFUL_FROM, _MOST_RATIO * member.compress_size):
            raise ImageError(
                "too_many_bytes",
                f"{shown} unpacks to more than {_MOST_RATIO} times its size; unpack it into a "
                "folder if you trust it.",
            )
        try:
            with self._lock, self._lent.over(file), self._zip.open(member) as opened:
                return b"".join(iter(lambda: opened.read(_PIECE), b""))
        except MemoryError:
            raise
        except Exception as error:
            raise ImageError(
                "damaged", f"{shown} is damaged in its archive: {_words(error)}."
            ) from error


class _TooMuch(Exception):
    """More was asked for at once than a directory may have."""


class _Lent:
    """A file for `ZipFile` that is open only while something is read from it."""

    _file: BinaryIO | None = None

    @contextmanager
    def over(self, file: BinaryIO) -> Iterator[None]:
        self._file = file
        try:
            yield
        finally:
            self._file = None

    def _now(self) -> BinaryIO:
        if self._file is None:
            raise ValueError("the archive is not open")
        return self._file

    def read(self, size: int = -1) -> bytes:
        if size > _MOST_AT_ONCE:
            raise _TooMuch
        return self._now().read(size)

    def seek(self, place: int, whence: int = 0) -> int:
        return self._now().seek(place, whence)

    def tell(self) -> int:
        return self._now().tell()

    def seekable(self) -> bool:
        return True


def _too_many(shown: str) -> ImageError:
    return ImageError(
        "too_many_bytes",
        f"{shown} is a ZIP archive of more than {MOST_MEMBERS} files; unpack it into a folder.",
    )


def _by_name(members: Sequence[zipfile.ZipInfo]) -> dict[str, zipfile.ZipInfo]:
    """Return the files of an archive by name, each a path below the archive.

    A name that is none, or that stands there twice, is replaced by the member's number and the
    last part of its name.
    """
    found: dict[str, zipfile.ZipInfo] = {}
    for number, member in enumerate(members, start=1):
        if member.filename.endswith("/"):  # a folder; `is_dir` fails for a name of no characters
            continue
        name = _decoded(member)
        if name in found or _NUMBERED.match(name) or not all(map(_plain, name.split("/"))):
            last = re.split(r"[/\\]", name)[-1]
            name = f"#{number} {last}" if _plain(last) else f"#{number}"
        found[name] = member
    return found


def _plain(part: str) -> bool:
    return part not in ("", ".", "..") and "\0" not in part


def _decoded(member: zipfile.ZipInfo) -> str:
    """Return a member's name: many programs write UTF-8 and do not say so."""
    if not member.flag_bits & _UTF_8:
        try:
            return member.filename.encode("cp437").decode("utf-8")
        except UnicodeError:
            pass
    return member.filename


def _words(error: Exception) -> str:
    """Return what a reader said, on one line."""
    if isinstance(error, zlib.error):
        return "its packed data are wrong"
    return words_of(error, 120).rstrip(".")
