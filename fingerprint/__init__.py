"""From residuals to a fingerprint, and from a score to what may be said of an image."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fp.fingerprint.api import Bank, audit_folders, extract
    from fp.fingerprint.audit.findings import Audit
    from fp.fingerprint.deciding.decision import Answer, decide
    from fp.fingerprint.deciding.rows import Attribution, Detection, Finding
    from fp.fingerprint.examining.answers import Detections
    from fp.fingerprint.examining.detection import DetectOptions, examine
    from fp.fingerprint.extraction import Extraction, ExtractOptions
    from fp.fingerprint.fingerprint import Calibration, Fingerprint, NullControl

__all__ = [
    "Answer",
    "Attribution",
    "Audit",
    "Bank",
    "Calibration",
    "DetectOptions",
    "Detection",
    "Detections",
    "ExtractOptions",
    "Extraction",
    "Finding",
    "Fingerprint",
    "NullControl",
    "audit_folders",
    "decide",
    "examine",
    "extract",
]

# Imported when they are asked for: the kernels' compiler takes half a second, and listing a bank
# needs none of it.
_HOME = {
    "examining.answers": ("Detections",),
    "api": ("Bank", "audit_folders", "extract"),
    "audit.findings": ("Audit",),
    "deciding.decision": ("Answer", "decide"),
    "examining.detection": ("DetectOptions", "examine"),
    "extraction": ("ExtractOptions", "Extraction"),
    "fingerprint": ("Calibration", "Fingerprint", "NullControl"),
    "deciding.rows": ("Attribution", "Detection", "Finding"),
}


def __getattr__(name: str) -> Any:
    for module, names in _HOME.items():
        if name in names:
            return getattr(import_module(f"fp.fingerprint.{module}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
