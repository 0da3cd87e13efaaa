"""A case with every kind of exhibit, its sources and its archive, made once a session."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from commands import EPOCH, environment, fp, laboratory
from PIL import Image, PngImagePlugin
from synthetic import ODD_NAMES, Generator, photograph, save

_made: list[Path] = []


def made_case(factory: pytest.TempPathFactory) -> Path:
    """Return the folder that has it: ``seized``, ``case`` and ``case.zip``."""
    if not _made:
        _made.append(factory.mktemp("made"))
        _make(_made[0], factory)
    return _made[0]


def _make(folder: Path, factory: pytest.TempPathFactory) -> None:
    lab = laboratory(factory)
    (folder / "seized").mkdir()
    for number, name in enumerate(ODD_NAMES):
        save(photograph(2000 + number), os.fsencode(folder / "seized") + b"/" + os.fsencode(name))
    info = PngImagePlugin.PngInfo()
    info.add_text("parameters", "<script>alert(1)</script> *bold* [x](http://y)")
    picture = Image.fromarray(Generator(0).draw(2000))
    picture.save(folder / "seized" / "made.png", pnginfo=info)
    picture.save(folder / "seized" / "other size.png")
    Image.fromarray(Generator(0).draw(2001, 128)).save(folder / "seized" / "large.png")
    picture.save(folder / "seized" / "again.jpg", quality=97)
    (folder / "seized" / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\nno more")
    (folder / "seized" / "gone.png").symlink_to("nowhere")
    with environment(FP_CACHE=lab.cache, SOURCE_DATE_EPOCH=EPOCH):
        case = folder / "case"
        assert fp("case", "init", case, "--title", "Case <17>", "--examiner", "A").code == 0
        outcome = fp("case", "add", case, folder / "seized")
        assert outcome.code == 3 and "not added (not_found)" in outcome.err
        assert fp("case", "note", case, "Received\non a <b>disk</b>").code == 0
        assert fp("case", "run", case, lab.single, "--jobs", 1).code == 3
        outcome = fp("case", "export", case, "-o", folder / "case.zip")
        assert (outcome.code, outcome.err) == (0, "")
