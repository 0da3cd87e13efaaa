"""A bank from a folder for each generator: each as alone, and told from its peers."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from commands import csv_rows, fp, json_rows
from synthetic import Generator, write_generated, write_photographs

from fp.fingerprint.decision.posterior import NONE, kin_of
from fp.fingerprint.detection.banks import WholeBank
from fp.fingerprint.detection.detection import DetectOptions
from fp.fingerprint.extraction.bank_learning import Folders, families, learn_bank
from fp.fingerprint.extraction.extraction import Study, extract
from fp.fingerprint.extraction.options import ExtractOptions
from fp.fingerprint.store.bank import read_bank, write_bank
from fp.images.loading import find_images, load_image
from fp.reports.facts import Facts
from fp.system import paths
from fp.system.errors import InputError

SIDE = 128
MAKERS = {"one": Generator(0, 0.03), "two": Generator(1, 0.03), "three": Generator(2, 0.03)}
OPTIONS = ExtractOptions(null=0, audit=False, dif=None)


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    root = tmp_path_factory.mktemp("bank")
    for name, maker in MAKERS.items():
        write_generated(root / "made" / name, 40, maker, side=SIDE)
        write_generated(root / "asked" / name, 6, maker, first=9000, side=SIDE)
    write_generated(root / "asked" / "stranger", 6, Generator(7, 0.03), first=9000, side=SIDE)
    write_photographs(root / "real", 40, side=SIDE)
    write_photographs(root / "asked" / "photographs", 6, first=9000, side=SIDE)
    (root / "made" / ".hidden").mkdir()
    return root


@pytest.fixture(scope="module")
def learned(lab):
    return learn_bank(Folders.below(lab / "made", lab / "real"), OPTIONS)


@pytest.mark.slow
def test_each_member_is_what_it_would_be_alone(lab, learned):
    assert [made.fingerprint.name for made in learned] == ["one", "three", "two"]
    alone = extract(lab / "made" / "two", lab / "real", "two", OPTIONS).fingerprint
    member = learned[2].fingerprint
    assert alone.calibration.real_sha256 == member.calibration.real_sha256
    np.testing.assert_array_equal(alone.pattern, member.pattern)
    np.testing.assert_array_equal(alone.conditions.real, member.conditions.real)
    assert alone.rest is None and member.rest is not None
    assert member.parameters["peers"] == ["one", "three", "two"]
    # Of the others about as many versions are taken as of the generator itself.
    held = member.rest.parts[0]
    assert held.generated.size == 40 * 7 and 0.8 * 900 < held.real.size <= 900


def test_each_folder_is_searched_once_for_all_stages(lab, monkeypatch):
    searched = []
    walk = paths._walk
    monkeypatch.setattr(paths, "_walk", lambda root: searched.append(root) or walk(root))
    folders = [lab / "made" / "one", lab / "made" / "two", lab / "real"]
    study = Study.of(folders[:2], folders[2], replace(OPTIONS, method="mean", match="lowest"))
    with study.store_of(None) as store:
        found = study.survey(store)
    assert [len(population.images) for population in found] == [40, 40, 40]
    assert searched == folders


@pytest.mark.slow
def test_images_go_to_their_generator_and_photographs_to_none(lab, learned, tmp_path):
    write_bank(tmp_path / "bank.h5", [made.fingerprint for made in learned])
    bank = WholeBank(tuple(read_bank(tmp_path / "bank.h5")))
    right, first = 0, []
    for folder in sorted((lab / "asked").iterdir()):
        for path in [path for path in find_images([folder]) if path.is_file()]:
            found = bank.examine(load_image(path), DetectOptions(fpr=0.1))
            shares = {row.fingerprint: row.posterior for row in found.attributions}
            known = [value for value in shares.values() if value is not None]
            assert 0 < sum(known) < 1
            # Who says no does not speak while another cannot tell.
            rows = [a for a in found.attributions if a.decision != "supports_reference"]
            rows = rows or list(found.attributions)
            assert (found.detection.posterior or 0.0) == max(a.posterior or 0.0 for a in rows)
            if folder.name in MAKERS:
                right += max(shares, key=lambda name: shares[name] or 0) == folder.name
                if found.detection.decision == "supports_generator":
                    assert found.detection.fingerprint == folder.name
            elif folder.name == "photographs":
                first.append(found.detection.candidates[0])
                assert found.detection.decision != "supports_generator"
    assert right >= 16
    assert first.count(NONE) >= 5


@pytest.mark.slow
def test_a_claim_needs_more_than_images_of_the_others_have(lab, learned):
    member = next(made.fingerprint for made in learned if made.fingerprint.name == "one")
    assert member.parameters["kin"] == []
    beyond = 1e9

    def judged(real):
        rest = replace(member.rest, real=real)
        return WholeBank((replace(member, rest=rest),))

    # As if no other image had as much evidence for it, and as if all had.
    few = judged(np.full(200, -beyond))
    every = judged(np.full(200, beyond))
    images = [load_image(path) for path in find_images([lab / "asked" / "one"])]
    told = [few.examine(image, DetectOptions(fpr=0.1)).detection for image in images]
    claimed = [row.decision == "supports_generator" for row in told]
    assert sum(claimed) >= 3
    assert {row.p_rest for row in told} == {1 / 201}
    for image, was in zip(images, claimed, strict=True):
        row = every.examine(image, DetectOptions(fpr=0.1)).detection
        assert row.p_rest == 1 and row.decision != "supports_generator"
        assert ("not_told_apart" in row.reasons) == was
        paper = every.examine(image, DetectOptions(rule="nearest-mean")).detection
        assert "not_told_apart" not in paper.reasons


@pytest.mark.slow
def test_a_bank_with_too_few_images_of_others_says_that_it_claims_nothing(learned):
    member = learned[0].fingerprint
    assert Facts(member).others_needed == 59  # three generators, 0.05
    few = replace(member, rest=replace(member.rest, real=member.rest.real[:58]))
    assert "TELLS NOTHING APART" in [label for label, _ in Facts(few).labels]
    enough = replace(member, rest=replace(member.rest, real=member.rest.real[:59]))
    assert "TELLS NOTHING APART" not in [label for label, _ in Facts(enough).labels]
    alone = replace(member, rest=None)
    assert (Facts(alone).others, Facts(alone).others_needed) == (0, 0)


@pytest.mark.slow
def test_what_draws_alike_is_kin(lab, learned, tmp_path):
    areas = np.array([[1, 0.6, 0.9], [0.7, 1, 0.9], [0.9, 0.8, 1]])
    assert families(areas).tolist() == [0, 0, 1]
    assert families(np.where(areas == 0.6, 0.9, areas)).tolist() == [0, 1, 2]
    for name, maker in (("one", "one"), ("twin", "one"), ("two", "two")):
        first = 500 if name == "twin" else 0
        write_generated(tmp_path / name, 40, MAKERS[maker], first=first, side=SIDE)
    found = learn_bank(Folders.below(tmp_path, lab / "real"), OPTIONS)
    kin = {made.fingerprint.name: made.fingerprint.parameters["kin"] for made in found}
    assert kin == {"one": ["twin"], "twin": ["one"], "two": []}
    assert [made.fingerprint.rivals for made in found] == [2, 2, 3]
    assert kin_of(made.fingerprint for made in found) == {"one": ("twin",), "twin": ("one",)}
    write_bank(tmp_path / "bank.h5", [made.fingerprint for made in found])
    asked = fp("detect", tmp_path / "bank.h5", lab / "asked" / "one", "--fpr", 0.1, "--jobs", 1)
    assert "(not told from " in asked.out
    bank = WholeBank(tuple(made.fingerprint for made in found))
    rows = [
        bank.examine(load_image(path), DetectOptions(fpr=0.1)).detection
        for path in find_images([lab / "asked" / "one"])
    ]
    assert sum(row.candidates[0] in ("one", "twin") for row in rows) >= 5
    assert sum(row.decision == "supports_generator" for row in rows) >= 3


@pytest.mark.slow
def test_a_part_of_the_bank_has_no_posterior(lab, learned):
    bank = WholeBank(tuple(made.fingerprint for made in learned[:2]))
    image = load_image(next((lab / "asked" / "one").glob("*.png")))
    found = bank.examine(image, DetectOptions(fpr=0.1))
    assert found.detection.candidates == ()
    assert {row.posterior for row in found.attributions} == {None}


@pytest.mark.slow
def test_the_command_makes_the_bank_and_detection_names_the_generator(lab, tmp_path):
    bank = tmp_path / "bank.h5"
    given = (lab / "made", "--real", lab / "real", "-o", bank, "--jobs", 1)
    outcome = fp("bank", "learn", *given)
    assert outcome.code == 0, outcome.err
    assert [line.split()[0] for line in outcome.out.splitlines()[-3:]] == ["one", "three", "two"]
    assert fp("bank", "verify", bank).code == 0
    assert fp("bank", "learn", *given).code == 4  # nothing is overwritten unasked
    outcome = fp("detect", bank, lab / "asked", "-o", tmp_path / "o", "--fpr", 0.1, "--jobs", 1)
    assert outcome.code == 0, outcome.err
    rows = json_rows(tmp_path / "o")
    below = lab / "asked"
    named = [(Path(row["path"]).relative_to(below).parts[0], row["candidates"]) for row in rows]
    assert sum(name in candidates for name, candidates in named if name in MAKERS) >= 16
    told = csv_rows(tmp_path / "o" / "detections.csv")
    assert "candidates" in told[0]
    assert fp("verify", f"{bank}.manifest.json").code == 0


@pytest.mark.parametrize(
    ("folder", "sentence"),
    [
        ("made/one", "folders; a bank is learned from"),
        ("nowhere", "nowhere cannot be read: No such file or directory; name a folder that can"),
    ],
)
def test_a_folder_without_folders_is_refused_in_one_sentence(lab, tmp_path, folder, sentence):
    with pytest.raises(InputError, match=sentence):
        Folders.below(lab / folder, lab / "real")
    given = (lab / folder, "--real", lab / "real", "-o", tmp_path / "b.h5")
    outcome = fp("bank", "learn", *given)
    assert outcome.code == 4 and sentence in outcome.err
