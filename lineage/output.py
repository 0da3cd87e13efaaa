"""The folder that an analysis writes: tables, tree, graph, figures and report."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from fp.images.loading import display_path
from fp.lineage import figures, tables
from fp.lineage.analysis import Lineage
from fp.lineage.collection import Collection
from fp.lineage.report import as_html
from fp.manifest.writing import LISTING, MANIFEST
from fp.reports.figures.style import as_png
from fp.runs.collecting import first_of
from fp.runs.unfinished import is_unfinished_folder, write_or_complete
from fp.system.errors import OutputError
from fp.system.outputs import make_folder

FILES = (
    "cross_detection.csv",
    "pairs.csv",
    "clusters.csv",
    "lineage.json",
    "tree.nwk",
    "kin.graphml",
    "heat_map.png",
    "tree.png",
    "graph.png",
    "report.html",
)


def check_output(folder: Path, *, overwrite: bool) -> None:
    """Refuse what is no folder, or holds results of an earlier run.

    What a killed run left is no refusal yet: the same command completes it.
    """
    there = first_of(folder, (MANIFEST, LISTING, *FILES))
    if folder.exists() and not folder.is_dir():
        raise OutputError(f"{display_path(folder)} is no folder; name a folder to write into.")
    if there and not overwrite and not is_unfinished_folder(folder, FILES):
        raise OutputError(
            f"{display_path(folder / there)} exists already; choose another folder, or replace "
            "it with --overwrite."
        )


def write_lineage(
    folder: Path, found: Lineage, collection: Collection, *, overwrite: bool = False
) -> None:
    """Write everything that was found in a collection; see `check_output` for what is refused."""
    check_output(folder, overwrite=overwrite)
    content = {
        "cross_detection.csv": tables.as_csv(tables.cross_detection_rows(found)),
        "pairs.csv": tables.as_csv(tables.pair_rows(found)),
        "clusters.csv": tables.as_csv(tables.cluster_rows(found)),
        "lineage.json": tables.as_json(found),
        "tree.nwk": tables.as_newick(found),
        "kin.graphml": tables.as_graphml(found),
        "report.html": as_html(found, collection.skipped),
    }
    written = {name: text.encode() for name, text in content.items()}
    for name, draw in figures.ALL.items():
        written[f"{name}.png"] = as_png(draw(found))
    make_folder(folder)
    write_or_complete(folder, {name: written[name] for name in FILES}, overwrite=overwrite)


def told(
    found: Lineage, collection: Collection, bank: Sequence[tuple[str, str]] = ()
) -> dict[str, Any]:
    """Return what an analysis adds to its manifest; JSON types only.

    Resolved options, bank (name and SHA-256 of each file), folders with their numbers of images,
    and what was not examined.
    """
    return {
        "options": found.parameters(),
        "bank": [{"name": name, "sha256": sha256} for name, sha256 in bank],
        "generators": [
            {"name": one.name, "images": len(one.images), "images_sha256": one.digest}
            for one in sorted(collection.generators, key=lambda one: one.name)
        ],
        "reference": {
            "images": len(collection.reference.images),
            "images_sha256": collection.reference.digest,
        },
        "not_examined": [
            {**asdict(item), "path": display_path(item.path)} for item in collection.skipped
        ],
    }
