"""What a result was computed with: versions and processor, for files and manifests."""

from __future__ import annotations

import os
import platform
import sys
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from fp.system.errors import UsageError

_PACKAGES = ("numpy", "scipy", "numba", "scikit-image", "scikit-learn", "pillow", "h5py", "torch")


def tool_version() -> str:
    """Return the version of fp."""
    try:
        return version("fp-forensics")
    except PackageNotFoundError:
        return "unknown"


def describe() -> dict[str, str]:
    """Return versions of what the numbers depend on, and the kind of processor."""
    from PIL import features

    found = {"fp": tool_version(), "python": platform.python_version()}
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    found["libjpeg"] = str(features.version("jpg"))
    found["machine"] = platform.machine()
    found["system"] = sys.platform
    return found


def processor() -> str:
    """Return the name of the processor's model."""
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8", "replace").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.processor() or platform.machine())


def clock_utc() -> str:
    """Return the machine's time in UTC, ISO 8601 to the second."""
    return _written(datetime.now(UTC))


def now_utc() -> str:
    """Return the time as `clock_utc`, for files that may be made again.

    ``SOURCE_DATE_EPOCH`` replaces the clock; a `UsageError` says that it is no time.
    """
    fixed = os.environ.get("SOURCE_DATE_EPOCH")
    if not fixed:
        return clock_utc()
    try:
        return _written(datetime.fromtimestamp(int(fixed), UTC))
    except (ValueError, OverflowError, OSError):
        raise UsageError(
            f"SOURCE_DATE_EPOCH is {fixed!r} in the environment, which is no time in seconds since "
            "1970; unset it."
        ) from None


def _written(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
