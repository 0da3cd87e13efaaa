"""Files that are there whole or not at all: written beside, synced, renamed."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from fp.system.errors import FpError, OutputError
from fp.system.paths import display_path

_REMEDIES = {
    errno.EEXIST: "it exists already; choose another name or overwrite it",
    errno.ENOENT: "its folder does not exist; make the folder first",
    errno.ENOTDIR: "its folder is not a folder; choose another place",
    errno.EISDIR: "it is a folder; name a file",
    errno.ENOSPC: "the disk is full; free some space or choose another place",
    errno.EDQUOT: "the disk quota is used up; free some space or choose another place",
    errno.EFBIG: "files may not be that large there; choose another place",
    errno.EROFS: "the disk is read-only; choose another place",
    errno.EACCES: "writing there is not allowed; choose another place or change its permissions",
    errno.EPERM: "writing there is not allowed; choose another place or change its permissions",
    errno.ENAMETOOLONG: "the name is too long; choose a shorter one",
}
# What file systems on networks, cards and in user space answer to what they do not know.
_UNKNOWN = (errno.EINVAL, errno.EOPNOTSUPP, errno.ENOTSUP, errno.ENOSYS)
_LINKS_UNKNOWN = (*_UNKNOWN, errno.EPERM, errno.EACCES, errno.EMLINK, errno.EXDEV)


def output_error(path: Path, error: OSError) -> OutputError:
    """Return one sentence that says why a file cannot be written, with the remedy."""
    code = error.errno or 0
    reason = _REMEDIES.get(code) or f"{os.strerror(code) if code else error}; choose another place"
    return OutputError(f"{display_path(path)} cannot be written: {reason}.")


@contextmanager
def atomic_path(path: Path, *, overwrite: bool = False) -> Iterator[Path]:
    """Lend an empty temporary file that takes the place of `path` at the end.

    The temporary file ``.NAME.xxxxxxxx.tmp`` lies in the same folder. After the block it is synced
    and renamed, and the folder is synced; if the block fails, it is removed and `path` is left as
    it was. A killed process can leave the temporary file, never a half-written `path`. A symbolic
    link is followed. With `overwrite` an existing regular file is replaced and keeps its
    permissions; without, it is refused, at the start and again at the end if it appeared meanwhile.
    `OutputError` if it exists, is no regular file or cannot be written; an `OSError` of the block
    becomes one too.
    """
    temporary: Path | None = None
    try:
        target, mode = _target(path, overwrite)
        temporary = _claim(target, mode)
        yield temporary
        _sync(temporary)
        _publish(temporary, target, overwrite)
    except FpError:
        raise
    except OSError as error:
        raise output_error(path, error) from error
    finally:
        if temporary is not None:
            with contextlib.suppress(OSError):
                temporary.unlink(missing_ok=True)


def write_bytes_atomic(path: Path, content: bytes, *, overwrite: bool = False) -> None:
    """Write a whole file, or leave no trace of it; see `atomic_path`."""
    with atomic_path(path, overwrite=overwrite) as temporary:
        temporary.write_bytes(content)


def write_text_atomic(path: Path, text: str, *, overwrite: bool = False) -> None:
    """Write a whole file as UTF-8, line ends as given; see `atomic_path`."""
    write_bytes_atomic(path, text.encode("utf-8"), overwrite=overwrite)


@contextmanager
def locked_folder(folder: Path) -> Iterator[None]:
    """Keep out other processes that change a file of this folder.

    The folder itself carries the lock, so that no lock file is left behind; `OutputError` if it
    cannot be opened.
    """
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    except OSError as error:
        raise output_error(folder / "*", error) from error
    try:
        # Where the file system knows no locks, the last of two writers wins, as with any tool.
        with contextlib.suppress(OSError):
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _target(path: Path, overwrite: bool) -> tuple[Path, int | None]:
    try:
        status = path.lstat()
    except FileNotFoundError:
        return path, None
    if stat.S_ISDIR(status.st_mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    if not overwrite:
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST))
    path = Path(os.path.realpath(path))
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        return path, None
    if not stat.S_ISREG(mode):
        # A rename over /dev/null or a pipe would put a plain file in its place, for everybody.
        raise OutputError(
            f"{display_path(path)} cannot be written: it is no regular file; choose another name."
        )
    return path, stat.S_IMODE(mode)


def _claim(target: Path, mode: int | None) -> Path:
    while True:
        # 40 characters take at most 160 bytes, which leaves room below the usual limit of 255.
        temporary = target.with_name(f".{target.name[:40]}.{secrets.token_hex(4)}.tmp")
        try:
            descriptor = os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666)
        except FileExistsError:
            continue
        try:
            if mode is not None:
                with _where_known(errno.EPERM):  # where permissions are those of the whole disk
                    os.fchmod(descriptor, mode)
        finally:
            os.close(descriptor)
        return temporary


def _sync(path: Path, flags: int = os.O_RDONLY) -> None:
    descriptor = os.open(path, flags)
    try:
        sync(descriptor)
    finally:
        os.close(descriptor)


def sync(descriptor: int) -> None:
    """Have a file written to the disk now, where its file system knows how to."""
    with _where_known():
        os.fsync(descriptor)


@contextmanager
def _where_known(*more: int) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno not in (*_UNKNOWN, *more):
            raise


def _publish(temporary: Path, target: Path, overwrite: bool) -> None:
    if overwrite:
        temporary.replace(target)
    else:
        _publish_new(temporary, target)
    # Some file systems cannot sync a folder; the file is whole all the same.
    with contextlib.suppress(OSError):
        _sync(target.parent, os.O_RDONLY | os.O_DIRECTORY)


def _publish_new(temporary: Path, target: Path) -> None:
    try:
        # Unlike a rename, a link never replaces a file that appeared meanwhile.
        target.hardlink_to(temporary)
    except OSError as error:
        if error.errno not in _LINKS_UNKNOWN:
            raise
        os.close(os.open(target, os.O_CREAT | os.O_EXCL | os.O_WRONLY))
        temporary.replace(target)
    else:
        temporary.unlink()
