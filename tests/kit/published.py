"""Files in the layout in which the authors of DIF publish fingerprints."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch


def write_published(path: Path, pattern_chw: Any, **changes: Any) -> Path:
    """Write a pattern (3, H, W) as they do; a change replaces an entry, None leaves it out."""
    steps = 6
    held: dict[str, Any] = {
        "Fingerprint": torch.tensor(pattern_chw, dtype=torch.float32)[None],
        "Train Real": [0.001 * k for k in range(steps)],
        "Train Fake": [0.002 * k for k in range(steps)],
        "Loss": [1.0 - 0.1 * k for k in range(steps)],
    }
    held |= {name.replace("_", " "): value for name, value in changes.items()}
    torch.save({name: value for name, value in held.items() if value is not None}, path)
    return path
