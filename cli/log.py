"""A log on request (``--log FILE``): what was called, each trouble, how it ended, with times."""

from __future__ import annotations

import contextlib
import logging
import os
import re
import shlex
import sys
import time
from collections.abc import Iterable
from pathlib import Path

import click

from fp.cli.telling import LOG, printable
from fp.system.atomic_files import output_error
from fp.system.environment import tool_version
from fp.system.errors import OutputError
from fp.system.paths import display_path, is_file, is_folder

_LOGS = (LOG, logging.getLogger("py.warnings"))
_FIRST = re.compile(rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ [A-Z]+ ")


class _Lines(logging.Formatter):
    """A record on a line that begins with its time in UTC. What follows it is indented."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(message)s", "%Y-%m-%dT%H:%M:%SZ")
        self.converter = time.gmtime

    def format(self, record: logging.LogRecord) -> str:
        """Write a record; no name of a file can begin another one."""
        return "\n  ".join(map(printable, super().format(record).strip().split("\n")))


class _Appending(logging.FileHandler):
    """A file that is only appended to. One that cannot be written any more is named once."""

    def handleError(self, record: logging.LogRecord) -> None:
        """Say that the disk is full, and go on without a log."""
        error = sys.exc_info()[1]
        if not isinstance(error, OSError):
            super().handleError(record)
            return
        self.setLevel(logging.CRITICAL + 1)
        click.echo(f"fp: {output_error(Path(self.baseFilename), error)}", err=True)


def start(path: Path, arguments: Iterable[str]) -> None:
    """Append to a log from now on, and begin with what was called.

    An `OutputError` says that the file is no log, or cannot be one: it lies in a folder that the
    command names, or cannot be written.
    """
    if LOG.level:
        raise click.UsageError("--log is given twice.")
    arguments = list(arguments)
    _check(path, arguments)
    try:
        handler = _Appending(path, encoding="utf-8", errors="backslashreplace")
    except OSError as error:
        raise output_error(path, error) from error
    handler.setFormatter(_Lines())
    for log in _LOGS:
        log.addHandler(handler)
        log.setLevel(logging.INFO)
    logging.captureWarnings(True)
    LOG.info("fp %s: fp %s", tool_version(), shlex.join(arguments))


def end(code: object) -> None:
    """Say how the command ended, and close the log."""
    LOG.info("ended with exit code %s", code)
    logging.captureWarnings(False)
    for log in _LOGS:
        log.setLevel(logging.NOTSET)
        for handler in [each for each in log.handlers if isinstance(each, _Appending)]:
            log.removeHandler(handler)
            with contextlib.suppress(OSError):  # named already
                handler.close()


def _check(path: Path, arguments: Iterable[str]) -> None:
    place, shown = Path(os.path.realpath(path)), display_path(path)
    # Of an option with its value, what stands behind a sign; a name may have such signs too.
    values = (
        part for one in arguments for part in (one, one.partition("=")[2], one.rpartition("=")[2])
    )
    for folder in map(Path, filter(None, values)):
        if is_folder(folder) and place.is_relative_to(os.path.realpath(folder)):
            raise OutputError(
                f"{shown} lies inside {display_path(folder)}, which the command is about; choose "
                "a place outside of it for the log."
            )
    if not os.path.lexists(path):
        return
    begins = b"?"
    if is_file(path):
        try:
            with path.open("rb") as file:
                begins = file.read(64)
        except OSError as error:
            raise output_error(path, error) from error
    if begins and not _FIRST.match(begins):
        raise OutputError(f"{shown} exists and is no log of fp; choose another name for the log.")
