"""Manifests: what they vouch for, what breaks them, and runs repeated from them."""

from __future__ import annotations

import hashlib
import json
import os
import random
import shutil
import socket
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from commands import EPOCH, environment, fp, json_rows, state
from hostile import ODD, places, put, small_disk
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image
from synthetic import ODD_NAMES, photograph, save

from fp.images.loading import load_image
from fp.manifest import (
    InputFile,
    Invocation,
    Recorder,
    Source,
    canonical,
    chain_faults,
    list_inputs,
    read_manifest,
    seal,
)
from fp.manifest.inputs import moved
from fp.manifest.run import decoded
from fp.runs.comparison import Tolerance, compare_files
from fp.system.errors import InputError, OutputError
from fp.system.paths import display_path, path_of

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)


@pytest.fixture(scope="module")
def detected(lab, tmp_path_factory):
    """Return a project folder: pictures, a bank, and a detection, all by relative paths."""
    folder = tmp_path_factory.mktemp("project")
    (folder / "unknown").mkdir()
    for number, name in enumerate((*ODD_NAMES[:8], "plain.png")):
        save(photograph(number), os.fsencode(folder / "unknown") + b"/" + os.fsencode(name))
    (folder / "unknown" / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\nno more")
    shutil.copy(lab.single, folder / "bank.h5")
    with (
        environment(FP_CACHE=lab.cache, SOURCE_DATE_EPOCH=EPOCH),
        pytest.MonkeyPatch.context() as m,
    ):
        m.chdir(folder)
        assert fp("detect", "bank.h5", "unknown", "-o", "out", "--jobs", 1).code == 3
    return folder


@pytest.fixture
def project(detected, tmp_path):
    """Return a copy of the project in another place."""
    return Path(shutil.copytree(detected, tmp_path / "elsewhere"))


def verify(*arguments):
    return fp("verify", *arguments, "--jobs", 1)


def sealed_anew(entry, **changed):
    """Seal an entry as a forger would who knows how."""
    told = {k: v for k, v in entry.items() if k not in ("sha256", "previous", "history")}
    found = seal({**told, **changed}, entry["previous"])
    return {**found, "history": entry["history"]} if "history" in entry else found


# --- the form ---


@given(JSON)
def test_the_canonical_form_depends_on_the_value_alone(value):
    text = canonical(value)
    assert json.loads(text) == value
    assert canonical(json.loads(json.dumps(value, indent=3))) == text
    assert text.isascii() and b"\n" not in text


def test_the_chain_breaks_where_an_entry_is_removed_changed_or_moved():
    chain, previous = [], None
    for number in range(4):
        entry = seal({"number": number, "x": [1.5, "é"]}, previous)
        chain.append(entry)
        previous = entry["sha256"]
    assert chain_faults(chain) == []
    for gone in range(3):
        assert chain_faults(chain[:gone] + chain[gone + 1 :])
    assert chain_faults([chain[1], chain[0], *chain[2:]])
    for place in range(4):
        forged = [dict(entry) for entry in chain]
        forged[place]["number"] = 9
        assert chain_faults(forged)
        # Sealed anew it stands for itself, and breaks the link of the next one.
        forged[place] = sealed_anew(forged[place])
        assert bool(chain_faults(forged)) == (place < 3)


@given(st.binary(max_size=20))
def test_a_shown_path_leads_back_to_the_file(name):
    path = Path(os.fsdecode(name.replace(b"\0", b"")))
    assert path_of(display_path(path)) == path


def test_parameters_come_back_as_they_were(tmp_path):
    given = {"a": Path("x\n"), "b": (1, 2), "c": {"n": Path("y")}, "d": None, "e": 0.1, "f": ()}
    recorded = json.loads(json.dumps(Invocation("x", given).encoded()))
    assert {name: decoded(value) for name, value in recorded.items()} == given


def test_paths_move_by_whole_components():
    assert moved("/a/b/c", [("/a/b", "/n")]) == "/n/c"
    assert moved("/a/bc", [("/a/b", "/n")]) == "/a/bc"
    assert moved("/a/b", [("/a/b/", "/n/")]) == "/n"
    assert moved("x/y", [("x", "/n")]) == "/n/y"


def test_the_hash_of_pixels_is_that_of_the_definition(tmp_path):
    pixels = photograph(3)
    save(pixels, tmp_path / "a.png")
    save(pixels, tmp_path / "b.bmp")
    text = f"{pixels.shape[0]} {pixels.shape[1]} 3\n".encode()
    expected = hashlib.sha256(text + pixels.tobytes()).hexdigest()
    for name in ("a.png", "b.bmp"):
        assert load_image(tmp_path / name).pixels_sha256 == expected


# --- what is in it ---


def test_a_manifest_names_everything(detected):
    entry = read_manifest(detected / "out").entry
    assert entry["command"] == "detect"
    assert entry["parameters"]["fpr"] == 0.05, "a default"
    assert entry["parameters"]["inputs"] == [{"path": "unknown"}]
    assert entry["options"]["limits"]["pixels"] == entry["parameters"]["max_pixels"]
    assert {"fp", "python", "numpy", "pillow", "libjpeg-turbo", "scipy", "h5py"} <= set(
        entry["environment"]
    )
    assert entry["machine"]["processor"] and entry["machine"]["cores"] >= 1
    assert entry["started_utc"] <= entry["finished_utc"]
    assert entry["base"] == ".."
    rows = json_rows(detected / "out")
    lines = [json.loads(x) for x in (detected / "out" / "inputs.jsonl").read_bytes().splitlines()]
    assert [line["role"] for line in lines] == ["bank", *["image"] * len(rows)]
    assert len(lines) == entry["inputs"]["count"]
    for line, row in zip(lines[1:], rows, strict=True):
        path = detected / path_of(line["path"])
        assert line["path"] == row["path"]
        assert line["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
        if row["status"] == "examined":
            pixels = np.array(Image.open(path).convert("RGB"))
            text = "{} {} {}\n".format(*pixels.shape).encode()
            assert line["pixels_sha256"] == hashlib.sha256(text + pixels.tobytes()).hexdigest()
        else:
            assert line["pixels_sha256"] is None


# --- fp verify ---


def test_a_project_that_was_moved_is_as_recorded(project):
    before = state(project)
    for place in (project / "out", project / "out" / "manifest.json"):
        outcome = verify(place)
        assert (outcome.code, outcome.err) == (0, "")
        assert "as recorded (4 outputs, 11 inputs" in outcome.out
    assert state(project) == before


@pytest.mark.parametrize(
    ("kind", "name", "change"),
    [
        ("changed", "unknown/plain.png", lambda p: p.write_bytes(p.read_bytes() + b"x")),
        ("missing", "unknown/plain.png", Path.unlink),
        ("changed", "unknown/broken.png", lambda p: p.write_bytes(b"other")),
        ("changed", "bank.h5", lambda p: p.write_bytes(b"other")),
        ("changed", "out/detections.csv", lambda p: p.write_text(p.read_text().lower() + "x")),
        ("missing", "out/attributions.csv", Path.unlink),
        ("added", "out/more.csv", lambda p: p.write_text("")),
        ("added", "out/.hidden", lambda p: p.write_text("")),
        ("changed", "out/inputs.jsonl", lambda p: p.write_bytes(p.read_bytes()[:-1])),
        ("missing", "out/inputs.jsonl", Path.unlink),
    ],
)
def test_every_difference_is_named(project, kind, name, change):
    change(project / name)
    outcome = verify(project / "out")
    assert outcome.code == 5
    (line,) = outcome.out.splitlines()
    assert line.startswith(f"{kind}: {project}/{name} "), line
    assert outcome.sentence


def test_one_flipped_bit_in_a_run_is_found(project):
    rng = random.Random(5)
    files = sorted(path for path in project.rglob("*") if path.is_file())
    for _ in range(12):
        path = rng.choice(files)
        content = path.read_bytes()
        place, bit = rng.randrange(len(content)), 1 << rng.randrange(8)
        path.write_bytes(content[:place] + bytes([content[place] ^ bit]) + content[place + 1 :])
        outcome = verify(project / "out", "--no-pixels")
        assert outcome.code in (4, 5), f"{path} at {place}, bit {bit}"
        assert path.name != "manifest.json" or "manifest.json" in outcome.out + outcome.err
        path.write_bytes(content)
    manifest = project / "out" / "manifest.json"
    content = manifest.read_bytes()
    for _ in range(60):
        place, bit = rng.randrange(len(content)), 1 << rng.randrange(8)
        manifest.write_bytes(content[:place] + bytes([content[place] ^ bit]) + content[place + 1 :])
        assert verify(manifest, "--no-inputs").code in (4, 5), f"{place}, {bit}"


def test_a_manifest_without_its_own_hash_is_damaged(project):
    manifest = project / "out" / "manifest.json"
    entry = json.loads(manifest.read_bytes())
    for damaged in ({**entry, "sha256": None}, {k: v for k, v in entry.items() if k != "sha256"}):
        manifest.write_text(json.dumps(damaged), "utf-8")
        outcome = verify(manifest, "--no-inputs")
        assert outcome.code == 5 and "not as fp writes a manifest" in outcome.err


def test_inputs_elsewhere_are_named_by_root(lab, tmp_path):
    """Absolute paths, and the pictures on another disk since."""
    shutil.copytree(lab.unknown, tmp_path / "first")
    with environment(FP_CACHE=lab.cache):
        assert fp("detect", lab.single, tmp_path / "first", "-o", tmp_path / "o").code == 0
    (tmp_path / "first").rename(tmp_path / "second")
    outcome = verify(tmp_path / "o")
    assert outcome.code == 5 and outcome.out.count("missing: ") == 24
    assert verify(tmp_path / "o", "--no-inputs").code == 0
    root = f"{tmp_path}/first={tmp_path}/second"
    assert verify(tmp_path / "o", "--root", root).code == 0
    outcome = fp("rerun", tmp_path / "o", "--root", root, "-o", tmp_path / "again", "--jobs", 1)
    assert (outcome.code, outcome.err) == (0, "")
    assert "within tolerance: detections.csv" in outcome.out, "paths are compared where they lie"
    assert fp("rerun", tmp_path / "o", "--jobs", 1).code == 4


def test_a_pixel_hash_that_does_not_follow_from_the_bytes_is_named(project):
    listing, manifest = project / "out" / "inputs.jsonl", project / "out" / "manifest.json"
    lines = listing.read_bytes().splitlines(keepends=True)
    file = json.loads(lines[-1])
    lines[-1] = canonical({**file, "pixels_sha256": "0" * 64}) + b"\n"
    listing.write_bytes(b"".join(lines))
    entry = json.loads(manifest.read_text())
    entry["inputs"]["sha256"] = hashlib.sha256(listing.read_bytes()).hexdigest()
    entry = sealed_anew(entry)
    manifest.write_text(json.dumps(entry, indent=2) + "\n")
    outcome = verify(manifest)
    assert outcome.code == 5 and outcome.out.startswith("pixels: "), outcome.out
    assert verify(manifest, "--no-pixels").code == 0


def test_outputs_of_a_manifest_cannot_lead_elsewhere(project):
    manifest = project / "out" / "manifest.json"
    entry = json.loads(manifest.read_text())
    for name in ("../bank.h5", "/etc/passwd", "a/../../b"):
        forged = sealed_anew(entry, outputs={name: "0" * 64})
        manifest.write_text(json.dumps(forged, indent=2) + "\n")
        assert verify(manifest).code == 5


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", 5),
        (b"[1]", 5),
        (b"[" * 100_000, 5),
        (b'{"encoding-type": "fp-manifest", "encoding-version": "3.0"}', 4),
        (b'{"encoding-type": "other", "encoding-version": "2.0"}', 4),
        (b'{"encoding-type": "fp-manifest", "encoding-version": "2.0"}', 5),
    ],
)
def test_what_is_no_manifest_is_refused_in_a_sentence(tmp_path, content, code):
    (tmp_path / "manifest.json").write_bytes(content)
    outcome = verify(tmp_path)
    assert outcome.code == code
    assert outcome.sentence


