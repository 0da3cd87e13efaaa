"""From residuals to a pattern and from a pattern to scores: one module an estimator.

This file is the front door for those who write one. Nothing in fp imports from here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from fp.system.front_door import front_door

if TYPE_CHECKING:
    from fp.fingerprint.estimators.protocol import Course, Estimator, Fitted
    from fp.fingerprint.estimators.registry import available, get, register

__all__ = ["Course", "Estimator", "Fitted", "available", "get", "register"]

__getattr__, __dir__ = front_door(
    __name__,
    {
        "fp.fingerprint.estimators.protocol": ("Course", "Estimator", "Fitted"),
        "fp.fingerprint.estimators.registry": ("available", "get", "register"),
    },
)
