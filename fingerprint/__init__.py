"""From residuals to a fingerprint, and from a score to an answer.

This file is the front door for programs: its names come from the rooms below it and from
`fp.api`, which stands above. Nothing in fp imports from here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from fp.system.front_door import front_door

if TYPE_CHECKING:
    from fp.api.bank import Bank, audit_folders, extract
    from fp.api.detections import Detections
    from fp.audit.findings import Audit
    from fp.audit.observations import Observation
    from fp.audit.record import FileRecord, look
    from fp.fingerprint.decision.decision import Answer, decide
    from fp.fingerprint.decision.rows import Attribution, Detection, Finding
    from fp.fingerprint.detection.banks import examine
    from fp.fingerprint.detection.detection import DetectOptions
    from fp.fingerprint.extraction.options import Extraction, ExtractOptions
    from fp.fingerprint.model.calibration import Calibration, NullControl
    from fp.fingerprint.model.fingerprint import Fingerprint

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
    "FileRecord",
    "Finding",
    "Fingerprint",
    "NullControl",
    "Observation",
    "audit_folders",
    "decide",
    "examine",
    "extract",
    "look",
]

# Imported when they are asked for: the kernels' compiler takes half a second. Classes with methods
# of convenience come from `fp.api`, which registers these.
__getattr__, __dir__ = front_door(
    __name__,
    {
        "fp.api.bank": (
            "Audit",
            "Bank",
            "Extraction",
            "Fingerprint",
            "NullControl",
            "audit_folders",
            "extract",
        ),
        "fp.api.detections": ("Attribution", "Detection", "Detections", "Finding"),
        "fp.audit.observations": ("Observation",),
        "fp.audit.record": ("FileRecord", "look"),
        "fp.fingerprint.decision.decision": ("Answer", "decide"),
        "fp.fingerprint.detection.banks": ("examine",),
        "fp.fingerprint.detection.detection": ("DetectOptions",),
        "fp.fingerprint.extraction.extraction": ("ExtractOptions",),
        "fp.fingerprint.model.calibration": ("Calibration",),
    },
)
