"""The residual cache: what it gives is what would have been computed, whatever happened to it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pytest

from fp.denoisers import cache as cache_module
from fp.denoisers.cache import ResidualCache, default_folder
from fp.denoisers.residual import DenoiserIdentity, Residual
from fp.system.arrays import Floats, Pixels
from fp.system.errors import OutputError


@dataclass(frozen=True)
class Counting:
    """A quick denoiser that counts its work."""

    strength: float = 1.0
    calls: list[int] = field(default_factory=list)
    name: str = "counting"

    @property
    def identity(self) -> DenoiserIdentity:
        """Identity of this denoiser."""
        return DenoiserIdentity(self.name, 1, {"strength": self.strength})

    def noise(self, image_chw: Floats) -> Floats:
        """Return something that depends on image and strength."""
        self.calls.append(1)
        return np.asarray(np.sin(image_chw * self.strength), dtype=np.float32)


def image(seed: int, height: int = 32, width: int = 64) -> Pixels:
    """Draw an image of noise."""
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def entries(folder: Path) -> list[Path]:
    """List the finished entries."""
    return sorted(folder.glob("??/*.residual"))


def unfinished(folder: Path) -> list[Path]:
    """List what writers left or are writing."""
    return sorted(folder.glob("??/*.tmp"))


def check(folder: Path, pixels: Pixels, calls: int) -> None:
    """Assert that the cache gives the right values after so many computations."""
    denoiser = Counting()
    found = ResidualCache(folder).residual(pixels, Residual(denoiser))
    assert found.tobytes() == Residual(Counting())(pixels).tobytes()
    assert found.shape == (3, *pixels.shape[:2]) and found.dtype == np.float32
    assert len(denoiser.calls) == calls


# --- hits and misses ---


def test_a_hit_is_the_miss_bit_for_bit(tmp_path: Path) -> None:
    denoiser, cache = Counting(), ResidualCache(tmp_path / "new" / "cache")
    miss, hit = (cache.residual(image(0), Residual(denoiser)) for _ in range(2))
    assert len(denoiser.calls) == 1
    assert hit.tobytes() == miss.tobytes() == Residual(denoiser)(image(0)).tobytes()
    assert (hit.shape, hit.dtype) == (miss.shape, miss.dtype)
    assert hit.flags.writeable and miss.flags.writeable
    hit += 1  # what a caller does to its copy stays there
    assert cache.residual(image(0), Residual(denoiser)).tobytes() == miss.tobytes()


def test_without_room_nothing_is_kept(tmp_path: Path) -> None:
    denoiser, cache = Counting(), ResidualCache(tmp_path / "cache", limit_bytes=0)
    for _ in range(2):
        cache.residual(image(1), Residual(denoiser))
    assert len(denoiser.calls) == 2
    assert not (tmp_path / "cache").exists()


def test_memory_layout_does_not_matter(tmp_path: Path) -> None:
    check(tmp_path, image(0), calls=1)
    wide = np.zeros((50, 90, 3), np.uint8)
    wide[9:41, 7:71] = image(0)
    for same in (wide[9:41, 7:71], np.asfortranarray(image(0))):
        check(tmp_path, same, calls=0)


def test_other_pixels_are_another_entry(tmp_path: Path) -> None:
    pixels = image(0)
    check(tmp_path, pixels, calls=1)
    changed = pixels.copy()
    changed[-1, -1, -1] ^= 1
    check(tmp_path, changed, calls=1)
    check(tmp_path, np.ascontiguousarray(pixels.reshape(64, 32, 3)), calls=1)  # the same bytes
    check(tmp_path, pixels[:, ::-1], calls=1)
    assert len(entries(tmp_path)) == 4


def test_another_denoiser_is_another_entry(tmp_path: Path) -> None:
    cache = ResidualCache(tmp_path)
    first, second = Counting(1.0), Counting(2.0)
    one = cache.residual(image(0), Residual(first))
    two = cache.residual(image(0), Residual(second))
    assert len(first.calls) == len(second.calls) == 1
    assert not np.array_equal(one, two)
    assert np.array_equal(cache.residual(image(0), Residual(first)), one)


# --- entries that are none ---


@pytest.mark.parametrize("at", [0, 100, -1, -16, -17])
def test_a_flipped_bit_is_a_miss_and_is_mended(at: int, tmp_path: Path) -> None:
    check(tmp_path, image(0), calls=1)
    (entry,) = entries(tmp_path)
    content = bytearray(entry.read_bytes())
    content[at] ^= 4
    entry.write_bytes(content)
    check(tmp_path, image(0), calls=1)
    check(tmp_path, image(0), calls=0)


@pytest.mark.parametrize("kept", [0, 1, 15, 16, 1000, -1])
def test_a_truncated_entry_is_a_miss(kept: int, tmp_path: Path) -> None:
    check(tmp_path, image(0), calls=1)
    (entry,) = entries(tmp_path)
    entry.write_bytes(entry.read_bytes()[:kept])
    check(tmp_path, image(0), calls=1)
    check(tmp_path, image(0), calls=0)


def test_a_foreign_entry_is_a_miss(tmp_path: Path) -> None:
    check(tmp_path, image(0), calls=1)
    (entry,) = entries(tmp_path)
    check(tmp_path, image(1), calls=1)
    (other,) = set(entries(tmp_path)) - {entry}
    entry.write_bytes(other.read_bytes())  # sound, but of other pixels
    check(tmp_path, image(0), calls=1)
    entry.write_bytes(bytes(entry.stat().st_size))
    check(tmp_path, image(0), calls=1)
    entry.unlink()
    entry.mkdir()
    check(tmp_path, image(0), calls=1)
    assert unfinished(tmp_path) == []


def test_a_huge_foreign_entry_is_not_read(tmp_path: Path) -> None:
    check(tmp_path, image(0), calls=1)
    (entry,) = entries(tmp_path)
    os.truncate(entry, 2**40)
    check(tmp_path, image(0), calls=1)


# --- places that do not serve ---


def test_a_folder_that_cannot_be_written_costs_time_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: object, **__: object) -> tuple[int, str]:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(cache_module.tempfile, "mkstemp", refused)
    check(tmp_path, image(0), calls=1)
    check(tmp_path, image(0), calls=1)


def test_a_full_disk_costs_time_only_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> bytes:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(cache_module, "_digest", full)
    check(tmp_path, image(0), calls=1)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_a_file_in_place_of_the_folder_costs_time_only(tmp_path: Path) -> None:
    (tmp_path / "cache").write_bytes(b"not a folder")
    check(tmp_path / "cache", image(0), calls=1)


def test_the_folder_can_be_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FP_CACHE", "/some/where")
    assert default_folder() == Path("/some/where")
    monkeypatch.delenv("FP_CACHE")
    assert default_folder().name == "fp-forensics"


# --- the size limit ---


def _filled(folder: Path, number: int) -> int:
    """Write entries that were last used one after another; give the size of one."""
    for seed in range(number):
        ResidualCache(folder).residual(image(seed), Residual(Counting()))
    for seed in range(number):
        _age(folder, seed, 1000 - seed)
    return entries(folder)[0].stat().st_size


def _age(folder: Path, seed: int, seconds: float) -> None:
    then = time.time() - seconds
    os.utime(ResidualCache(folder)._path(image(seed), Counting().identity), (then, then))


def test_what_was_unused_for_longest_goes_first(tmp_path: Path) -> None:
    size = _filled(tmp_path, 20)
    cache = ResidualCache(tmp_path, limit_bytes=10 * size)
    cache.residual(image(3), Residual(Counting()))  # a hit: just used
    cache.shrink()
    for seed in range(20):
        check(tmp_path, image(seed), calls=0 if seed == 3 or seed >= 12 else 1)


def test_a_cache_within_its_limit_is_left_alone(tmp_path: Path) -> None:
    size = _filled(tmp_path, 5)
    ResidualCache(tmp_path, limit_bytes=5 * size).shrink()
    assert len(entries(tmp_path)) == 5
    ResidualCache(tmp_path, limit_bytes=5 * size - 1).shrink()
    assert len(entries(tmp_path)) == 4


def test_writing_keeps_to_the_limit_in_the_long_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cache_module, "_CHECK_EVERY", 4)
    size = 4 * 3 * 32 * 64 + 16
    cache = ResidualCache(tmp_path, limit_bytes=10 * size)
    for seed in range(40):
        cache.residual(image(seed), Residual(Counting()))
    assert len(entries(tmp_path)) <= 10 + 4


def test_what_another_process_deletes_meanwhile_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two that shrink at once must not together delete twice as much."""
    size = _filled(tmp_path, 20)
    real = Path.unlink

    def twice(path: Path, missing_ok: bool = False) -> None:
        real(path, missing_ok=True)  # the other process was first
        real(path, missing_ok=missing_ok)

    monkeypatch.setattr(Path, "unlink", twice)
    ResidualCache(tmp_path, limit_bytes=10 * size).shrink()
    assert len(entries(tmp_path)) == 9


