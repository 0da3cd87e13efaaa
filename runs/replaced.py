"""Files that are no longer those of earlier rows: a path vouches for nothing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from fp.images.loading import Limits
from fp.manifest.inputs import Hasher
from fp.runs.examination import Item
from fp.runs.journal import Row


def replaced(items: Iterable[Item], detections: Iterable[Row], limits: Limits) -> Iterator[Item]:
    """Yield each item whose file has other bytes than its row says. The two come in one order.

    Rows of files that were never decoded have no hash, and are not asked.
    """
    for item, detection in zip(items, detections, strict=True):
        if detection["sha256"] is None:
            continue
        roots = () if item.root is None else (item.root,)
        if Hasher("image", roots, limits).lost(item.path).sha256 != detection["sha256"]:
            yield item
