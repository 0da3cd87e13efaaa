"""Published DIF fingerprints: the pattern is taken, no code is run, and all else is refused."""

from __future__ import annotations

import contextlib
import hashlib
import os
import pickle
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from published import write_published

from fp.fingerprint.estimators import published as module
from fp.fingerprint.estimators import registry as estimators
from fp.fingerprint.estimators.folds import Labelled, separation
from fp.fingerprint.estimators.published import read_published
from fp.fingerprint.learning.crossfit import learn_and_hold_out
from fp.system.arrays import Flags, Floats
from fp.system.errors import FormatError, InputError

PATTERN = np.random.default_rng(5).normal(0.3, 2, (3, 32, 64))


def test_pattern_and_origin_are_taken(tmp_path: Path) -> None:
    path = write_published(tmp_path / "chk 0.pt", PATTERN)
    found = read_published(path)
    assert found.pattern.dtype == np.float32
    assert abs(found.pattern.sum()) < 1e-3
    assert np.linalg.norm(found.pattern) == pytest.approx(1, abs=1e-6)
    expected = np.corrcoef(found.pattern.ravel(), PATTERN.ravel())[0, 1]
    assert expected == pytest.approx(1, abs=1e-6)
    np.testing.assert_allclose(found.losses, [1.0, 0.9, 0.8, 0.7, 0.6, 0.5])
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    assert found.origin == {"file": "chk 0.pt", "sha256": sha256, "steps": 6}


def test_what_was_saved_before_archives_is_read_too(tmp_path: Path) -> None:
    path = tmp_path / "old.pt"
    held = {"Fingerprint": torch.tensor(PATTERN)[None]}
    torch.save(held, path, _use_new_zipfile_serialization=False)
    found = read_published(path)
    assert not zipfile.is_zipfile(path)
    assert found.losses.size == 0 and found.origin["steps"] == 0
    assert np.corrcoef(found.pattern.ravel(), PATTERN.ravel())[0, 1] > 0.999


class Deadly:
    """Makes a folder when it is unpickled."""

    def __init__(self, place: Path) -> None:
        self.place = place

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, (str(self.place),)


def hostile(folder: Path) -> dict[str, Path]:
    """Write files that would run code if they were unpickled as usual."""
    target = folder / "harmed"
    plain = folder / "plain.pt"
    plain.write_bytes(pickle.dumps({"Fingerprint": Deadly(target)}))
    beside = write_published(folder / "beside.pt", PATTERN, Train_Real=Deadly(target))
    inside = write_published(folder / "inside.pt", PATTERN, Fingerprint=Deadly(target))
    hyper = folder / "train_hypers.pt"
    hyper.write_bytes(pickle.dumps({"Device": torch.device("cpu"), "Margin": 0.01}))
    return {"plain": plain, "beside": beside, "inside": inside, "hyper": hyper}


@pytest.mark.parametrize("kind", ["plain", "beside", "inside", "hyper"])
def test_no_code_is_run(kind: str, tmp_path: Path) -> None:
    path = hostile(tmp_path)[kind]
    with pytest.raises(FormatError, match=f"{path.name} is no published DIF fingerprint: it holds"):
        read_published(path)
    assert not (tmp_path / "harmed").exists()
    if kind != "hyper":  # the file is as hostile as it says
        with contextlib.suppress(RuntimeError):  # a plain one has no tensor to go on with
            torch.load(path, weights_only=False)
        assert (tmp_path / "harmed").is_dir()


