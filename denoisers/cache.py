"""Residuals on disk, so that an image is denoised once.

An entry is named by the hash of the pixels that were examined and of the denoiser's identity, and
its checksum covers that hash: what is found under a name cannot belong to anything else. Writers
never see each other: each writes a file of its own and renames it. An entry that does not read back
whole is no entry. Nothing in the folder is counted or deleted but files with such names.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import stat
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

import numpy as np
import platformdirs

from fp.denoisers.residual import DenoiserIdentity, Residual
from fp.system.arrays import Floats, Pixels
from fp.system.atomic_files import output_error

DEFAULT_LIMIT = 8 * 2**30
"""Bytes that a cache may take before the entries unused for longest go."""

_DIGEST_BYTES = 16
_CHECK_EVERY = 256  # writes between two looks at the total size
_ENTRY = re.compile(r"[0-9a-f]{64}(?:\.([\w-]{1,40}))?\.residual", re.ASCII)
_UNFINISHED = re.compile(r"[0-9a-f]{64}\.\w+\.tmp", re.ASCII)
_FOLDER = re.compile(r"[0-9a-f]{2}")
_ABANDONED_AFTER = 3600  # seconds; no writer takes so long


def default_folder() -> Path:
    """Return the cache folder: ``FP_CACHE`` where it is set, else the user's cache folder."""
    return Path(os.environ.get("FP_CACHE") or platformdirs.user_cache_path("fp-forensics"))


@dataclass(frozen=True)
class Holding:
    """What a cache holds of one denoiser.

    Parameters
    ----------
    denoiser : str or None
        Its name, with other characters than letters, digits, ``_`` and ``-`` replaced; None of
        entries that an earlier fp wrote without the name.
    entries, size : int
        Number of residuals, and of their bytes.
    """

    denoiser: str | None
    entries: int
    size: int


@dataclass(frozen=True)
class _File:
    path: Path
    size: int
    used: int  # nanoseconds
    denoiser: str | None
    finished: bool


@dataclass
class ResidualCache:
    """A folder of residuals with a size limit.

    Parameters
    ----------
    folder : Path
        Made where missing.
    limit_bytes : int
        Size beyond which the entries unused for longest are deleted; with 0 nothing is kept.
    """

    folder: Path
    limit_bytes: int = DEFAULT_LIMIT
    _writes: int = field(default=0, init=False, repr=False)

    def residual(self, image_hwc: Pixels, residual: Residual) -> Floats:
        """Return the residual of an image, from disk or computed and kept.

        Parameters
        ----------
        image_hwc : ndarray of uint8, shape (H, W, 3)
            The examined part of an image.
        residual : Residual
            What computes it.

        Returns
        -------
        ndarray of float32, shape (3, H, W)
            The same values either way.
        """
        if not self.limit_bytes:
            return residual(image_hwc)
        path = self._path(image_hwc, residual.identity)
        shape = (3, *image_hwc.shape[:2])
        found = _read(path, shape)
        if found is None:
            found = residual(image_hwc)
            # A full or read-only disk costs time, not the run.
            with contextlib.suppress(OSError):
                self._write(path, found)
        return found

    def _path(self, image_hwc: Pixels, denoiser: DenoiserIdentity) -> Path:
        key = hashlib.sha256(f"{denoiser.digest} {image_hwc.dtype} {image_hwc.shape} ".encode())
        key.update(np.ascontiguousarray(image_hwc).data)
        name = key.hexdigest()
        shown = re.sub(r"[^\w-]", "_", denoiser.name, flags=re.ASCII)[:40] or "_"
        return self.folder / name[:2] / f"{name}.{shown}.residual"

    def _write(self, path: Path, values: Floats) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        payload = np.ascontiguousarray(values, dtype="<f4").tobytes()
        handle, name = tempfile.mkstemp(".tmp", f"{_key(path)}.", path.parent)
        unfinished = Path(name)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(payload)
                file.write(_digest(path, payload))
            unfinished.replace(path)
        except BaseException:
            with contextlib.suppress(OSError):
                unfinished.unlink()
            raise
        self._writes += 1
        if self._writes % _CHECK_EVERY == 1:
            self.shrink()

    def shrink(self) -> None:
        """Delete what killed writers left, and entries down to nine tenths of an exceeded limit.

        The entries unused for longest go first.
        """
        files = []
        for file in self._files():
            if not file.finished and file.used < time.time_ns() - _ABANDONED_AFTER * 10**9:
                with contextlib.suppress(OSError):
                    file.path.unlink()
            else:
                files.append(file)
        total = sum(file.size for file in files)
        if total <= self.limit_bytes:
            return
        for file in sorted(files, key=lambda file: file.used):
            if total <= 0.9 * self.limit_bytes:
                break
            with contextlib.suppress(OSError):
                file.path.unlink(missing_ok=True)  # another process may be at it too
                total -= file.size

    def holdings(self) -> tuple[Holding, ...]:
        """Return what the cache holds of each denoiser, by name."""
        entries, sizes = Counter[str | None](), Counter[str | None]()
        for file in self._files():
            if file.finished:
                entries[file.denoiser] += 1
                sizes[file.denoiser] += file.size
        return tuple(
            Holding(name, entries[name], sizes[name])
            for name in sorted(entries, key=lambda name: name or "")
        )

    def clear(self) -> int:
        """Delete all entries, and what writers left or are writing; return the number of entries.

        An `OutputError` says that something cannot be deleted; the rest is gone then too.
        """
        deleted, failed = 0, None
        files = list(self._files())
        for file in files:
            try:
                file.path.unlink(missing_ok=True)
                deleted += file.finished
            except OSError as error:
                failed = failed or output_error(file.path, error)
        for folder in {file.path.parent for file in files}:
            with contextlib.suppress(OSError):  # others are in it
                folder.rmdir()
        if failed is not None:
            raise failed
        return deleted

    def _files(self) -> Iterator[_File]:
        """Yield what caches wrote: regular files with their names, in folders with theirs."""
        for folder in self.folder.glob("??"):
            if not _FOLDER.fullmatch(folder.name) or folder.is_symlink():
                continue
            for path in folder.glob("*"):
                entry = _ENTRY.fullmatch(path.name)
                if not (entry or _UNFINISHED.fullmatch(path.name)):
                    continue
                with contextlib.suppress(OSError):
                    status = path.lstat()
                    if stat.S_ISREG(status.st_mode) and path.name.startswith(folder.name):
                        denoiser = entry[1] if entry else None
                        used, size = status.st_mtime_ns, status.st_size
                        yield _File(path, size, used, denoiser, entry is not None)


@lru_cache(maxsize=4)
def cache_at(folder: Path, limit_bytes: int) -> ResidualCache:
    """Open a cache, once a process."""
    return ResidualCache(folder, limit_bytes)


def _key(path: Path) -> str:
    return path.name[:64]


def _digest(path: Path, payload: bytes) -> bytes:
    return hashlib.blake2b(payload, digest_size=_DIGEST_BYTES, key=_key(path).encode()).digest()


def _read(path: Path, shape: tuple[int, ...]) -> Floats | None:
    expected = 4 * int(np.prod(shape))
    try:
        if path.stat().st_size != expected + _DIGEST_BYTES:
            return None
        content = path.read_bytes()
    except OSError:
        return None
    payload, digest = content[:expected], content[expected:]
    if len(payload) != expected or _digest(path, payload) != digest:
        return None
    with contextlib.suppress(OSError):
        os.utime(path)  # used just now
    # A copy, so that a hit is as writable as a miss.
    return np.frombuffer(payload, dtype="<f4").astype(np.float32).reshape(shape)