# --- the other commands ---


def test_extract_audit_and_bank_add_leave_manifests(lab, tmp_path):
    with environment(FP_CACHE=lab.cache, SOURCE_DATE_EPOCH=EPOCH):
        folders = ("--generated", lab.made(0), "--real", lab.real)
        assert fp("audit", *folders, "-o", tmp_path / "a").code == 0
        h5 = tmp_path / "g.h5"
        quick = ("--method", "tile", "--folds", 4, "--null", 0, "--no-audit")
        extracted = fp("extract", *folders, "-o", h5, *quick)
        assert extracted.code == 0
        assert fp("bank", "add", tmp_path / "bank.h5", h5).code == 0
        assert fp("bank", "add", tmp_path / "bank.h5", lab.pair).code == 0
    manifest = tmp_path / "bank.h5.manifest.json"
    for place in (tmp_path / "a", tmp_path / "g.h5.manifest.json", manifest):
        outcome = verify(place)
        assert (outcome.code, outcome.err) == (0, ""), outcome.out
    entry = json.loads((tmp_path / "g.h5.manifest.json").read_text())
    assert entry["parameters"]["name"] == "made0", "a default that follows from another"
    assert entry["seeds"] == {"seed": 0}
    assert entry["inputs"]["count"] == 48
    # The second addition follows the first; without it the chain is broken.
    entry = json.loads(manifest.read_text())
    (first,) = entry["history"]
    assert (first["added"], entry["added"]) == (1, 2)
    assert entry["bank_before"] == first["outputs"]["bank.h5"]
    assert entry["previous"] == first["sha256"]
    entry["history"] = []
    manifest.write_text(json.dumps(entry, indent=2) + "\n")
    assert verify(manifest).out.startswith("chain: ")
    outcome = fp("rerun", tmp_path / "g.h5.manifest.json", "--jobs", 1)
    assert (outcome.code, outcome.err) == (0, "")
    assert "same bytes: g.h5" in outcome.out or "within tolerance: g.h5" in outcome.out
    assert fp("rerun", tmp_path / "a", "--jobs", 1).code == 0
    assert fp("rerun", manifest).code == 5
    assert sorted(p.name for p in tmp_path.iterdir()) == [
        "a",
        "bank.h5",
        "bank.h5.inputs.jsonl",
        "bank.h5.manifest.json",
        "g.h5",
        "g.h5.inputs.jsonl",
        "g.h5.manifest.json",
    ]


