"""docs/format.md and the code say the same, and each of its MUSTs is checked."""

import json
import re
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest
from golden_bank import GOLDEN, calibration, full, small
from project import PROJECT

from fp.fingerprint.model.windows import Dependence, Search, Windows, WindowSize
from fp.fingerprint.store import bank as store
from fp.fingerprint.store import elements, hdf5, layout, record, rules, schema, survey
from fp.fingerprint.store.bank import read_bank, read_summaries, write_bank
from fp.fingerprint.store.conformance import verify_bank
from fp.system.errors import FormatError, IntegrityError

PAGE = (PROJECT / "docs" / "format.md").read_text("utf-8")
TEXT = " ".join(PAGE.split())  # whatever the width of its lines
EXAMPLE: dict = {}
exec(re.search(r"```python\n(.*?)```", PAGE, re.DOTALL)[1], EXAMPLE)  # the page's own reader

ROOT, FIRST, SECOND = "/", "000000", "000001"


def text(value, pad=0):
    """Return a string as the format stores it, with its type."""
    raw = value if isinstance(value, bytes) else value.encode()
    return np.array(raw, h5py.string_dtype("utf-8", max(1, len(raw) + pad)))


def put(group, key, value):
    """Set an attribute (``@name``) or a data set, stored as it must be."""
    owner, at, name = key.rpartition("@")
    if at:
        holder = group[owner] if owner else group
        value = text(value) if isinstance(value, str) else value
        holder.attrs.create(name, value, dtype=value.dtype)
    else:
        if key in group:
            del group[key]
        filters = {"compression": "gzip", "shuffle": True, "fletcher32": True}
        group.create_dataset(key, data=value, chunks=value.shape, **filters)


def reseal(file):
    """Make hashes and the root's identity right again, with the recipe of the page."""
    digests = []
    for name in sorted(name for name in file if re.fullmatch(r"\d{6}", name)):
        digest = EXAMPLE["content_sha256"](file[name])
        put(file[name], "@content-sha256", digest)
        digests.append(digest)
    put(file, "@uuid", store.bank_uuid(digests))


def change(key, value, where=SECOND):
    """Return a change of one element."""
    return lambda file: put(file[where], key, value)


def remove(key, where=SECOND):
    """Return the removal of one element."""

    def act(file):
        owner, at, name = key.rpartition("@")
        if at:
            del (file[where][owner] if owner else file[where]).attrs[name]
        else:
            del file[where][key]

    return act


def links(make):
    """Return a change that replaces a pattern by what `make` puts there."""

    def act(file):
        del file[SECOND]["pattern"]
        make(file[SECOND])

    return act


def virtual(group):
    layout = h5py.VirtualLayout((3, 4, 8), np.float32)
    layout[:] = h5py.VirtualSource(str(GOLDEN), "000000/pattern", (3, 4, 8))
    group.create_virtual_dataset("pattern", layout)


def unlimited_virtual(group):
    layout = h5py.VirtualLayout((3, 4, 8), np.float32, maxshape=(None, 4, 8))
    source = h5py.VirtualSource(str(GOLDEN), "000000/pattern", (3, 4, 8), maxshape=(None, 4, 8))
    layout[: h5py.h5s.UNLIMITED] = source[: h5py.h5s.UNLIMITED]
    group.create_virtual_dataset("pattern", layout)


def external(group):
    group.create_dataset("pattern", (3, 4, 8), np.float32, external=[(str(GOLDEN), 0, 384)])


def declared(shape, dtype, **options):
    """Return a pattern that is declared and never written."""

    def act(file):
        del file[SECOND]["pattern"]
        file[SECOND].create_dataset("pattern", shape, dtype, **options)

    return act


def bomb(file):
    del file[SECOND]["pattern"]
    made = file[SECOND].create_dataset("pattern", (1, 4, 8), "<f4", chunks=(1, 4, 8))
    made.id.write_direct_chunk((0, 0, 0), b"\0" * 128)
    del file[SECOND]["pattern"]
    made = file[SECOND].create_dataset(
        "pattern", (1, 4, 8), "<f4", chunks=(1, 4, 8), compression="gzip"
    )
    made.id.write_direct_chunk((0, 0, 0), b"\0" * 10_000)


