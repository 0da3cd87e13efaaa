"""The driver: order, death, interruption and what it leaves behind."""

from __future__ import annotations

import os
import platform
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from threadpoolctl import threadpool_limits
from worker_tasks import (
    Stillborn,
    deadly,
    deadly_answer,
    deadly_once,
    failing,
    library_threads,
    lost,
    new_pages,
    noted,
    notes,
    process_and_fail,
    process_of,
    sleepy,
    slow_first,
    slow_noted,
    square,
    stuck,
    threads_of,
)

from fp.system import workers
from fp.system.errors import ImageError, InputError
from fp.system.workers import run_in_order, side_by_side

MANY = 3 * workers.FEWEST_FOR_WORKERS


def lives(pid: int) -> bool:
    try:
        return "State:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except FileNotFoundError:
        return False


def gone(pids: set[int], patience: float = 10) -> bool:
    end = time.monotonic() + patience
    while any(map(lives, pids)) and time.monotonic() < end:
        time.sleep(0.02)
    return not any(map(lives, pids))


@pytest.fixture(params=[True, False], ids=["copies", "new processes"])
def start(request, monkeypatch):
    """Workers as copies of this process, and as new processes."""
    monkeypatch.setattr(workers, "_may_be_copied", lambda: request.param)
    return request.param


def test_a_copy_holds_what_was_made_here_and_a_new_process_does_not(start, monkeypatch):
    monkeypatch.setattr("worker_tasks.NOTES", ["opened"])
    assert list(run_in_order(notes, [1], lost, isolated=True)) == [["opened"] if start else []]


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="another C library")
def test_a_worker_keeps_freed_memory_for_the_next_item(start):
    found = list(run_in_order(new_pages, range(3), lost, isolated=True))
    assert max(found) < 400, "of 4,096 pages"


OPENMP = "import torch"
THREAD = "import threading; threading.Thread(target=threading.Event().wait, daemon=True).start()"


@pytest.mark.parametrize(
    ("before", "may"), [("import numpy", True), (OPENMP, False), (THREAD, False)]
)
def test_no_process_is_copied_where_a_copy_could_hang(before, may):
    code = f"{before}\nfrom fp.system import workers\nprint(workers._may_be_copied())"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert told.stdout.strip() == str(may)


@pytest.mark.parametrize("jobs", [1, 3])
@pytest.mark.parametrize("count", [0, 1, MANY])
def test_results_come_in_the_order_of_the_items(jobs, count):
    assert list(run_in_order(square, range(count), lost, jobs)) == [i * i for i in range(count)]


def test_a_slow_item_holds_back_what_follows_but_not_the_work():
    results = run_in_order(slow_first, range(MANY), lost, 2)
    assert list(results) == list(range(MANY))


def test_few_items_or_one_job_stay_in_this_process():
    assert set(run_in_order(process_of, range(MANY), lost, 1)) == {os.getpid()}
    few = workers.FEWEST_FOR_WORKERS - 1
    assert set(run_in_order(process_of, range(few), lost, 2)) == {os.getpid()}


