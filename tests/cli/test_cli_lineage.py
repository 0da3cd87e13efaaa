"""``fp lineage`` as a user meets it."""

from __future__ import annotations

import hashlib
import json
import random
import shutil
from pathlib import Path

import pytest
from commands import EPOCH, csv_rows, environment, fp, state
from family_tree import FAMILIES, write_tree

from fp.cli.main import group
from fp.denoisers.cache import ResidualCache
from fp.fingerprint.extraction.extraction import extract
from fp.fingerprint.extraction.options import ExtractOptions
from fp.fingerprint.store.bank import write_bank

FILES = {
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
    "inputs.jsonl",
    "manifest.json",
}
RECORD = {"inputs.jsonl", "manifest.json"}  # paths, times and facts about the machine


@pytest.fixture(scope="module")
def planted(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("planted cli")
    write_tree(folder, images=16)
    return folder


@pytest.fixture(autouse=True)
def quiet(planted):
    with environment(FP_CACHE=planted / "cache", SOURCE_DATE_EPOCH=EPOCH):
        yield


def run(folder: Path, output: Path, *more: object, bank: Path | None = None):
    given = () if bank is None else (bank,)
    own = () if bank is not None else ("--denoiser", "wavelet")
    return fp(
        *("lineage", *given, "--images", folder / "generated", "--real", folder / "real"),
        *("-o", output, "--samples", "20", "--jobs", "1", *own, *more),
    )


def contents(folder: Path) -> dict[str, bytes]:
    return {p.name: p.read_bytes() for p in folder.iterdir() if p.name not in RECORD}


@pytest.fixture(scope="module")
def done(planted, tmp_path_factory):
    output = tmp_path_factory.mktemp("out") / "lineage"
    before = state(planted / "generated"), state(planted / "real")
    with environment(FP_CACHE=planted / "cache", SOURCE_DATE_EPOCH=EPOCH):
        outcome = run(planted, output)
    assert (state(planted / "generated"), state(planted / "real")) == before
    return outcome, output


def test_everything_is_written_and_the_manifest_vouches_for_it(done):
    outcome, output = done
    assert (outcome.code, outcome.err) == (0, "")
    assert {path.name for path in output.iterdir()} == FILES
    manifest = json.loads((output / "manifest.json").read_text("utf-8"))
    assert {*manifest["outputs"]} == FILES - RECORD
    for name, digest in manifest["outputs"].items():
        assert hashlib.sha256((output / name).read_bytes()).hexdigest() == digest
    assert fp("verify", output, "--jobs", "1").code == 0
    assert manifest["command"] == "lineage" and manifest["options"]["denoiser"] == "wavelet"
    rows = csv_rows(output / "clusters.csv")
    assert {row["generator"] for row in rows} == {*FAMILIES}
    together = {row["generator"]: row["cluster"] for row in rows}
    assert together["root a"] == together["child a"] == together["grandchild a"]
    assert len({together["root a"], together["root b"], together["lone"]}) == 3
    assert "family  child a, grandchild a, root a" in outcome.out
    assert "pairs: 4 kin, 0 undecided, 11 not shown\n" in outcome.out
    assert "came first" not in outcome.out


@pytest.mark.slow
def test_the_same_bytes_whatever_the_jobs_and_the_order(planted, done, tmp_path, monkeypatch):
    monkeypatch.setattr("fp.system.workers.FEWEST_FOR_WORKERS", 2)
    for name in ("generated", "real"):
        paths = [path for path in (planted / name).rglob("*") if path.is_file()]
        random.Random(5).shuffle(paths)
        for path in paths:
            place = tmp_path / name / path.relative_to(planted / name)
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, place)
    outcome = run(tmp_path, tmp_path / "out", "--jobs", "2", "--no-cache")
    assert outcome.code == 0
    assert contents(tmp_path / "out") == contents(done[1])


def test_a_recorded_lineage_can_be_computed_again(done):
    again = fp("rerun", done[1], "--jobs", "1")
    assert again.code == 0, again.err
    assert "the same result" in again.out and "same bytes: pairs.csv" in again.out


def test_results_are_never_overwritten_unasked(planted, done):
    before = contents(done[1])
    again = run(planted, done[1])
    assert again.code == 4 and "--overwrite" in again.sentence
    assert contents(done[1]) == before
    assert run(planted, done[1], "--overwrite").code == 0
    assert contents(done[1]) == before


def test_a_broken_file_is_named_and_the_rest_goes_on(planted, tmp_path):
    for name in ("generated", "real"):
        shutil.copytree(planted / name, tmp_path / name)
    (tmp_path / "generated" / "lone" / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\nno")
    outcome = run(tmp_path, tmp_path / "out")
    assert outcome.code == 3
    assert "broken.png" in outcome.err
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text("utf-8"))
    assert [Path(item["path"]).name for item in manifest["not_examined"]] == ["broken.png"]
    assert "broken.png" in (tmp_path / "out" / "report.html").read_text("utf-8")


def test_a_bank_is_scored_on_what_it_has_not_seen(planted, tmp_path):
    options = ExtractOptions(denoiser="wavelet", folds=4)
    cache = ResidualCache(planted / "cache")
    made = [
        extract(
            planted / "generated" / name, planted / "real", name, replaced(options, method), cache
        ).fingerprint
        for name, method in (("root a", "tile"), ("lone", "tile"), ("root b", "spectrum"))
    ]
    write_bank(tmp_path / "bank.h5", made)
    outcome = run(planted, tmp_path / "out", bank=tmp_path / "bank.h5")
    assert outcome.code == 0, outcome.err
    assert "does not speak of the generator alone: root b. What such" in outcome.out
    rows = csv_rows(tmp_path / "out" / "cross_detection.csv")
    images = {(row["fingerprint"], row["folder"]): int(row["images"]) for row in rows}
    # All folders come from one set of photographs: only a fingerprint's own images have scores.
    assert images["root a", "root a"] == 16
    assert images["root a", "child a"] == 0
    assert images["root b", "root b"] == 16
    own = next(row for row in rows if row["fingerprint"] == row["folder"] == "root a")
    assert float(own["auc"]) > 0.9


def replaced(options: ExtractOptions, method: str) -> ExtractOptions:
    from dataclasses import replace

    return replace(options, method=method)


@pytest.mark.parametrize(
    ("change", "code", "part"),
    [
        ({"--images": "nowhere"}, 4, "nowhere"),
        ({"--real": "generated/lone"}, 4, "share files"),
        ({"--denoiser": "magic"}, 2, "magic"),
        ({"--period": "3"}, 2, "period"),
        ({"-o": "generated/out"}, 4, "never written to"),
    ],
)
def test_what_cannot_be_is_refused_in_one_sentence(planted, tmp_path, change, code, part):
    given = {
        "--images": planted / "generated",
        "--real": planted / "real",
        "-o": tmp_path / "out",
        "--denoiser": "wavelet",
    }
    for option, value in change.items():
        given[option] = planted / value if option in ("--images", "--real", "-o") else value
    outcome = fp("lineage", *(word for pair in given.items() for word in pair))
    assert outcome.code == code
    assert part in outcome.sentence
    assert not (tmp_path / "out").exists()


def test_the_command_is_listed():
    assert "lineage" in group.list_commands(None)  # type: ignore[arg-type]