def nest(file):
    file[SECOND].create_group("a/b/c/d/e/f/g")


def circle(file):
    file[SECOND]["calibration/again"] = file[SECOND]


def foreign_filter(file):
    values = file[SECOND]["pattern"][()]
    del file[SECOND]["pattern"]
    file[SECOND].create_dataset("pattern", data=values, compression="lzf")


def restored(**options):
    """Return the same pattern stored in another way."""

    def act(file):
        values = file[SECOND]["pattern"][()]
        del file[SECOND]["pattern"]
        file[SECOND].create_dataset("pattern", data=values, **options)

    return act


def space_padded(file):
    kind = h5py.h5t.C_S1.copy()
    kind.set_size(4)
    kind.set_strpad(h5py.h5t.STR_SPACEPAD)
    del file[SECOND].attrs["method"]
    scalar = h5py.h5s.create(h5py.h5s.SCALAR)
    h5py.h5a.create(file[SECOND].id, b"method", kind, scalar).write(np.array(b"tile"))


def exchange(file):
    one, two = "calibration/real_source", "calibration/real_sha256"
    file[SECOND].move(one, "x-moved")
    file[SECOND].move(two, one)
    file[SECOND].move("x-moved", two)


def uuid_right(act):
    """Return a change after which the fingerprint's identity is right again."""

    def both(file):
        act(file)
        group = file[SECOND]
        found = {
            key: entry.load() for key, entry in survey.survey(group, hdf5.Place(Path())).items()
        }
        put(group, "@uuid", record.build(found, rules.contents(found).fields).uuid)

    return both


F, I = FormatError, IntegrityError  # noqa: E741


def lone_parts(file):
    put(file[SECOND], "windows/parts", np.array([0]))


def lone_part_offset(file):
    """Begin parts, and leave it at that."""
    file[SECOND].create_group("joined").attrs.create("specific_offset", np.array(1.0, "<f8"))


i8, f8 = np.array(1, "<i8"), np.array(1.0, "<f8")
hashes = np.array([b"a" * 64] * 4)

