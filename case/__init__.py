"""A case: exhibits, runs and notes in one folder, vouched for by a chain."""

from __future__ import annotations

from fp.case.archive import is_archive, verify_archive, write_archive
from fp.case.exhibits import add_exhibits
from fp.case.folder import H1, H2, Case, add_note, init_case, open_case
from fp.case.log import is_case, read_log
from fp.case.report import write_report
from fp.case.running import run_case
from fp.case.verification import verify_case

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
