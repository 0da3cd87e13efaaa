"""On what a run ran: versions of what was used, processor and threads."""

from __future__ import annotations

import os
import platform
import sys
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from PIL import features

from fp.system.environment import describe, processor
from fp.system.workers import usable_cores

_THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS")
_MORE = ("pywavelets", "c2pa-python", "pillow-heif", "pillow-jxl-plugin", "pypdf")


def versions() -> dict[str, str]:
    """Return versions, by name, of fp, Python and of the packages that results depend on.

    torch is among them only where this process has loaded it.
    """
    found = describe()
    if "torch" not in sys.modules:
        found.pop("torch", None)
    turbo = features.version_feature("libjpeg_turbo")
    if turbo:  # "libjpeg" is only the version of the interface that it keeps
        found["libjpeg-turbo"] = str(turbo)
    libavif = features.version("avif")
    if libavif:
        found["libavif"] = str(libavif)
    for name in _MORE:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def machine(jobs: int | None = None) -> dict[str, Any]:
    """Return on what a run ran, without naming the computer.

    Processor, cores, processes and what limits threads, in JSON types.
    """
    found: dict[str, Any] = {
        "processor": processor(),
        "architecture": platform.machine(),
        "system": f"{platform.system()} {platform.release()}",
        "cores": usable_cores(),
        "thread_limits": {name: os.environ[name] for name in _THREADS if name in os.environ},
    }
    if jobs is not None:
        found["jobs"] = jobs
    return found
