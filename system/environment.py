"""What a result was computed with: versions and processor, for files and manifests."""

from __future__ import annotations

import os
import platform
import sys
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version

_PACKAGES = ("numpy", "scipy", "numba", "scikit-image", "scikit-learn", "pillow", "h5py", "torch")


def tool_version() -> str:
    """Return the version of fp."""
    try:
        return version("fp-forensics")
    except PackageNotFoundError:
        return "unknown"


def describe() -> dict[str, str]:
    """Return versions of fp, Python and what the numbers depend on, and the kind of processor."""
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


def now_utc() -> str:
    """Return the time in UTC, ISO 8601 to the second; ``SOURCE_DATE_EPOCH`` replaces the clock."""
    fixed = os.environ.get("SOURCE_DATE_EPOCH")
    moment = datetime.fromtimestamp(int(fixed), UTC) if fixed else datetime.now(UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