def test_abandoned_files_go_and_live_ones_stay(tmp_path: Path) -> None:
    _filled(tmp_path, 2)
    entry = entries(tmp_path)[0]
    abandoned, live = (entry.with_name(f"{entry.name[:64]}.{name}.tmp") for name in "ab")
    for path, age in ((abandoned, 7200), (live, 60)):
        path.write_bytes(b"half an entry")
        os.utime(path, (time.time() - age,) * 2)
    ResidualCache(tmp_path).shrink()
    assert not abandoned.exists() and live.exists()
    assert len(entries(tmp_path)) == 2


# --- what it holds, and clearing it ---


def _foreign(folder: Path, elsewhere: Path) -> list[Path]:
    """Put somebody's files among the entries, with names that come near; return them."""
    entry = entries(folder)[0]
    key = entry.name[:64]
    elsewhere.mkdir()
    (elsewhere / f"{'ab' * 32}.counting.residual").write_bytes(b"of another cache")
    (folder / "ab").symlink_to(elsewhere)
    (folder / "DE").mkdir()
    others = [
        folder / "notes.txt",
        folder / "DE" / "photo.jpg",
        folder / "DE" / f"{key}.counting.residual",
        entry.with_name("photo.png"),
        entry.with_name("half.tmp"),
        entry.with_name(f"{'0' if key[0] != '0' else '1'}{key[1:]}.counting.residual"),
        entry.with_name(f"{key}.counting.residual.bak"),
    ]
    for path in others:
        path.write_bytes(b"evidence")
    link = entry.with_name(f"{key}.linked.residual")
    link.symlink_to(elsewhere / "none")
    return [*others, folder / "ab", *elsewhere.iterdir()]


