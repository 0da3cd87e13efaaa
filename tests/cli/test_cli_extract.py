"""``fp extract`` as a user meets it."""

from __future__ import annotations

import os
import random
import re
import shutil
import signal
import time
from collections import Counter
from pathlib import Path

import pytest
from bad_images import KINDS
from commands import (
    EPOCH,
    environment,
    fp,
    fp_process,
    json_rows,
    start,
    state,
    wait_for,
)
from PIL import Image, PngImagePlugin
from synthetic import photograph, save, write_photographs

from fp.cli.telling import MOST_NAMED
from fp.denoisers.cache import ResidualCache
from fp.denoisers.population import Reduction, residuals, survey
from fp.fingerprint.extraction.extraction import extract
from fp.fingerprint.extraction.options import ExtractOptions
from fp.fingerprint.store.bank import read_bank
from fp.images.crop import CropRule
from fp.images.loading import display_path, find_images
from fp.system.errors import InputError
from fp.system.folders import ImageFolder

# What a test about something else needs not wait for.
QUICK = (
    "--method",
    "mean",
    "--folds",
    "2",
    "--size",
    "32x32",
    "--jobs",
    "1",
    "--denoiser",
    "wavelet",
)


@pytest.fixture(autouse=True)
def quiet(lab, tmp_path):
    with environment(FP_CACHE=lab.cache, SOURCE_DATE_EPOCH=EPOCH):
        yield


def folders(lab, seed: int = 0) -> tuple[object, ...]:
    return ("--generated", lab.made(seed), "--real", lab.real, "--denoiser", "wavelet")


def test_two_folders_give_a_fingerprint_and_its_manifest(lab, tmp_path):
    before = state(lab.made(0)), state(lab.real)
    output = tmp_path / "gen.h5"
    outcome = fp_process(
        "extract", *folders(lab), "-o", output, "--null", 3, FP_CACHE=tmp_path / "cache"
    )
    assert (outcome.code, outcome.err) == (0, "")
    (found,) = read_bank(output)
    assert found.name == "made0"
    assert (found.crop.width, found.crop.height) == (64, 64)
    assert found.calibration.real.size == found.calibration.generated.size == 24
    assert found.mu_g > 1 and found.mu_r < -1  # log odds
    assert [part.method for part in found.joined.parts] == ["tile"] * 2 + ["cyclic"] * 2 + [
        "spectrum"
    ]
    assert found.native_sizes == {"64x64": 24}
    assert found.formats == {"BMP": 6, "PNG": 6, "TIFF": 6, "WEBP": 6}
    assert found.null is not None
    assert found.null.observed > found.null.shuffled.max()
    lines = outcome.out.splitlines()
    assert lines[0] == "made0: auto fingerprint on wavelet residuals, 64 x 64"
    assert "24 generated, 24 reference" in lines[1]
    assert "smallest p   0.0400" in outcome.out
    assert re.search(r"with shuffled labels at most -?\d+\.\d\d in 3 \(p = 0\.250\)", outcome.out)
    assert (state(lab.made(0)), state(lab.real)) == before
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "cache",
        "gen.h5",
        "gen.h5.inputs.jsonl",
        "gen.h5.manifest.json",
    ]


@pytest.mark.slow
def test_the_same_bytes_whatever_the_jobs_the_order_and_the_cache(lab, tmp_path, monkeypatch):
    copies = tmp_path / "copies"
    for name, given in (("made0", lab.made(0)), ("real", lab.real)):
        paths = find_images([given])
        random.Random(3).shuffle(paths)
        for path in paths:
            place = copies / name / path.relative_to(given)
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, place)
    copied = ("--generated", copies / "made0", "--real", copies / "real", "--denoiser", "wavelet")
    runs = {
        "first": (*folders(lab), "--jobs", "1"),
        "again": (*folders(lab), "--jobs", "1"),
        "other": (*copied, "--jobs", "2", "--no-cache"),
    }
    monkeypatch.setattr("fp.system.workers.FEWEST_FOR_WORKERS", 2)
    for name, arguments in runs.items():
        outcome = fp("extract", *arguments, "--folds", "3", "-o", tmp_path / f"{name}.h5")
        assert (outcome.code, outcome.err) == (0, "")
    found = {name: (tmp_path / f"{name}.h5").read_bytes() for name in runs}
    assert found["again"] == found["first"]
    assert found["other"] == found["first"]


