"""``fp look``: every file gets its lines or its trouble, and nothing is written."""

from __future__ import annotations

import json
import shutil
import time
from pathlib import Path

import pytest
from commands import environment, fp, imported, state
from PIL import Image, PngImagePlugin
from synthetic import photograph, save

from fp.audit.record import look
from fp.fingerprint.decision.decision import REASONS

A1111 = "a red cat\nSteps: 20, Sampler: Euler a, Seed: 123, Model: sd_v1-5"
FOOT = "Each line stands by itself. None is a verdict."
FURTHER = "'fp detect FILE' says what limits the line about generators."
NOT_ASKED = "No line says who drew a picture: no generator was asked."
KNOW = "(they know no other generator)"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Make a folder of pictures with odd names, in whose middle one is missing."""
    place = tmp_path / "seized pictures"
    (place / "below").mkdir(parents=True)
    told = PngImagePlugin.PngInfo()
    told.add_text("parameters", A1111)
    Image.fromarray(photograph(1)).save(place / "a red cat.png", pnginfo=told)
    (place / "b gone.png").symlink_to("nowhere.png")
    content = (place / "a red cat.png").read_bytes()
    (place / "c half.png").write_bytes(content[: len(content) // 2])
    (place / "d\n\x1b[31m.png").write_bytes(content)
    save(photograph(2), place / "below" / "e.png")
    return place


def unwrapped(text: str) -> str:
    return " ".join(text.split())


def test_every_file_gets_its_lines_or_its_trouble_and_the_rest_goes_on(folder):
    before = state(folder)
    outcome = fp("look", folder, "--jobs", 1)
    assert (outcome.code, outcome.err) == (3, "")
    assert state(folder) == before
    lines = outcome.out.splitlines()
    heads = [line for line in lines if not line.startswith(" ")]
    assert [head.removeprefix(str(folder)) for head in heads[:1]] == ["/a red cat.png"]
    assert heads[1] == f"not examined: {folder}/b gone.png is not there (any more)."
    assert heads[2] == f"{folder}/below/e.png"
    assert heads[3].startswith(f"not examined: {folder}/c half.png is ")
    assert heads[4:] == [f"{folder}/d\\x0a\\x1b[31m.png", FOOT, FURTHER]
    said = unwrapped(outcome.out)
    for path in (folder / "a red cat.png", folder / "below" / "e.png"):
        for each in look(path).observations:
            assert unwrapped(each.sentence) in said
    assert 'seed 123; model sd_v1-5; prompt "a red cat"' in said
    assert max(map(len, lines)) <= 200 and "\x1b" not in outcome.out


@pytest.mark.slow
def test_programs_get_a_line_of_json_for_every_file(folder):
    outcome = fp("look", folder, "--json", "--jobs", 1)
    rows = [json.loads(line) for line in outcome.out.splitlines()]
    assert outcome.code == 3 and outcome.out.isascii() and len(rows) == 5
    assert [row["status"] for row in rows].count("not_examined") == 2
    assert [row["path"] for row in rows] == sorted(row["path"] for row in rows)
    assert rows[1]["reasons"] == ["not_found"] and "b gone.png" in rows[1]["message"]
    expected = {**look(folder / "a red cat.png").as_dict(), "detection": rows[0]["detection"]}
    assert rows[0] == {"status": "examined", "reasons": [], "message": None, **expected}
    assert {each["about"] for each in rows[0]["observations"]} == {"claim", "storage", "pixels"}
    assert rows[0]["seed"] == "123" and rows[0]["models"] == ["sd_v1-5"]


@pytest.mark.slow
def test_files_that_can_be_read_end_with_0_and_a_missing_one_is_a_sentence(folder, tmp_path):
    outcome = fp("look", folder / "a red cat.png", folder / "below")
    assert outcome.code == 0 and outcome.out.count("how it is stored") == 2
    gone = fp("look", tmp_path / "gone.png")
    assert gone.code == 4 and "gone.png does not exist" in gone.sentence and gone.out == ""
    nothing = fp("look", folder / "c half.png")
    assert nothing.code == 3 and FOOT not in nothing.out


@pytest.mark.slow
def test_a_bank_adds_a_line_of_what_detect_says_of_each_file(lab, folder):
    with environment(FP_CACHE=lab.cache):
        bank = lab.single
    files = [*sorted(lab.unknown.iterdir())[::8], folder / "c half.png"]
    rows = [json.loads(line) for line in fp("detect", bank, *files, "--json").out.splitlines()]
    outcome = fp("look", *files, "--json", "--bank", bank)
    assert outcome.code == 3
    assert [json.loads(line)["detection"] for line in outcome.out.splitlines()] == rows
    for path in files[:-1]:
        said = fp("look", path, "--bank", bank).out
        _, told = said.split(f"  what the fingerprints of the bank say {KNOW}\n")
        line, foot = told.split(FOOT)
        answer = fp("detect", bank, path, "--quiet").out.split("\n", 1)[1]
        assert unwrapped(answer) == unwrapped(line)
        assert foot == f"\n'fp detect {bank} FILE' says what limits the line about generators.\n"


@pytest.mark.slow
def test_the_bank_that_comes_with_fp_is_asked_unless_none_is_wanted(tmp_path):
    save(photograph(1, 300), tmp_path / "a picture.png")
    save(photograph(1, 48), tmp_path / "small.png")
    files = tmp_path / "a picture.png", tmp_path / "small.png"
    rows = [json.loads(line) for line in fp("detect", *files, "--json").out.splitlines()]
    found = [json.loads(line) for line in fp("look", *files, "--json").out.splitlines()]
    assert [each.pop("detection") for each in found] == rows
    without = fp("look", *files, "--json", "--no-bank")
    assert (without.code, [json.loads(line) for line in without.out.splitlines()]) == (0, found)
    outcome = fp("look", *files)
    assert outcome.code == 0 and f"fingerprints that come with fp say {KNOW}" in outcome.out
    assert REASONS[rows[0]["reasons"][0]] in unwrapped(outcome.out)
    assert "not examined: " in unwrapped(outcome.out)
    assert "it is not padded." in unwrapped(outcome.out)
    alone = fp("look", files[0], "--no-bank").out
    assert "fingerprints" not in alone and alone.endswith(f"{FOOT}\n{NOT_ASKED}\n")
    both = fp("look", files[0], "--no-bank", "--bank", tmp_path)
    assert both.code == 2 and "contradict each other" in both.sentence


@pytest.mark.slow
def test_a_picture_that_is_too_small_for_the_bank_is_looked_at_all_the_same(lab, tmp_path):
    with environment(FP_CACHE=lab.cache):
        bank = lab.single
    save(photograph(1, 48), tmp_path / "small.png")
    outcome = fp("look", tmp_path / "small.png", "--bank", bank)
    assert outcome.code == 0 and "PNG of 48 x 48 pixels" in outcome.out
    assert "needs 64 x 64; it is not padded" in unwrapped(outcome.out)


def test_no_network_and_no_denoiser_is_loaded_for_it(folder):
    assert not {"torch", "matplotlib", "sklearn", "skimage"} & imported("look", folder / "below")


def test_a_picture_of_a_megapixel_takes_less_than_a_second(tmp_path):
    path = tmp_path / "large.png"
    Image.fromarray(photograph(3, 256)).resize((1024, 1024), 3).save(path)
    look(path)  # compiled, or read from the compiler's cache
    begun = time.process_time()
    look(path)
    assert time.process_time() - begun < 1


@pytest.mark.slow
@pytest.mark.corpus
def test_real_files_say_what_is_known_of_them(corpus, tmp_path):
    t2i = corpus / "t2i"
    shutil.copy(t2i / "generated/flux1dev/0000.webp", tmp_path / "from a portrait.webp")
    shutil.copy(t2i / "strangers/gpt_image_2_web/0000.jpg", tmp_path / "post.jpg")
    shutil.copy(t2i / "real/camera/0000.jpg", tmp_path / "camera.jpg")
    shutil.copy(t2i / "generated/gpt_image_1/0000.webp", tmp_path / "palette.webp")
    shutil.copy(min((t2i / "real/kodak").iterdir()), tmp_path / "kodak.webp")
    rows = {
        Path(row["path"]).name: row
        for row in map(json.loads, fp("look", tmp_path, "--json").out.splitlines())
    }
    told = {
        name: {each["code"]: each["sentence"] for each in row["observations"]}
        for name, row in rows.items()
    }
    assert "flux1-dev-fp8" in told["from a portrait.webp"]["request"]
    assert "X (Twitter)" in told["post.jpg"]["pipeline"]
    assert any("Canon" in line for line in rows["camera.jpg"]["claimed"])
    assert "few_colours" in told["palette.webp"]
    assert set(told["kodak.webp"]) == {"no_claim", "format", "compression", "not_found"}


@pytest.mark.slow
def test_of_a_format_that_hides_its_loss_no_loss_is_told(tmp_path):
    Image.fromarray(photograph(1, 64)).save(tmp_path / "a.avif", quality=100, subsampling="4:4:4")
    told = unwrapped(fp("look", tmp_path / "a.avif").out)
    assert "AVIF of 64 x 64 pixels" in told
    assert "Compressed as AVIF does, with loss or without." in told
    assert "Compressed with loss" not in told