REFUSED = {
    "no tensor": ({"Fingerprint": [1.0]}, "no tensor 'Fingerprint'"),
    "nothing": ({"Fingerprint": None}, "no tensor 'Fingerprint'"),
    "one channel": ({"Fingerprint": torch.zeros(1, 1, 32, 32)}, r"shape \(1, 1, 32, 32\)"),
    "no batch": ({"Fingerprint": torch.zeros(3, 32, 32)}, r"shape \(3, 32, 32\)"),
    "odd sides": ({"Fingerprint": torch.rand(1, 3, 240, 256)}, "256 x 240 pixels, and sides"),
    "enormous": ({"Fingerprint": torch.zeros(1, 1, 1, 1).expand(1, 3, 2**20, 2**20)}, "1048576 x"),
    "no side": ({"Fingerprint": torch.zeros(1, 3, 0, 32)}, "32 x 0 pixels"),
    "sparse": ({"Fingerprint": torch.rand(1, 3, 32, 32).to_sparse()}, "shape"),
    "whole numbers": ({"Fingerprint": torch.ones(1, 3, 32, 32, dtype=torch.int64)}, "torch.int64"),
    "constant": ({"Fingerprint": torch.ones(1, 3, 32, 32)}, "constant or not finite"),
    "not finite": ({"Fingerprint": torch.full((1, 3, 32, 32), np.nan)}, "constant or not finite"),
    "losses of words": ({"Loss": ["low"]}, "no list of numbers"),
    "one loss": ({"Loss": 0.5}, "no list of numbers"),
    "losses not finite": ({"Loss": [0.5, float("inf")]}, "not finite"),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_another_content_is_refused_in_a_sentence(kind: str, tmp_path: Path) -> None:
    changes, said = REFUSED[kind]
    path = write_published(tmp_path / "odd one.pt", PATTERN, **changes)
    with pytest.raises(FormatError, match=rf"odd one\.pt is no published .*{said}.*such as chk_0"):
        read_published(path)


def test_another_file_is_refused_in_a_sentence(tmp_path: Path) -> None:
    text, cut = tmp_path / "notes.txt", tmp_path / "cut.pt"
    text.write_text("nothing of this kind")
    cut.write_bytes(write_published(tmp_path / "chk_0.pt", PATTERN).read_bytes()[:-100])
    torch.save([1.0], tmp_path / "list.pt")
    (tmp_path / "empty.pt").touch()
    for path in (text, cut, tmp_path / "list.pt", tmp_path / "empty.pt"):
        with pytest.raises(FormatError, match=f"{path.name} is no published DIF fingerprint"):
            read_published(path)
    for missing in (tmp_path / "no such.pt", tmp_path):
        with pytest.raises(InputError, match="There is no file"):
            read_published(missing)


def test_an_archive_that_unpacks_to_too_much_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    packed = tmp_path / "packed.pt"
    whole = write_published(tmp_path / "chk_0.pt", PATTERN)
    with zipfile.ZipFile(whole) as plain, zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as new:
        for entry in plain.infolist():
            new.writestr(entry.filename, plain.read(entry))
        new.writestr("chk_0/more", b"\0" * 2**20)
    monkeypatch.setattr(module, "MOST_BYTES", 2**19)
    assert packed.stat().st_size < 2**19
    monkeypatch.setattr(torch, "load", lambda *_, **__: pytest.fail("it was unpacked"))
    with pytest.raises(FormatError, match="is no published DIF fingerprint"):
        read_published(packed)


# The sign


def noise(seed: int, labels: Flags, strength: float = 0.0) -> Floats:
    drawn = np.random.default_rng(seed).standard_normal((labels.size, *PATTERN.shape))
    return (drawn + strength * labels[:, None, None, None] * PATTERN).astype(np.float32)


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_the_generator_scores_higher_whatever_the_sign(sign: float, tmp_path: Path) -> None:
    part = read_published(write_published(tmp_path / "chk_0.pt", sign * PATTERN)).estimator
    labels = np.arange(40) < 20
    features = noise(1, labels, strength=0.05)
    held = learn_and_hold_out(part, features, Labelled(labels, np.arange(40), 10, 0))
    assert held.scores[labels].mean() > held.scores[~labels].mean() + 0.05
    assert held.index.size == 40 and held.scheme == "cross-fitted, 10 folds"
    # What a file keeps of it makes the estimator that scores alike.
    kept = estimators.get(part.name, **part.parameters())
    np.testing.assert_allclose(kept.score(features, held.fitted.pattern), held.scores)
    assert kept.calibration == part.calibration


def test_a_pattern_that_says_nothing_gains_nothing_by_its_sign(tmp_path: Path) -> None:
    """By one sign for all images every pattern would seem to separate a little."""
    part = read_published(write_published(tmp_path / "chk_0.pt", PATTERN)).estimator
    labels = np.arange(20) < 10
    of_all, held_out = [], []
    for seed in range(30):
        features = noise(seed, labels)
        held = learn_and_hold_out(part, features, Labelled(labels, np.arange(20), 5, 0))
        held_out.append(separation(held.scores, labels))
        of_all.append(separation(part.score(features, held.fitted.pattern), labels))
    assert np.mean(of_all) > 0.2
    assert np.mean(held_out) < 0.0