def test_bad_files_are_named_and_the_rest_gives_the_same_fingerprint(lab, tmp_path):
    folder = tmp_path / "made"
    shutil.copytree(lab.made(0), folder)
    assert (
        fp("extract", *folders_of(folder, lab.real), *QUICK, "-o", tmp_path / "good.h5").code == 0
    )
    refused, named = {}, Counter()
    for kind in KINDS.values():
        if kind.reason is not None and kind.listed and not kind.as_nobody:
            if named[kind.reason] == MOST_NAMED:  # more of one reason are counted, not named
                continue
            place = folder / f"bad {len(refused)}"
            place.mkdir()
            path = kind.make(place, tmp_path / f"outside {len(refused)}")
            if list(place.rglob("*")) == [path]:
                refused[display_path(path)] = kind
                named[kind.reason] += 1
            else:  # it brings good files along
                shutil.rmtree(place)
    assert len(refused) > 45
    before = state(folder)
    outcome = fp("extract", *folders_of(folder, lab.real), *QUICK, "-o", tmp_path / "all.h5")
    assert outcome.code == 3
    assert state(folder) == before
    lines = outcome.err.splitlines()
    assert len(lines) == len(refused)
    for line in lines:
        found = re.fullmatch(r"not examined \((\w+)\): (.+\.)", line)
        assert found, line
        (path,) = (path for path in refused if found[2].startswith(f"{path} "))
        assert found[1] == refused.pop(path).reason
    assert not refused
    # Only the parameters of the file could tell that there were bad files, and they do not.
    assert (tmp_path / "all.h5").read_bytes() == (tmp_path / "good.h5").read_bytes()


def folders_of(generated: Path, real: Path) -> tuple[object, ...]:
    return ("--generated", generated, "--real", real, "--name", "g", "--denoiser", "wavelet")


HARMS = (Path.unlink, lambda path: save(photograph(99), path))


@pytest.mark.parametrize("harm", HARMS)
def test_a_file_that_changes_after_it_was_read_changes_nothing(harm, lab, tmp_path):
    folder = tmp_path / "made"
    shutil.copytree(lab.made(0), folder)
    victim = folder / "made0 0000.png"

    def progress(stage, done, total):
        if stage == display_path(lab.real) and done == total:
            harm(victim)

    options = ExtractOptions(method="mean", folds=2, size=(32, 32), denoiser="wavelet")
    found = extract(folder, lab.real, "g", options, None, 1, progress).fingerprint
    whole = extract(lab.made(0), lab.real, "g", options).fingerprint
    assert found.pattern.tobytes() == whole.pattern.tobytes()
    assert not victim.exists() or victim.read_bytes() != (lab.made(0) / victim.name).read_bytes()


@pytest.mark.parametrize("harm", HARMS)
def test_a_file_that_changed_before_it_is_read_again_is_one_clear_error(harm, lab, tmp_path):
    folder = tmp_path / "made"
    shutil.copytree(lab.made(0), folder)
    reduction, store = Reduction("wavelet", CropRule(32, 32)), ResidualCache(lab.cache)
    images = survey(ImageFolder.at(folder), reduction, store).images
    harm(folder / "made0 0000.png")
    with pytest.raises(InputError, match=r"made0 0000\.png changed while it was in use; run"):
        list(residuals(images, reduction, store))


def test_a_file_that_vanishes_before_it_is_read_is_skipped(lab, tmp_path, monkeypatch):
    folder = tmp_path / "made"
    shutil.copytree(lab.made(0), folder)
    options = ExtractOptions(method="mean", folds=2, size=(32, 32), denoiser="wavelet", audit=False)

    def progress(stage, done, total):
        (folder / "made0 0003.webp").unlink(missing_ok=True)

    found = extract(folder, lab.real, "g", options, ResidualCache(lab.cache), 1, progress)
    assert [(skipped.path.name, skipped.reason) for skipped in found.skipped] == [
        ("made0 0003.webp", "not_found")
    ]


@pytest.fixture
def odd(lab, tmp_path):
    """Folders and files that no fingerprint can come of."""
    (tmp_path / "empty").mkdir()
    write_photographs(tmp_path / "few", 7)
    write_photographs(tmp_path / "tiny", 9, side=24)
    write_photographs(tmp_path / "mixed", 7)
    write_photographs(tmp_path / "mixed", 9, first=50, side=40)
    (tmp_path / "file.png").write_bytes((lab.real / "photo 0000.png").read_bytes())
    (tmp_path / "there.h5").write_text("mine")
    (tmp_path / "link.h5").symlink_to("nowhere")
    (tmp_path / "loop.h5").symlink_to("loop.h5")
    (tmp_path / "cache in").symlink_to(lab.real)
    return tmp_path


