"""Many files looked at, each in a process that it may end."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from fp.audit.record import FileRecord, look
from fp.denoisers.population import Skipped
from fp.images.loading import Limits
from fp.runs.examination import Item
from fp.system.errors import ImageError
from fp.system.workers import run_in_order


@dataclass(frozen=True)
class _Look:
    """The function from a file to what is seen in it.

    It is small, so that it travels to workers.
    """

    limits: Limits

    def __call__(self, item: Item) -> FileRecord | Skipped:
        """Look at one file, or say why not."""
        try:
            return look(item.path, item.root, self.limits)
        except ImageError as error:
            return Skipped(item.path, error.reason, str(error))


def records(items: Sequence[Item], limits: Limits, jobs: int = 1) -> Iterator[FileRecord | Skipped]:
    """Yield, in order, what is seen in each file or why it was skipped."""
    seconds = limits.seconds

    def died(item: Item) -> Skipped:
        return Skipped.died(item.path, seconds=seconds)

    yield from run_in_order(_Look(limits), items, died, jobs, isolated=True, seconds=seconds)
