"""Fingerprints from integer arithmetic, and the golden file that every later fp must read.

``tests/data/bank-1.0.h5`` was written with the first version of the format and holds `full_1_0` and
`small`. It stays as it is: a new version of the format gets a new file beside it.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from project import DATA

from fp.denoisers.residual import DenoiserIdentity
from fp.fingerprint.model.calibration import Calibration, NullControl
from fp.fingerprint.model.conditions import (
    CURVES,
    MEASURED,
    Conditions,
    ConditionsFusion,
    Expected,
    Neighbours,
    Regression,
)
from fp.fingerprint.model.distribution import OutOfDistribution
from fp.fingerprint.model.fingerprint import Fingerprint
from fp.fingerprint.model.joined import Joined, Part
from fp.fingerprint.model.typicality import Typicality, View
from fp.images.crop import CropRule

GOLDEN = DATA / "bank-1.0.h5"


def wave(n: int, step: int, offset: float = 0.0) -> np.ndarray:
    """Return n numbers that float32 holds exactly."""
    return (np.arange(n) * step % 257 - 128) / 1024 + offset


def calibration(n_real: int = 4, n_generated: int = 3) -> Calibration:
    """Return scores that separate."""
    return Calibration(
        real=wave(n_real, 31),
        generated=wave(n_generated, 57, 1.0),
        real_sha256=tuple(f"{k:064x}" for k in range(n_real)),
        generated_sha256=tuple(f"{k + 2**255:064x}" for k in range(n_generated)),
        real_source=tuple(f"photo/{k // 2}" for k in range(n_real)),
        generated_source=tuple(f"Bild-ü-{k}" for k in range(n_generated)),
        scheme="cross-fitted, 10 folds",
    )


def full(name: str = "SD 1.4 / 图像 🦊") -> Fingerprint:
    """Return a fingerprint that has every element."""
    return Fingerprint(
        name=name,
        method="tile",
        pattern=wave(3 * 4 * 8, 91).reshape(3, 4, 8).astype(np.float32),
        crop=CropRule(256, 320, "centre"),
        denoiser=DenoiserIdentity(
            "wavelet", 2, {"sigma": 0.0078125, "levels": 4}, "float32", "", "ab" * 32
        ),
        calibration=calibration(),
        offset=-0.375,
        null=NullControl(3.25, wave(5, 17), 7),
        parameters={"folds": 10, "period": 8, "periods": [4, 8], "auto": None, "name": "é\ud800"},
        native_sizes={"1024x1024": 2, "512x512": 1},
        formats={"JPEG": 1, "PNG": 2},
        history={"loss": wave(6, 5), "loss_by_fold": wave(6, 3).reshape(2, 3)},
        environment={"python": "3.11.7"},
        created_utc="2026-01-02T03:04:05Z",
        tool_version="0.1.0",
        preparation="resize:0.5+jpeg:75",
    )


def full_1_0() -> Fingerprint:
    """Return what version 1.0 can hold of it: the first fingerprint of the golden file."""
    return replace(full(), preparation="none")


def small(name: str = "without extras") -> Fingerprint:
    """Return a fingerprint that has no more than it must."""
    return replace(
        full(name),
        method="mean",
        crop=CropRule(32, 64),
        denoiser=DenoiserIdentity("median", 1),
        offset=0.0,
        null=None,
        parameters={},
        native_sizes={},
        formats={},
        history={},
        environment={},
        created_utc="2026-01-01T00:00:00Z",
        preparation="none",
    )


def together(name: str = "of parts") -> Fingerprint:
    """Return a fingerprint that joins parts."""
    views = {
        "cyclic": View(
            wave(6, 7).astype(np.float32),
            wave(12, 9).reshape(2, 6).astype(np.float32),
            wave(2, 5, 2.0),
            0.5,
            1.25,
            0.75,
        ),
        "scores": View(
            wave(2, 3).astype(np.float32),
            wave(2, 4).reshape(1, 2).astype(np.float32),
            wave(1, 5, 2.0),
            0.25,
        ),
    }
    parts = (
        Part(
            "tile",
            wave(48, 5).reshape(3, 4, 4).astype(np.float32),
            0.0,
            wave(4, 2),
            wave(3, 6),
            {"method": {"periods": [4]}, "period": 4},
        ),
        Part(
            "spectrum",
            wave(12, 5).reshape(3, 2, 2).astype(np.float32),
            0.125,
            wave(4, 8),
            wave(3, 9),
            {"method": {"window": 64}},
        ),
    )
    joined = Joined(
        parts,
        -0.5,
        wave(4, 11),
        wave(3, 13, 1.0),
        Typicality(views, wave(3, 15, 3.0)),
        NullControl(1.5, wave(6, 19), 9),
    )
    pattern = np.array([[[0.5, 0.25], [1.5, 0.0]]], dtype=np.float32)
    return replace(full(name), method="auto", pattern=pattern, joined=joined)


def regression(numbers: int, found: int, start: int) -> Regression:
    """Return a linear regression."""
    return Regression(
        wave(numbers, start),
        wave(numbers, start + 2, 2.0),
        wave(numbers * found, start + 4).reshape(numbers, found),
        wave(found, start + 6, 1.0),
    )


def as_they_come(name: str = "as they come") -> Fingerprint:
    """Return a fingerprint that measures what an image went through."""
    made = together(name)
    parts = tuple(
        replace(part, real=wave(8, place), generated=wave(6, place + 1, 1.0))
        for place, part in enumerate(made.joined.parts)
    )
    expected = Expected(
        regression(CURVES, 1, 3), regression(CURVES, 1, 5), np.array([-1.5, 0.0, 0.25, 2.0])
    )
    neighbours = Neighbours(
        wave(9, 11),
        wave(9, 13, 2.0),
        wave(18, 15).reshape(2, 9).astype(np.float32),
        wave(14, 17).reshape(7, 2).astype(np.float32),
        np.array([0.25, 0.5, 1.0]),
    )
    content = Neighbours(
        wave(4, 12),
        wave(4, 14, 2.0),
        wave(8, 16).reshape(2, 4).astype(np.float32),
        wave(12, 18).reshape(6, 2).astype(np.float32),
        np.array([0.5, 0.75]),
    )
    typicality = made.joined.typicality
    conditions = Conditions(
        parts,
        ConditionsFusion(regression(8, 2, 3), wave(2, 5, 2.0), wave(2, 7), 0.5),
        regression(9, MEASURED, 9),
        np.stack([wave(MEASURED, 19), wave(MEASURED, 21, 2.0)]),
        expected,
        replace(expected, held=np.array([-2.0, 1.0])),
        typicality,
        replace(typicality, calibration=wave(4, 23)),
        replace(expected, held=np.array([0.5, 0.75])),
        replace(expected, held=np.array([0.5, 1.75])),
        neighbours,
        content,
        np.array([0, 2, 2, 6]),
        wave(4, 25),
        wave(3, 27, 1.0),
    )
    rest = replace(conditions, real=wave(9, 29), generated=wave(5, 31, 1.0))
    return replace(made, conditions=conditions, rest=rest)


def coded(name: str = "as they are coded") -> Fingerprint:
    """Return a fingerprint that tells images coded otherwise."""
    view = View(
        wave(769, 7).astype(np.float32),
        wave(2 * 769, 9).reshape(2, 769).astype(np.float32),
        wave(2, 5, 2.0),
        0.5,
    )
    test = OutOfDistribution(
        wave(769, 3, 1.0).astype(np.float32), view, wave(7, 15, 3.0), ("JPEG", "lossless")
    )
    return replace(small(name), distribution=test)
