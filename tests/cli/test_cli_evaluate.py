"""``fp evaluate``: resumes, does not depend on jobs, refuses what would mix two evaluations."""

from __future__ import annotations

import csv
import json

import pytest
from commands import fp, state
from synthetic import Generator, write_generated, write_photographs

CONFIGURATION = """
methods = ["tile", "mean"]
sizes = [12]
seeds = 2
nulls = 1
folds = 4
fpr = 0.1
[[protocol]]
kind = "sample_size"
sizes = [12, 100]
[[protocol]]
kind = "bank"
methods = ["tile"]
"""

REPORT = (
    "results.csv",
    "results.json",
    "results.md",
    "claims.csv",
    "sources.csv",
    "report.html",
)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    root = tmp_path_factory.mktemp("evaluate data")
    write_photographs(root / "set" / "real", 32)
    for seed in (0, 1):
        write_generated(root / "set" / "generated" / f"gen {seed}", 24, Generator(seed))
    write_photographs(root / "scans", 6, first=700)
    (root / "set" / "generated" / "gen 1" / "broken.png").write_bytes(b"no picture")
    (root / "config.toml").write_text(CONFIGURATION, "utf-8")
    return root


def run(data, output, *more, config="config.toml"):
    return fp(
        "evaluate",
        data / "set",
        "-o",
        output,
        "--config",
        data / config,
        "--cache",
        data / "cache",
        *more,
    )


@pytest.fixture(scope="module")
def first(data, tmp_path_factory):
    output = tmp_path_factory.mktemp("first") / "eval"
    before = state(data / "set")
    outcome = run(data, output, "--strangers", data / "scans", "--jobs", 1)
    assert state(data / "set") == before, "inputs are only read"
    return outcome, output


def report(output):
    return {name: (output / name).read_bytes() for name in REPORT}


def test_the_manifest_vouches_for_it_and_it_can_be_repeated(first):
    _, output = first
    outcome = fp("verify", output, "--jobs", 1)
    assert (outcome.code, outcome.err) == (0, "")
    again = fp("rerun", output, "--jobs", 1)
    assert again.code == 0, again.out + again.err
    for name in REPORT:
        assert f"same bytes: {name}\n" in again.out
    (output / "cells" / "more.json").write_text("{}")
    outcome = fp("verify", output, "--jobs", 1, "--no-inputs")
    assert outcome.code == 5 and "added: " in outcome.out
    (output / "cells" / "more.json").unlink()


def test_a_broken_image_is_listed_and_the_rest_measured(first):
    outcome, output = first
    assert outcome.code == 3
    assert "broken.png" in outcome.err
    with (output / "not_examined.csv").open(encoding="utf-8", newline="") as file:
        assert [row["reason"] for row in csv.DictReader(file)] == ["not_an_image"]
    assert (output / "config.toml").read_text("utf-8") == CONFIGURATION