# Rule, what breaks it, what the message must name, how reading takes it (None: it reads).
BROKEN = [
    ("M2", change("@encoding-type", "other", ROOT), "'@encoding-type' is 'other'", F),
    ("M2", change("@encoding-version", "2.0", ROOT), "version 2.0 .* knows version 1.0", F),
    ("M2", change("@encoding-version", "0.9", ROOT), "version 0.9 .* knows version 1.0", F),
    ("M2", change("@encoding-version", "one", ROOT), "must be MAJOR.MINOR", F),
    ("M2", remove("@encoding-version", ROOT), "'@encoding-version' is missing or no string", F),
    ("M2", change("@encoding-version", i8, ROOT), "'@encoding-version' is missing or no string", F),
    ("M2", change("@encoding-type", "x"), "'000001@encoding-type' is 'x'", F),
    ("M2", change("@encoding-version", "2.0"), "version 2.0 .* 'fp-fingerprint'", F),
    ("M3", lambda file: file.move(FIRST, "000002"), "'000000' is missing", F),
    ("M3", lambda file: [file.pop(name) for name in (FIRST, SECOND)], "holds no fing", F),
    ("M3", lambda file: file.create_dataset("000002", data=1.0), "'000002' must be a gr", F),
    ("M4", remove("@tool_version", ROOT), "'@tool_version' is missing", F),
    ("M4", remove("@created_utc", ROOT), "'@created_utc' is missing", F),
    ("M4", remove("@uuid", ROOT), "'@uuid' is missing", F),
    ("M4", change("@uuid", i8, ROOT), "'@uuid' is missing or no string", F),
    ("M4", change("@uuid", "a", ROOT), "'@uuid' is not that of", I),
    ("M4", lambda file: file.pop(SECOND), "'@uuid' is not that of", I),
    ("M5", change("@created_utc", "2027-01-01T00:00:00Z", ROOT), "'@created_utc' is not", None),
    ("M6", links(lambda g: g.__setitem__("pattern", h5py.SoftLink("/000000/pattern"))), "link", F),
    ("M6", links(lambda g: g.__setitem__("pattern", h5py.ExternalLink(GOLDEN, "/"))), "link", F),
    ("M6", lambda file: file.__setitem__("x-a", h5py.SoftLink("/000000")), "'x-a'.*link", F),
    ("M6", lambda file: file.__setitem__(SECOND + "0", h5py.SoftLink("/")), "is a link", F),
    ("M6", links(virtual), "000001/pattern' keeps its values in other files", F),
    ("M6", links(unlimited_virtual), "000001/pattern' keeps its values in other files", F),
    ("M6", links(external), "000001/pattern' keeps its values in other files", F),
    ("M6", links(lambda g: g.__setitem__("pattern", np.dtype("<f4"))), "neither a group nor", F),
    ("M6", nest, "000001/a/b/c/d/e/f' lies more than 6 groups deep", F),
    ("M6", circle, "more than 6 groups deep", F),
    ("M6", change("@a b", i8), "'000001@a b' has a name", F),
    ("M6", lambda file: file[SECOND].create_group("ü"), r"\\xfc.* has a name", F),
    ("M7", restored(), "000001/pattern' must be stored with gzip", None),
    ("M7", restored(compression="gzip", shuffle=True), "must be stored with gzip", None),
    ("M7", foreign_filter, "000001/pattern' uses a filter other than", F),
    ("M8", change("pattern", np.ones((3, 4, 8), ">f4")), "000001/pattern' is of a type", F),
    ("M8", change("pattern", np.ones((3, 4, 8), "<f2")), "000001/pattern' is of a type", F),
    ("M8", change("pattern", np.ones((1,), "<f4,<i4")), "000001/pattern' is of a type", F),
    ("M8", change("@crop_width", np.array(True)), "000001@crop_width' is of a type", F),
    ("M8", change("@crop_width", np.array(64, "<i4")), "000001@crop_width' is of a type", F),
    ("M8", lambda file: file[SECOND].attrs.__setitem__("method", "a"), "fixed length", F),
    ("M8", links(lambda g: g.__setitem__("pattern", ["a", "b"])), "fixed length", F),
    ("M8", change("@method", text(b"\xff")), "000001@method' is not UTF-8", F),
    ("M8", change("@method", text(b"a\0b")), "000001@method' is not UTF-8 without NUL", F),
    ("M8", change("calibration/real_source", np.array([b"\xff"] * 4)), "is not UTF-8", F),
    ("M8", space_padded, "000001@method' must be a string of fixed length, padded", F),
    ("M8", change("@method", h5py.Empty("S4")), "000001@method' must be one value", F),
    ("M9", change("@crop_width", np.array([1, 2], "<i8")), "crop_width' must be one value", F),
    ("M9", change("@method", "m" * (2**20 + 1)), "takes more than 1048576 bytes", F),
    ("M9", change("calibration/real_source", np.array([b"a" * 4097])), "more than 4096 b", F),
    ("M9", change("pattern", np.ones((1,) * 5, "<f4")), "has 5 dimensions", F),
    ("M9", change("calibration/real_source", np.array([[b"a"]])), "has 2 dimensions", F),
    ("M9", declared((2**20, 2**20, 2**20), "<f4", chunks=(64, 64, 64)), "takes more than", F),
    ("M9", declared((3, 2**14, 2**14), "<f4"), "takes more than 1073741824 bytes", F),
    ("M9", declared((3, 2**10, 2**10), "<f4", chunks=(1, 1024, 1024)), "chunks of more", F),
    ("M9", declared((3, 2**10, 2**10), "<f4", chunks=(1, 1, 1)), "more than 65536 chunks", F),
    ("M9", bomb, "000001/pattern' has chunks that are larger stored than read", F),
    *(
        ("M10", remove(key, FIRST), f"'{FIRST}{'' if key[0] == '@' else '/'}{key}' is missing", F)
        for key, _ in layout.demanded(schema.FINGERPRINT, ["null@seed"])
        if key not in ("@content-sha256", "@preparation")
    ),
    ("M10", change("@name", f8), "000001@name' is float64 .* must be string", F),
    ("M10", change("@crop_width", f8), "000001@crop_width' is float64 .* must be int64", F),
    ("M10", change("pattern", np.ones((4, 8), "<f4")), "is float32 with 2 dim.* with 3", F),
    ("M10", change("pattern", np.ones((3, 4, 8))), "is float64 with 3 dim.* must be float32", F),
    ("M10", change("calibration/real", np.ones(4, "<f4")), "must be float64 with 1", F),
    ("M10", change("history/loss", np.ones(4, "<f4")), "history/loss' is float32", F),
    ("M10", change("history/2", np.ones(4)), "history/2' must be named with", F),
    ("M10", change("history/a/b", np.ones(4)), "history/a/b' must be named with", F),
    ("M11", change("pattern", np.full((1, 1, 2), np.nan, "<f4")), "pattern' has values", F),
    ("M11", change("pattern", np.full((1, 1, 2), np.inf, "<f4")), "pattern' has values", F),
    ("M11", declared((3, 0, 8), "<f4"), r"pattern' has shape \(3, 0, 8\)", F),
    ("M11", change("@offset", np.array(np.inf)), "000001@offset' is not finite", F),
    ("M12", change("@crop_width", np.array(33)), "crop_height' is not valid .*33", F),
    ("M12", change("@crop_height", np.array(-32)), "crop_height' is not valid .*-32", F),
    ("M12", change("@crop_anchor", "left"), "crop_height' is not valid .*'left'", F),
    ("M13", change("calibration/real", np.array([0.0, np.nan] * 2)), "not finite", F),
    ("M13", change("calibration/real", np.zeros(3)), "real_sha256 has 4 entries for 3", F),
    ("M13", change("calibration/real_source", np.array([b"a"])), "1 entries for 4 scores", F),
    ("M13", change("calibration/real_sha256", np.char.upper(hashes)), "must hold SHA-256", F),
    ("M13", change("calibration/real_sha256", np.array([b"a"] * 4)), "must hold SHA-256", F),
    ("M14", change("@parameters", "[1]"), "parameters' is not valid .*must be a JSON obj", F),
    ("M14", change("@parameters", "{"), "000001@parameters' is not valid", F),
    ("M14", change("@parameters", '{"a": NaN}'), "NaN is no number", F),
    ("M14", change("@parameters", '{"a": -Infinity}'), "-Infinity is no number", F),
    ("M14", change("@parameters", '{"a": 1e999}'), "1e999 is too large", F),
    ("M14", change("@native_sizes", '{"1x1": true}'), "'1x1' must be int", F),
    ("M14", change("@formats", '{"PNG": 1.5}'), "'PNG' must be int", F),
    ("M14", change("@environment", '{"python": 3}'), "'python' must be str", F),
    ("M14", change("@denoiser", "{}"), "000001@denoiser' is not valid", F),
    ("M14", change("@denoiser", '{"name": 1, "version": 1}'), "name must be str", F),
    ("M14", change("@denoiser", '{"name": "a", "version": 1, "run": "b"}'), "'run'", F),
    ("M14", change("@preparation", "gouache:3"), "000001@preparation' is not valid .*gouache", F),
    ("M15", change("@created_utc", "yesterday"), "000001@created_utc' must be", F),
    ("M15", change("@created_utc", "2026-02-30T00:00:00Z"), "created_utc' must be", F),
    ("M15", change("@created_utc", "2026-01-01T00:00:00+01:00"), "created_utc' must be", F),
    ("M20", lone_part_offset, "joined.specific_real. is missing", F),
    ("M21", lone_parts, "windows of the sizes .* are not possible", F),
    ("M22", change("conditions/settings", np.ones((2, 7))), "conditions/parts/000.* is missing", F),
    (
        "M23",
        change("distribution/scale", np.ones(769, "<f4")),
        "distribution/calibration' is missing",
        F,
    ),
    ("M16", change("@name", full().name), "named 'SD 1.4 / 图像 🦊'", F),
    ("M16", change("@name", ""), "000001@name' must have 1 to 4096 bytes", F),
    ("M18", change("@uuid", "00000000-0000-0000-0000-000000000000"), "000001@uuid' is 0", I),
    ("M18", change("@method", "dif"), "000001@uuid' is .* the content has", I),
    ("M19", change("@note", "of mine"), "000001@note' is unknown to version 1.1", None),
    ("M19", change("notes", np.ones(3)), "000001/notes' is unknown to version 1.1", None),
    ("M19", change("@encoding-version", "1.0"), "preparation' is unknown to version 1.0", None),
    ("M19", change("pattern@unit", f8), "000001/pattern@unit' is unknown", None),
    ("M19", change("@note", f8, ROOT), "'@note' is unknown to version 1.0", None),
    ("M19", lambda file: file.create_group("notes"), "'notes' is unknown to version 1.0", None),
]
# The same without making the hashes right again: what a careless hand or a disk leaves behind.
UNSEALED = [
    ("M1", "cut", "cannot be read .*truncated", I),
    ("M1", "shifted", "is not an HDF5 file", F),
    ("M10", remove("@content-sha256"), "000001@content-sha256' is missing", F),
    ("M17", change("@method", "dif"), "000001@content-sha256' is .* was changed", I),
    ("M17", change("@content-sha256", "a"), "000001@content-sha256' is a and", I),
    ("M17", change("@crop_width", np.array(320)), "something was changed", I),
    ("M17", exchange, "something was changed", I),
    ("M17", remove("history/loss", FIRST), "000000@content-sha256' is .* was changed", I),
]


