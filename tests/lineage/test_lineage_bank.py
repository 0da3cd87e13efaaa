"""Banks of any method against folders: each fingerprint answers by its own scores."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from family_tree import draw, lattices
from synthetic import save

from fp.denoisers.cache import ResidualCache
from fp.fingerprint import Bank
from fp.fingerprint.estimators import registry
from fp.fingerprint.estimators.protocol import Estimator, Fitted
from fp.fingerprint.estimators.recipes import JOINED
from fp.fingerprint.extraction.extraction import extract
from fp.fingerprint.extraction.options import ExtractOptions
from fp.fingerprint.model.fingerprint import Fingerprint
from fp.fingerprint.store.bank import write_bank
from fp.images.crop import CropRule
from fp.lineage.analysis import Lineage, analyse
from fp.lineage.collection import WANTED
from fp.lineage.options import LineageOptions
from fp.lineage.session import Session, open_session
from fp.system.errors import InputError, UsageError
from fp.system.folders import list_generators

METHODS: dict[str, dict[str, Any]] = {
    "tile": {},
    "mean": {},
    "dif": {"steps": 30, "batch": 16, "mode": "reference"},
    "cyclic": {},
    "lattice": {},
    "auto": {},
    "spectrum": {},
    "fourier": {},
}
BY_PROCESSING = ("spectrum", "fourier")
FOLDERS = ("root a", "child a", "lone")

OPTIONS = LineageOptions(denoiser="wavelet", samples=40)


def write(folder: Path, name: str | None, sources: range) -> Path:
    folder.mkdir(parents=True)
    lattice = None if name is None else lattices()[name]
    for source in sources:
        save(draw(lattice, source, 0.03), folder / f"{source}.png")
    return folder


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> Path:
    """Write folders that fingerprints of root a are made from, and others that none has seen."""
    folder = tmp_path_factory.mktemp("banks")
    write(folder / "own" / "root a", "root a", range(32))
    write(folder / "own" / "child a", "child a", range(16, 48))  # half of them of seen sources
    write(folder / "photographs", None, range(1000, 1048))
    for name in FOLDERS:
        write(folder / "asked" / name, name, range(300, 324))
    write(folder / "real", None, range(2000, 2032))
    return folder


def made(place: Path, method: str) -> Fingerprint:
    options = ExtractOptions(
        method=method, method_parameters=METHODS.get(method, {}), folds=4, conditions=False
    )
    cache = ResidualCache(place / "cache")
    asked = place / "own" / "root a", place / "photographs", method, options, cache
    return extract(*asked).fingerprint


@pytest.fixture(scope="module")
def bank(place) -> tuple[Fingerprint, ...]:
    return tuple(made(place, method) for method in METHODS)


def asked(
    place: Path,
    bank: Iterable[Fingerprint],
    images: str = "asked",
    real: str = "real",
    jobs: int = 1,
) -> Session:
    write_bank(place / "bank.h5", bank, overwrite=True)
    options, cache = replace(OPTIONS, samples=20), ResidualCache(place / "cache")
    stored = place / "bank.h5"
    folders = list_generators(place / images, place / real, WANTED)
    return open_session(folders, options, stored, cache, jobs)


@pytest.fixture(scope="module")
def session(place, bank) -> Session:
    return asked(place, bank)


@pytest.fixture(scope="module")
def found(session) -> Lineage:
    return analyse(session.collection, session.options)


def flagged(found: Lineage, method: str) -> dict[str, float]:
    crossed = found.cross_detection
    row = crossed.flagged.value[crossed.fingerprints.index(method)]
    return dict(zip(crossed.folders, row.tolist(), strict=True))


def images(found: Lineage) -> dict[tuple[str, str], int]:
    crossed = found.cross_detection
    return {
        (method, folder): int(crossed.images[i, j])
        for i, method in enumerate(crossed.fingerprints)
        for j, folder in enumerate(crossed.folders)
    }


@pytest.mark.parametrize("method", [name for name in METHODS if name not in BY_PROCESSING])
def test_kin_are_flagged_and_a_stranger_is_not(found, method):
    shares = flagged(found, method)
    assert min(shares["root a"], shares["child a"]) > 0.8 and shares["lone"] < 0.2


@pytest.mark.parametrize("method", BY_PROCESSING)
def test_kin_by_processing_stand_in_the_matrix_and_in_no_family(found, method):
    assert min(flagged(found, method).values()) > 0.8  # the stranger is made in the same way
    families = [{found.names[m] for m in one.members} for one in found.families.clusters]
    assert {"lone"} in families


def test_a_note_names_what_does_not_speak_of_the_generator_alone(found, place, bank):
    (note,) = (note for note in found.notes if "the bank" in note)
    assert "alone: mean, spectrum, fourier." in note and "no kin" in note
    alone = asked(place, bank[:1])
    assert not any("the bank" in note for note in analyse(alone.collection, alone.options).notes)


def test_scores_are_those_that_detection_gives(place, bank, session):
    for folder in session.collection.generators:
        paths = [image.path for image in folder.images]
        for one, scores in zip(bank, folder.scores.T, strict=True):
            rows = Bank([one]).detect(paths, rule="nearest-mean", fpr=0.5).rows
            expected = {row.path: row.score if one.joined is None else row.specific for row in rows}
            assert dict(zip(map(str, paths), scores.tolist(), strict=True)) == expected, one.name


def test_an_image_is_flagged_where_it_is_nearer_to_the_own_mean(bank, session, found):
    for one, scores in zip(bank, session.collection.generators[0].scores.T, strict=True):
        held = one.calibration if one.joined is None else None
        mu_r = held.mu_r if held else one.joined.specific_real.mean()
        mu_g = held.mu_g if held else one.joined.specific_generated.mean()
        expected = np.mean(abs(scores - mu_g) < abs(scores - mu_r))
        assert flagged(found, one.name)[session.collection.names[0]] == expected


def test_only_what_a_pattern_has_not_seen_counts(place, bank):
    seen = asked(place, bank[:3], "own", "photographs")
    counted = images(analyse(seen.collection, seen.options))
    assert counted["tile", "root a"] == counted["mean", "root a"] == 32
    assert counted["tile", "child a"] == counted["mean", "child a"] == 16
    # Three quarters of the sources are in dif's pattern, and no file says which.
    assert counted["dif", "root a"] == bank[2].calibration.generated.size == 8
    assert counted["dif", "child a"] == 0


def test_of_dif_by_folds_every_image_counts(place):
    method = {"steps": 2, "batch": 16, "mode": "reference", "cross_fit": True}
    options = ExtractOptions(method="dif", method_parameters=method, folds=2)
    cache = ResidualCache(place / "cache")
    folders = place / "own" / "root a", place / "photographs"
    by_folds = extract(*folders, "by folds", options, cache).fingerprint
    seen = asked(place, (by_folds,), "own", "photographs")
    counted = images(analyse(seen.collection, seen.options))
    assert (counted["by folds", "root a"], counted["by folds", "child a"]) == (32, 16)


def test_its_own_images_have_the_scores_of_the_file(place, bank):
    seen = asked(place, bank[:1], "own", "photographs")
    held = bank[0].calibration
    expected = np.mean(abs(held.generated - held.mu_g) < abs(held.generated - held.mu_r))
    assert flagged(analyse(seen.collection, seen.options), "tile")["root a"] == expected
    (folder,) = (one for one in seen.collection.generators if one.name == "root a")
    assert not set(folder.scores[:, 0]) & set(held.generated)  # a pattern that has seen them


def test_reference_images_of_seen_sources_alone_are_refused(place, bank):
    write(place / "again", "lone", range(1000, 1048))
    session = asked(place, bank[:1], real="again")
    with pytest.raises(InputError, match="has seen the sources of all reference images"):
        analyse(session.collection, session.options)


@pytest.mark.parametrize("change", [{"crop": CropRule(32, 32)}, {"preparation": "jpeg:80"}])
def test_a_bank_for_different_parts_of_images_is_refused(place, bank, change):
    other = replace(bank[0], name="other", **change)
    with pytest.raises(UsageError, match="different crops"):
        asked(place, (bank[1], other))


def test_scores_do_not_depend_on_the_number_of_processes(place, bank, session, monkeypatch):
    monkeypatch.setattr("fp.system.workers.FEWEST_FOR_WORKERS", 2)
    again = asked(place, bank[:2], jobs=2)
    for one, other in zip(session.collection.folders, again.collection.folders, strict=True):
        assert (one.scores[:, :2] == other.scores).all()


class Phases(Estimator):
    """The mean residual at each phase of eight pixels; in no module of the package."""

    name = "phases"

    def features(self, residual_chw):
        return residual_chw.reshape(3, -1, 8, residual_chw.shape[2] // 8, 8).mean((1, 3))

    def fit(self, features, labels, groups, course=None):
        return Fitted(features[labels].mean(0) - features[~labels].mean(0))

    def score(self, features, pattern, offset=0.0):
        return np.tensordot(features, pattern.astype(float), 3) - offset


@pytest.mark.parametrize("joined", [False, True])
def test_an_estimator_of_another_package_is_a_method_like_any_other(place, monkeypatch, joined):
    monkeypatch.setattr(registry, "_REGISTRY", dict(registry._REGISTRY))
    registry.register("phases", Phases, "mean residual at each phase")
    method, parts = "auto" if joined else "phases", [*JOINED["auto"][0], ("phases", {})]
    monkeypatch.setitem(METHODS, method, {"parts": parts} if joined else {})
    fingerprint = made(place, method)
    assert not joined or fingerprint.joined.parts[-1].method == "phases"
    session = asked(place, [fingerprint])
    shares = flagged(analyse(session.collection, session.options), method)
    assert min(shares["root a"], shares["child a"]) > 0.8 and shares["lone"] < 0.2
