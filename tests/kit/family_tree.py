"""A planted family of generators, drawn as folders of images."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from synthetic import photograph, save

SIDE = 64
FAMILIES = {"root a": 0, "child a": 0, "grandchild a": 0, "root b": 1, "child b": 1, "lone": 2}


def taps(seed: int) -> np.ndarray:
    return np.random.default_rng([17, seed]).normal(size=(8, 8, 3))


def lattices() -> dict[str, np.ndarray]:
    """Plant a family tree: a child keeps most of its parent's taps."""

    def child(parent: np.ndarray, seed: int) -> np.ndarray:
        return 0.85 * parent + 0.53 * taps(seed)

    found = {"root a": taps(0), "root b": taps(1), "lone": taps(2)}
    found["child a"] = child(found["root a"], 3)
    found["grandchild a"] = child(found["child a"], 4)
    found["child b"] = child(found["root b"], 5)
    return found


def draw(lattice: np.ndarray | None, source: int, strength: float = 0.012) -> np.ndarray:
    pixels = photograph(source, SIDE).astype(float)
    if lattice is not None:
        pixels *= 1 + strength * np.tile(lattice, (SIDE // 8, SIDE // 8, 1))
    return np.clip(np.rint(pixels), 0, 255).astype(np.uint8)


def write_tree(folder: Path, images: int = 20) -> None:
    """Let every generator redraw the same photographs; the reference are others."""
    for name, lattice in lattices().items():
        (folder / "generated" / name).mkdir(parents=True)
        for source in range(images):
            save(draw(lattice, source), folder / "generated" / name / f"{source:04d}.png")
    (folder / "real").mkdir()
    for source in range(1000, 1000 + 2 * images):
        save(draw(None, source), folder / "real" / f"{source}.png")
