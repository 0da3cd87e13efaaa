"""``fp cache``, and where commands keep residuals: said, bounded, and never by ``fp detect``."""

from __future__ import annotations

import io
import shutil
import sys
from pathlib import Path

import pytest
from commands import environment, fp, state


@pytest.fixture(scope="module")
def residuals(lab, tmp_path_factory):
    """Return a folder of residuals that one extraction kept."""
    folder = tmp_path_factory.mktemp("kept") / "residuals"
    output = folder.parent / "f.h5"
    assert _with(folder, *extracting(lab, output)).code in (0, 3)
    return folder


@pytest.fixture
def cache(residuals, tmp_path):
    """Lend a copy of the residuals, and somebody's file beside them."""
    folder = tmp_path / "my residuals"
    shutil.copytree(residuals, folder)
    (folder / "notes.txt").write_text("mine", "utf-8")
    return folder


class Terminal(io.StringIO):
    """Somebody who answers."""

    def isatty(self) -> bool:
        """Return that there is somebody."""
        return True


def entries(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*.residual"))


def extracting(lab, output: Path, *more: object) -> tuple[object, ...]:
    folders = ("--generated", lab.made(0), "--real", lab.real)
    fast = ("--method", "mean", "--folds", 4, "--no-audit", "--null", 0, "--jobs", 1)
    return ("extract", *folders, "-o", output, *fast, *more)


def test_info_says_where_how_many_and_how_large_by_denoiser(cache):
    before = state(cache)
    found = entries(cache)
    size = sum(path.stat().st_size for path in found) / 2**20
    told = [str(cache)]
    amount = f"{len(found)} residuals, {size:.1f} MiB"
    told += [f"  {name:<16} {amount}" for name in ("wavelet", "in all")]
    assert len(found) > 10
    for outcome in (fp("cache", "info", "--cache", cache), _with(cache, "cache", "info")):
        assert (outcome.code, outcome.err) == (0, "")
        assert outcome.out.splitlines() == told
    assert state(cache) == before


def _with(folder, *arguments):
    with environment(FP_CACHE=folder):
        return fp(*arguments)


def test_info_of_a_folder_that_is_not_there_makes_none(tmp_path):
    outcome = fp("cache", "info", "--cache", tmp_path / "none")
    assert outcome.code == 0 and outcome.out.endswith("in all           0 residuals, 0.0 MiB\n")
    assert not (tmp_path / "none").exists()


def test_clear_asks_and_deletes_what_fp_wrote(cache, monkeypatch):
    number = len(entries(cache))
    monkeypatch.setattr(sys, "stdin", Terminal("n\n"))
    refused = fp("cache", "clear", "--cache", cache)
    assert refused.code == 0 and f"Delete {number} residuals" in refused.out
    assert "nothing was deleted" in refused.out and len(entries(cache)) == number
    monkeypatch.setattr(sys, "stdin", Terminal("y\n"))
    assert f"{number} residuals deleted in {cache}" in fp("cache", "clear", "--cache", cache).out
    assert [path.name for path in cache.iterdir()] == ["notes.txt"]


def test_clear_takes_yes_where_nobody_can_be_asked(cache, monkeypatch):
    number = len(entries(cache))
    monkeypatch.setattr(sys, "stdin", io.StringIO())
    refused = fp("cache", "clear", "--cache", cache)
    assert refused.code == 2 and "add --yes" in refused.sentence
    assert len(entries(cache)) == number
    assert fp("cache", "clear", "--yes", "--cache", cache).out.startswith(f"{number} residuals")
    assert entries(cache) == []


@pytest.mark.slow
def test_extract_says_once_where_residuals_lie_if_nobody_named_a_folder(lab, tmp_path, monkeypatch):
    place = tmp_path / "users" / "fp-forensics"
    monkeypatch.delenv("FP_CACHE", raising=False)
    monkeypatch.setattr("platformdirs.user_cache_path", lambda _: place)
    first = fp(*extracting(lab, tmp_path / "a.h5", "--cache-limit", "3G"))
    told = f"residuals of the images are kept in {place}, at most 3 GiB; "
    assert told in first.err and "fp cache clear" in first.err and len(entries(place)) == 48
    second = fp(*extracting(lab, tmp_path / "b.h5"))
    assert "kept in" not in second.err and second.code == first.code
    shutil.rmtree(place)
    for number, more in enumerate((("--no-cache",), ("--cache", tmp_path / "named"))):
        other = fp(*extracting(lab, tmp_path / f"{number}.h5", *more))
        assert "kept in" not in other.err and not place.exists()
    assert len(entries(tmp_path / "named")) == 48


def test_extract_keeps_to_its_limit(lab, tmp_path, monkeypatch):
    monkeypatch.setattr("fp.denoisers.cache._CHECK_EVERY", 4)
    limit = 10 * (4 * 3 * 64 * 64 + 16)
    asked = extracting(lab, tmp_path / "a.h5", "--cache", tmp_path / "c", "--cache-limit", limit)
    assert fp(*asked).code in (0, 3)
    assert 5 < len(entries(tmp_path / "c")) <= 10 + 4


@pytest.mark.slow
def test_detect_and_look_keep_no_residual(lab, tmp_path):
    with environment(FP_CACHE=lab.cache):
        bank = lab.single
    picture = min(lab.unknown.iterdir())
    with environment(FP_CACHE=tmp_path / "cache"):
        assert fp("detect", bank, picture, "--jobs", 1).code == 0
        assert fp("look", picture, "--bank", bank, "--jobs", 1).code == 0
    assert list(tmp_path.iterdir()) == []