def test_the_table_is_tidy_and_complete(first):
    _, output = first
    with (output / "results.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    accuracies = [r for r in rows if r["metric"] == "accuracy" and r["protocol"] == "sample_size"]
    # two methods x two generators x (two seeds and one null)
    assert len(accuracies) == 12
    assert {r["training"] for r in accuracies} == {"12"}
    tile = [float(r["value"]) for r in accuracies if r["method"] == "tile"]
    assert all(0 <= value <= 1 for value in tile)
    real = [r for r in accuracies if r["method"] == "tile" and r["shuffled"] == "false"]
    assert min(float(r["value"]) for r in real) > 0.9
    told = json.loads((output / "results.json").read_text("utf-8"))
    assert all("low" in f["value"] and f["n"] > 0 for f in told["figures"])
    assert any(c["outcome"] in ("ahead", "tie", "behind") for c in told["comparisons"])
    assert any("100 images to train on" in text for text in told["left_out"])
    assert sorted(path.name for path in (output / "figures").iterdir())


def test_strangers_have_a_bound_and_false_claims_a_name(first):
    _, output = first
    with (output / "results.csv").open(encoding="utf-8", newline="") as file:
        rows = [r for r in csv.DictReader(file) if r["protocol"] == "strangers"]
    claimed = {
        (r["generator"], r["seed"], r["shuffled"]): float(r["value"])
        for r in rows
        if r["metric"] == "claimed"
    }
    bound = {
        (r["generator"], r["seed"], r["shuffled"]): float(r["value"])
        for r in rows
        if r["metric"] == "upper bound"
    }
    assert claimed.keys() == bound.keys() and claimed
    assert all(claimed[key] < bound[key] <= 1 for key in bound if claimed[key] < 1)
    with (output / "claims.csv").open(encoding="utf-8", newline="") as file:
        names = list(csv.DictReader(file))
    assert len(names) == round(sum(6 * share for share in claimed.values()))


def test_a_killed_run_goes_on_to_the_same_bytes(first, data):
    _, output = first
    before = report(output)
    cells = sorted((output / "cells").glob("*.json"))
    kept = cells[0].read_bytes()
    for path in cells[1:4]:
        path.unlink()
    again = run(data, output, "--strangers", data / "scans", "--jobs", 1)
    assert "cells, 3 of them computed now" in again.out
    assert cells[0].read_bytes() == kept
    assert report(output) == before
    idle = run(data, output, "--strangers", data / "scans", "--jobs", 1)
    assert "cells, 0 of them computed now" in idle.out


def test_another_configuration_is_refused(first, data):
    _, output = first
    (data / "other.toml").write_text(CONFIGURATION + "# another\n", "utf-8")
    refused = run(data, output, config="other.toml")
    assert refused.code == 4
    assert "another configuration" in refused.sentence


def test_a_folder_of_something_else_is_refused(data, tmp_path):
    (tmp_path / "letter.txt").write_text("mine", "utf-8")
    assert "no evaluation" in run(data, tmp_path, "--overwrite").sentence
    assert (tmp_path / "letter.txt").read_text("utf-8") == "mine"


def test_scores_of_others_stand_in_the_same_table(data, tmp_path, first):
    _, known = first
    with (known / "sources.csv").open(encoding="utf-8", newline="") as file:
        pictures = [r for r in csv.DictReader(file) if not r["class"].startswith("stranger")]
    table = tmp_path / "their.csv"
    with table.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["path", "score"])
        writer.writerows([p["path"], 3.0 if p["class"] != "real" else -1.0] for p in pictures)
    (data / "scores.toml").write_text(CONFIGURATION.partition('\n[[protocol]]\nkind = "bank"')[0])
    arguments = ("--scores", f"perfect={table}", "--jobs", 1)
    outcome = run(data, tmp_path / "eval", *arguments, config="scores.toml")
    assert outcome.code == 3, outcome.err
    with (tmp_path / "eval" / "results.csv").open(encoding="utf-8", newline="") as file:
        rows = [r for r in csv.DictReader(file) if r["method"] == "perfect"]
    right = [r for r in rows if r["metric"] == "accuracy" and r["shuffled"] == "false"]
    assert len(right) == 4 and {float(r["value"]) for r in right} == {1.0}
    table.write_text("\n".join(table.read_text("utf-8").split("\n")[:-3]), "utf-8")
    outcome = run(data, tmp_path / "less", *arguments, config="scores.toml")
    assert "have none for" in outcome.sentence


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("methods = ", "no TOML"),
        ("colour = 3", "has no 'colour'"),
        ('[[protocol]]\nkind = "palmistry"', "Unknown protocol"),
        ('[[protocol]]\nkind = "sample_size"\nsize = [3]', "has no 'size'"),
        ('[[protocol]]\nkind = "sample_size"\nmethods = ["magic"]', "Unknown method"),
        ('[[protocol]]\nkind = "sample_size"\ntrain = ["jpeg:700"]', "lies between"),
        ("seeds = 3", "no [[protocol]]"),
    ],
)
def test_a_wrong_configuration_is_one_sentence(data, tmp_path, text, words):
    (data / "wrong.toml").write_text(text, "utf-8")
    outcome = run(data, tmp_path / "eval", config="wrong.toml")
    assert outcome.code == 2
    assert words in outcome.sentence
    assert not (tmp_path / "eval").exists()


def test_scores_need_a_name_and_a_file(data, tmp_path):
    assert fp("evaluate", data / "set", "-o", tmp_path / "e", "--scores", "x").code == 2
