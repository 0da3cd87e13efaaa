"""One run on many machines: the same bytes as one process, and refusals of what is no one run."""

from __future__ import annotations

import json
import shutil

import pytest
from commands import EPOCH, environment, fp, fp_process, json_rows, tables


@pytest.fixture(autouse=True)
def quiet(lab):
    with environment(FP_CACHE=lab.cache, SOURCE_DATE_EPOCH=EPOCH):
        yield


def shards(lab, folder, of=3, *options):
    found = []
    for index in range(1, of + 1):
        found.append(folder / f"part {index}")
        outcome = fp(
            *("detect", lab.pair, lab.unknown, "-o", found[-1], "--fpr", "0.1"),
            *("--shard", f"{index}/{of}", *options),
        )
        assert (outcome.code, outcome.err) == (0, ""), outcome.err
    return found


def whole(lab, folder, *options):
    outcome = fp("detect", lab.pair, lab.unknown, "-o", folder, "--fpr", "0.1", *options)
    assert outcome.code == 0, outcome.err
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("options", [(), ("--fdr", "0.2")], ids=["plain", "with fdr"])
def test_merged_shards_are_the_bytes_of_one_run(lab, tmp_path, options):
    one = whole(lab, tmp_path / "one", *options)
    parts = shards(lab, tmp_path, 3, *options)
    asked = ("merge", parts[2], parts[0], parts[1], "-o", tmp_path / "merged")
    outcome = fp(*asked, "--bank", lab.pair)
    assert (outcome.code, outcome.err) == (0, "")
    assert outcome.out.startswith("24 files, 2 fingerprints, results in ")
    assert tables(tmp_path / "merged") == tables(one)
    manifests = [json.loads((f / "manifest.json").read_text()) for f in (one, tmp_path / "merged")]
    for told in ("bank", "options", "files", "summary", "outputs"):
        assert manifests[0][told] == manifests[1][told]
    assert fp("verify", tmp_path / "merged", "--jobs", "1").code == 0
    rows = parts[1] / "shard.jsonl"
    rows.write_bytes(rows.read_bytes().replace(b"inconclusive", b"Inconclusive", 1) + b" ")
    assert fp("verify", tmp_path / "merged", "--jobs", "1").code == 5


@pytest.mark.slow
def test_more_shards_than_files_and_files_that_are_none(lab, tmp_path):
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "a.png").write_bytes(b"no picture")
    shutil.copy(sorted(lab.unknown.iterdir())[0], folder)
    for index in (1, 2, 3):
        code = fp(
            *("detect", lab.single, folder, "-o", tmp_path / f"p{index}"),
            *("--shard", f"{index}/3"),
        ).code
        assert code == 0
    outcome = fp("merge", *(tmp_path / f"p{index}" for index in (1, 2, 3)), "-o", tmp_path / "m")
    assert outcome.code == 3
    assert fp("detect", lab.single, folder, "-o", tmp_path / "one").code == 3
    assert tables(tmp_path / "m") == tables(tmp_path / "one")


def test_a_finished_shard_is_kept_and_a_resumed_one_is_the_same(lab, tmp_path):
    (part,) = shards(lab, tmp_path, 1)
    before = {path.name: path.read_bytes() for path in part.iterdir()}
    assert sorted(before) == ["shard.json", "shard.jsonl"]
    again = ("detect", lab.pair, lab.unknown, "-o", part, "--fpr", "0.1", "--shard", "1/1")
    assert fp(*again).code == 4
    assert fp(*again, "--resume").code == 0
    assert {path.name: path.read_bytes() for path in part.iterdir()} == before
    assert "of another run" in fp(*again[:-1], "1/2", "--resume").sentence


@pytest.mark.slow
def test_what_is_no_one_run_is_not_merged(lab, tmp_path):
    parts = shards(lab, tmp_path, 3)
    out = tmp_path / "m"
    assert "Shard 2/3 is missing" in fp("merge", parts[0], parts[2], "-o", out).sentence
    assert "both hold shard 1/3" in fp("merge", *parts, parts[0], "-o", out).sentence
    assert "no finished shard" in fp("merge", *parts, lab.real, "-o", out).sentence
    other = tmp_path / "other"
    code = fp(
        *("detect", lab.pair, lab.unknown, "-o", other, "--fpr", "0.2", "--shard", "2/3")
    ).code
    assert code == 0
    assert "their options differ" in fp("merge", parts[0], other, parts[2], "-o", out).sentence
    rows = parts[1] / "shard.jsonl"
    rows.write_bytes(rows.read_bytes().replace(b"supports", b"SUPPORTS", 1))
    damaged = fp("merge", *parts, "-o", out)
    assert (damaged.code, "is not what its shard wrote" in damaged.sentence) == (5, True)
    assert not out.exists()


@pytest.mark.parametrize("text", ["0/3", "4/3", "1", "a/b", "1/0", "-1/3"])
def test_a_shard_that_is_none_is_refused(lab, tmp_path, text):
    outcome = fp(*("detect", lab.single, lab.unknown, "-o", tmp_path / "o", f"--shard={text}"))
    assert outcome.code == 2
    assert not (tmp_path / "o").exists()


@pytest.mark.slow
def test_two_dask_workers_give_the_bytes_of_one_process(lab, tmp_path):
    distributed = pytest.importorskip("distributed")
    one = whole(lab, tmp_path / "one")
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, dashboard_address=None, host="127.0.0.1"
    ) as cluster:
        outcome = fp_process(
            *("detect", lab.pair, lab.unknown, "-o", tmp_path / "dask", "--fpr", "0.1"),
            *("--scheduler", cluster.scheduler_address),
        )
    assert (outcome.code, outcome.err) == (0, ""), outcome.err
    assert len(json_rows(tmp_path / "dask")) == 24
    assert tables(tmp_path / "dask") == tables(one)
