"""Files inside files: what lies in archives and PDFs is found, read and bounded."""

from __future__ import annotations

import hashlib
import io
import struct
import sys
import tracemalloc
import zipfile
import zlib
from pathlib import Path

import held_images
import numpy as np
import pytest
from bad_images import HEIGHT, RGB, WIDTH, picture, png, saved
from held_images import PNG, locked, pdf, pdf_picture, zipped

from fp.images.loading import Limits, display_path, find_images, load_image
from fp.system import archives, members
from fp.system.errors import ImageError, InputError
from fp.system.paths import path_of, read_file

needs_pdf = pytest.mark.skipif(not held_images.PDF, reason="pypdf is not installed")
OTHER = png((HEIGHT, WIDTH), 8, 2, RGB[::-1])
MOST = 2**30


def refused(path: Path, root: Path | None = None, limits: Limits | None = None) -> ImageError:
    """Return the error that a file ends in, which is one sentence about it."""
    with pytest.raises(ImageError) as caught:
        load_image(path, root, limits)
    message = str(caught.value)
    assert message.startswith(display_path(path)) and message.endswith(".")
    assert message.isprintable() and message.count(". ") == 0
    return caught.value


def put(folder: Path, name: str, content: bytes) -> Path:
    (folder / name).write_bytes(content)
    return folder / name


def open_files() -> int:
    """Return how many files this process has open."""
    return len(list(Path("/proc/self/fd").iterdir()))


# --- ZIP ---


def test_files_in_an_archive_are_listed_below_it_and_read_in_place(tmp_path: Path) -> None:
    folder = tmp_path / "two words"
    folder.mkdir()
    names = ["b/second one.png", "b/", "a.png", ".DS_Store", "__MACOSX/._a.png", "note.txt"]
    archive = put(folder, "a picture.zip", zipped(dict.fromkeys(names, PNG)))
    put(folder, "z.png", OTHER)
    before = sorted(tmp_path.rglob("*")), archive.stat().st_mtime_ns
    found = find_images([folder])
    expected = ["a picture.zip/a.png", "a picture.zip/b/second one.png", "a picture.zip/note.txt"]
    assert [path.relative_to(folder).as_posix() for path in found] == [*expected, "z.png"]
    for path in found[:3]:
        image = load_image(path, folder)
        assert image.sha256 == hashlib.sha256(PNG).hexdigest() and image.path == path
        assert np.array_equal(image.rgb_hwc, RGB)
    assert np.array_equal(load_image(found[3], folder).rgb_hwc, RGB[::-1])
    assert (sorted(tmp_path.rglob("*")), archive.stat().st_mtime_ns) == before
    assert find_images([archive]) == found[:3]
    assert find_images([found[1], archive]) == found[:3]
    assert find_images([found[1]]) == [found[1]]
    assert refused(archive / "c.png").reason == "not_found"
    with pytest.raises(InputError, match="does not exist"):
        find_images([folder / "b.zip" / "a.png"])


