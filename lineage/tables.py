"""What was found as tables, a tree and a graph that other programs read."""

from __future__ import annotations

import csv
import io
import json
import math
import re
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any
from xml.etree import ElementTree

from scipy.cluster.hierarchy import ClusterNode, to_tree

from fp.lineage.analysis import Lineage
from fp.lineage.clusters import Branch, Cluster
from fp.lineage.intervals import Estimate
from fp.runs.results import cell

# What XML 1.0 has no character for.
_NO_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def cross_detection_rows(found: Lineage) -> list[dict[str, Any]]:
    """Return a row for each fingerprint and folder; None for what is missing."""
    crossed = found.cross_detection
    rows = []
    for i, fingerprint in enumerate(crossed.fingerprints):
        for j, folder in enumerate(crossed.folders):
            row: dict[str, Any] = {"fingerprint": fingerprint, "folder": folder}
            row["images"] = int(crossed.images[i, j])
            for name in ("flagged", "accuracy", "auc"):
                estimate: Estimate = getattr(crossed, name)
                row[name] = _number(estimate.value[i, j])
                row[f"{name}_low"] = _number(estimate.low[i, j])
                row[f"{name}_high"] = _number(estimate.high[i, j])
            rows.append(row)
    return sorted(rows, key=lambda row: (row["fingerprint"], row["folder"]))


def pair_rows(found: Lineage) -> list[dict[str, Any]]:
    """Return a row for each pair, by the fields of `Pair`, the closest kin first."""
    rows = []
    for pair in found.pairs:
        row = {key: _number(v) if isinstance(v, float) else v for key, v in asdict(pair).items()}
        row |= {"first": found.names[pair.first], "second": found.names[pair.second]}
        rows.append(row | {"reasons": list(pair.reasons)})
    return sorted(rows, key=lambda row: (-row["kinship"], row["first"], row["second"]))


def cluster_rows(found: Lineage) -> list[dict[str, Any]]:
    """Return a row for each generator, the largest family first."""
    return [
        {
            "cluster": number,
            "generator": found.names[member],
            "members": len(cluster.members),
            "support": cluster.support,
        }
        for number, cluster in enumerate(found.families.clusters, start=1)
        for member in cluster.members
    ]


def as_csv(rows: Sequence[dict[str, Any]]) -> str:
    """Return rows as CSV; numbers so that they read back exactly, lists joined by ``;``."""
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(rows[0])
    for row in rows:
        table.writerow([cell(value) for value in row.values()])
    return text.getvalue()


def as_json(found: Lineage) -> str:
    """Return everything that was found as one JSON object."""
    order = found.families.order
    content = {
        "encoding-type": "fp-lineage",
        "encoding-version": "1.0",
        "options": found.parameters(),
        "generators": [
            {"name": name, "images": images, "sources": sources, "stride": stride}
            for name, images, sources, stride in zip(
                found.names, found.images[:-1], found.sources[:-1], found.strides, strict=True
            )
        ],
        "reference": {"images": found.images[-1], "sources": found.sources[-1]},
        "order": [found.names[i] for i in order],
        "kinship": [[float(found.kinship[i, j]) for j in order] for i in order],
        "clusters": _named(found, found.families.clusters),
        "branches": _named(found, found.families.branches),
        "pairs": pair_rows(found),
        "cross_detection": {
            "scheme": found.cross_detection.scheme,
            "entries": cross_detection_rows(found),
        },
        "notes": list(found.notes),
    }
    return json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def as_newick(found: Lineage) -> str:
    """Return the dendrogram in Newick format, one line.

    Lengths of branches are differences of height, half of 1 - kinship; the name of an inner node is
    its bootstrap support.
    """
    leaves = len(found.names)

    def written(node: ClusterNode, height: float) -> str:
        length = f":{max(height - node.dist / 2, 0.0):.6g}"
        if node.is_leaf():
            return _quoted(found.names[node.id]) + length
        inside = ",".join(written(child, node.dist / 2) for child in (node.left, node.right))
        support = found.families.branches[node.id - leaves].support
        return f"({inside}){support:.3g}{length}"

    root = to_tree(found.families.tree)
    return written(root, root.dist / 2).rpartition(":")[0] + ";\n"


def as_graphml(found: Lineage) -> str:
    """Return kin and undecided pairs as an undirected graph in GraphML."""
    root = ElementTree.Element("graphml", xmlns="http://graphml.graphdrawing.org/xmlns")
    keys = [
        ("name", "node", "string"),
        ("cluster", "node", "int"),
        ("images", "node", "int"),
        ("kinship", "edge", "double"),
        ("q", "edge", "double"),
        ("relation", "edge", "string"),
    ]
    for name, owner, kind in keys:
        attributes = {"id": name, "for": owner, "attr.name": name, "attr.type": kind}
        ElementTree.SubElement(root, "key", attributes)
    graph = ElementTree.SubElement(root, "graph", edgedefault="undirected")
    cluster_of = {
        member: number
        for number, cluster in enumerate(found.families.clusters, start=1)
        for member in cluster.members
    }
    for index, name in enumerate(found.names):
        node = ElementTree.SubElement(graph, "node", id=f"n{index}")
        _data(node, name=name, cluster=cluster_of[index], images=found.images[index])
    for pair in found.pairs:
        if pair.relation != "not_shown":
            ends = {"source": f"n{pair.first}", "target": f"n{pair.second}"}
            edge = ElementTree.SubElement(graph, "edge", ends)
            _data(edge, kinship=pair.kinship, q=pair.q, relation=pair.relation)
    ElementTree.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ElementTree.tostring(root, "unicode") + "\n"


def _named(found: Lineage, parts: Sequence[Branch | Cluster]) -> list[dict[str, Any]]:
    return [asdict(one) | {"members": [found.names[m] for m in one.members]} for one in parts]


def _data(owner: ElementTree.Element, **values: Any) -> None:
    for key, value in values.items():
        ElementTree.SubElement(owner, "data", key=key).text = _NO_XML.sub("�", str(value))


def _quoted(name: str) -> str:
    return "'" + name.replace("'", "''").replace("\n", " ").replace("\r", " ") + "'"


def _number(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None
