"""A case in the CASE and UCO ontologies as JSON-LD, for programs that exchange investigations.

Exhibits are files with facets and a provenance record. Each finding is an analytic result of an
analysis, with its statement in the words of the report. Classes and properties are those of
CASE 1.4 and 1.5, which build on UCO of the same version: https://caseontology.org.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from uuid import UUID, uuid5

from fp.case.findings import ExhibitFinding, banks_of, by_weight
from fp.case.folder import Case, size_of
from fp.manifest.entry import Entry
from fp.manifest.run import read_manifest

_UCO = "https://ontology.unifiedcyberontology.org/uco"

CONTEXT = {
    "case-investigation": "https://ontology.caseontology.org/case/investigation/",
    "uco-action": f"{_UCO}/action/",
    "uco-analysis": f"{_UCO}/analysis/",
    "uco-core": f"{_UCO}/core/",
    "uco-identity": f"{_UCO}/identity/",
    "uco-observable": f"{_UCO}/observable/",
    "uco-tool": f"{_UCO}/tool/",
    "uco-types": f"{_UCO}/types/",
    "xsd": "http://www.w3.org/2001/XMLSchema#",
}

_HASHES = {"MD5": "file_md5", "SHA1": "file_sha1", "SHA256": "file_sha256"}

Node = dict[str, Any]


def as_case_uco(case: Case) -> str:
    """Return a case as JSON-LD; the same case, the same text.

    `FormatError` and `OSError` say that a run cannot be read.
    """
    content = {"@context": CONTEXT, "@graph": list(_Graph(case).nodes())}
    return json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


class _Graph:
    """The nodes of a case, whose names follow from the hash of its first entry."""

    def __init__(self, case: Case) -> None:
        self._case = case
        self._first = case.entries[0]
        self._space = UUID(hex=self._first["sha256"][:32])

    def nodes(self) -> Iterator[Node]:
        """Yield the investigation last, as it names all others."""
        found = [*self._people(), *self._exhibits(), *self._banks(), *self._findings()]
        yield from found
        yield {
            **self._node("investigation", "case-investigation:Investigation"),
            "uco-core:name": self._first["title"],
            "uco-core:description": [
                f"{name}: {text}" for name, text in sorted(self._first["propositions"].items())
            ],
            "uco-core:startTime": _time(self._first["time_utc"]),
            "uco-core:object": [{"@id": node["@id"]} for node in found],
        }

    def _people(self) -> Iterator[Node]:
        if self._first["examiner"]:
            node = self._node("examiner", "uco-identity:Person")
            yield node | {"uco-core:name": self._first["examiner"]}
        for version in dict.fromkeys(run["tool_version"] for run in self._case.of("run")):
            yield {
                **self._node(f"tool {version}", "uco-tool:AnalyticTool"),
                "uco-core:name": "fp",
                "uco-tool:version": version,
            }

    def _exhibits(self) -> Iterator[Node]:
        for entry in self._case.of("exhibit"):
            name, size = entry["exhibit"], size_of(entry)
            kind = "RasterPicture" if size else "File"
            facets = [
                {
                    **self._node(f"{name} file", "uco-observable:FileFacet"),
                    "uco-observable:fileName": entry["name"],
                    "uco-observable:filePath": entry["origin"],
                    "uco-observable:sizeInBytes": entry["bytes"],
                },
                {
                    **self._node(f"{name} content", "uco-observable:ContentDataFacet"),
                    "uco-observable:sizeInBytes": entry["bytes"],
                    "uco-observable:hash": [
                        self._hash(f"{name} {method}", method, entry[member])
                        for method, member in _HASHES.items()
                        if member in entry
                    ],
                },
            ]
            if size:
                facets.append(
                    {
                        **self._node(f"{name} picture", "uco-observable:RasterPictureFacet"),
                        "uco-observable:pictureType": entry["format"],
                        "uco-observable:pictureWidth": size[0],
                        "uco-observable:pictureHeight": size[1],
                    }
                )
            yield self._node(name, f"uco-observable:{kind}") | {"uco-core:hasFacet": facets}
            yield {
                **self._node(f"{name} record", "case-investigation:ProvenanceRecord"),
                "case-investigation:exhibitNumber": name,
                "uco-core:object": [self._named(name)],
            }

    def _banks(self) -> Iterator[Node]:
        for bank in self._case.of("bank"):
            for file in bank["files"]:
                name = f"{bank['bank']} {file['stored']}"
                content = {
                    **self._node(f"{name} content", "uco-observable:ContentDataFacet"),
                    "uco-observable:hash": [self._hash(f"{name} h", "SHA256", file["sha256"])],
                }
                place = {
                    **self._node(f"{name} file", "uco-observable:FileFacet"),
                    "uco-observable:fileName": file["name"],
                }
                node = self._node(name, "uco-observable:File")
                yield node | {"uco-core:hasFacet": [place, content]}

    def _findings(self) -> Iterator[Node]:
        runs = {run["run"]: run for run in self._case.of("run")}
        times = {name: self._times(run) for name, run in runs.items()}
        banks = {bank["bank"]: self._files_of(bank) for bank in self._case.of("bank")}
        for exhibit in by_weight(self._case, banks_of(self._case)):
            for finding in exhibit.findings:
                run, name = runs[finding.run], exhibit.entry["exhibit"]
                yield self._analysis(run, name, banks[run["bank"]]) | times[finding.run]
                yield self._result(finding, name)

    def _files_of(self, bank: Entry) -> list[Node]:
        return [self._named(f"{bank['bank']} {file['stored']}") for file in bank["files"]]

    def _analysis(self, run: Entry, exhibit: str, used: list[Node]) -> Node:
        told = {
            **self._node(f"{run['run']} {exhibit}", "uco-analysis:Analysis"),
            "uco-core:name": f"{run['run']}, {exhibit}",
            "uco-action:instrument": [self._named(f"tool {run['tool_version']}")],
            "uco-action:object": [self._named(exhibit), *used],
            "uco-action:result": [self._named(f"{run['run']} {exhibit} result")],
        }
        if self._first["examiner"]:
            told["uco-action:performer"] = self._named("examiner")
        return told

    def _result(self, finding: ExhibitFinding, exhibit: str) -> Node:
        name = f"{finding.run} {exhibit}"
        return {
            **self._node(f"{name} result", "uco-analysis:AnalyticResult"),
            "uco-core:name": f"{finding.run}, {exhibit}: {finding.row['decision']}",
            "uco-core:statement": [finding.statement],
            "uco-analysis:originatingAnalysis": self._named(name),
        }

    def _times(self, run: Entry) -> Node:
        entry = read_manifest(self._case.folder / run["folder"]).entry
        return {
            "uco-action:startTime": _time(entry["started_utc"]),
            "uco-action:endTime": _time(entry["finished_utc"]),
        }

    def _hash(self, name: str, method: str, value: str) -> Node:
        return {
            **self._node(name, "uco-types:Hash"),
            "uco-types:hashMethod": method,
            "uco-types:hashValue": {"@type": "xsd:hexBinary", "@value": value},
        }

    def _node(self, name: str, kind: str) -> Node:
        return self._named(name) | {"@type": kind}

    def _named(self, name: str) -> Node:
        return {"@id": f"urn:uuid:{uuid5(self._space, name)}"}


def _time(text: str) -> Node:
    return {"@type": "xsd:dateTime", "@value": text}