REFUSED = {
    "folder missing": (["--generated", "{odd}/no"], 4, "{odd}/no does not exist"),
    "real missing": (["--real", "{odd}/no"], 4, "{odd}/no does not exist"),
    "folder empty": (["--generated", "{odd}/empty"], 4, "{odd}/empty holds no image"),
    "real empty": (["--real", "{odd}/empty"], 4, "{odd}/empty holds 0 usable"),
    "a file": (["--generated", "{odd}/file.png"], 4, "{odd}/file.png is no folder"),
    "too few": (["--real", "{odd}/few"], 4, "{odd}/few holds 7 usable source images; a"),
    "too small": (["--generated", "{odd}/tiny"], 4, "of at least 32 x 32 pixels"),
    "smaller than the rest": (
        ["--real", "{odd}/mixed", "--size", "64x64"],
        4,
        "7 usable source images, 9 too small;",
    ),
    "one folder twice": (["--real", "{lab}/made0"], 4, "share files; name two folders"),
    "one in the other": (["--real", "{lab}/made0/sub folder"], 4, "share files; name two folders"),
    "name too long": (["--generated", "/" + "n" * 300], 4, "does not exist or cannot be reached"),
    "method": (["--method", "oracle"], 2, "'oracle' is not one of 'auto', "),
    "denoiser": (["--denoiser", "oracle"], 2, "Unknown denoiser 'oracle'; there are "),
    "size without cross": (["--size", "256"], 2, "'256' is not WIDTHxHEIGHT, such as 256x256; see"),
    "size of words": (["--size", "axb"], 2, "'axb' is not WIDTHxHEIGHT"),
    "size of digits elsewhere": (["--size", "٢٥٦x٢٥٦"], 2, "is not WIDTHxHEIGHT"),
    "size negative": (["--size", "-32x32"], 2, "'-32x32' is not WIDTHxHEIGHT"),
    "size zero": (["--size", "0x0"], 2, "must be multiples of 32"),
    "size odd": (["--size", "100x64"], 2, "A crop of 100 x 64 is not possible"),
    "size too large": (["--size", "512x512"], 4, "0 usable source images, 24 too small;"),
    "seed negative": (["--seed", "-1"], 2, "-1 is not in the range"),
    "folds": (["--folds", "1"], 2, "1 is not in the range"),
    "steps of another method": (["--steps", "10"], 2, "--method dif"),
    "empty name": (["--name", ""], 2, "must have 1 to"),
    "name of bytes": (["--name", "\udcff"], 2, "bytes of UTF-8"),
    "cache and none": (["--cache", "{odd}/c", "--no-cache"], 2, "contradict each other"),
    "cache in the input": (["--cache", "{lab}/real/cache"], 4, "lies inside the input {lab}/real"),
    "cache behind a link": (["--cache", "{odd}/cache in/c"], 4, "lies inside the input {lab}/real"),
    "output there": (["-o", "{odd}/there.h5"], 4, "{odd}/there.h5 exists already; choose"),
    "output a dangling link": (["-o", "{odd}/link.h5"], 4, "{odd}/link.h5 exists already"),
    "output a loop": (["-o", "{odd}/loop.h5"], 4, "{odd}/loop.h5 "),
    "output a folder": (["-o", "{odd}/empty"], 4, "{odd}/empty is a folder; name a file"),
    "output in an input": (["-o", "{lab}/real/f.h5"], 4, "lies inside the input {lab}/real"),
    "output behind a link": (["-o", "{odd}/cache in/f.h5"], 4, "lies inside the input {lab}/real"),
    "output without folder": (["-o", "{odd}/no/f.h5"], 4, "its folder does not exist; make"),
    "output below a file": (["-o", "{odd}/file.png/f.h5"], 4, "its folder is not a folder"),
    "output too long": (["-o", "{odd}/" + "n" * 300], 4, "the name is too long; choose a shorter"),
}


@pytest.mark.parametrize("case", REFUSED.values(), ids=REFUSED.keys())
def test_what_cannot_work_is_one_sentence_and_writes_nothing(lab, odd, case):
    arguments, code, words = case
    filled = [argument.format(odd=odd, lab=lab.folder) for argument in arguments]
    defaults = {"--generated": lab.made(0), "--real": lab.real, "-o": odd / "out.h5"}
    rest = [x for pair in defaults.items() if pair[0] not in filled for x in pair]
    before = state(odd), state(lab.real), state(lab.made(0))
    outcome = fp("extract", *rest, "--method", "mean", "--folds", "2", "--jobs", "1", *filled)
    assert outcome.code == code, outcome.err
    assert words.format(odd=odd, lab=lab.folder) in outcome.sentence
    assert (state(odd), state(lab.real), state(lab.made(0))) == before


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_read_only_place_is_refused_before_the_work(lab, tmp_path):
    (tmp_path / "closed").mkdir(mode=0o500)
    outcome = fp("extract", *folders(lab), "-o", tmp_path / "closed" / "f.h5")
    assert outcome.code == 4
    assert "writing there is not allowed" in outcome.sentence


def test_an_existing_fingerprint_is_replaced_only_when_asked(lab, tmp_path):
    output = tmp_path / "f.h5"
    output.write_text("mine")
    assert fp("extract", *folders(lab), *QUICK, "-o", output).code == 4
    assert output.read_text() == "mine"
    assert fp("extract", *folders(lab), *QUICK, "-o", output, "--overwrite").code == 0
    assert read_bank(output)[0].name == "made0"


