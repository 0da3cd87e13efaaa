"""The bank that comes with fp: used where none is named, and what is told of it."""

import json
import os
import shutil

import pytest
from commands import fp
from synthetic import photograph, save

from fp.fingerprint.store.bank import is_bank, read_summaries
from fp.known.cards import KNOWN, cards


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    folder = tmp_path_factory.mktemp("of mine")
    for seed in range(2):
        save(photograph(seed, 256), folder / f"holiday {seed}.png")
    return folder


def test_a_picture_alone_is_tested_against_the_generators_that_fp_knows(pictures):
    outcome = fp("detect", pictures / "holiday 0.png", "--json")
    row = json.loads(outcome.out)
    assert outcome.code == 0 and row["fingerprint"] in {card.name for card in cards()}
    assert row["decision"] != "supports_generator"
    both = fp("detect", pictures / "holiday 0.png", pictures / "holiday 1.png", "--json")
    assert len(both.out.splitlines()) == 2
    assert both.out.splitlines()[0] == outcome.out.strip()
    named = fp("detect", KNOWN, pictures / "holiday 0.png", "--json")
    assert named.out == outcome.out


@pytest.mark.slow
def test_a_folder_without_fingerprints_is_a_folder_of_pictures(pictures, tmp_path):
    outcome = fp("detect", pictures, "-o", tmp_path / "out")
    assert outcome.code == 0
    written = json.loads((tmp_path / "out/manifest.json").read_text())
    assert "known/bank.h5" in json.dumps(written["parameters"]["bank"])
    assert str(pictures) in json.dumps(written["parameters"]["inputs"])
    assert fp("rerun", tmp_path / "out").code == 0


def test_a_bank_alone_is_a_call_that_lacks_its_pictures(tmp_path):
    shutil.copy(KNOWN, tmp_path / "mine.h5")
    shutil.copy(KNOWN, tmp_path / "without a suffix")
    for bank in (tmp_path / "mine.h5", tmp_path / "without a suffix", tmp_path):
        assert is_bank(bank)
        outcome = fp("detect", bank)
        assert outcome.code == 2 and "INPUT" in outcome.sentence
    missing = fp("detect", tmp_path / "missing.h5", KNOWN)
    assert missing.code == 4 and "missing.h5" in missing.sentence


def test_every_fingerprint_has_a_card_and_keeps_to_the_rate():
    names = {summary.name for summary in read_summaries(KNOWN)}
    assert names == {card.name for card in cards()} and len(names) >= 8
    for card in cards():
        assert card.photographs.images >= 100
        assert card.photographs.claimed <= 0.05 * card.photographs.of, card.name
        assert card.own["none"].of >= 15


def test_the_cards_are_told():
    told = fp("bank", "known").out
    rows = json.loads(fp("bank", "known", "--json").out)
    for card, row in zip(cards(), rows, strict=True):
        assert card.name in told and str(card.photographs) in told
        assert row["name"] == card.name and row["photographs"]["of"] == card.photographs.of


def test_a_bank_behind_the_pictures_is_refused(pictures, tmp_path):
    shutil.copy(KNOWN, tmp_path / "mine.h5")
    outcome = fp("detect", pictures / "holiday 0.png", tmp_path / "mine.h5")
    assert outcome.code == 2 and "before the pictures" in outcome.sentence


def test_an_empty_folder_of_pictures_is_no_bank(pictures, tmp_path):
    (tmp_path / "empty").mkdir()
    outcome = fp("detect", pictures / "holiday 0.png", tmp_path / "empty", "--json")
    assert outcome.code == 0 and len(outcome.out.splitlines()) == 1
    alone = fp("detect", tmp_path / "empty")
    assert alone.code == 4 and "there is no file" in alone.sentence


def test_a_pipe_is_no_bank(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    assert not is_bank(tmp_path / "pipe")
    assert not is_bank(tmp_path / "missing") and not is_bank(tmp_path)
    (tmp_path / "empty").mkdir()
    refused = fp("detect", tmp_path / "empty", KNOWN.with_name("cards.json"))
    assert refused.code == 4 and "holds no file *.h5" in refused.sentence
