"""A case as CASE and UCO: names of the ontologies, identifiers that lead somewhere, values.

Whether the classes and properties below are those of the ontologies was checked once with the
validator of CASE, against CASE 1.4.0 and 1.5.0; see docs/case.md.
"""

from __future__ import annotations

import json
import re
import uuid
from datetime import datetime

import pytest
from commands import fp, json_rows

from fp.case import read_log

UCO = "https://ontology.unifiedcyberontology.org/uco"
CONTEXT = {
    "case-investigation": "https://ontology.caseontology.org/case/investigation/",
    **{
        f"uco-{name}": f"{UCO}/{name}/"
        for name in (
            "action",
            "analysis",
            "core",
            "identity",
            "observable",
            "tool",
            "types",
        )
    },
    "xsd": "http://www.w3.org/2001/XMLSchema#",
}
TEXT, NUMBER, TIME, HEX, NODE = "text", "number", "xsd:dateTime", "xsd:hexBinary", "node"

_NAMED = {"uco-core:name": TEXT}
KNOWN = {
    "case-investigation:Investigation": {
        **_NAMED,
        "uco-core:description": TEXT,
        "uco-core:startTime": TIME,
        "uco-core:object": NODE,
    },
    "case-investigation:ProvenanceRecord": {
        "case-investigation:exhibitNumber": TEXT,
        "uco-core:object": NODE,
    },
    "uco-identity:Person": _NAMED,
    "uco-tool:AnalyticTool": {**_NAMED, "uco-tool:version": TEXT},
    "uco-observable:File": {"uco-core:hasFacet": NODE},
    "uco-observable:RasterPicture": {"uco-core:hasFacet": NODE},
    "uco-observable:FileFacet": {
        "uco-observable:fileName": TEXT,
        "uco-observable:filePath": TEXT,
        "uco-observable:sizeInBytes": NUMBER,
    },
    "uco-observable:ContentDataFacet": {
        "uco-observable:sizeInBytes": NUMBER,
        "uco-observable:hash": NODE,
    },
    "uco-observable:RasterPictureFacet": {
        "uco-observable:pictureType": TEXT,
        "uco-observable:pictureWidth": NUMBER,
        "uco-observable:pictureHeight": NUMBER,
    },
    "uco-types:Hash": {"uco-types:hashMethod": TEXT, "uco-types:hashValue": HEX},
    "uco-analysis:Analysis": {
        **_NAMED,
        "uco-action:instrument": NODE,
        "uco-action:object": NODE,
        "uco-action:result": NODE,
        "uco-action:performer": NODE,
        "uco-action:startTime": TIME,
        "uco-action:endTime": TIME,
    },
    "uco-analysis:AnalyticResult": {
        **_NAMED,
        "uco-core:statement": TEXT,
        "uco-analysis:originatingAnalysis": NODE,
    },
}


def nodes_of(value):
    """Yield every node of a graph that has a type, the nested ones too."""
    if isinstance(value, list):
        for item in value:
            yield from nodes_of(item)
    elif isinstance(value, dict):
        if "@type" in value and "@value" not in value:
            yield value
        for item in value.values():
            yield from nodes_of(item)


def kind_of(value) -> str:
    if isinstance(value, str):
        return TEXT
    if isinstance(value, int):
        return NUMBER
    return value["@type"] if "@value" in value else NODE


@pytest.fixture(scope="module")
def graph(made, tmp_path_factory):
    output = tmp_path_factory.mktemp("uco") / "case 17.jsonld"
    assert fp("case", "export", made / "case", "-o", output).code == 0
    content = json.loads(output.read_text("utf-8"))
    assert list(content) == ["@context", "@graph"]
    assert content["@context"] == CONTEXT
    return content["@graph"]


def test_every_class_and_property_is_one_of_the_ontologies(graph):
    seen = set()
    for node in nodes_of(graph):
        seen.add(node["@type"])
        for name, value in node.items():
            if name in ("@id", "@type"):
                continue
            wanted = KNOWN[node["@type"]][name]
            for one in value if isinstance(value, list) else [value]:
                assert kind_of(one) == wanted, (node["@type"], name, one)
                if wanted == TIME:
                    assert datetime.fromisoformat(one["@value"]).tzinfo
                if wanted == HEX:
                    assert re.fullmatch("[0-9a-f]+", one["@value"])
    assert seen == set(KNOWN)


def test_every_identifier_is_its_own_and_leads_somewhere(graph):
    own = [node["@id"] for node in nodes_of(graph)]
    assert len(set(own)) == len(own)
    for name in own:
        assert uuid.UUID(name.removeprefix("urn:uuid:")).version == 5
    named = set(re.findall(r'"@id": "([^"]*)"', json.dumps(graph)))
    assert named == set(own)
    (whole,) = (n for n in graph if n["@type"] == "case-investigation:Investigation")
    listed = {item["@id"] for item in whole["uco-core:object"]}
    assert listed == {node["@id"] for node in graph} - {whole["@id"]}


def test_exhibits_and_findings_are_those_of_the_case(graph, made):
    case = made / "case"
    by_id = {node["@id"]: node for node in nodes_of(graph)}
    records = [n for n in graph if n["@type"] == "case-investigation:ProvenanceRecord"]
    exhibits = [entry for entry in read_log(case) if entry["kind"] == "exhibit"]
    files = {}
    for record, entry in zip(records, exhibits, strict=True):
        assert record["case-investigation:exhibitNumber"] == entry["exhibit"]
        (file,) = record["uco-core:object"]
        files[file["@id"]] = entry["exhibit"]
        facets = {facet["@type"]: facet for facet in by_id[file["@id"]]["uco-core:hasFacet"]}
        assert facets["uco-observable:FileFacet"]["uco-observable:fileName"] == entry["name"]
        hashes = facets["uco-observable:ContentDataFacet"]["uco-observable:hash"]
        assert {h["uco-types:hashMethod"]: h["uco-types:hashValue"]["@value"] for h in hashes} == {
            "MD5": entry["file_md5"],
            "SHA1": entry["file_sha1"],
            "SHA256": entry["file_sha256"],
        }
        assert ("uco-observable:RasterPictureFacet" in facets) is (entry["size"] is not None)
    rows = {row["path"].split("/")[1][:5]: row for row in json_rows(case / "runs" / "R01")}
    analyses = [node for node in graph if node["@type"] == "uco-analysis:Analysis"]
    assert len(analyses) == len(rows)
    for analysis in analyses:
        (result,) = analysis["uco-action:result"]
        exhibit = files[analysis["uco-action:object"][0]["@id"]]
        told = by_id[result["@id"]]
        assert told["uco-analysis:originatingAnalysis"]["@id"] == analysis["@id"]
        assert told["uco-core:name"] == f"R01, {exhibit}: {rows[exhibit]['decision']}"
        examined = rows[exhibit]["status"] == "examined"
        assert told["uco-core:statement"][0].startswith("Not examined: ") is not examined


def test_the_same_case_gives_the_same_bytes(made, tmp_path):
    for name in ("a.jsonld", "b.jsonld"):
        assert fp("case", "export", made / "case", "-o", tmp_path / name).code == 0
    assert (tmp_path / "a.jsonld").read_bytes() == (tmp_path / "b.jsonld").read_bytes()
