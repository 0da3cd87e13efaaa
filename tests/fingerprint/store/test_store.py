"""What is written comes back, equal content is equal bytes, and damage is found."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from dataclasses import MISSING, fields, is_dataclass, replace

import h5py
import numpy as np
import pytest
from golden_bank import (
    GOLDEN,
    as_they_come,
    calibration,
    coded,
    full,
    full_1_0,
    small,
    together,
    wave,
)
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from project import KIT

from fp.denoisers.residual import DenoiserIdentity
from fp.fingerprint.model.calibration import Calibration, NullControl
from fp.fingerprint.model.fingerprint import Fingerprint
from fp.fingerprint.store import bank as store
from fp.fingerprint.store import elements, survey
from fp.fingerprint.store.bank import add_to_bank, iter_bank, read_bank, read_summaries, write_bank
from fp.fingerprint.store.conformance import verify_bank
from fp.fingerprint.store.hdf5 import Place
from fp.fingerprint.store.record import check_name
from fp.fingerprint.store.schema import ENCODING_VERSION, FINGERPRINT, KNOWN_MINOR
from fp.images.container import COMPRESSIONS
from fp.images.crop import CropRule
from fp.system.errors import (
    FormatError,
    InputError,
    IntegrityError,
    OutputError,
    UsageError,
)


def same(one, two):
    """Return whether two results are equal in every field, type and bit."""
    if type(one) is not type(two):
        return False
    if isinstance(one, np.ndarray):
        return (one.dtype, one.shape, one.tobytes()) == (two.dtype, two.shape, two.tobytes())
    if isinstance(one, dict):
        return one.keys() == two.keys() and all(same(one[key], two[key]) for key in one)
    if isinstance(one, tuple):
        return len(one) == len(two) and all(map(same, one, two))
    if is_dataclass(one):
        return all(
            same(getattr(one, field.name), getattr(two, field.name)) for field in fields(one)
        )
    if isinstance(one, float) and np.isnan(one):  # the null control may hold one
        return bool(np.isnan(two))
    return bool(one == two)


PROTECTED = {"compression": "gzip", "shuffle": True, "fletcher32": True}

# Strings that UTF-8 can hold, and JSON values as they come back from JSON.
texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=40)
names = texts.filter(bool)
finite = st.floats(-1e99, 1e99)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | finite | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=6,
)
documents = st.dictionaries(st.text(max_size=8), json_values, max_size=4)
counts = st.dictionaries(st.text(max_size=8), st.integers(0, 2**40), max_size=4)
hashes = st.integers(0, 2**256 - 1).map("{:064x}".format)


@st.composite
def calibrations(draw):
    columns = {}
    for label in ("real", "generated"):
        scores = draw(hnp.arrays(np.float64, st.integers(1, 5), elements=finite))
        columns[label] = scores
        columns[f"{label}_sha256"] = tuple(draw(hashes) for _ in scores)
        columns[f"{label}_source"] = tuple(draw(texts) for _ in scores)
    return Calibration(**columns, scheme=draw(texts))


@st.composite
def fingerprints(draw):
    shape = draw(hnp.array_shapes(min_dims=3, max_dims=3, max_side=6))
    doubles = st.floats(width=64)
    null = NullControl(
        draw(doubles),
        draw(hnp.arrays(np.float64, st.integers(0, 4), elements=doubles)),
        draw(st.integers(-(2**63), 2**63 - 1)),
    )
    return Fingerprint(
        name=draw(names),
        method=draw(texts),
        pattern=draw(
            hnp.arrays(
                np.float32,
                shape,
                elements=st.floats(width=32, allow_nan=False, allow_infinity=False),
            )
        ),
        crop=CropRule(
            32 * draw(st.integers(1, 100)),
            32 * draw(st.integers(1, 100)),
            draw(st.sampled_from(["top-left", "centre"])),
        ),
        denoiser=DenoiserIdentity(
            draw(texts), draw(st.integers()), draw(st.dictionaries(texts, finite, max_size=3))
        ),
        calibration=draw(calibrations()),
        offset=draw(finite),
        null=draw(st.sampled_from([null, None])),
        parameters=draw(documents),
        native_sizes=draw(counts),
        formats=draw(counts),
        history=draw(
            st.dictionaries(
                st.from_regex(r"[A-Za-z_][A-Za-z0-9_.]{0,63}", fullmatch=True),
                hnp.arrays(np.float64, hnp.array_shapes(max_dims=2, min_side=0), elements=doubles),
                max_size=2,
            )
        ),
        environment=draw(st.dictionaries(texts, st.text(max_size=8), max_size=2)),
        created_utc=draw(
            st.just("") | st.datetimes().map(lambda t: t.strftime("%4Y-%m-%dT%H:%M:%SZ"))
        ),
        tool_version=draw(texts),
        preparation=draw(st.sampled_from(["none", "jpeg:75", "resize:0.5+noise:1.5"])),
    )


# Round trips


@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(fingerprints(), min_size=1, max_size=3, unique_by=lambda made: made.name))
def test_everything_comes_back_as_it_was(tmp_path, members):
    path = tmp_path / "bank.h5"
    write_bank(path, members, overwrite=True)
    found = read_bank(path)
    assert len(found) == len(members)
    for one, two in zip(members, found, strict=True):
        assert same(one, two)
        assert one.uuid == two.uuid
    assert verify_bank(path) == []


OTHERS = ("joined", "windows", "conditions", "distribution", "rest")
DERIVED = {"encoding-type", "encoding-version", "content-sha256", "uuid"}


def test_no_part_of_a_fingerprint_can_be_forgotten_here():
    made = full()
    joined, conditions = together().joined, as_they_come().conditions
    kinds = (made, made.calibration, made.null, joined, *joined.parts[:1])
    kinds += (conditions, conditions.fusion, conditions.coding, conditions.score_of_real)
    kinds += (conditions.neighbours, coded().distribution)
    for kind in kinds:
        for field in fields(kind):
            if kind is made and field.name in OTHERS:
                continue
            value = getattr(kind, field.name)
            default = field.default if field.default_factory is MISSING else field.default_factory()
            assert not same(value, default), f"golden_bank.full() has no {field.name} of its own"
    stored = {getattr(member, "field", member.name) for member in FINGERPRINT.members}
    assert {field.name for field in fields(Fingerprint)} == (stored - DERIVED) | {"history"}


def test_parts_come_back_as_they_were(tmp_path):
    path = tmp_path / "bank.h5"
    write_bank(path, [small(), together(), full()])
    found = read_bank(path)[1]
    assert same(found, together())
    assert found.uuid == together().uuid
    assert verify_bank(path) == []
    assert [summary.fingerprint.method for summary in read_summaries(path)] == [
        "mean",
        "auto",
        "tile",
    ]


def test_conditions_come_back_as_they_were(tmp_path):
    path = tmp_path / "bank.h5"
    write_bank(path, [small(), as_they_come()])
    found = read_bank(path)[1]
    assert same(found, as_they_come())
    assert found.uuid == as_they_come().uuid != together("as they come").uuid
    assert verify_bank(path) == []


def test_the_test_of_the_coding_comes_back_as_it_was(tmp_path):
    path = tmp_path / "bank.h5"
    write_bank(path, [small(), coded()])
    plain, found = read_bank(path)
    assert plain.distribution is None
    assert same(found, coded())
    assert found.uuid == coded().uuid != small("as they are coded").uuid
    assert verify_bank(path) == []


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("scale", np.zeros(769, "<f4"), "not positive"),
        ("scale", np.ones(768, "<f4"), "the scale of distribution has shape"),
        ("calibration", np.zeros(0), "no distance"),
        ("calibration", np.full(3, np.nan), "not finite"),
        ("codings", np.array([b"MPEG"]), "a coding that is none"),
        ("view/basis", np.ones((2, 5), "<f4"), "the basis of distribution/view has shape"),
        ("view/variance", -np.ones(2), "not positive"),
        ("view/mean", None, "is missing"),
    ],
)
def test_a_broken_test_of_the_coding_is_refused(tmp_path, key, value, message):
    path = tmp_path / "bank.h5"
    write_bank(path, [coded()])
    exchange(path, f"distribution/{key}", value)
    with pytest.raises(FormatError, match=message):
        read_bank(path)
    assert any(message in str(fault) for fault in verify_bank(path))


def test_every_coding_that_an_image_may_have_is_read_back(tmp_path):
    path = tmp_path / "bank.h5"
    made = coded()
    distribution = replace(made.distribution, codings=tuple(sorted(COMPRESSIONS)))
    write_bank(path, [replace(made, distribution=distribution)])
    assert read_bank(path)[0].distribution.codings == tuple(sorted(COMPRESSIONS))
    assert verify_bank(path) == []


def exchange(path, key, value):
    """Put another value into a fingerprint, or none, and make its hash right."""
    with h5py.File(path, "r+") as file:
        group = file["000000"]
        del group[key]
        if value is not None:
            stored = PROTECTED if value.size else {}
            chunks = value.shape if value.size else None
            group.create_dataset(key, data=value, chunks=chunks, **stored)
        listing = survey.survey(group, Place(path))
        kept = {k: entry.load() for k, entry in listing.items() if k != "@content-sha256"}
        group.attrs.modify("content-sha256", np.bytes_(elements.content_sha256(kept)))


def test_uuid_covers_the_parts():
    made = together()
    first, *rest = made.joined.parts
    other = replace(made.joined, parts=(replace(first, pattern=first.pattern * 2), *rest))
    assert replace(made, joined=other).uuid != made.uuid


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("joined/parts/001/real", None, "is missing"),
        ("joined/parts/000/pattern", np.full((1, 1, 1), np.nan, "<f4"), "not finite"),
        ("joined/parts/001/generated", np.ones(7), "another number of scores"),
        ("joined/specific_real", np.ones(9), "another number of scores"),
        ("joined/typicality/cyclic/variance", -np.ones(2), "not positive"),
        ("joined/typicality/cyclic/basis", np.ones((2, 5), "<f4"), "basis"),
        ("joined/typicality/calibration", None, "is missing"),
        ("joined/null/shuffled", None, "is missing"),
        ("pattern", np.ones((1, 2, 3), "<f4"), "for 2 parts"),
    ],
)
def test_damaged_parts_are_refused_in_one_sentence(tmp_path, key, value, message):
    path = tmp_path / "bank.h5"
    write_bank(path, [together()])
    exchange(path, key, value)
    with pytest.raises(FormatError, match=message):
        read_bank(path)
    assert any(message in str(fault) for fault in verify_bank(path))


def test_a_pattern_larger_than_a_chunk_comes_back(tmp_path):
    pattern = np.random.default_rng(0).normal(size=(3, 700, 500)).astype(np.float32)
    path = tmp_path / "bank.h5"
    write_bank(path, [replace(full(), pattern=pattern)])
    assert same(read_bank(path)[0].pattern, pattern)
    assert verify_bank(path) == []


def test_any_memory_layout_is_written(tmp_path):
    pattern = wave(24, 91).reshape(2, 3, 4).astype(np.float32).transpose(2, 0, 1)[:, :, ::-1]
    path = tmp_path / "bank.h5"
    write_bank(path, [replace(full(), pattern=pattern)])
    assert np.array_equal(read_bank(path)[0].pattern, pattern)


def test_sources_from_file_names_that_are_no_utf8_are_kept_apart(tmp_path):
    sources = (*map(os.fsdecode, (b"a\xff", b"a\xfe", b"a")), "a")
    made = replace(full(), calibration=replace(calibration(), real_source=sources))
    write_bank(tmp_path / "bank.h5", [made])
    found = read_bank(tmp_path / "bank.h5")[0].calibration.real_source
    assert found == (r"a\udcff", r"a\udcfe", "a", "a")


def test_summaries_tell_all_but_the_arrays(bank):
    for summary, whole in zip(read_summaries(bank), read_bank(bank), strict=True):
        for name in ("name", "method", "uuid", "crop", "denoiser", "created_utc", "tool_version"):
            held = summary if name == "uuid" else summary.fingerprint
            assert getattr(held, name) == getattr(whole, name)
        for name in ("parameters", "native_sizes", "formats", "environment", "null", "offset"):
            assert same(getattr(summary.fingerprint, name), getattr(whole, name))
        assert summary.fingerprint.preparation == whole.preparation
        assert same(summary.fingerprint.calibration, whole.calibration)
        assert summary.pattern_shape == whole.pattern.shape
        assert summary.history == tuple(sorted(whole.history))


def test_summaries_do_not_read_patterns(bank, monkeypatch):
    read = []
    original = h5py.Dataset.__getitem__
    monkeypatch.setattr(
        h5py.Dataset,
        "__getitem__",
        lambda self, *key: (read.append(self.name), original(self, *key))[1],
    )
    assert next(iter(read_summaries(bank))).name == full().name
    assert "/000000/calibration/real" in read
    assert not any("pattern" in name or name.startswith("/000001") for name in read)


def test_fingerprints_are_read_one_by_one(bank):
    with h5py.File(bank, "r+") as file:
        del file["000001"]["pattern"]
    members = iter_bank(bank)
    assert next(members).name == full().name
    with pytest.raises(FormatError):
        next(members)


def test_the_golden_file_stays_readable():
    found = read_bank(GOLDEN)
    assert [same(one, two) for one, two in zip(found, (full_1_0(), small()), strict=True)] == [
        True,
        True,
    ]
    assert verify_bank(GOLDEN) == []
    # Frozen with the file: a change of a recipe would orphan the files that are out there.
    assert [member.uuid for member in found] == [
        "fe316edc-a4a9-57d9-b523-c56dd9d00e31",
        "b4e8a005-d6bd-5261-9283-42013fd57272",
    ]


# Equal content, equal bytes


def test_the_same_fingerprints_give_the_same_bytes(tmp_path, monkeypatch):
    one, two = tmp_path / "one.h5", tmp_path / "another name.h5"
    write_bank(one, [full(), small()])
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    # HDF5 counts its time stamps in seconds.
    time.sleep(1.1)
    write_bank(two, iter([full(), small()]))
    assert one.read_bytes() == two.read_bytes()


def test_a_bank_that_grew_is_the_bank_written_at_once(tmp_path):
    grown, at_once = tmp_path / "grown.h5", tmp_path / "at_once.h5"
    add_to_bank(grown, [full("a")])
    add_to_bank(grown, [full("b"), small("c")])
    write_bank(at_once, [full("a"), full("b"), small("c")])
    assert grown.read_bytes() == at_once.read_bytes()


def test_the_order_of_dictionaries_does_not_matter(tmp_path):
    made = full()
    turned = replace(
        made,
        parameters=dict(reversed(made.parameters.items())),
        history=dict(reversed(made.history.items())),
    )
    write_bank(tmp_path / "one.h5", [made])
    write_bank(tmp_path / "two.h5", [turned])
    assert (tmp_path / "one.h5").read_bytes() == (tmp_path / "two.h5").read_bytes()


def test_the_root_speaks_for_its_fingerprints(bank, tmp_path):
    write_bank(tmp_path / "turned.h5", [small(), full()])
    with h5py.File(bank) as one, h5py.File(tmp_path / "turned.h5") as two:
        assert one.attrs["created_utc"].decode() == full().created_utc > small().created_utc
        assert one.attrs["created_utc"] == two.attrs["created_utc"]
        assert one.attrs["uuid"] != two.attrs["uuid"]


# What cannot be written


@pytest.mark.parametrize(
    ("changes", "error", "told"),
    [
        ({"name": ""}, UsageError, "must have 1 to 4096 bytes"),
        ({"name": "a\0b"}, UsageError, r"'a\x00b' must have"),
        ({"name": "a\udcff"}, UsageError, r"'a\udcff' must have"),
        ({"name": "n" * 4097}, UsageError, "must have 1 to 4096 bytes"),
        ({"method": "a\0"}, OutputError, "'method' is 'a\\x00', which UTF-8 without NUL"),
        ({"tool_version": "v" * 2**21}, OutputError, "takes 2097152 bytes"),
        ({"parameters": {"a": {1, 2}}}, OutputError, "not JSON serializable"),
        ({"parameters": {"a": float("nan")}}, OutputError, "not JSON compliant"),
        ({"native_sizes": {"1x1": 1.5}}, OutputError, "native_sizes is not valid"),
        ({"formats": {"PNG": "many"}}, OutputError, "formats is not valid"),
        ({"environment": {"python": 3}}, OutputError, "environment is not valid"),
        ({"created_utc": "2026-01-01"}, OutputError, "created_utc must be YYYY"),
        ({"created_utc": "2026-13-01T00:00:00Z"}, OutputError, "created_utc must be YYYY"),
        ({"history": {"a/b": wave(3, 1)}}, OutputError, "history/a/b must be named"),
        ({"history": {"x-loss": wave(3, 1)}}, OutputError, "history/x-loss must be named"),
        ({"history": {"loss": np.float64(1)}}, OutputError, "history/loss must be an array"),
        ({"history": {"loss": np.zeros((1,) * 5)}}, OutputError, "a file can hold 4 dimensions"),
        ({"pattern": np.zeros((3, 0, 4), np.float32)}, OutputError, "has shape (3, 0, 4)"),
        ({"null": NullControl(1.0, wave(3, 1), 2**63)}, OutputError, "OverflowError"),
    ],
)
def test_what_a_file_cannot_hold_is_refused_in_a_sentence(tmp_path, changes, error, told):
    with pytest.raises(error) as caught:
        write_bank(tmp_path / "bank.h5", [full(), replace(small(), **changes)])
    message = str(caught.value)
    assert told in message and message.endswith((".", "--name.")) and "\n" not in message
    assert not list(tmp_path.iterdir())


def test_hashes_must_be_hashes(tmp_path):
    for digest in ("", "AB" * 32, "ab" * 31, "é" * 64):
        wrong = replace(calibration(1, 1), real_sha256=(digest,))
        with pytest.raises(OutputError, match="calibration/real_sha256 must hold SHA-256"):
            write_bank(tmp_path / "bank.h5", [replace(full(), calibration=wrong)])


def test_names_can_be_checked_before_the_work():
    check_name("SD 1.4 / 图像 🦊\n")
    for name in ("", "\0", "\ud800", "é" * 2049):
        with pytest.raises(UsageError, match="--name"):
            check_name(name)


def test_two_fingerprints_of_one_name_are_refused(tmp_path, bank):
    before = bank.read_bytes()
    with pytest.raises(UsageError, match=r"Two fingerprints are named 'a'.*--name"):
        write_bank(tmp_path / "new.h5", [full("a"), small("a")])
    with pytest.raises(UsageError, match="Two fingerprints are named 'without extras'"):
        add_to_bank(bank, [small()])
    assert bank.read_bytes() == before
    assert list(tmp_path.iterdir()) == [bank]


def test_a_bank_needs_a_fingerprint(tmp_path):
    with pytest.raises(UsageError, match="no fingerprint to write"):
        write_bank(tmp_path / "bank.h5", [])
    assert not list(tmp_path.iterdir())


def test_an_existing_file_is_replaced_only_when_asked(bank):
    before = bank.read_bytes()
    with pytest.raises(OutputError, match="exists already"):
        write_bank(bank, [small()])
    assert bank.read_bytes() == before
    write_bank(bank, [small()], overwrite=True)
    assert [member.name for member in read_bank(bank)] == ["without extras"]


def test_a_failure_in_the_middle_leaves_the_bank_as_it_was(bank, tmp_path):
    def interrupted():
        yield full("c")
        raise KeyboardInterrupt

    before = bank.read_bytes()
    with pytest.raises(KeyboardInterrupt):
        add_to_bank(bank, interrupted())
    with pytest.raises(KeyboardInterrupt):
        write_bank(bank, interrupted(), overwrite=True)
    assert bank.read_bytes() == before
    assert list(tmp_path.iterdir()) == [bank]


def test_adding_refuses_to_lose_what_it_does_not_know(bank):
    for place, key in (("/", "x-note"), ("000001", "x-note"), ("000000/pattern", "x-unit")):
        with h5py.File(bank, "r+") as file:
            file[place].attrs[key] = 1
        with pytest.raises(FormatError, match=f"{key}', which adding would lose"):
            add_to_bank(bank, [full("c")])
        with h5py.File(bank, "r+") as file:
            del file[place].attrs[key]
    add_to_bank(bank, [full("c")])


def test_adding_follows_no_link(bank):
    with h5py.File(bank, "r+") as file:
        file["000002"] = h5py.ExternalLink(GOLDEN, "/000000")
    with pytest.raises(FormatError, match="'000002' is a link to elsewhere and not followed"):
        add_to_bank(bank, [full("c")])


def test_adding_to_what_is_no_bank_is_refused(tmp_path):
    foreign = tmp_path / "foreign.h5"
    with h5py.File(foreign, "w") as file:
        file["data"] = [1, 2]
    for path, error in (
        (foreign, FormatError),
        (tmp_path, OutputError),
        (tmp_path / "none" / "bank.h5", OutputError),
    ):
        with pytest.raises(error):
            add_to_bank(path, [full()])


def test_two_processes_that_add_lose_nothing(tmp_path):
    path = tmp_path / "bank.h5"
    script = tmp_path / "adds.py"
    script.write_text(
        "import os, sys\n"
        "from pathlib import Path\n"
        f"sys.path.insert(0, {str(KIT)!r})\n"
        "from golden_bank import small\n"
        "from fp.fingerprint.store.bank import add_to_bank\n"
        "child = os.fork()\n"
        "for index in range(5):\n"
        f"    add_to_bank(Path({str(path)!r}), [small(f'{{child > 0}} {{index}}')])\n"
        "sys.exit(child and os.waitpid(child, 0)[1])\n"
    )
    subprocess.run([sys.executable, script], check=True)
    assert len(read_bank(path)) == 10
    assert verify_bank(path) == []


# The disk


_WRITES_FOR_EVER = """
import itertools, sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from golden_bank import small
from fp.fingerprint.store.bank import write_bank
write_bank(Path(sys.argv[1]), (small(str(k)) for k in itertools.count()), overwrite=True)
"""


def test_a_killed_writer_leaves_no_half_written_bank(bank, tmp_path):
    (tmp_path / "script.py").write_text(_WRITES_FOR_EVER)
    before = bank.read_bytes()
    command = [sys.executable, tmp_path / "script.py", bank, KIT]
    with subprocess.Popen(command) as writer:
        deadline = time.monotonic() + 60
        left: list = []
        while not any(path.stat().st_size > 50_000 for path in left):
            assert time.monotonic() < deadline and writer.poll() is None
            time.sleep(0.01)
            left = list(tmp_path.glob(".bank.h5.*.tmp"))
        writer.send_signal(signal.SIGKILL)
    assert bank.read_bytes() == before
    # What is left of it is not taken for a bank, by its name or by its content.
    assert len(read_bank(tmp_path)) == 2
    with pytest.raises((FormatError, IntegrityError)):
        read_bank(left[0])


_FULL_DISK = """
import resource, signal, sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from golden_bank import small
from fp.system.errors import OutputError
from fp.fingerprint.store.bank import write_bank
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
for limit in range(1, 60_001, 6_000):
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
    try:
        write_bank(Path(sys.argv[1]), (small(str(k)) for k in range(20)), overwrite=True)
    except OutputError as error:
        print(error)