def test_a_folder_name_that_no_file_can_hold_is_written_out(lab, tmp_path):
    folder = tmp_path / os.fsdecode(b"g\xff\n")
    shutil.copytree(lab.made(0), folder)
    outcome = fp(
        "extract", "--generated", folder, "--real", lab.real, *QUICK, "-o", tmp_path / "f.h5"
    )
    assert outcome.code == 0
    assert read_bank(tmp_path / "f.h5")[0].name == "g\\xff\\x0a"


def test_ctrl_c_says_what_is_kept(lab, tmp_path):
    process = start(
        "extract",
        *folders(lab),
        *("--null", "100000", "--jobs", "1", "-o", tmp_path / "f.h5"),
        FP_CACHE=tmp_path / "cache",
    )
    with process:
        wait_for(lambda: len(list(tmp_path.glob("cache/*/*.residual"))) > 10, process)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (1, "")
    assert err == (
        "fp: Interrupted; no fingerprint was written; the residuals made so far are kept in "
        f"{tmp_path}/cache, so the same command goes on from there.\n"
    )
    assert [path.name for path in tmp_path.iterdir()] == ["cache"]


@pytest.mark.slow
def test_killed_at_any_moment_it_leaves_nothing_half_written_and_ends_the_same(lab, tmp_path):
    arguments = ("extract", *folders(lab), "--folds", "3", "--jobs", "1", "-o")
    whole = fp(*arguments, tmp_path / "whole.h5")
    assert whole.code == 0
    output, cache = tmp_path / "out" / "f.h5", tmp_path / "cache"
    output.parent.mkdir()
    chance = random.Random(8)
    # While residuals are made, then at whatever comes after them.
    for made in (1, 12, 30, 48, 48):
        with start(*arguments, output, FP_CACHE=cache) as process:
            wait_for(lambda n=made: len(list(cache.glob("*/*.residual"))) >= n, process)
            time.sleep(chance.uniform(0, 0.3 if residuals == 48 else 0.02))
            process.kill()
        assert not output.exists() or output.read_bytes() == (tmp_path / "whole.h5").read_bytes()
        output.unlink(missing_ok=True)
    again = fp_process(*arguments, output, FP_CACHE=cache)
    assert (again.code, again.err, again.out) == (whole.code, whole.err, whole.out)
    assert output.read_bytes() == (tmp_path / "whole.h5").read_bytes()


def asked_for(folder: Path, made: Path, request) -> Path:
    """Copy a generator's images as files that tell seed and prompt, by a function of the place."""
    folder.mkdir()
    for place, path in enumerate(find_images([made])):
        told = PngImagePlugin.PngInfo()
        seed, prompt = request(place)
        told.add_text("parameters", f"a cat {prompt}\nSteps: 20, Seed: {seed}, Size: 64x64")
        with Image.open(path) as image:
            image.save(folder / f"{path.stem}.png", pnginfo=told)
    return folder


@pytest.mark.parametrize(
    ("request_of", "label", "sources"),
    [
        (lambda n: (123, n), "ONE SEED", 24),
        (lambda n: (n, 0), "FEW SOURCES", 24),  # too few prompts to be the units of folds
        (lambda n: (n, n // 2), "FEW SOURCES", 12),
        (lambda n: (n, n), "", 24),
    ],
)
def test_one_seed_and_few_prompts_are_told_when_made_and_in_every_answer(
    lab, tmp_path, request_of, label, sources
):
    generated = asked_for(tmp_path / "asked for", lab.made(0), request_of)
    given = ("--generated", generated, "--real", lab.real, *QUICK, "--name", "G")
    outcome = fp("extract", *given, "-o", tmp_path / "g.h5")
    assert outcome.code == (3 if label else 0), outcome.err
    shown = [each for each in ("ONE SEED", "FEW SOURCES") if each in outcome.out]
    assert shown == ([label] if label else [])
    (found,) = read_bank(tmp_path / "g.h5")
    assert len(set(found.calibration.generated_source)) == sources
    assert ("requests" in found.parameters) == bool(label)
    fp("detect", tmp_path / "g.h5", lab.unknown, "-o", tmp_path / "run")
    reasons = {reason for row in json_rows(tmp_path / "run") for reason in row["reasons"]}
    assert ("few_sources" in reasons) == bool(label)
    if not label:  # what all files tell differently changes nothing but the hashes of the files
        plain = tmp_path / "plain.h5"
        fp("extract", "--generated", lab.made(0), "--real", lab.real, *QUICK, "-o", plain)
        (other,) = read_bank(plain)
        assert sorted(other.calibration.generated_source) == sorted(
            found.calibration.generated_source
        )
