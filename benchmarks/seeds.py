"""Intact files for each door of `doors.py`: what is damaged. They are the same bytes every time."""

from __future__ import annotations

import contextlib
import importlib
import io
import json
import os
import sys
import zipfile
import zlib
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from damages import chained
from PIL import Image, PngImagePlugin

PROJECT = Path(__file__).parent.parent

sys.path.insert(0, str(PROJECT / "tests" / "kit"))


def image_seeds() -> list[bytes]:
    """Draw one small picture in every format, kind of coding and kind of metadata."""
    rng = np.random.default_rng(0)
    field = np.cumsum(rng.normal(0, 4, (96, 80, 3)), axis=0) + 128
    rgb = Image.fromarray(np.clip(field, 0, 255).astype(np.uint8))
    exif = Image.Exif()
    exif[0x0131], exif[0x0112], exif[0x010F] = "Painter 1.0", 6, "Canon"
    text = PngImagePlugin.PngInfo()
    text.add_text("parameters", "a cat, Steps: 20")
    text.add_text("prompt", "{}" * 50, zip=True)
    xmp = b'<x:xmpmeta><r Iptc4xmpExt:DigitalSourceType="trainedAlgorithmicMedia"/></x:xmpmeta>'
    frames = {"save_all": True}
    gray, alpha = rgb.convert("L"), rgb.copy()
    alpha.putalpha(gray)
    deep = Image.fromarray(np.asarray(gray).astype(np.uint16) * 257)
    made = [
        (rgb, "JPEG", {"quality": 75, "exif": exif, "comment": b"x"}),
        (rgb, "JPEG", {"quality": 90, "progressive": True, "xmp": xmp}),
        (rgb, "JPEG", {"quality": 60, "subsampling": 0, "restart_marker_blocks": 4}),
        (gray, "JPEG", {}),
        (rgb.convert("CMYK"), "JPEG", {}),
        (rgb, "MPO", frames),
        (rgb, "PNG", {"pnginfo": text, "exif": exif}),
        (rgb.convert("P"), "PNG", {"transparency": 3}),
        (alpha, "PNG", {}),
        (deep, "PNG", {}),
        (gray.convert("1"), "PNG", {"bits": 1}),
        (rgb, "PNG", frames),
        (rgb, "WEBP", {"quality": 70, "exif": exif, "xmp": xmp}),
        (alpha, "WEBP", {"lossless": True}),
        (rgb, "WEBP", frames),
        (rgb, "TIFF", {"exif": exif}),
        (rgb, "TIFF", {"compression": "tiff_lzw"}),
        (rgb, "TIFF", {"compression": "tiff_adobe_deflate"}),
        (rgb, "TIFF", {"compression": "jpeg"}),
        (rgb, "TIFF", {"compression": "packbits"}),
        (rgb, "TIFF", frames),
        (deep, "TIFF", {}),
        (gray.convert("1"), "TIFF", {"compression": "group4"}),
        (rgb, "BMP", {}),
        (rgb.convert("P"), "BMP", {}),
        (gray.convert("1"), "BMP", {}),
        (rgb.convert("P"), "GIF", {}),
        (rgb, "GIF", frames),
        (rgb, "AVIF", {"exif": exif}),
        (rgb, "AVIF", frames),
    ]
    for module, more in (
        ("pillow_heif.HeifImagePlugin", [(rgb, "HEIF", {}), (rgb, "HEIF", frames)]),
        ("pillow_jxl", [(rgb, "JXL", {}), (alpha, "JXL", {"exif": exif.tobytes()})]),
    ):
        with contextlib.suppress(ImportError):
            importlib.import_module(module)
            made += more
    seeds = []
    for picture, kind, options in made:
        file = io.BytesIO()
        if "save_all" in options:
            options = {**options, "append_images": [rgb.rotate(90)]}
        picture.copy().save(file, kind, **options)  # a picture remembers how it was saved
        seeds.append(file.getvalue())
    return [*seeds, *container_seeds(seeds)]


def container_seeds(pictures: list[bytes] | None = None) -> list[bytes]:
    """Return two archives and a PDF of a few pictures."""
    from held_images import pdf, zipped

    pictures = pictures or image_seeds()
    jpeg, png = pictures[0], pictures[6]
    told = b"/Width 80/Height 96/BitsPerComponent 8/ColorSpace/DeviceRGB/Filter"
    samples = zlib.compress(bytes(range(240)) * 96)
    return [
        zipped({"a.jpg": jpeg, "b/c.png": png}),
        zipped({"a.jpg": jpeg, "b.png": png}, method=zipfile.ZIP_STORED),
        pdf([(told + b"/DCTDecode", jpeg), (told + b"/FlateDecode", samples)]),
    ]


def fingerprint_seeds() -> list[bytes]:
    """Return the golden file of version 1.0, and one of this version with joined parts."""
    from golden_bank import GOLDEN, full, small

    from fp.fingerprint.store.bank import write_bank

    os.environ.setdefault("SOURCE_DATE_EPOCH", "1700000000")
    with TemporaryDirectory() as folder:
        path = Path(folder) / "seed.h5"
        write_bank(path, [full(), small()])
        return [GOLDEN.read_bytes(), path.read_bytes()]


def pattern_seeds() -> list[bytes]:
    """Return published fingerprints as their authors write them."""
    from published import write_published

    drawn = np.random.default_rng(0).normal(size=(3, 32, 64))
    with TemporaryDirectory() as folder:
        path = Path(folder) / "chk_0.pt"
        return [
            write_published(path, drawn, **changes).read_bytes()
            for changes in ({}, {"Loss": None}, {"Train_Fake": drawn.tolist()})
        ]


def case_seeds() -> list[bytes]:
    """Return an archive of a case with three exhibits, a bank, a note and a report."""
    from golden_bank import small

    from fp.case import add_exhibits, add_note, init_case, open_case, write_archive, write_report
    from fp.case.folder import add_bank
    from fp.case.log import LOG
    from fp.fingerprint.detection.opening import StoredBank
    from fp.fingerprint.store.bank import write_bank

    pictures = image_seeds()
    with TemporaryDirectory() as place:
        case, seized = Path(place) / "case", Path(place) / "seized pictures"
        seized.mkdir()
        for name, content in (("a.jpg", pictures[0]), ("b.png", pictures[6]), ("c.png", b"\x89")):
            (seized / name).write_bytes(content)
        bank = Path(place) / "bank.h5"
        write_bank(bank, [small()])
        init_case(case, "Fuzzed", "A")
        with open_case(case) as opened:
            add_exhibits(opened, [seized])
            add_bank(opened, StoredBank.at(bank))
            add_note(opened, "Received on a disk")
            write_report(opened)
        log = case / LOG  # so that a seed is the same bytes every time
        lines = [json.loads(line) for line in log.read_bytes().splitlines()[:-1]]
        fixed = {"time_utc": "2026-01-01T00:00:00Z", "tool_version": "0"}
        for line in lines:
            line |= {key: value for key, value in fixed.items() if key in line}
            line |= {"origin": f"/seized/{line['kind']}"} if "origin" in line else {}
        log.write_bytes(chained(lines))
        write_archive(case, Path(place) / "case.zip")
        return [(Path(place) / "case.zip").read_bytes()]