# --- fp rerun ---


def test_a_run_is_repeated_in_another_place(project, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    outcome = fp("rerun", project / "out", "-o", "again", "--jobs", 1)
    assert (outcome.code, outcome.err) == (0, "  not examined: damaged (1)\n")
    assert outcome.out.count("same bytes: ") == 4
    assert verify("again").code == 0
    assert Path.cwd() == tmp_path


def test_no_manifest_makes_a_rerun_speak_to_another_computer(project):
    path = project / "out" / "manifest.json"
    told = json.loads(path.read_text())
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.setblocking(False)
        told["parameters"]["scheduler"] = f"tcp://127.0.0.1:{listening.getsockname()[1]}"
        path.write_text(json.dumps(sealed_anew(told), indent=2) + "\n")
        outcome = fp("rerun", project / "out", "--jobs", 1)
        assert (outcome.code, outcome.err) == (0, "  not examined: damaged (1)\n")
        with pytest.raises(BlockingIOError):
            listening.accept()


def test_another_result_is_told(project, lab):
    shutil.copy(lab.pair, project / "bank.h5")
    outcome = fp("rerun", project / "out", "--jobs", 1)
    assert outcome.code == 5
    assert "differs: detections.jsonl" in outcome.out
    assert "row 1" in outcome.out
    (project / "out" / "detections.csv").write_text("")
    outcome = fp("rerun", project / "out", "--jobs", 1)
    assert outcome.code == 5 and "detections.csv is not the file" in outcome.sentence


@pytest.mark.parametrize(
    ("column", "value", "same"),
    [
        ("score", "1.00001", True),
        ("score", "1.01", False),
        ("decision", "inconclusive", False),
        ("p_real", "0.9", True),
        ("path", "b.png", False),
        ("reasons", "x", False),
        ("count", "4", False),
    ],
)
def test_decisions_are_compared_exactly_and_scores_within_tolerance(tmp_path, column, value, same):
    row = {"path": "a.png", "decision": "x", "score": "1.0", "p_real": "0.1", "reasons": ""}
    row |= {"count": "3"}
    for name, told in (("old.csv", row), ("new.csv", {**row, column: value})):
        (tmp_path / name).write_text(",".join(told) + "\n" + ",".join(told.values()) + "\n")
    found = compare_files("t", tmp_path / "old.csv", tmp_path / "new.csv", Tolerance())
    assert found.state == ("within tolerance" if same else "differs")


# --- hostile surroundings ---


def test_a_full_disk_leaves_the_earlier_manifest_whole(tmp_path):
    place = tmp_path / "manifest.json"
    (tmp_path / "out.csv").write_text("x")

    def record(note):
        recorder = Recorder(place, Invocation("test", {"note": note}), folder=True)
        return recorder.finish([], [tmp_path / "out.csv"])

    record("short")
    before = state(tmp_path)
    with small_disk(2000), pytest.raises(OutputError, match="cannot be written"):
        record("long " * 2000)
    assert state(tmp_path).keys() == before.keys()
    assert verify(place).code == 0
    assert len(record("again")["history"]) == 1
    assert verify(place).code == 0


def test_a_pipe_or_a_link_in_the_place_of_a_file_is_not_waited_for(project):
    for name in ("out/detections.csv", "unknown/plain.png"):
        path = project / name
        content = path.read_bytes()
        path.unlink()
        os.mkfifo(path)
        outcome = verify(project / "out")
        assert outcome.code == 5 and f"missing: {project}/{name} " in outcome.out
        path.unlink()
        path.symlink_to(path.name)
        assert verify(project / "out").code == 5
        path.unlink()
        path.write_bytes(content)
    assert verify(project / "out").code == 0


def test_inputs_that_lead_out_of_their_folder_are_listed_and_not_read(tmp_path):
    (tmp_path / "secret.png").write_bytes(b"secret")
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "link.png").symlink_to(tmp_path / "secret.png")
    save(photograph(1), tmp_path / "in" / "a.png")
    found = list(list_inputs([Source("image", (tmp_path / "in",))]))
    assert [file.sha256 is None for file in found] == [False, True]