def name_of(value):
    return value if isinstance(value, str) else None


def check(path, told, error):
    messages = [fault.message for fault in verify_bank(path)]
    assert any(re.search(told, message) for message in messages), messages
    assert all(str(path) in message and message.endswith(".") for message in messages)
    if error is None:
        assert len(read_bank(path)) == 2
        return
    with pytest.raises(error, match=told) as caught:
        read_bank(path)
    assert type(caught.value) is error
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("rule", "act", "told", "error"), BROKEN, ids=name_of)
def test_a_broken_rule_is_found(bank, rule, act, told, error):
    with h5py.File(bank, "r+") as file:
        uuid_right(act)(file) if rule == "M16" else act(file)
        if rule not in ("M2", "M3", "M4", "M6", "M8", "M9"):
            reseal(file)
    check(bank, told, error)


@pytest.mark.parametrize(("rule", "act", "told", "error"), UNSEALED, ids=name_of)
def test_a_broken_rule_is_found_whatever_the_hashes_say(bank, rule, act, told, error):
    content = bank.read_bytes()
    if act == "cut":
        bank.write_bytes(content[:-1])
    elif act == "shifted":
        bank.write_bytes(b"\0" * 512 + content)
    else:
        with h5py.File(bank, "r+") as file:
            act(file)
    check(bank, told, error)


