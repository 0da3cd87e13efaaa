"""Residuals on disk, so that an image is denoised once.

An entry is named by the hash of the pixels that were examined and of the denoiser's identity, and
its checksum covers its name: what is found under a name cannot belong to anything else. Writers
never see each other: each writes a file of its own and renames it. An entry that does not read back
whole is no entry.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import tempfile
import time
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

import numpy as np
import platformdirs

from fp.denoisers.residual import Residual
from fp.system.arrays import Floats, Pixels

DEFAULT_LIMIT = 8 * 2**30
"""Bytes that a cache may take before the entries unused for longest go."""

_DIGEST_BYTES = 16
_CHECK_EVERY = 256  # writes between two looks at the total size
_UNFINISHED = ".tmp"
_ABANDONED_AFTER = 3600  # seconds; no writer takes so long


def default_folder() -> Path:
    """Return the cache folder: ``FP_CACHE`` where it is set, else the user's cache folder."""
    return Path(os.environ.get("FP_CACHE") or platformdirs.user_cache_path("fp-forensics"))


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
        path = self._path(image_hwc, residual.identity.digest)
        shape = (3, *image_hwc.shape[:2])
        found = _read(path, shape)
        if found is None:
            found = residual(image_hwc)
            # A full or read-only disk costs time, not the run.
            with contextlib.suppress(OSError):
                self._write(path, found)
        return found

    def _path(self, image_hwc: Pixels, denoiser_digest: str) -> Path:
        key = hashlib.sha256(f"{denoiser_digest} {image_hwc.dtype} {image_hwc.shape} ".encode())
        key.update(np.ascontiguousarray(image_hwc).data)
        name = key.hexdigest()
        return self.folder / name[:2] / f"{name}.residual"

    def _write(self, path: Path, values: Floats) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        payload = np.ascontiguousarray(values, dtype="<f4").tobytes()
        handle, name = tempfile.mkstemp(dir=path.parent, suffix=_UNFINISHED)
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
        entries = []
        for path in self.folder.glob("??/*"):
            with contextlib.suppress(OSError):
                status = path.stat()
                if path.suffix == _UNFINISHED and status.st_mtime < time.time() - _ABANDONED_AFTER:
                    path.unlink()
                else:
                    entries.append((status.st_mtime_ns, status.st_size, path))
        total = sum(size for _, size, _ in entries)
        if total <= self.limit_bytes:
            return
        for _, size, path in sorted(entries):
            if total <= 0.9 * self.limit_bytes:
                break
            with contextlib.suppress(OSError):
                path.unlink(missing_ok=True)  # another process may be at it too
                total -= size


@lru_cache(maxsize=4)
def cache_at(folder: Path, limit_bytes: int) -> ResidualCache:
    """Open a cache, once a process."""
    return ResidualCache(folder, limit_bytes)


def _digest(path: Path, payload: bytes) -> bytes:
    name = path.stem.encode()
    return hashlib.blake2b(payload, digest_size=_DIGEST_BYTES, key=name[:64]).digest()


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
