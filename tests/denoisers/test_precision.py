"""The arithmetic of a network's inner layers: the faster one, and one for all processes."""

from __future__ import annotations

import subprocess
import sys

import pytest
import torch

from fp.denoisers import precision
from fp.denoisers.dncnn import DnCNN
from fp.denoisers.precision import PRECISIONS, best_precision

CPU = torch.device("cpu")
SLOW_BFLOAT16 = {"float32": 0.001, "bfloat16-inner": 0.075}
FAST_BFLOAT16 = {"float32": 0.003, "bfloat16-inner": 0.001}


@pytest.fixture
def measured(tmp_path, monkeypatch):
    """Set what is measured, as at the first use on a processor; say how often it was."""
    monkeypatch.setenv("FP_CACHE", str(tmp_path / "a cache"))
    calls = []

    def set_to(seconds):
        precision._of_processor.cache_clear()
        monkeypatch.setattr(precision, "_seconds", lambda: calls.append(1) or seconds)
        return calls

    yield set_to
    precision._of_processor.cache_clear()


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (SLOW_BFLOAT16, "float32"),
        (FAST_BFLOAT16, "bfloat16-inner"),
        ({"float32": 0.0011, "bfloat16-inner": 0.001}, "float32"),
    ],
    ids=["75 times slower", "3 times faster", "hardly faster"],
)
def test_the_faster_arithmetic_is_the_default_and_part_of_the_identity(measured, seconds, expected):
    measured(seconds)
    assert best_precision(CPU) == expected
    assert DnCNN("dncnn-small").identity.precision == expected


def test_what_was_measured_first_on_a_processor_holds_for_later_processes(measured, monkeypatch):
    measured(FAST_BFLOAT16)
    assert best_precision(CPU) == "bfloat16-inner"
    calls = measured(SLOW_BFLOAT16)  # a later process, which would find something else
    assert best_precision(CPU) == "bfloat16-inner"
    assert len(calls) == 1
    monkeypatch.setattr(precision, "processor", lambda: "another model")
    precision._of_processor.cache_clear()
    assert best_precision(CPU) == "float32"


def test_of_two_processes_at_once_the_first_decides(measured, tmp_path):
    measured(FAST_BFLOAT16)

    def overtaken():
        other = precision._of_processor.__wrapped__
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(precision, "_seconds", lambda: SLOW_BFLOAT16)
            assert other(tmp_path / "a cache") == "float32"
        return FAST_BFLOAT16

    precision._seconds = overtaken
    assert best_precision(CPU) == "float32"


def test_where_nothing_can_be_kept_the_instructions_decide(measured, tmp_path, monkeypatch):
    (tmp_path / "a cache").write_text("a file, no folder")
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: False, raising=False)
    measured(FAST_BFLOAT16)
    assert best_precision(CPU) == "float32"


def test_a_note_that_holds_nonsense_is_not_believed(measured, tmp_path, monkeypatch):
    measured(SLOW_BFLOAT16)
    best_precision(CPU)
    (note,) = (tmp_path / "a cache").iterdir()
    note.write_text("int8")
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: True, raising=False)
    measured(SLOW_BFLOAT16)
    assert best_precision(CPU) == "bfloat16-inner"


def test_the_measurement_times_every_precision_and_gives_one_up_that_takes_long(monkeypatch):
    times = iter(range(1000))
    monkeypatch.setattr(precision.time, "perf_counter", lambda: float(next(times)))
    run = []
    monkeypatch.setattr(precision.functional, "conv2d", lambda image, *_, **__: run.append(image))
    assert set(precision._seconds()) == set(PRECISIONS)
    twice = 2 * list(PRECISIONS.values())  # to warm up, and to measure
    assert [image.dtype for image in run] == twice


def test_the_choice_is_one_for_all_commands_that_share_a_cache(tmp_path):
    code = (
        "import torch; from fp.denoisers.precision import best_precision; "
        "print(best_precision(torch.device('cpu')))"
    )
    env = {"FP_CACHE": str(tmp_path), "PATH": "/usr/bin:/bin"}
    told = [
        subprocess.run(
            [sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True
        ).stdout
        for _ in range(2)
    ]
    assert told[0] == told[1]
    assert told[0].strip() in PRECISIONS