@pytest.mark.parametrize("jobs", [1, 2, 9])
def test_threads_give_results_in_order_and_raise_what_was_raised(jobs):
    assert side_by_side(square, range(5), jobs) == [0, 1, 4, 9, 16]
    with pytest.raises(ZeroDivisionError):
        side_by_side(lambda n: 1 // n, [1, 0], jobs)


def test_work_is_spread_over_as_many_processes_as_asked():
    pids = set(run_in_order(process_of, range(MANY), lost, 2))
    assert len(pids) == 2
    assert os.getpid() not in pids
    assert gone(pids)


def test_isolated_items_never_run_in_this_process(start):
    (pid,) = set(run_in_order(process_of, [1, 2], lost, 1, isolated=True))
    assert pid != os.getpid()


def test_workers_have_one_thread_each_and_this_process_keeps_its_own(start, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "5")
    monkeypatch.delenv("MKL_NUM_THREADS", raising=False)
    before = dict(os.environ)
    assert set(run_in_order(threads_of, [1], lost, isolated=True)) == {("1",) * 4}
    assert dict(os.environ) == before


def test_libraries_work_with_one_thread_in_workers(start):
    with threadpool_limits(2):
        assert list(run_in_order(library_threads, [1], lost, isolated=True)) == [{1}]


def test_work_runs_only_a_bounded_way_ahead(tmp_path):
    log = tmp_path / "log"
    items = [(log, number) for number in range(2000)]
    results = run_in_order(noted, items, lost, 2)
    assert next(results) == 0
    time.sleep(0.5)
    done = len(log.read_text().splitlines())
    results.close()
    assert done <= 2 * (workers._AHEAD + workers._IN_HAND)


DEATHS = {"one": [50], "neighbours, the first and the very last": [0, 50, 51, MANY - 1]}


@pytest.mark.parametrize("deaths", DEATHS.values(), ids=DEATHS.keys())
def test_an_item_that_kills_its_worker_is_reported_in_its_place(start, tmp_path, deaths):
    log = tmp_path / "log"
    items = [(log, -i - 1 if i in deaths else i, i) for i in range(MANY)]
    results = list(run_in_order(deadly, items, lambda item: ("died", item[2]), 2))
    assert results == [("died", i) if i in deaths else i * i for i in range(MANY)]
    calls = [int(line) for line in log.read_text().splitlines()]
    assert sorted(calls) == sorted([number for _, number, _ in items] + [-i - 1 for i in deaths])


def test_an_only_item_that_kills_its_worker_is_reported(start, tmp_path):
    items = [(tmp_path / "log", -2, 0)]
    assert list(run_in_order(deadly, items, lambda item: "died", isolated=True)) == ["died"]


def test_a_death_while_the_answer_is_on_its_way_costs_that_item_alone():
    started = time.monotonic()
    results = list(run_in_order(deadly_answer, range(MANY), lost, 2))
    assert results == [lost(5) if item == 5 else item for item in range(MANY)]
    assert time.monotonic() - started < 30, "somebody waited for the dead"


def test_an_item_whose_worker_died_by_accident_gets_its_result(tmp_path):
    items = [(tmp_path / "seen", i) for i in range(MANY)]
    assert list(run_in_order(deadly_once, items, lost, 2)) == list(range(MANY))


def test_an_item_that_keeps_its_worker_too_long_is_reported_in_its_place(start):
    results = list(run_in_order(stuck, range(MANY), lost, 2, seconds=1.0))
    assert results == [lost(5) if item == 5 else item for item in range(MANY)]


def test_a_limit_of_time_binds_an_item_and_not_the_run(tmp_path):
    items = [(tmp_path / "log", number) for number in range(8)]
    results = run_in_order(slow_noted, items, lost, isolated=True, seconds=1.5)
    assert list(results) == list(range(8))
    assert len((tmp_path / "log").read_text().splitlines()) == 8, "one was given up and done again"


def test_an_exception_ends_the_run_and_the_workers(start):
    pids = set()
    results = run_in_order(process_and_fail, range(MANY), lost, 2)
    with pytest.raises(InputError) as caught:
        for pid in results:
            pids.add(pid)
    assert str(caught.value) == "Forty is too many; take fewer."
    assert "in failing" in "".join(caught.value.__notes__), "the worker's own traceback is lost"
    assert pids
    assert gone(pids)


@pytest.mark.parametrize(
    ("item", "error", "words"),
    [
        (41, RuntimeError, "Odd: ab"),
        (42, Exception, "pickle"),
        (43, ImageError, "x is damaged"),
    ],
)
def test_what_does_not_travel_is_an_exception_all_the_same(monkeypatch, item, error, words):
    # A library that is loaded here may have taught this process, and its copies, to send anything.
    monkeypatch.setattr(workers, "_may_be_copied", lambda: False)
    with pytest.raises(error, match=words) as caught:
        list(run_in_order(failing, [item], lost, isolated=True))
    assert getattr(caught.value, "reason", "damaged") == "damaged"


def test_workers_that_cannot_start_are_an_error_and_not_lost_images(monkeypatch):
    monkeypatch.setattr(workers, "_may_be_copied", lambda: False)
    with pytest.raises(RuntimeError, match="end as soon as they start"):
        list(run_in_order(Stillborn(), [1, 2], lost, isolated=True))


def test_workers_of_two_runs_at_once_end_by_themselves(start, monkeypatch):
    """A copy that held the ends of another run's pipes would have to be killed."""
    codes, dismiss = [], workers._Worker.dismiss

    def noting(worker, patience):
        process = worker._process
        dismiss(worker, patience)
        codes.append(process.exitcode)

    monkeypatch.setattr(workers._Worker, "dismiss", noting)
    both = [run_in_order(square, range(5), lost, 2, isolated=True) for _ in range(2)]
    assert list(zip(*both, strict=True)) == [(n * n, n * n) for n in range(5)]
    assert codes == [0] * 4


def test_a_consumer_that_stops_early_ends_the_workers(start):
    results = run_in_order(sleepy, range(1, MANY), lost, 2)
    started = time.monotonic()
    pid = next(results)
    results.close()
    assert time.monotonic() - started < 20
    assert gone({pid})


SCRIPT = """
import os, signal, time
from fp.system.workers import run_in_order

def task(item):
    if item > 3:
        time.sleep(60)
    deaf = signal.SIGINT in signal.pthread_sigmask(signal.SIG_BLOCK, ())
    return f"{os.getpid()} {deaf}"

if __name__ == "__main__":
    results = run_in_order(task, range(100), None, 2)
    for _ in range(4):
        print(next(results), flush=True)
    print("ready", flush=True)
    next(results)
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_no_worker_outlives_the_run(tmp_path, number):
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    process = subprocess.Popen(
        [sys.executable, str(script)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        # A suite that was started in the background ignores Ctrl-C, and so would its children.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    with process:
        assert process.stdout is not None
        lines = iter(process.stdout.readline, "ready\n")
        pids, deaf = zip(*(line.split() for line in lines), strict=True)
        pids = set(map(int, pids))
        assert all(map(lives, pids))
        assert set(deaf) == {"True"}, "Ctrl-C reaches a worker"
        if number == signal.SIGINT:  # as Ctrl-C does: to the whole group, workers and all
            os.killpg(process.pid, number)
        else:
            process.send_signal(number)
        _, err = process.communicate(timeout=30)
    assert process.returncode != 0
    assert gone(pids)
    if number == signal.SIGINT:
        assert err.count("Traceback") == 1, "a worker answered Ctrl-C too"
        assert err.rstrip().endswith("KeyboardInterrupt")


STUCK = """
import os, re
from fp.system import workers

def task(item):
    print(os.getpid(), flush=True)
    re.match("(a+)+$", "a" * 64 + "b")

if __name__ == "__main__":
    assert workers._may_be_copied()
    list(workers.run_in_order(task, [1], None, isolated=True))
"""


def test_a_copy_that_is_stuck_ends_with_its_parent_and_holds_no_lock_on(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(STUCK)
    with subprocess.Popen([sys.executable, str(script)], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        pid = int(process.stdout.readline())
        assert lives(pid)
        process.kill()
    assert gone({pid})
