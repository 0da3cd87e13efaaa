"""What every room stands on: errors, paths, files that are whole or not there, workers."""

from __future__ import annotations

import sys
from typing import Any


def _told(name: str) -> Any:
    if name == "__version__":
        from fp.system.environment import tool_version

        return tool_version()
    raise AttributeError(f"module 'fp' has no attribute {name!r}")


# fp itself is a namespace without a file, and every door of it leads through here.
sys.modules["fp"].__getattr__ = _told  # type: ignore[method-assign]
