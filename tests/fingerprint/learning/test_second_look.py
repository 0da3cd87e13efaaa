"""Where the closed forms are weak, dif is tried, and kept only where it found something."""

from dataclasses import replace

import numpy as np
import pytest
from commands import fp
from synthetic import Generator, write_generated, write_photographs

from fp.fingerprint.extraction.extraction import extract
from fp.fingerprint.extraction.options import ExtractOptions
from fp.fingerprint.learning import second_look
from fp.fingerprint.learning.method import recipe
from fp.fingerprint.learning.strength import is_weak
from fp.fingerprint.model.calibration import Calibration

BRIEF = {"steps": 3, "batch": 8, "mode": "reference"}


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """Return two folders of photographs, between which there is nothing to find."""
    folder = tmp_path_factory.mktemp("second look")
    for name, first in (("left", 0), ("right", 5000)):
        write_photographs(folder / name, second_look.FEWEST, first=first, side=64)
    return folder


@pytest.fixture(scope="module")
def looked_twice(folders):
    options = ExtractOptions(folds=4, audit=False, dif=BRIEF, conditions=False)
    return extract(folders / "left", folders / "right", "left", options).fingerprint


def test_dif_that_finds_nothing_is_tried_told_and_left_out(looked_twice, folders):
    told = looked_twice.parameters["second_look"]
    assert told["joined"] is False and told["p"] > 0.01
    assert is_weak(looked_twice)
    options = ExtractOptions(folds=4, audit=False, dif=None, conditions=False)
    plain = extract(folders / "left", folders / "right", "left", options).fingerprint
    assert "second_look" not in plain.parameters
    assert plain.uuid == looked_twice.uuid, "the closed forms are as they were"


def test_dif_that_separates_is_kept(looked_twice):
    n = looked_twice.calibration.real.size
    rng = np.random.default_rng(0)
    found = replace(
        looked_twice.calibration, generated=rng.normal(3, 1, n), real=rng.normal(size=n)
    )
    second = replace(looked_twice, calibration=found, null=None)
    chosen = second_look.choose(looked_twice, second)
    assert chosen.calibration is found
    assert chosen.parameters["second_look"] == {"joined": True, "p": 0.001}


@pytest.mark.parametrize(
    ("method", "images", "weak", "due"),
    [
        ("auto", 76, True, True),
        ("lattice", 76, True, True),
        ("auto", 75, True, False),
        ("auto", 76, False, False),
        ("tile", 76, True, False),
    ],
)
def test_second_look_is_due(looked_twice, method, images, weak, due):
    rng = np.random.default_rng(1)
    real = rng.normal(size=images)
    generated = np.sort(real)[::-1] + (0 if weak else 4)
    ids = tuple(f"{k:064x}" for k in range(images))
    calibration = Calibration(real, generated, ids, ids, ids, ids, "test")
    first = replace(looked_twice, calibration=calibration, null=None)
    assert second_look.is_due(first, recipe(method)) is due


def test_no_third_look(looked_twice):
    method = second_look.with_dif(recipe("auto"), BRIEF)
    assert [part.name for part in method.parts][-1] == "dif"
    assert not second_look.is_due(looked_twice, method)


def test_strong_closed_forms_are_not_looked_at_twice(folders, tmp_path):
    write_generated(tmp_path / "made", second_look.FEWEST, Generator(0), side=64)
    options = ExtractOptions(folds=4, audit=False, dif=BRIEF, conditions=False)
    found = extract(tmp_path / "made", folders / "right", "made", options).fingerprint
    assert "second_look" not in found.parameters


@pytest.mark.slow
def test_command_tells_of_the_second_look(folders, tmp_path):
    words = ["extract", "--generated", folders / "left", "--real", folders / "right", "--no-cache"]
    words += ["--folds", "4", "--no-audit", "--method", "lattice"]
    out = fp(*words, "--without-dif", "-o", tmp_path / "plain.h5")
    assert out.code == 3 and "WEAK" in out.out and "second look" not in out.out
    refused = fp(*words, "--with-dif", "--null", "5", "-o", tmp_path / "x.h5")
    assert refused.code == 2 and "permutation p" in refused.err
