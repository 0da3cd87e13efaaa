"""A case: exhibits, runs and notes in one folder, vouched for by a chain."""

from __future__ import annotations

from fp.case.archive import is_archive, verify_archive, write_archive
from fp.case.case_uco import as_case_uco
from fp.case.exhibits import add_exhibits
from fp.case.folder import H1, H2, Case, add_note, init_case, open_case
from fp.case.hash_list import hash_list
from fp.case.log import is_case, read_log
from fp.case.page import write_report
from fp.case.running import run_case
from fp.case.status import Status, status_of
from fp.case.verification import verify_case

__all__ = [
    "H1",
    "H2",
    "Case",
    "Status",
    "add_exhibits",
    "add_note",
    "as_case_uco",
    "hash_list",
    "init_case",
    "is_archive",
    "is_case",
    "open_case",
    "read_log",
    "run_case",
    "status_of",
    "verify_archive",
    "verify_case",
    "write_archive",
    "write_report",
]
