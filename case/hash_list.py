"""The hashes of a case as a table, for lists of known files."""

from __future__ import annotations

import csv
import io

from fp.case.folder import Case

_COLUMNS = {
    "name": "name",
    "size": "bytes",
    "MD5": "file_md5",
    "SHA-1": "file_sha1",
    "SHA-256": "file_sha256",
    "exhibit": "exhibit",
}


def hash_list(case: Case) -> str:
    """Return a row for every exhibit as CSV. A hash that was not recorded is empty."""
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(_COLUMNS)
    for entry in case.of("exhibit"):
        table.writerow([entry.get(member, "") for member in _COLUMNS.values()])
    return text.getvalue()
