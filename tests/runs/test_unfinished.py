"""What a killed run leaves without a manifest is completed by the same command, never replaced."""

from __future__ import annotations

import pytest
from commands import EPOCH, environment, fp, state
from family_tree import write_tree

from fp.lineage.output import FILES


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tree")
    write_tree(folder, images=16)
    return folder


def extract(lab, output, *more, name="gen"):
    with environment(FP_CACHE=lab.cache, SOURCE_DATE_EPOCH=EPOCH):
        given = ("--generated", lab.made(0), "--real", lab.real, "--folds", "3", "--jobs", "1")
        return fp("extract", *given, "--method", "mean", "--name", name, "-o", output, *more)


def lineage(tree, output, *more):
    with environment(FP_CACHE=tree / "cache", SOURCE_DATE_EPOCH=EPOCH):
        given = ("--images", tree / "generated", "--real", tree / "real", "--denoiser", "wavelet")
        return fp("lineage", *given, "--samples", "20", "--jobs", "1", "-o", output, *more)


def test_a_fingerprint_without_its_manifest_gets_it_and_stays_as_it_is(lab, tmp_path):
    assert extract(lab, tmp_path / "f.h5").code == 0
    manifest, listing = tmp_path / "f.h5.manifest.json", tmp_path / "f.h5.inputs.jsonl"
    inputs = listing.read_bytes()
    manifest.unlink()
    listing.unlink()
    (tmp_path / ".f.h5.0123abcd.tmp").write_bytes(b"half")
    (tmp_path / ".other.h5.0123abcd.tmp").write_bytes(b"of somebody else")
    before = state(tmp_path)[str(tmp_path / "f.h5")]
    assert extract(lab, tmp_path / "f.h5").code == 0
    assert state(tmp_path)[str(tmp_path / "f.h5")] == before
    assert listing.read_bytes() == inputs
    assert fp("verify", manifest).code == 0
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {"f.h5", manifest.name, listing.name, ".other.h5.0123abcd.tmp"}
    assert "exists already" in extract(lab, tmp_path / "f.h5").sentence


def test_another_fingerprint_without_a_manifest_is_never_replaced(lab, tmp_path):
    assert extract(lab, tmp_path / "f.h5").code == 0
    (tmp_path / "f.h5.manifest.json").unlink()
    before = state(tmp_path)[str(tmp_path / "f.h5")]
    assert "exists already" in extract(lab, tmp_path / "f.h5", name="another").sentence
    refused = extract(lab, tmp_path / "f.h5", "--seed", "7")
    assert refused.code == 4 and "holds another fingerprint of this name" in refused.sentence
    assert state(tmp_path)[str(tmp_path / "f.h5")] == before
    assert extract(lab, tmp_path / "f.h5", "--seed", "7", "--overwrite").code == 0


@pytest.mark.slow
@pytest.mark.parametrize("kept", [0, 1, 6, len(FILES)])
def test_first_results_without_a_manifest_are_completed(tree, tmp_path, kept):
    whole, output = tree / "whole", tmp_path / "out"
    if not whole.exists():
        assert lineage(tree, whole).code == 0
    output.mkdir()
    for name in FILES[:kept]:
        (output / name).write_bytes((whole / name).read_bytes())
    (output / ".pairs.csv.0123abcd.tmp").write_bytes(b"half")
    assert lineage(tree, output).code == 0
    assert {p.name for p in output.iterdir()} == {p.name for p in whole.iterdir()}
    for name in (*FILES, "inputs.jsonl"):
        assert (output / name).read_bytes() == (whole / name).read_bytes(), name
    assert fp("verify", output).code == 0


def test_results_of_another_run_are_refused_whether_first_or_not(tree, tmp_path):
    (tmp_path / "late").mkdir()
    (tmp_path / "late" / "report.html").write_text("mine")
    assert "report.html exists already" in lineage(tree, tmp_path / "late").sentence
    (tmp_path / "first").mkdir()
    (tmp_path / "first" / FILES[0]).write_text("mine")
    assert "is of another run" in lineage(tree, tmp_path / "first").sentence
    for folder, name in (("late", "report.html"), ("first", FILES[0])):
        assert [p.name for p in (tmp_path / folder).iterdir()] == [name]
        assert (tmp_path / folder / name).read_text() == "mine"