@pytest.mark.slow
def test_a_listing_of_any_length_takes_little_memory(tmp_path):
    place = tmp_path / "manifest.json"
    files = (InputFile("image", f"{n}.png", "0" * 64, "1" * 64) for n in range(50_000))
    tracemalloc.start()
    try:
        entry = Recorder(place, Invocation("test", {})).finish(files, [])
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert entry["inputs"]["count"] == 50_000
    assert peak < 4 * 2**20
    listing = (tmp_path / "inputs.jsonl").read_bytes()
    assert entry["inputs"]["sha256"] == hashlib.sha256(listing).hexdigest()


def test_a_file_that_changed_while_it_was_in_use_is_told(tmp_path):
    recorder = Recorder(tmp_path / "manifest.json", Invocation("test", {}))
    with pytest.raises(InputError, match="1 of the input files changed"):
        recorder.finish([InputFile("image", "a", "0" * 64)], [], used=["1" * 64])
    assert list(tmp_path.iterdir()) == []


def test_a_manifest_of_a_forger_never_ends_in_an_internal_error(project):
    manifest = project / "out" / "manifest.json"
    text = manifest.read_text()

    @settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
    @given(st.sampled_from(list(places(json.loads(text)))), ODD)
    def forged(place, odd):
        entry = json.loads(text)
        put(entry, place, odd)
        if place[0] not in ("sha256", "previous", "history"):
            entry = sealed_anew(entry)
        manifest.write_text(json.dumps(entry, indent=2) + "\n")
        assert verify(manifest, "--no-pixels").code in (0, 4, 5), (place, odd)

    forged()