def test_every_rule_of_the_page_is_broken_here():
    rules = re.findall(r"\* \*\*(M\d+)\*\* (?:(?!\*\*).)*?MUST", TEXT)
    assert rules == [f"M{number}" for number in range(1, 24)]
    assert {rule for rule, *_ in BROKEN + UNSEALED} == set(rules)


def test_all_that_is_wrong_is_found_at_once(bank):
    with h5py.File(bank, "r+") as file:
        put(file[FIRST], "@crop_anchor", "left")
        put(file[FIRST], "@environment", "{")
        put(file[FIRST], "@note", f8)
        del file[SECOND]["pattern"]
        put(file[SECOND], "@method", text(b"\xff"))
        put(file, "@created_utc", "2020-01-01T00:00:00Z")
    told = "\n".join(fault.message for fault in verify_bank(bank))
    for key in ("000000@crop_height", "000000@environment", "000000@note", "000000@content-sha"):
        assert f"'{key}" in told
    for key in ("000001/pattern", "000001@method", "@created_utc"):
        assert f"'{key}'" in told


# What a reader may do


def test_what_belongs_to_others_is_left_alone(bank):
    before = [member.uuid for member in read_bank(bank)]
    with h5py.File(bank, "r+") as file:
        file.attrs["x-case"] = "a string of variable length"
        file["x-anything/below"] = ["any", "type"]
        file[FIRST].attrs["x-note"] = [1, 2, 3]
        file[FIRST]["pattern"].attrs["x-unit"] = h5py.Empty("f")
        file[FIRST]["x-thumbnail"] = np.zeros((2, 2), np.uint8)
        file[FIRST]["x-type"] = np.dtype("<f4")
    assert verify_bank(bank) == []
    assert [member.uuid for member in read_bank(bank)] == before


