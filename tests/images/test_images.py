"""The image door: every kind of input ends in its documented treatment, and in nothing else."""

from __future__ import annotations

import contextlib
import copy
import errno
import hashlib
import io
import itertools
import os
import re
import shutil
import struct
import tempfile
import time
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import bad_images
import numpy as np
import pytest
from bad_images import HEIGHT, KINDS, RGB, WIDTH, Kind
from held_images import HEIF, HELD, JXL
from PIL import Image, ImageFile
from project import PROJECT
from reported_images import REPORTED, REPORTS
from troubled import too_deep, unprivileged

from fp.images import conversion as pixels
from fp.images.crop import CropRule
from fp.images.loading import (
    FORMATS,
    REASONS,
    Limits,
    LoadedImage,
    display_path,
    find_images,
    image_size,
    load_image,
)
from fp.system import paths as files
from fp.system.errors import ImageError, InputError

DOCUMENTED = PROJECT / "docs" / "images.md"


@pytest.fixture
def place() -> Iterator[Path]:
    """Return an empty folder that every user may enter."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o755)
    yield folder
    for path in folder.rglob("*"):
        if path.is_dir() and not path.is_symlink():
            path.chmod(0o755)
    shutil.rmtree(folder)


def made(kind: Kind, place: Path) -> tuple[Path, Path]:
    """Make an input in a folder of its own; give the folder and the path."""
    root = place / "input"
    root.mkdir()
    return root, kind.make(root, place / "outside")


def refusal(path: Path, root: Path | None = None, limits: Limits | None = None) -> ImageError:
    """Return the error that a file ends in."""
    with pytest.raises(ImageError) as caught:
        load_image(path, root, limits)
    return caught.value


def assert_is_one_sentence(message: str, path: Path) -> None:
    assert display_path(path) in message
    assert message.endswith(".") and message.isprintable()
    message.encode("utf-8")
    assert "object at 0x" not in message  # would differ from run to run


# --- every kind ---


def test_there_are_kinds_enough() -> None:
    assert len(KINDS) >= 35 and len(REPORTED) >= 20 and len(HELD) >= 25
    elsewhere = {"too_small", "worker_died", "needs_package"}
    assert {kind.reason for kind in KINDS.values()} - {None} >= set(REASONS) - elsewhere
    absent = {name for name, there in (("HEIF", HEIF), ("JXL", JXL)) if not there}
    assert {kind.format for kind in KINDS.values()} >= set(FORMATS) - absent


def test_twenty_kinds_name_the_public_report_that_they_follow() -> None:
    assert len(set(REPORTS.values())) == len(REPORTS) >= 20
    assert {*REPORTS} <= {*KINDS}
    assert all(re.fullmatch(r"[\w.-]+/[\w.-]+#[1-9]\d*", report) for report in REPORTS.values())


@pytest.mark.parametrize("name", KINDS)
def test_every_kind_has_its_treatment(
    name: str, place: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    kind = KINDS[name]
    root, path = made(kind, place)
    stays = _state_of_the_process(), _state_of_the_disk(place)
    with unprivileged() if kind.as_nobody else contextlib.nullcontext():
        if kind.reason is None:
            _check_examined(kind, load_image(path, root))
        else:
            error = refusal(path, root)
            assert error.reason == kind.reason, error
            assert_is_one_sentence(str(error), path)
            assert str(refusal(path, root)) == str(error)
    assert (_state_of_the_process(), _state_of_the_disk(place)) == stays
    if "LZW" not in name:  # libtiff names its trouble on standard error itself
        assert capfd.readouterr() == ("", "")


def _check_examined(kind: Kind, image: LoadedImage) -> None:
    content = image.path.read_bytes()
    assert image.sha256 == hashlib.sha256(content).hexdigest()
    assert (image.format, image.converted, image.orientation) == (
        kind.format,
        kind.converted,
        kind.orientation,
    )
    assert image.rgb_hwc.dtype == np.uint8 and image.rgb_hwc.flags.writeable
    assert kind.rgb is not None, "every examined kind has its oracle"
    assert image.rgb_hwc.shape == kind.rgb.shape == (image.height, image.width, 3)
    difference = image.rgb_hwc.astype(np.int64) - kind.rgb
    assert np.abs(difference).max() <= kind.tolerance
    assert image_size(image.path) == (image.height, image.width)
    rule = CropRule(32, 32)
    if kind.too_small:
        with pytest.raises(ImageError) as caught:
            rule.apply(image.rgb_hwc)
        assert caught.value.reason == "too_small"
    else:
        assert np.array_equal(rule.apply(image.rgb_hwc), image.rgb_hwc[:32, :32])


def _state_of_the_process() -> tuple[object, ...]:
    descriptors = Path("/proc/self/fd")
    opened = len(list(descriptors.iterdir())) if descriptors.is_dir() else 0
    return Image.MAX_IMAGE_PIXELS, ImageFile.LOAD_TRUNCATED_IMAGES, opened, Path.cwd()


def _state_of_the_disk(folder: Path) -> dict[str, tuple[int, ...]]:
    found = {}
    for path in [folder, *folder.rglob("*")]:
        status = path.lstat()
        found[os.fspath(path)] = (status.st_mode, status.st_size, status.st_mtime_ns)
    return found


@pytest.mark.parametrize("name", KINDS)
def test_the_size_is_told_or_refused_without_decoding(name: str, place: Path) -> None:
    root, path = made(KINDS[name], place)
    with unprivileged() if KINDS[name].as_nobody else contextlib.nullcontext():
        try:
            height, width = image_size(path, root)
        except ImageError as error:
            assert error.reason == KINDS[name].reason
        else:
            assert height > 0 and width > 0


def test_every_reason_is_documented() -> None:
    text = DOCUMENTED.read_text(encoding="utf-8")
    assert [reason for reason in REASONS if f"`{reason}`" not in text] == []


def test_every_note_is_documented() -> None:
    text = DOCUMENTED.read_text(encoding="utf-8")
    notes = {note for kind in KINDS.values() for note in kind.converted}
    notes |= set(itertools.chain.from_iterable(pixels.TREATMENT.values()))
    notes = {
        re.sub(r"\d+ frames", "N frames", note.replace("number 2", "number K")) for note in notes
    }
    missing = [note for note in notes if note not in text]
    assert missing == []


# --- what other parts of the program do must not matter ---


@pytest.mark.parametrize("name", ["truncated JPEG", "truncated PNG", "truncated BMP"])
def test_nothing_is_filled_up_where_pillow_was_told_to(
    name: str, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", True)
    root, path = made(KINDS[name], place)
    assert refusal(path, root).reason == "damaged"
    assert ImageFile.LOAD_TRUNCATED_IMAGES is True


def test_the_limit_on_pixels_is_our_own(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", None)
    root, path = made(KINDS["PNG of 10 gigapixels"], place)
    assert refusal(path, root).reason == "too_many_pixels"
    assert Image.MAX_IMAGE_PIXELS is None


# --- limits ---


def test_limits_are_inclusive(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(bad_images.png((HEIGHT, WIDTH), 8, 2, RGB))
    count, size = HEIGHT * WIDTH, path.stat().st_size
    assert load_image(path, None, Limits(pixels=count, file_bytes=size)).width == WIDTH
    assert refusal(path, None, Limits(pixels=count - 1)).reason == "too_many_pixels"
    assert refusal(path, None, Limits(file_bytes=size - 1)).reason == "too_many_bytes"


def test_a_file_that_grows_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(bad_images.png((HEIGHT, WIDTH), 8, 2, RGB))
    real = os.fstat

    def before_it_grew(descriptor: int) -> os.stat_result:
        fields = list(real(descriptor))
        fields[6] -= 100
        return os.stat_result(fields)

    monkeypatch.setattr(files.os, "fstat", before_it_grew)
    error = refusal(path)
    assert error.reason == "not_readable" and "still being written" in str(error)


def test_a_file_that_vanishes_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(b"x")

    def gone(*_: object) -> int:
        raise FileNotFoundError(2, "No such file or directory")

    monkeypatch.setattr(files.os, "open", gone)
    assert refusal(path).reason == "not_found"


def test_a_pipe_put_in_place_of_a_file_does_not_block(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    regular, pipe = tmp_path / "a.png", tmp_path / "pipe"
    regular.write_bytes(b"x")
    os.mkfifo(pipe)
    real = os.open
    monkeypatch.setattr(files.os, "open", lambda _, flags: real(pipe, flags))
    assert refusal(regular).reason == "not_a_regular_file"


@pytest.mark.parametrize("name", ["a\0b.png", "n" * 5000, "\ud800.png"])
def test_names_that_cannot_exist_are_refused(name: str, tmp_path: Path) -> None:
    for root in (None, tmp_path):
        error = refusal(tmp_path / name, root)
        assert error.reason in ("not_readable", "not_found")
        assert_is_one_sentence(str(error), tmp_path / name)
    with pytest.raises(InputError, match="does not exist"):
        find_images([tmp_path / name])


def test_without_a_root_links_may_lead_anywhere(place: Path) -> None:
    _, path = made(KINDS["link out of the folder"], place)
    assert load_image(path).format == "PNG"


def test_a_root_that_is_itself_a_link_is_the_folder_it_leads_to(place: Path) -> None:
    _, path = made(KINDS["link inside"], place)
    (place / "alias").symlink_to(place / "input")
    assert load_image(place / "alias" / path.name, place / "alias").format == "PNG"


def test_memory_is_that_of_the_picture() -> None:
    image = Image.new("RGBA", (3000, 4000), (1, 2, 3, 4))
    tracemalloc.start()
    rgb_hwc = pixels.as_rgb(image)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert (rgb_hwc == (1, 2, 3)).all()
    assert peak < rgb_hwc.nbytes + 2**21


@pytest.mark.parametrize("name", [name for name, kind in KINDS.items() if kind.rgb is not None])
def test_bands_meet_without_a_seam(name: str, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root, path = made(KINDS[name], place)
    whole = load_image(path, root).rgb_hwc
    monkeypatch.setattr(pixels, "_BAND_BYTES", 4 * WIDTH * 7)
    assert np.array_equal(load_image(path, root).rgb_hwc, whole)


# --- hostile structure ---


def test_pages_are_not_read_to_be_counted(tmp_path: Path) -> None:
    """A second directory that cannot be read does not concern the first page."""
    content = bytearray(bad_images.tiff([RGB.tobytes()]))
    directory = struct.unpack("<I", content[4:8])[0]
    entries = struct.unpack("<H", content[directory : directory + 2])[0]
    after = directory + 2 + 12 * entries
    content[after : after + 4] = struct.pack("<I", len(content) - 3)
    (tmp_path / "a.tif").write_bytes(content)
    image = load_image(tmp_path / "a.tif")
    assert np.array_equal(image.rgb_hwc, RGB)
    assert image.converted == ("first of several frames",)


def test_exif_in_a_few_pieces_is_no_reason(tmp_path: Path) -> None:
    stream = io.BytesIO()
    Image.fromarray(RGB).save(stream, "JPEG")
    jpeg = stream.getvalue()
    piece = b"\xff\xe1\x00\x10Exif\0\0" + bytes(8)
    (tmp_path / "a.jpg").write_bytes(jpeg[:2] + piece * 64 + jpeg[2:])
    assert load_image(tmp_path / "a.jpg").format == "JPEG"


def _overlapping(tags: int, size: int) -> bytes:
    """Make EXIF data whose many tags all name the same bytes."""
    block = 8 + 2 + 12 * tags + 4
    entries = [struct.pack("<HHII", 1000 + number, 7, size, block) for number in range(tags)]
    head = b"II*\0" + struct.pack("<IH", 8, tags)
    return head + b"".join(entries) + bytes(4 + size)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
def test_tags_that_name_the_same_bytes_do_not_multiply_them(tmp_path: Path, kind: str) -> None:
    exif = _overlapping(400, 2**19)
    stream = io.BytesIO()
    Image.fromarray(RGB).save(stream, kind, **({} if kind == "JPEG" else {"exif": exif}))
    content = stream.getvalue()
    if kind == "JPEG":
        parts = [b"Exif\0\0" + exif[at : at + 65_000] for at in range(0, len(exif), 65_000)]
        pieces = (b"\xff\xe1" + struct.pack(">H", len(part) + 2) + part for part in parts)
        content = content[:2] + b"".join(pieces) + content[2:]
    (tmp_path / "a").write_bytes(content)
    tracemalloc.start()
    image = load_image(tmp_path / "a")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert image.format == kind
    assert peak < 16 * 2**20  # the tags name 200 MiB


def test_a_thumbnail_does_not_hide_an_early_end(tmp_path: Path) -> None:
    """The end marker of a JPEG inside the EXIF data is not that of the picture."""
    thumbnail, stream = io.BytesIO(), io.BytesIO()
    Image.fromarray(RGB[:16, :16]).save(thumbnail, "JPEG")
    exif = b"Exif\0\0II*\0\x08\0\0\0\0\0\0\0\0\0" + thumbnail.getvalue()
    Image.fromarray(RGB).save(stream, "JPEG", quality=95, exif=exif)
    jpeg = stream.getvalue()
    (tmp_path / "whole.jpg").write_bytes(jpeg)
    (tmp_path / "short.jpg").write_bytes(jpeg[:-1500] + b"\xff\xd9")
    assert load_image(tmp_path / "whole.jpg").converted == ()
    assert refusal(tmp_path / "short.jpg").reason == "incomplete"


@pytest.mark.parametrize("kept", [0.2, 0.5, 0.9])
@pytest.mark.parametrize("options", [{}, {"subsampling": 0}, {"restart_marker_rows": 99}])
def test_jpegs_that_end_early_are_found(
    kept: float, options: dict[str, Any], tmp_path: Path
) -> None:
    noise = np.random.default_rng(1).integers(0, 256, (97, 131, 3), dtype=np.uint8)
    stream = io.BytesIO()
    Image.fromarray(noise).save(stream, "JPEG", quality=90, **options)
    jpeg = stream.getvalue()
    scan = jpeg.index(b"\xff\xda")
    cut = scan + int(kept * (len(jpeg) - scan))
    (tmp_path / "a.jpg").write_bytes(jpeg[:cut].rstrip(b"\xff") + b"\xff\xd9")
    assert refusal(tmp_path / "a.jpg").reason == "incomplete"


def test_errors_travel_between_processes() -> None:
    error = copy.copy(ImageError("damaged", "It is broken."))  # as a process pool takes it apart
    assert (error.reason, str(error)) == ("damaged", "It is broken.")


# --- fuzzing ---


def _seeds() -> dict[str, bytes]:
    small = Image.fromarray(RGB[:24, :32])
    seeds = {}
    for format, options in (
        ("JPEG", {}),
        ("JPEG", {"progressive": True}),
        ("PNG", {}),
        ("WEBP", {}),
        ("WEBP", {"lossless": True}),
        ("TIFF", {}),
        ("TIFF", {"compression": "tiff_lzw"}),
        ("TIFF", {"compression": "jpeg"}),
        ("BMP", {}),
    ):
        stream = io.BytesIO()
        small.save(stream, format, **options)  # type: ignore[arg-type]
        seeds[f"{format} {options}"] = stream.getvalue()
    return seeds


def _mutated(seed: bytes, rng: np.random.Generator) -> bytes:
    data = bytearray(seed)
    for _ in range(int(rng.integers(1, 5))):
        at = int(rng.integers(len(data) if rng.random() < 0.5 else min(len(data), 120)))
        length = int(rng.integers(1, 9))
        match int(rng.integers(5)):
            case 0:
                data[at] ^= 1 << int(rng.integers(8))
            case 1:
                data[at : at + length] = rng.bytes(length)
            case 2:
                data[at : at + length] = rng.choice([b"\0", b"\xff", b"\x7f"]) * length
            case 3:
                del data[at : at + length]
            case _:
                data[at:at] = data[at // 2 : at // 2 + length]
    return bytes(data[: int(rng.integers(1, len(data) + 1))] if rng.random() < 0.1 else data)


@pytest.mark.parametrize("seed", _seeds().values(), ids=_seeds().keys())
def test_mutated_files_end_in_an_image_or_an_image_error(seed: bytes, tmp_path: Path) -> None:
    rng = np.random.default_rng(2)
    path, limits = tmp_path / "picture", Limits(pixels=2**20)
    slowest = 0.0
    for _ in range(80):
        path.write_bytes(_mutated(seed, rng))
        begun = time.perf_counter()
        try:
            image = load_image(path, tmp_path, limits)
        except ImageError as error:
            assert error.reason in REASONS
            assert_is_one_sentence(str(error), path)
        else:
            assert image.rgb_hwc.shape == (image.height, image.width, 3)
            assert image.format in (*FORMATS, "MPO")
            assert image_size(path) == (image.height, image.width)
        slowest = max(slowest, time.perf_counter() - begun)
    assert slowest < 10


# --- finding ---


def _touched(root: Path, *names: str) -> list[Path]:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(b"x")
    return [root / name for name in names]


def test_every_suffix_and_depth_in_the_order_of_the_components(tmp_path: Path) -> None:
    expected = _touched(
        tmp_path, "B.PNG", "a/b/c/d.webp", "a/b.jpg", "a-b.tif", "a.bmp", "b.txt", "ä.jpeg"
    )
    expected.sort(key=lambda path: path.parts)
    assert find_images([tmp_path]) == expected


def test_the_order_of_the_file_system_does_not_matter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _touched(tmp_path, *(f"{i % 3}/{i % 7}/{i}.png" for i in range(60)))
    expected = find_images([tmp_path])
    assert len(expected) == 60
    real, rng = os.scandir, np.random.default_rng(3)

    @contextlib.contextmanager
    def shuffled(path: str) -> Iterator[Iterator[os.DirEntry[str]]]:
        with real(path) as entries:
            found = list(entries)
        yield iter([found[i] for i in rng.permutation(len(found))])

    class Shuffled(contextlib.ExitStack):
        def __init__(self, path: str) -> None:
            super().__init__()
            self._entries = self.enter_context(shuffled(path))

        def __next__(self) -> os.DirEntry[str]:
            return next(self._entries)

        def __iter__(self) -> Iterator[os.DirEntry[str]]:
            return self

    monkeypatch.setattr(os, "scandir", Shuffled)
    for _ in range(5):
        assert find_images([tmp_path]) == expected


def test_a_file_named_twice_is_listed_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _touched(tmp_path, "in/a.png", "in/sub/b.png")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "alias").symlink_to("in")
    spellings = [
        "in",
        "in/a.png",
        "./in/sub/b.png",
        "in/../in",
        "in/sub",
        os.fspath(tmp_path / "in"),
    ]
    found = find_images([Path(name) for name in [*spellings, "alias"]])
    assert found == [Path("in/a.png"), Path("in/sub/b.png")]


def test_the_order_of_the_inputs_does_not_matter(tmp_path: Path) -> None:
    inputs = _touched(tmp_path, "c.png", "a.png", "sub/b.png")
    assert find_images(inputs) == find_images(inputs[::-1]) == sorted(inputs)


def test_everything_but_litter_is_listed(place: Path) -> None:
    expected = set()
    for number, kind in enumerate(KINDS.values()):
        root = place / "input" / f"{number}"
        root.mkdir(parents=True)
        path = kind.make(root, place / f"outside{number}")
        if kind.listed and not kind.as_nobody:
            expected.add(path)
    found = find_images([place / "input"])
    assert expected <= set(found)
    unlisted = {"._x.jpg", ".DS_Store", "Thumbs.db", "x.png", "secret.png", "gone.png"}
    assert not unlisted & {path.name for path in found}
    for path in found:
        with contextlib.suppress(ImageError):
            load_image(path, place / "input")


def test_litter_named_by_hand_is_listed(tmp_path: Path) -> None:
    (path,) = _touched(tmp_path, "Thumbs.db")
    assert find_images([path]) == [path]


def test_an_empty_folder_holds_nothing(tmp_path: Path) -> None:
    assert find_images([tmp_path]) == []
    assert find_images([]) == []


def test_a_missing_input_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"nowhere.*does not exist"):
        find_images([tmp_path, tmp_path / "nowhere"])


def test_a_loop_of_folders_ends(tmp_path: Path) -> None:
    _touched(tmp_path, "a/b/c.png")
    (tmp_path / "a" / "b" / "up").symlink_to(tmp_path)
    found = find_images([tmp_path])
    assert found == [tmp_path / "a/b/c.png", tmp_path / "a/b/up"]
    assert refusal(found[1], tmp_path).reason == "not_a_regular_file"


def test_a_folder_that_may_not_be_opened_is_one_row(place: Path) -> None:
    root, forbidden = made(KINDS["forbidden folder"], place)
    (sound,) = _touched(root, "z.png")
    with unprivileged():
        assert find_images([root]) == [forbidden, sound]
        error = refusal(forbidden, root)
        assert error.reason == "not_readable" and "Permission denied" in str(error)
        with pytest.raises(InputError, match="cannot be reached"):
            find_images([forbidden / "picture.png"])


def test_a_folder_that_may_be_listed_and_not_entered_costs_its_own_entries(place: Path) -> None:
    (sound,) = _touched(place, "z.png")
    (inside,) = _touched(place, "listed/below/a.png")
    (beside,) = _touched(place, "listed/b.png")
    (place / "listed").chmod(0o444)
    with unprivileged():
        assert find_images([place]) == [beside, inside.parent, sound]
        for path in (beside, inside.parent):
            assert refusal(path, place).reason == "not_readable"


def test_a_folder_too_deep_costs_its_own_entry(tmp_path: Path) -> None:
    (sound,) = _touched(tmp_path, "z.png")
    too_deep(tmp_path)
    found = find_images([tmp_path])
    assert len(found) == 2 and found[1] == sound
    error = refusal(found[0], tmp_path)
    assert error.reason == "not_readable" and "File name too long" in str(error)


def test_a_listing_that_breaks_off_keeps_what_it_gave(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _touched(place, "a/1.png", "a/2.png", "b/3.png")
    whole = os.scandir

    class Broken:
        def __init__(self, path: Path) -> None:
            self.entries = whole(path)

        def __enter__(self) -> Any:
            return self

        def __exit__(self, *_: object) -> None:
            self.entries.close()

        def __iter__(self) -> Iterator[os.DirEntry[str]]:
            yield next(self.entries)
            raise OSError(errno.ESTALE, os.strerror(errno.ESTALE))

    monkeypatch.setattr(os, "scandir", lambda p: (Broken if p == place / "a" else whole)(p))
    found = find_images([place])
    assert len(found) == 3 and found[0] == place / "a" and found[2] == place / "b" / "3.png"
    assert found[1].parent == place / "a"
    error = refusal(found[0], place)
    assert error.reason == "not_readable" and "Stale" in str(error)


def test_thousands_of_files_are_found_quickly(tmp_path: Path) -> None:
    for folder in range(10):
        (tmp_path / f"{folder}").mkdir()
        for number in range(200):
            (tmp_path / f"{folder}" / f"{number}.png").touch()
    begun = time.perf_counter()
    assert len(find_images([tmp_path])) == 2000
    assert time.perf_counter() - begun < 10


# --- names ---


def test_paths_are_shown_on_one_line_and_never_alike() -> None:
    pieces = ["a", "\\", "x0a", "\n", "\x1b", "\x80", os.fsdecode(b"\x80"), "\u202e", "\ud800", "é"]
    shown = {}
    for parts in itertools.product(pieces, repeat=3):
        name = "".join(parts)
        text = display_path(Path(name))
        assert text.isprintable() and text.encode("utf-8")
        assert shown.setdefault(text, name) == name
    assert display_path(Path("a b/<i>é&日本.png")) == "a b/<i>é&日本.png"
