"""Post-editing: regions of the asked share, and tables that tell what the edit did."""

import csv

import numpy as np
import pytest
from commands import fp
from synthetic import Generator, write_generated, write_photographs

from fp.evaluation.configuration import read_configuration
from fp.evaluation.editing import SHAPES, region
from fp.system.errors import UsageError

CONFIGURATION = """
methods = ["tile", "fourier"]
sizes = [16]
seeds = 1
nulls = 1
folds = 4
fpr = 0.1
[[protocol]]
kind = "post_editing"
shares = [[0.0, 0.15], [0.3, 0.6]]
"""


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("share", [0.02, 0.3, 0.6])
def test_a_region_has_the_asked_share(shape, share):
    for seed in range(5):
        mask = region(shape, share, (128, 192), np.random.default_rng(seed))
        assert mask.shape == (128, 192)
        assert mask.mean() == pytest.approx(share, rel=0.12, abs=0.005)


def test_edited_images_are_measured(tmp_path):
    write_photographs(tmp_path / "set" / "real", 26, side=128)
    write_generated(tmp_path / "set" / "generated" / "G", 26, Generator(3, strength=0.02), side=128)
    (tmp_path / "config.toml").write_text(CONFIGURATION)
    output = tmp_path / "eval"
    found = fp(
        "evaluate", tmp_path / "set", "-o", output,
        "--config", tmp_path / "config.toml", "--cache", tmp_path / "cache", "--jobs", 1,
    )  # fmt: skip
    assert found.code == 0, found.err
    rows = list(csv.DictReader((output / "results.csv").read_text().splitlines()))
    assert {row["method"] for row in rows} == {"tile"}  # fourier has no windows
    own = {
        (row["condition"], row["metric"]): float(row["value"])
        for row in rows
        if row["shuffled"] == "false"
    }
    little, much = "0% to 15% replaced", "30% to 60% replaced"
    assert own[little, "accuracy"] > 0.9
    assert own[much, "still called generated"] <= own[little, "still called generated"]
    for way in ("photograph in generated", "generated in photograph"):
        assert own[much, f"map auc, {way}"] > 0.85
    assert "fourier has no windows here" in (output / "results.json").read_text()


@pytest.mark.parametrize("shares", ["[[0.5, 0.2]]", "[[0.1]]", "[[0.0, 1.0]]"])
def test_impossible_shares_are_refused(shares):
    with pytest.raises(UsageError, match="range of shares"):
        read_configuration(CONFIGURATION.replace("[[0.0, 0.15], [0.3, 0.6]]", shares))