def test_a_later_minor_version_is_read_with_what_is_new_in_it(bank):
    before = [member.uuid for member in read_bank(bank)]
    with h5py.File(bank, "r+") as file:
        put(file, "@encoding-version", "1.9")
        file.create_group("index")
        put(file[FIRST], "@encoding-version", "1.9")
        put(file[FIRST], "@licence", "CC0")
        put(file[FIRST], "@strength", f8)
        put(file[FIRST], "calibration/foreign", np.ones(3))
        reseal(file)
    assert verify_bank(bank) == []
    assert [member.uuid for member in read_bank(bank)] == before
    assert len(list(read_summaries(bank))) == 2
    with h5py.File(bank, "r+") as file:
        put(file[FIRST], "@licence", "none")
    with pytest.raises(IntegrityError, match="something was changed"):
        read_bank(bank)


def windowed_bank(path):
    scores = np.linspace(-2, 2, 4 * 9).reshape(4, 3, 3)
    size = WindowSize(
        64, np.ones((2, 1), np.float32), np.zeros(2), scores, scores[:3] + 1, scores[:, 0, 0],
        scores[:3, 0, 0] + 1, Dependence(0.1, 0.2, 1.5), Dependence(0.0, 0.25, 0.5),
        Search(np.ones((2, 1), np.float32), np.zeros(2), np.ones((2, 2)), scores, scores[:3]),
    )  # fmt: skip
    write_bank(path, [full(), replace(small(), method="tile", windows=Windows((0,), (size,)))])
    return path


@pytest.mark.parametrize(
    ("harm", "told"),
    [
        (change("windows/064/real", np.zeros((3, 3, 3))), "windows/064/real' must have 4|fit"),
        (change("windows/064/real", np.full((4, 3, 3), np.nan)), "not finite"),
        (change("windows/064/specific_real", np.zeros(3)), "do not fit"),
        (
            change("windows/064/weights", np.ones((2, 2), "<f4")),
            "weights of other parts|does not fit",
        ),
        (change("windows/064/dependence", np.array([[0.9, 0.9, 1.0]] * 2)), "exceed 1"),
        (change("windows/064/dependence", np.zeros((1, 3))), r"not \(2, 3\)"),
        (change("windows/parts", np.array([1])), "names a part that is not there"),
        (change("windows/048/offsets", np.zeros(2)), "048/weights' is missing"),
        (remove("windows/064/offsets"), "offsets' is missing"),
        (remove("windows/parts"), "windows/parts' is missing"),
        (remove("windows/064/searched/scale"), "searched/scale' is missing"),
        (change("windows/064/searched/scale", -np.ones((2, 2))), "slopes of at least 0"),
        (change("windows/064/searched/real", np.full((4, 3, 3), np.inf)), "not finite"),
        (change("windows/064/searched/real", np.zeros((3, 3, 3))), "does not fit the windows"),
        (change("windows/064/searched/weights", np.ones((2, 2), "<f4")), "does not fit"),
    ],
)
def test_broken_windows_are_found(tmp_path, harm, told):
    path = windowed_bank(tmp_path / "bank.h5")
    assert verify_bank(path) == []
    with h5py.File(path, "r+") as file:
        harm(file)
        reseal(file)
    assert any(re.search(told, fault.message) for fault in verify_bank(path))
    with pytest.raises(FormatError, match=told):
        read_bank(path)


