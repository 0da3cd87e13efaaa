"""``dif`` by folds: every image calibrates, nothing scores what it saw, and a run can go on."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from commands import EPOCH, environment, fp

from fp.denoisers import registry as denoisers
from fp.denoisers.dncnn import device_of
from fp.fingerprint.estimators import registry as estimators
from fp.fingerprint.estimators.folds import Labelled, deal
from fp.fingerprint.estimators.protocol import Course
from fp.fingerprint.learning.crossfit import learn_and_hold_out
from fp.fingerprint.learning.method import recipe
from fp.fingerprint.store.bank import read_bank
from fp.system.errors import DenoiserError, UsageError

BRIEF = {"steps": 3, "batch": 8, "mode": "reference", "checkpoint_every": 1}
LABELS = np.arange(24) < 12
GROUPS = np.arange(24)
FEATURES = np.random.default_rng(0).standard_normal((24, 3, 32, 32)).astype(np.float32)


@pytest.fixture(autouse=True)
def quiet(lab):
    with environment(FP_CACHE=lab.cache, SOURCE_DATE_EPOCH=EPOCH):
        yield


def held_out(course: Course | None = None, **changes: object):
    dif = estimators.get("dif", **(BRIEF | changes))
    return learn_and_hold_out(dif, FEATURES, Labelled(LABELS, GROUPS, 2, 0), course)


def test_every_image_is_scored_by_a_pattern_of_the_other_fold():
    found = held_out(cross_fit=True)
    assert found.scheme == "cross-fitted, 2 folds"
    assert found.index.size == 24
    dif, dealt = estimators.get("dif", **BRIEF), deal(GROUPS, LABELS, 2, 0)
    for fold in (0, 1):
        inside, outside = dealt != fold, dealt == fold
        alone = dif.fit(FEATURES[inside], LABELS[inside], GROUPS[inside])
        np.testing.assert_array_equal(
            found.scores[outside], dif.score(FEATURES[outside], alone.pattern)
        )
    whole = dif.fit(FEATURES, LABELS, GROUPS)
    np.testing.assert_array_equal(found.fitted.pattern, whole.pattern)
    quarter = held_out()
    assert (quarter.scheme, quarter.index.size) == ("held-out quarter", 6)


def test_its_parts_stay_dear_and_a_file_says_how_it_was_calibrated():
    asked = recipe("dif", {**BRIEF, "cross_fit": True})
    assert not asked.is_closed_form and asked.scores_all
    assert not recipe("dif").is_closed_form and not recipe("dif").scores_all
    assert asked.parts[0].parameters()["cross_fit"] is True
    # A file without it is read by an fp that does not know it.
    assert "cross_fit" not in recipe("dif").parts[0].parameters()


def test_an_interrupted_run_goes_on_in_the_fold_where_it_was(tmp_path: Path):
    whole = held_out(cross_fit=True)

    class PowerCut(Exception):
        pass

    def cut(done: int, total: int) -> None:
        assert total == 9  # three steps in each of two folds, and for all images
        if done == 5:
            raise PowerCut

    kept = tmp_path / "kept"
    with pytest.raises(PowerCut):
        held_out(Course(cut, kept), cross_fit=True)
    steps: list[int] = []
    again = held_out(Course(lambda done, total: steps.append(done), kept), cross_fit=True)
    assert steps == [6, 7, 8, 9]
    np.testing.assert_array_equal(again.scores, whole.scores)
    np.testing.assert_array_equal(again.fitted.pattern, whole.fitted.pattern)


# On the command line


def extracted(lab, output: Path, *more: object):
    given = ("--generated", lab.made(0), "--real", lab.real, "--method", "dif", "--steps", 2)
    quick = ("--reference", "--no-audit", "--size", "32x32", "--jobs", 1)
    return fp("extract", *given, *quick, "-o", output, *more)


def test_the_command_calibrates_by_all_images_and_leaves_no_checkpoint(lab, tmp_path):
    outcome = extracted(lab, tmp_path / "g [1].h5", "--cross-fit", "--folds", 2)
    assert "24 generated, 24 reference images (cross-fitted, 2 folds)" in outcome.out
    assert "CLAIMS NOTHING" not in outcome.out
    assert "smallest p   0.0400" in outcome.out
    (found,) = read_bank(tmp_path / "g [1].h5")
    assert found.parameters["method"]["cross_fit"] is True
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "g [1].h5",
        "g [1].h5.inputs.jsonl",
        "g [1].h5.manifest.json",
    ]
    outcome = extracted(lab, tmp_path / "quarter.h5")
    assert "6 generated, 6 reference images (held-out quarter)" in outcome.out
    assert "smallest p   0.1429" in outcome.out
    assert "give at least 76, or extract with --cross-fit" in outcome.out


def test_windows_are_calibrated_by_patterns_that_have_not_seen_them(lab, tmp_path):
    more = ("--cross-fit", "--folds", 2, "--windows", "--size", "64x64")
    outcome = extracted(lab, tmp_path / "g.h5", *more)
    assert outcome.code in (0, 3), outcome.err
    (found,) = read_bank(tmp_path / "g.h5")
    assert found.windows.sizes[0].real.shape[0] == 24


def test_it_is_refused_with_another_method(lab, tmp_path):
    given = ("--generated", lab.made(0), "--real", lab.real, "--method", "mean")
    outcome = fp("extract", *given, "--cross-fit", "-o", tmp_path / "g.h5")
    assert outcome.code == 2 and "--cross-fit belong to --method dif" in outcome.sentence


# Where it computes


@pytest.fixture
def no_gpu(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)


def test_a_device_by_its_name(no_gpu, monkeypatch):
    assert device_of("cpu") == device_of("auto") == torch.device("cpu")
    with pytest.raises(UsageError, match="sees no CUDA device on this machine; use cpu or auto"):
        device_of("cuda")
    with pytest.raises(DenoiserError, match="toaster"):
        device_of("toaster")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert device_of("cuda") == device_of("auto") == torch.device("cuda")


def test_dif_and_a_trained_denoiser_take_the_device(lab, tmp_path, no_gpu, monkeypatch):
    asked: list[str] = []

    def spied(name: str) -> torch.device:
        asked.append(name)
        return device_of(name)

    monkeypatch.setattr("fp.denoisers.dncnn.device_of", spied)
    monkeypatch.setattr("fp.fingerprint.estimators.dif_optimisation.device_of", spied)
    denoisers.kept.cache_clear()
    given = ("--generated", lab.made(0), "--real", lab.real, "--method", "dif", "--steps", 2)
    quick = ("--no-audit", "--size", "32x32", "--jobs", 1, "--denoiser", "dncnn-small")
    outcome = fp("extract", *given, *quick, "-o", tmp_path / "auto.h5", "--device", "auto")
    assert outcome.code in (0, 3), outcome.err
    # Once by the command itself, then by the denoiser and by the optimisation.
    assert asked == ["auto"] * 3
    (found,) = read_bank(tmp_path / "auto.h5")
    assert found.parameters["method"]["device"] == "auto"


def test_the_device_by_default_is_the_processor(lab, tmp_path):
    extracted(lab, tmp_path / "plain.h5", "--denoiser", "dncnn-small")
    extracted(lab, tmp_path / "asked.h5", "--denoiser", "dncnn-small", "--device", "cpu")
    assert (tmp_path / "plain.h5").read_bytes() == (tmp_path / "asked.h5").read_bytes()


@pytest.mark.parametrize("more", [("--denoiser", "dncnn"), ("--denoiser", "wavelet")])
def test_a_device_that_is_not_there_is_one_sentence(more, lab, tmp_path, no_gpu):
    outcome = extracted(lab, tmp_path / "g.h5", "--device", "cuda", *more)
    assert (outcome.code, outcome.sentence) == (
        2,
        "torch sees no CUDA device on this machine; use cpu or auto.",
    )


def test_a_device_that_nothing_would_compute_on_is_refused(lab, tmp_path):
    given = ("--generated", lab.made(0), "--real", lab.real, "-o", tmp_path / "g.h5")
    outcome = fp("extract", *given, "--device", "auto")
    assert outcome.code == 2 and "nothing else computes with torch" in outcome.sentence