def test_it_says_what_it_holds_by_denoiser(tmp_path: Path) -> None:
    assert ResidualCache(tmp_path / "none").holdings() == ()
    size = _filled(tmp_path, 3)
    for seed in range(2):
        odd = Counting(name="my denoiser/v2")
        ResidualCache(tmp_path).residual(image(seed), Residual(odd))
    old = entries(tmp_path)[0]
    old.rename(old.with_name(f"{old.name[:64]}.residual"))  # as it was named before
    holdings = ResidualCache(tmp_path).holdings()
    found = {each.denoiser: (each.entries, each.size) for each in holdings}
    gone = old.name[65:].removesuffix(".residual")
    expected = {"counting": 3, "my_denoiser_v2": 2, None: 1}
    expected[gone] -= 1
    assert found == {name: (count, count * size) for name, count in expected.items()}
    assert list(found) == sorted(found, key=lambda name: name or "")


def test_clearing_deletes_what_fp_wrote_and_nothing_else(tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    _filled(cache, 4)
    entry = entries(cache)[0]
    left = entry.with_name(f"{entry.name[:64]}.abc_1.tmp")
    left.write_bytes(b"half")
    mine = [*entries(cache), left]
    others = _foreign(cache, tmp_path / "elsewhere")
    assert ResidualCache(cache).clear() == 4
    assert not any(path.exists() for path in mine) and all(path.exists() for path in others)
    folders = {path.parent for path in others}
    assert all(path in folders for path in cache.iterdir() if path.is_dir() and path.name != "ab")
    assert ResidualCache(cache).holdings() == () and ResidualCache(cache).clear() == 0


def test_shrinking_deletes_what_fp_wrote_and_nothing_else(tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    _filled(cache, 4)
    others = _foreign(cache, tmp_path / "elsewhere")
    for path in others:
        os.utime(path, (0, 0))  # the oldest
    ResidualCache(cache, limit_bytes=1).shrink()
    assert ResidualCache(cache).holdings() == () and all(path.exists() for path in others)


def test_what_cannot_be_deleted_is_a_sentence_and_the_rest_goes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _filled(tmp_path, 4)
    kept, real = entries(tmp_path)[1], Path.unlink

    def unlink(path: Path, missing_ok: bool = False) -> None:
        if path == kept:
            raise PermissionError(13, "Permission denied")
        real(path, missing_ok=missing_ok)

    monkeypatch.setattr(Path, "unlink", unlink)
    with pytest.raises(OutputError, match="not allowed"):
        ResidualCache(tmp_path).clear()
    assert entries(tmp_path) == [kept]


# --- several processes ---


def _fill(folder: Path, rounds: int) -> bool:
    """Write and read the same few entries over and over; say whether all values were right."""
    cache, residual = ResidualCache(folder), Residual(Counting())
    expected = [residual(image(seed)).tobytes() for seed in range(4)]
    for turn in range(rounds):
        seed = turn % 4
        if cache.residual(image(seed), residual).tobytes() != expected[seed]:
            return False
        if turn % 3 == 0:
            for path in entries(folder):
                path.unlink(missing_ok=True)
    return True


def test_processes_do_not_disturb_each_other(tmp_path: Path) -> None:
    with get_context("spawn").Pool(2) as pool:
        assert pool.starmap(_fill, [(tmp_path, 150)] * 2) == [True, True]
    assert unfinished(tmp_path) == []


_KILLED_WHILE_WRITING = """
import os, signal, sys
from pathlib import Path
sys.path.insert(0, {tests!r})
import test_cache
from fp.denoisers import cache

def killed(*_):
    os.kill(os.getpid(), signal.SIGKILL)

cache._digest = killed
test_cache.check(Path({folder!r}), test_cache.image(0, 512, 512), calls=1)
"""


def test_a_killed_writer_leaves_no_entry(tmp_path: Path) -> None:
    tests, folder = os.fspath(Path(__file__).parent), os.fspath(tmp_path)
    script = _KILLED_WHILE_WRITING.format(tests=tests, folder=folder)
    killed = subprocess.run([sys.executable, "-c", script], check=False)
    assert killed.returncode == -signal.SIGKILL
    (half,) = unfinished(tmp_path)
    assert 0 < half.stat().st_size <= 4 * 3 * 512 * 512
    assert entries(tmp_path) == []
    check(tmp_path, image(0, 512, 512), calls=1)
    check(tmp_path, image(0, 512, 512), calls=0)
    os.utime(half, (0, 0))
    ResidualCache(tmp_path).shrink()
    assert unfinished(tmp_path) == [] and len(entries(tmp_path)) == 1