def test_windows_of_before_the_search_are_read_and_keep_their_version(tmp_path):
    path = windowed_bank(tmp_path / "bank.h5")
    with h5py.File(path) as file:
        assert file[SECOND].attrs["encoding-version"] == b"1.3"
    with h5py.File(path, "r+") as file:
        del file[SECOND]["windows/064/searched"]
        put(file[SECOND], "@encoding-version", "1.2")
        reseal(file)
    assert verify_bank(path) == []
    member = read_bank(path)[1]
    assert member.windows.of(64).search is None
    write_bank(tmp_path / "again.h5", [member])
    with h5py.File(tmp_path / "again.h5") as file:
        assert file[FIRST].attrs["encoding-version"] == b"1.2"
    # In a file of the older version the new elements are strangers.
    path = windowed_bank(tmp_path / "mixed.h5")
    with h5py.File(path, "r+") as file:
        put(file[SECOND], "@encoding-version", "1.2")
        reseal(file)
    told = [fault.message for fault in verify_bank(path)]
    assert len(told) == 5 and all("is unknown to version 1.2" in message for message in told)


def test_other_chunks_are_read(bank):
    with h5py.File(bank, "r+") as file:
        values = file[FIRST]["pattern"][()]
        del file[FIRST]["pattern"]
        filters = {"compression": 9, "shuffle": True, "fletcher32": True}
        file[FIRST].create_dataset("pattern", data=values, chunks=(2, 3, 5), **filters)
    assert verify_bank(bank) == []


def test_names_may_hold_anything_that_utf8_holds(tmp_path):
    names = ["a/b", "../..", ".", " ", "\n\t\x1b[31m", "<b>", "'; --", "\u202e", "é", "e\u0301"]
    write_bank(tmp_path / "bank.h5", [small(name) for name in names])
    assert [member.name for member in read_bank(tmp_path / "bank.h5")] == names
    with h5py.File(tmp_path / "bank.h5") as file:
        assert list(file) == [f"{index:06d}" for index in range(len(names))]


# The page and the code


def test_the_page_names_every_element_with_its_type():
    table = {}
    for line in re.findall(r"^\| `.*", PAGE, re.MULTILINE):
        keys, kind, shape, *_ = re.split(r"\s*\|\s*", line)[1:-1]
        for key in re.findall(r"`([^`]+)`", keys):
            table[key] = (kind, shape.count(",") + 1 - shape.count(",)") if shape else 0)
    assert table.pop("history/<name>")[0] == "float64"
    # Told in one row each: they are what a fingerprint has by the same names.
    whole = ("conditions/parts/NNN", "conditions/generator", "conditions/reference")
    assert {table.pop(f"{key}...") for key in whole} == {("", 0)}
    named = {each.key: each.element for each in schema.NAMED}
    assert "`rest/...` (since 1.8) has the same elements as `conditions/...`" in TEXT
    alike = {key for key in named if key.startswith((*whole, "joined/null", "rest/"))}
    expected = ("score_of_real", "score_of_generated", "distance_of_real", "distance_of_generated")
    regressions = [f"{one}/{of}" for one in expected for of in ("mean", "log_deviation")]
    for key in [key for key in table if "REGRESSION" in key]:
        told = table.pop(key)
        table |= {
            key.replace("REGRESSION", place): told
            for place in ("coding", "fusion/expected", *regressions)
        }
    assert {table.pop(key) for key in list(table) if key.startswith("joined/null")} == {("", 0)}
    assert table == {
        key: (element.kind, element.rank) for key, element in named.items() if key not in alike
    }


def test_the_page_states_the_limits_of_the_code():
    assert elements.MAX_BYTES == 2**30 and "2^30 bytes" in TEXT
    assert elements.MAX_CHUNK_BYTES == elements.MAX_TEXT_BYTES == 2**20
    assert "chunk has at most 2^20 bytes" in TEXT and "scalar of at most 2^20 bytes" in TEXT
    assert survey.MAX_CHUNKS == 2**16 and "at most 2^16 chunks" in TEXT
    assert f"at most {elements.MAX_ITEM_BYTES:,} bytes" in TEXT
    assert f"at most {survey.MAX_ELEMENTS:,} elements" in TEXT
    assert f"at most {store.MAX_FINGERPRINTS:,}" in TEXT
    assert f"at most {survey.MAX_DEPTH} deep" in TEXT
    assert f"at most {elements.MAX_RANK} dimensions" in TEXT


