"""How a run is carried out: the one object that its layers hand down."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from fp.fingerprint.decision.rows import Detection
from fp.manifest.run import Invocation
from fp.reports.detections import Reporting
from fp.reports.previews import Showing
from fp.system.executors import Pool


@dataclass(frozen=True)
class RunOptions:
    """How a run is carried out. The rows of its files do not depend on any of it.

    Parameters
    ----------
    jobs : int
        Number of processes.
    pool : callable, optional
        Makes an executor that does the work instead; see `fp.system.executors`.
    isolated : bool
        Examine nothing in this process, so that no file can end it or keep it for ever.
    resume : bool
        Go on where a run with the same bank and options was interrupted. Files that were finished
        keep their rows, as long as they have the same bytes; all others are examined, also those
        that were not there at that time.
    overwrite : bool
        Replace the results of an earlier run.
    progress : callable, optional
        Called with the number of files done and their total.
    report : callable, optional
        Called with the row of each file as it comes.
    invocation : Invocation, optional
        What was called, for the manifest; without it the run cannot be repeated from there.
    reporting : {"full", "none"}
        Whether ``report.html`` is written. A shard has neither manifest nor report.
    previews : {"shown", "blurred", "none"}
        How the report shows the files.
    """

    jobs: int = 1
    pool: Pool | None = None
    isolated: bool = False
    resume: bool = False
    overwrite: bool = False
    progress: Callable[[int, int], None] | None = None
    report: Callable[[Detection], None] | None = None
    invocation: Invocation | None = None
    reporting: Reporting = "full"
    previews: Showing = "shown"