def test_an_archive_is_one_by_its_content_and_not_by_its_name(tmp_path: Path) -> None:
    put(tmp_path, "a.zip", PNG)
    put(tmp_path, "letter.docx", zipped({"word/media/image1.png": PNG}))
    assert find_images([tmp_path]) == [
        tmp_path / "a.zip",
        tmp_path / "letter.docx/word/media/image1.png",
    ]
    assert refused(tmp_path / "a.zip" / "b.png").reason == "not_found"


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("../x.png", "#1 x.png"),
        ("a/../../x.png", "#1 x.png"),
        ("/etc/x.png", "#1 x.png"),
        ("./x.png", "#1 x.png"),
        ("a//x.png", "#1 x.png"),
        ("..", "#1"),
        ("", "#1"),
        ("\0x.png", "#1"),  # a name ends at its zero
        ("#2 x.png", "#1 #2 x.png"),
        ("C:\\x.png", "C:\\x.png"),
        ("line\nbreak.png", "line\nbreak.png"),
        (b"caf\xe9.png", "cafΘ.png"),  # as code page 437 has it
        ("né.png".encode(), "né.png"),  # UTF-8 that does not say so
        ("n" * 3000 + ".png", "n" * 3000 + ".png"),
    ],
)
def test_no_name_leads_out_of_its_archive(name: str | bytes, shown: str, tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    for place in (tmp_path, folder):
        put(place, "x.png", OTHER)  # what a name that led out would reach
    archive = put(folder, "a.zip", zipped({name: PNG, "z.png": PNG}))
    found = find_images([archive])
    assert set(found) == {archive / shown, archive / "z.png"}
    for path in found:
        assert np.array_equal(load_image(path, folder).rgb_hwc, RGB)
        assert path_of(display_path(path)) == path and "\n" not in display_path(path)


def test_a_name_that_stands_there_twice_is_two_files(tmp_path: Path) -> None:
    content = zipped({"a.png": PNG, "b.png": OTHER}).replace(b"b.png", b"a.png")
    archive = put(tmp_path, "a.zip", content)
    first, second = archive / "a.png", archive / "#2 a.png"
    assert find_images([tmp_path]) == [second, first]
    assert np.array_equal(load_image(first).rgb_hwc, RGB)
    assert np.array_equal(load_image(second).rgb_hwc, RGB[::-1])


def test_a_name_that_claims_to_be_utf_8_and_is_not_is_said(tmp_path: Path) -> None:
    content = zipped({"é.png": PNG}).replace("é".encode(), b"\xff\xfe")
    archive = put(tmp_path, "a.zip", content)
    assert find_images([tmp_path]) == [archive]
    assert refused(archive).reason == "damaged"


def test_a_damaged_file_in_an_archive_costs_its_own_row(tmp_path: Path) -> None:
    content = bytearray(zipped({"a.png": PNG, "b.png": PNG, "c.png": PNG}))
    content[content.index(b"b.png") + 100] ^= 255
    archive = put(tmp_path, "a.zip", bytes(content))
    found = find_images([tmp_path])
    assert len(found) == 3
    assert refused(archive / "b.png").reason == "damaged"
    for name in ("a.png", "c.png"):
        assert np.array_equal(load_image(archive / name).rgb_hwc, RGB)


def test_a_truncated_file_in_an_archive_is_damaged(tmp_path: Path) -> None:
    content = zipped({"a.png": PNG}, method=zipfile.ZIP_STORED)
    data, directory = content.index(PNG), content.index(b"PK\1\2")
    short = content[: data + 500] + content[directory:]
    short = short[:-6] + struct.pack("<I", data + 500) + short[-2:]
    archive = put(tmp_path, "a.zip", short)
    assert find_images([archive]) == [archive / "a.png"]
    assert refused(archive / "a.png").reason == "damaged"


@pytest.mark.parametrize("cut", [30, 60, 200])
def test_an_archive_without_its_end_is_one_row(cut: int, tmp_path: Path) -> None:
    archive = put(tmp_path, "a.zip", zipped({"a.png": PNG, "b.png": PNG})[:-cut])
    assert find_images([tmp_path]) == [archive]
    assert refused(archive).reason == "damaged"


def test_what_unpacks_to_much_is_refused_unpacked(tmp_path: Path) -> None:
    zeros = bytes(64 * 2**20)
    archive = put(tmp_path, "bomb.zip", zipped({"a.bmp": zeros, "b.png": PNG}))
    assert archive.stat().st_size < 2**17
    tracemalloc.start()
    error = refused(archive / "a.bmp")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert error.reason == "too_many_bytes" and peak < 2**21
    assert load_image(archive / "b.png").width == WIDTH
    small = Limits(file_bytes=len(PNG))
    assert load_image(archive / "b.png", None, small).width == WIDTH
    small = Limits(file_bytes=len(PNG) - 1)
    assert refused(archive / "b.png", None, small).reason == "too_many_bytes"


def test_a_size_that_is_a_lie_does_not_fill_the_memory(tmp_path: Path) -> None:
    zeros = bytes(64 * 2**20)
    content = zipped({"a.bmp": zeros}).replace(struct.pack("<I", len(zeros)), bytes([9, 0, 0, 0]))
    archive = put(tmp_path, "a.zip", content)
    tracemalloc.start()
    assert refused(archive / "a.bmp").reason == "damaged"
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2**22


def test_a_long_directory_is_refused_unread(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = zipped({f"{number}.png": b"x" for number in range(200)})
    monkeypatch.setattr(archives, "MOST_MEMBERS", 199)
    archive = put(tmp_path, "a.zip", content)
    assert find_images([tmp_path]) == [archive]
    assert refused(archive).reason == "too_many_bytes"
    monkeypatch.setattr(archives, "MOST_MEMBERS", 200)
    monkeypatch.setattr(archives, "_MOST_AT_ONCE", 8000)
    assert find_images([tmp_path]) == [archive]
    assert refused(archive).reason == "too_many_bytes"
    monkeypatch.setattr(archives, "_MOST_AT_ONCE", 80_000)
    assert len(find_images([tmp_path])) == 200


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_other_methods_are_refused(method: int, tmp_path: Path) -> None:
    archive = put(tmp_path, "a.zip", zipped({"a.png": PNG}, method=method))
    assert refused(archive / "a.png").reason == "unsupported_mode"


def test_a_password_is_said(tmp_path: Path) -> None:
    archive = put(tmp_path, "a.zip", locked(zipped({"a.png": PNG})))
    error = refused(archive / "a.png")
    assert error.reason == "encrypted" and "password" in str(error)


def test_an_archive_in_an_archive_is_not_opened(tmp_path: Path) -> None:
    inner = {"b.zip": zipped({"c.png": PNG}), "d.pdf": pdf([])}
    archive = put(tmp_path, "a.zip", zipped({**inner, "a.png": PNG}))
    assert find_images([tmp_path]) == [archive / name for name in ("a.png", "b.zip", "d.pdf")]
    for name in inner:
        error = refused(archive / name)
        assert error.reason == "not_an_image" and "inside another one" in str(error)


def test_an_archive_given_for_a_picture_names_what_is_in_it(tmp_path: Path) -> None:
    archive = put(tmp_path, "a.zip", zipped({"b/c.png": PNG}))
    error = refused(archive)
    assert error.reason == "not_an_image" and f"{archive}/b/c.png" in str(error)


def test_a_link_to_an_archive_outside_tells_nothing_of_it(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    outside = put(tmp_path, "secret.zip", zipped({"secret.png": PNG}))
    (folder / "link.zip").symlink_to(outside)
    assert find_images([folder]) == [folder / "link.zip"]
    assert refused(folder / "link.zip", folder).reason == "link_outside"
    assert refused(folder / "link.zip" / "secret.png", folder).reason == "link_outside"
    inside = put(folder, "inside.zip", zipped({"a.png": PNG}))
    (folder / "link.zip").unlink()
    (folder / "link.zip").symlink_to(inside)
    assert find_images([folder]) == [inside / "a.png", folder / "link.zip" / "a.png"]
    assert load_image(folder / "link.zip" / "a.png", folder).width == WIDTH


def test_an_archive_that_was_replaced_is_read_anew(tmp_path: Path) -> None:
    archive = put(tmp_path, "a.zip", zipped({"a.png": PNG, "b.png": PNG}))
    assert np.array_equal(load_image(archive / "a.png").rgb_hwc, RGB)
    put(tmp_path, "other.zip", zipped({"c.png": PNG, "a.png": OTHER})).replace(archive)
    assert np.array_equal(load_image(archive / "a.png").rgb_hwc, RGB[::-1])
    assert refused(archive / "b.png").reason == "not_found"


def test_a_directory_is_read_once_and_no_file_stays_open(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = []
    whole = members.Archive

    def counted(*arguments: object) -> archives.Archive:
        read.append(1)
        return whole(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(members, "Archive", counted)
    archive = put(tmp_path, "a.zip", zipped({f"{number}.png": PNG for number in range(50)}))
    opened = open_files()
    for path in find_images([tmp_path]):
        assert read_file(path, tmp_path, MOST) == PNG
    assert len(read) == 1
    for number in range(9):
        put(tmp_path, f"{number}.zip", archive.read_bytes())
    assert len(find_images([tmp_path])) == 500
    assert len(members._kept) <= 4 and open_files() == opened


# --- PDF ---


@needs_pdf
def test_a_jpeg_in_a_pdf_is_its_own_bytes(tmp_path: Path) -> None:
    jpeg = saved(picture(), "JPEG", quality=90)
    packed = zlib.compress(jpeg)
    pictures = [
        (pdf_picture(b"/DCTDecode", b"[/ICCBased 99 0 R]"), jpeg),  # a profile that is gone
        (pdf_picture(b"[/FlateDecode/DCTDecode]"), packed),
    ]
    document = put(tmp_path, "a letter.pdf", pdf(pictures))
    found = find_images([tmp_path])
    assert found == [document / "page 1 picture 1", document / "page 2 picture 1"]
    for path in found:
        image = load_image(path, tmp_path)
        assert image.sha256 == hashlib.sha256(jpeg).hexdigest()
        assert (image.format, image.compression) == ("JPEG", "JPEG")


def _filtered(samples: np.ndarray) -> bytes:
    """Return rows as PNG's predictor "up" leaves them."""
    before = np.concatenate([np.zeros_like(samples[:1]), samples[:-1]])
    return b"".join(b"\2" + row.tobytes() for row in samples - before)


@needs_pdf
@pytest.mark.parametrize("space", [b"/DeviceRGB", b"[/ICCBased 4 0 R]", b"/DeviceGray"])
@pytest.mark.parametrize("predicted", [False, True])
def test_samples_in_a_pdf_are_those_of_the_picture(
    space: bytes, predicted: bool, tmp_path: Path
) -> None:
    samples = RGB[..., 0] if space == b"/DeviceGray" else RGB
    data = samples.reshape(HEIGHT, -1)
    filters = b"/FlateDecode/N 3"  # the profile is looked for in the picture itself
    if predicted:
        filters += b"/DecodeParms<</Predictor 15/Columns %d/Colors %d>>" % (
            WIDTH,
            data.shape[1] // WIDTH,
        )
    content = zlib.compress(_filtered(data) if predicted else data.tobytes())
    document = put(tmp_path, "a.pdf", pdf([(pdf_picture(filters, space), content)]))
    image = load_image(document / "page 1 picture 1")
    assert image.format == "BMP" and image.compression == "lossless"
    expected = samples if samples.ndim == 3 else np.repeat(samples[..., None], 3, 2)
    assert np.array_equal(image.rgb_hwc, expected)
    again = load_image(document / "page 1 picture 1")
    assert again.sha256 == image.sha256


@needs_pdf
@pytest.mark.parametrize(
    ("told", "data", "reason"),
    [
        (pdf_picture(b"/FlateDecode"), zlib.compress(RGB.tobytes()[:-1]), "incomplete"),
        (pdf_picture(b"/FlateDecode", bits=4), zlib.compress(RGB.tobytes()), "unsupported_mode"),
        (
            pdf_picture(b"/FlateDecode", b"[/Indexed/DeviceRGB 1(abcdef)]"),
            zlib.compress(RGB.tobytes()),
            "unsupported_mode",
        ),
        (
            pdf_picture(b"/FlateDecode/Decode[1 0 1 0 1 0]"),
            zlib.compress(RGB.tobytes()),
            "unsupported_mode",
        ),
        (pdf_picture(b"/CCITTFaxDecode", b"/DeviceGray"), b"\0\1", "unsupported_mode"),
        (pdf_picture(b"/JPXDecode"), saved(picture(), "JPEG2000"), "not_an_image"),
        (pdf_picture(b"/DCTDecode"), saved(picture(), "JPEG")[:-40], "damaged"),
        (pdf_picture(b"/NoSuchDecode"), b"x", "unsupported_mode"),
        (pdf_picture(b"[/JBIG2Decode/DCTDecode]"), b"x", "unsupported_mode"),
        (pdf_picture(b"/FlateDecode"), zlib.compress(bytes(2**28)), "damaged"),  # a bomb
    ],
)
def test_a_picture_in_a_pdf_that_cannot_be_had_costs_its_own_row(
    told: bytes, data: bytes, reason: str, tmp_path: Path
) -> None:
    good = (pdf_picture(b"/FlateDecode"), zlib.compress(RGB.tobytes()))
    document = put(tmp_path, "a.pdf", pdf([(told, data), good]))
    assert find_images([tmp_path]) == [document / f"page {page} picture 1" for page in (1, 2)]
    assert refused(document / "page 1 picture 1").reason == reason
    assert np.array_equal(load_image(document / "page 2 picture 1").rgb_hwc, RGB)


@needs_pdf
def test_a_picture_on_two_pages_and_in_a_form_is_one(tmp_path: Path) -> None:
    import pypdf
    from pypdf.generic import DecodedStreamObject, DictionaryObject, NameObject

    jpeg = saved(picture(), "JPEG")
    source = pdf([(pdf_picture(b"/DCTDecode"), jpeg)])
    writer = pypdf.PdfWriter(clone_from=io.BytesIO(source))
    page = writer.pages[0]
    held = page["/Resources"]["/XObject"].raw_get("/Im0")
    form = DecodedStreamObject()
    inner = DictionaryObject({NameObject("/Im9"): held})
    form.update(
        {
            NameObject("/Type"): NameObject("/XObject"),
            NameObject("/Subtype"): NameObject("/Form"),
            NameObject("/Resources"): DictionaryObject({NameObject("/XObject"): inner}),
        }
    )
    place = writer._add_object(form)
    inner[NameObject("/Self")] = place  # a form in itself
    page["/Resources"][NameObject("/XObject")] = DictionaryObject({NameObject("/F"): place})
    writer.add_page(page)
    stream = io.BytesIO()
    writer.write(stream)
    document = put(tmp_path, "a.pdf", stream.getvalue())
    assert find_images([tmp_path]) == [document / "page 1 picture 1"]
    assert read_file(document / "page 1 picture 1", None, MOST) == jpeg


@needs_pdf
def test_a_picture_that_is_missing_costs_no_other(tmp_path: Path) -> None:
    pictures = [(pdf_picture(b"/DCTDecode"), saved(picture(), "JPEG"))] * 2
    document = put(tmp_path, "a.pdf", pdf(pictures).replace(b"/Im0 4 0 R", b"/Im0 9 0 R"))
    assert find_images([tmp_path]) == [document / "page 2 picture 1"]


@needs_pdf
def test_a_pdf_under_a_password_is_one_row(tmp_path: Path) -> None:
    import pypdf

    stream = io.BytesIO()
    writer = pypdf.PdfWriter(clone_from=io.BytesIO(pdf([(pdf_picture(b"/DCTDecode"), b"x")])))
    writer.encrypt("secret", algorithm="RC4-128")
    writer.write(stream)
    document = put(tmp_path, "a.pdf", stream.getvalue())
    assert find_images([tmp_path]) == [document]
    error = refused(document)
    assert error.reason == "encrypted" and "password" in str(error)


# --- without a package ---


@pytest.mark.parametrize(
    ("module", "name", "content", "package"),
    [
        ("pypdf", "a.pdf", pdf([(pdf_picture(b"/DCTDecode"), b"x")]), "pypdf"),
        ("pillow_heif.HeifImagePlugin", "a.heic", b"\0\0\0\x18ftypheic" + bytes(99), "pillow-heif"),
        ("pillow_jxl", "a.jxl", b"\xff\x0a\1" + bytes(99), "pillow-jxl-plugin"),
    ],
)
def test_a_package_that_is_not_installed_is_named(
    module: str,
    name: str,
    content: bytes,
    package: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, module, None)  # type: ignore[arg-type]
    path = put(tmp_path, name, content)
    assert find_images([tmp_path]) == [path]
    error = refused(path)
    assert error.reason == "needs_package" and f"install the package {package} " in str(error)


# --- addresses ---


@pytest.mark.parametrize(
    "address", ["https://example.org/a.png", "HTTP://example.org/a.png", "data:image/png;base64,AA"]
)
def test_an_address_is_refused_as_one(address: str) -> None:
    with pytest.raises(InputError, match=f"^{address} is an address"):
        find_images([Path(address)])


def test_a_file_named_like_an_address_is_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    path = put(Path(), "data:a.png", PNG)
    assert find_images([path]) == [path]