def test_the_reader_of_the_page_reads_what_fp_reads():
    found = EXAMPLE["read"](GOLDEN)
    for member in read_bank(GOLDEN):
        other = found.pop(member.name)
        assert np.array_equal(other["pattern"], member.pattern)
        assert other["crop"] == (member.crop.height, member.crop.width)
        assert other["denoiser"] == json.loads(member.denoiser.as_json())
        assert (other["mu_r"], other["mu_g"]) == (member.mu_r, member.mu_g)
    assert found == {}


def test_the_reader_of_the_page_sees_changes(bank):
    with h5py.File(bank, "r+") as file:
        put(file[SECOND], "@method", "dif")
    with pytest.raises(ValueError, match="000001 was changed"):
        EXAMPLE["read"](bank)


def test_the_recipe_of_the_uuid_on_the_page_is_the_right_one(bank):
    import hashlib
    import uuid

    spaces = re.findall(r"name space `([0-9a-f-]{36})`", TEXT)
    with h5py.File(bank) as file:
        for group in (file[FIRST], file[SECOND]):
            at = group.attrs
            head = [at["name"].decode(), at["method"].decode(), int(at["crop_height"])]
            head += [int(at["crop_width"]), at["crop_anchor"].decode(), at["denoiser"].decode()]
            prepared = at["preparation"].decode()
            head += [prepared] if prepared != "none" else []
            digest = hashlib.sha256(json.dumps(head).encode())
            for key in ("pattern", "calibration/real", "calibration/generated"):
                digest.update(group[key][()].tobytes())
            identity = uuid.uuid5(uuid.UUID(spaces[0]), digest.hexdigest())
            assert at["uuid"].decode() == str(identity)
        digests = [file[name].attrs["content-sha256"].decode() for name in (FIRST, SECOND)]
        identity = uuid.uuid5(uuid.UUID(spaces[1]), json.dumps(digests, separators=(",", ":")))
        assert file.attrs["uuid"].decode() == str(identity)


def test_files_hold_what_the_page_says_of_storage(tmp_path):
    path = tmp_path / "bank.h5"
    write_bank(path, [replace(full(), calibration=calibration(2000, 1))])
    with h5py.File(path) as file:

        def look(_, member):
            if isinstance(member, h5py.Dataset):
                assert (member.compression, member.shuffle, member.fletcher32) == (
                    "gzip",
                    True,
                    True,
                )
                assert member.dtype.kind != "O"
            for name in member.attrs:
                assert member.attrs.get_id(name).dtype.kind != "O"

        file.visititems(look)
        assert file["000000/calibration/real_sha256"].dtype == "S64"
        assert file.id.get_create_plist().get_version()[0] >= 2


def test_elements_are_named_since_the_version_that_first_wrote_them():
    for key, minor in (
        ("conditions/coding/weights", 8),
        ("conditions/parts/000/real", 8),
        ("conditions/fusion/expected/offset", 8),
        ("conditions/content/points", 8),
        ("windows/064/searched/scale", 3),
        ("windows/parts", 2),
    ):
        assert schema.is_known(key, minor) and not schema.is_known(key, minor - 1)
        assert schema.version_naming(["pattern", key]) == f"1.{minor}"
    assert schema.version_naming(["pattern"]) == "1.1"


@pytest.mark.parametrize("version", ["1.4", "1.5", "1.6", "1.7"])
def test_what_an_earlier_fp_learned_of_versions_is_refused_in_one_sentence(tmp_path, version):
    write_bank(tmp_path / "old.h5", [small()])
    with h5py.File(tmp_path / "old.h5", "r+") as file:
        group = file["000000"].create_group("conditions")
        if version == "1.4":
            group.attrs["outside"] = 0.02
        else:
            names = {"1.5": "fusion/centre", "1.6": "roughness", "1.7": "content/points"}
            group[names[version]] = np.zeros(6)
    told = r"holds what an earlier fp learned .* extract the fingerprint again"
    with pytest.raises(FormatError, match=told):
        read_bank(tmp_path / "old.h5")


def test_the_test_of_the_coding_is_named_since_1_4():
    for key in ("distribution/scale", "distribution/codings", "distribution/view@floor"):
        assert schema.is_known(key, 4) and not schema.is_known(key, 3)
        assert schema.version_naming(["pattern", key]) == "1.4"
