"""A case: exhibits, runs and notes in one folder, with a chain that vouches for all of it."""

from __future__ import annotations

from fp.fingerprint.case.archive import is_archive, verify_archive, write_archive
from fp.fingerprint.case.exhibits import add_exhibits
from fp.fingerprint.case.folder import H1, H2, Case, add_note, init_case, open_case
from fp.fingerprint.case.log import is_case, read_log
from fp.fingerprint.case.report import write_report
from fp.fingerprint.case.running import run_case
from fp.fingerprint.case.verification import verify_case

__all__ = [
    "H1",
    "H2",
    "Case",
    "add_exhibits",
    "add_note",
    "init_case",
    "is_archive",
    "is_case",
    "open_case",
    "read_log",
    "run_case",
    "verify_archive",
    "verify_case",
    "write_archive",
    "write_report",
]