"""


def test_a_disk_that_is_full_is_told_in_a_sentence(bank, tmp_path):
    (tmp_path / "script.py").write_text(_FULL_DISK)
    before = bank.read_bytes()
    done = subprocess.run(
        [sys.executable, tmp_path / "script.py", bank, KIT],
        capture_output=True,
        text=True,
        check=True,
    )
    sentence = f"{bank} cannot be written: files may not be that large there; choose another place."
    assert done.stdout.splitlines() == [sentence] * 10
    assert done.stderr == ""
    assert bank.read_bytes() == before
    assert len(list(tmp_path.iterdir())) == 2


# Folders


def test_a_folder_of_files_is_a_bank(tmp_path):
    for name in ("b", "a", "c"):
        write_bank(tmp_path / f"{name}.h5", [full(name)])
    (tmp_path / "notes.txt").write_text("no bank")
    (tmp_path / ".hidden.h5").write_text("no bank either")
    assert [member.name for member in read_bank(tmp_path)] == ["a", "b", "c"]
    assert [member.name for member in read_summaries(tmp_path)] == ["a", "b", "c"]
    assert verify_bank(tmp_path) == []


def test_a_folder_with_one_name_twice_is_refused(tmp_path):
    write_bank(tmp_path / "a.h5", [full("same")])
    write_bank(tmp_path / "b.h5", [small("same")])
    with pytest.raises(InputError, match=r"a\.h5 and .*b\.h5 both hold .* named 'same'"):
        read_bank(tmp_path)
    assert ["named 'same'" in fault.message for fault in verify_bank(tmp_path)] == [True]


def test_what_is_not_there_is_told(tmp_path):
    with pytest.raises(InputError, match=r"holds no file \*\.h5"):
        read_bank(tmp_path)
    os.mkfifo(tmp_path / "pipe.h5")
    for path in (tmp_path / "none.h5", tmp_path / "pipe.h5"):
        for door in (read_bank, verify_bank, lambda path: list(read_summaries(path))):
            with pytest.raises(InputError, match="There is no file"):
                door(path)


# Damage


def test_what_is_no_hdf5_is_refused(tmp_path):
    path = tmp_path / "bank.h5"
    for content in (
        b"",
        b"\x89HDF",
        b"\x89PNG\r\n\x1a\n" + bytes(100),
        b"\0" * 512 + b"\x89HDF\r\n",
    ):
        path.write_bytes(content)
        with pytest.raises(FormatError, match=r"bank\.h5 is not an HDF5 file; name a file"):
            read_bank(path)
        assert len(verify_bank(path)) == 1


def test_hdf5_of_somebody_else_is_refused(tmp_path):
    path = tmp_path / "model.h5"
    with h5py.File(path, "w") as file:
        file["weights/dense"] = np.eye(3)
        file.attrs["backend"] = "other"
    with pytest.raises(FormatError) as caught:
        read_bank(path)
    assert str(caught.value) == (
        f"{path} cannot be used: '@encoding-type' is missing or no string, "
        "so this was not written by fp; get another copy of the file or extract the "
        "fingerprint again."
    )


def test_a_file_cut_short_anywhere_is_found(bank):
    content = bank.read_bytes()
    for length in [*range(0, 600, 7), *range(600, len(content), 211), len(content) - 1]:
        bank.write_bytes(content[:length])
        for door in (read_bank, lambda path: list(read_summaries(path))):
            with pytest.raises((FormatError, IntegrityError)) as caught:
                door(bank)
            assert str(bank) in str(caught.value) and str(caught.value).endswith(".")
        assert verify_bank(bank)


def test_flipped_bits_are_found_or_harmless(bank):
    content = bank.read_bytes()
    before = read_bank(bank)
    chance = random.Random(5)
    found = 0
    for _ in range(100):
        damaged = bytearray(content)
        position = chance.randrange(len(content))
        damaged[position] ^= 1 << chance.randrange(8)
        bank.write_bytes(damaged)
        try:
            after = read_bank(bank)
        except (FormatError, IntegrityError):
            found += 1
        else:
            # A gap of the file: nothing that was stored is another.
            assert all(same(one, two) for one, two in zip(before, after, strict=True))
    assert found > 60


def test_every_flipped_byte_of_stored_data_is_found(bank):
    content = bank.read_bytes()
    with h5py.File(bank) as file:
        chunk = file["000000/pattern"].id.get_chunk_info(0)
        denoiser = file["000000"].attrs["denoiser"]
    text = content.index(denoiser)
    for position in (*range(chunk.byte_offset, chunk.byte_offset + chunk.size, 37), text, text + 9):
        damaged = bytearray(content)
        damaged[position] ^= 4
        bank.write_bytes(damaged)
        with pytest.raises(IntegrityError, match=r"000000.*get an undamaged copy") as caught:
            read_bank(bank)
        assert caught.value.exit_code == 5
        assert verify_bank(bank)


def test_a_changed_value_with_valid_checksums_is_found(bank):
    with h5py.File(bank, "r+") as file:
        file["000001/calibration/real"][0] += 1e-12
    with pytest.raises(IntegrityError, match=r"'000001@content-sha256' is .* was changed"):
        read_bank(bank)


def test_every_error_is_one_sentence_about_the_file(bank):
    with h5py.File(bank, "r+") as file:
        del file["000001/pattern"]
    with pytest.raises(FormatError) as caught:
        read_bank(bank)
    assert str(caught.value) == (
        f"{bank} cannot be used: '000001/pattern' is missing; "
        "get another copy of the file or extract the fingerprint again."
    )


def test_a_json_text_that_is_too_deep_does_not_crash(bank):
    from test_format import reseal

    deep = "[" * 100_000 + "]" * 100_000
    with h5py.File(bank, "r+") as file:
        kind = h5py.string_dtype("utf-8", len(deep))
        file["000000"].attrs.create("parameters", np.array(deep.encode(), kind), dtype=kind)
        reseal(file)
    with pytest.raises(FormatError, match="000000@parameters"):
        read_bank(bank)


def test_json_is_readable_by_others(bank):
    with h5py.File(bank) as file:
        for key in ("parameters", "native_sizes", "formats", "environment", "denoiser"):
            text = file["000000"].attrs[key].decode()
            assert json.dumps(json.loads(text), sort_keys=True) == text


def test_reading_never_writes(bank):
    bank.chmod(0o444)
    before = (bank.read_bytes(), bank.stat().st_mtime_ns)
    read_bank(bank), verify_bank(bank), list(read_summaries(bank))
    assert (bank.read_bytes(), bank.stat().st_mtime_ns) == before
    assert list(bank.parent.iterdir()) == [bank]
    assert store.bank_files(bank) == [bank]


def test_what_judges_images_as_they_come_can_be_added_to_a_bank(tmp_path):
    """A version of the format that a reader does not take for its own loses what it adds."""
    write_bank(tmp_path / "bank.h5", [as_they_come("first")])
    add_to_bank(tmp_path / "bank.h5", [as_they_come("second")])
    assert [member.name for member in read_bank(tmp_path / "bank.h5")] == ["first", "second"]
    assert f"1.{KNOWN_MINOR}" == ENCODING_VERSION
    assert not verify_bank(tmp_path / "bank.h5")
