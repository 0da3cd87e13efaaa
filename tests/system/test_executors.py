"""The driver on executors of other makes: order, death, and who may work."""

from __future__ import annotations

import multiprocessing
import signal
import sys
import time
from concurrent.futures import (
    BrokenExecutor,
    Executor,
    Future,
    ProcessPoolExecutor,
    ThreadPoolExecutor,
    process,
)
from pathlib import Path

import pytest
from worker_tasks import deadly, deadly_once, failing, lost, noted, square, working_folder

from fp.system import executors
from fp.system.errors import InputError, UsageError
from fp.system.executors import dask_executor, run_on


def threads() -> Executor:
    return ThreadPoolExecutor(3)


def processes() -> Executor:
    return ProcessPoolExecutor(2, multiprocessing.get_context("spawn"))


@pytest.mark.parametrize("count", [0, 1, 8, 1000])
def test_results_come_in_the_order_of_the_items(count):
    assert list(run_on(threads, square, range(count), lost)) == [i * i for i in range(count)]


def test_what_is_under_way_is_bounded(tmp_path):
    items = [(tmp_path / "log", i) for i in range(5000)]
    results = run_on(threads, noted, items, lost)
    for _ in range(3):
        next(results)
    results.close()
    done = len((tmp_path / "log").read_text().splitlines())
    assert done <= (executors._AHEAD + 4) * executors._BATCH


def test_an_exception_of_the_task_ends_the_run():
    results = run_on(threads, failing, range(60), lost)
    with pytest.raises(InputError, match="Forty is too many"):
        list(results)


@pytest.mark.parametrize("deaths", [[13], [0, 41]], ids=["one", "the first and the last"])
def test_an_item_that_kills_its_worker_is_found_and_reported_in_its_place(tmp_path, deaths):
    log = tmp_path / "log"
    items = [(log, -i - 1 if i in deaths else i, i) for i in range(42)]
    results = list(run_on(processes, deadly, items, lambda item: ("died", item[2])))
    assert results == [("died", i) if i in deaths else i * i for i in range(42)]


def test_a_worker_that_was_lost_by_accident_costs_nothing_but_a_retry(tmp_path):
    items = [(tmp_path / "seen", i) for i in range(40)]
    assert list(run_on(processes, deadly_once, items, lost)) == list(range(40))


class Breaking(ThreadPoolExecutor):
    """Breaks at its third batch as pools of processes do: that one is never heard of again."""

    def __init__(self, ending: Exception) -> None:
        super().__init__(1)
        self.left = 3
        self.ending = ending

    def submit(self, function, /, *arguments, **others):
        if self.left < 0:
            raise self.ending
        if self.left == 0:
            self.left = -1
            return Future()
        self.left -= 1
        return super().submit(function, *arguments, **others)


@pytest.mark.parametrize("ending", [BrokenExecutor("ended"), OSError("handle is closed")], ids=repr)
def test_work_that_a_breaking_pool_lost_is_done_by_the_next(monkeypatch, ending):
    monkeypatch.setattr(executors, "_PATIENCE", 0.05)
    pools = iter([Breaking(ending), threads(), threads()])
    results = list(run_on(lambda: next(pools), square, range(60), lost))
    assert results == [i * i for i in range(60)]
    assert len(list(pools)) == 1


class LateFuture(Future):
    """Leaves a pool the time to break while it is being handed work."""

    def __init__(self) -> None:
        time.sleep(0.004)
        super().__init__()


# The pool's own thread may stumble over work that came while it was breaking.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_pool_that_breaks_while_it_is_handed_work_neither_hangs_nor_ends_the_run(
    tmp_path, monkeypatch
):
    monkeypatch.setattr(process._base, "Future", LateFuture)
    items = [(tmp_path / "log", -i - 1 if i == 13 else i, i) for i in range(200)]
    results = list(run_on(processes, deadly, items, lambda item: ("died", item[2])))
    assert results == [("died", i) if i == 13 else i * i for i in range(200)]


class Watched(ProcessPoolExecutor):
    """Notes how many workers there are as each task comes."""

    def __init__(self) -> None:
        super().__init__(3, multiprocessing.get_context("spawn"))
        self.seen: list[tuple[object, int]] = []

    def submit(self, function, /, *arguments, **others):
        self.seen.append((function, len(self._processes)))
        return super().submit(function, *arguments, **others)


def test_all_workers_are_there_before_anything_may_end_them():
    pool = Watched()
    assert list(run_on(lambda: pool, square, range(80), lost)) == [i * i for i in range(80)]
    at_work = [workers for function, workers in pool.seen if function is executors._do]
    assert len(at_work) == 10 and set(at_work) == {3}


def test_the_workers_of_a_broken_pool_are_ended_before_it_is_closed(monkeypatch):
    """One of them may hang for ever on what never comes; closing waits for all."""
    pool = ProcessPoolExecutor(1, multiprocessing.get_context("spawn"))
    with executors._Bench(lambda: pool, square, [], lost, None):
        pool.submit(time.sleep, 60)
        (worker,) = pool._processes.values()

        def broken(*_):
            raise BrokenExecutor("ended")

        monkeypatch.setattr(pool, "submit", broken)
    assert worker.exitcode == -signal.SIGKILL


def test_relative_paths_mean_the_same_to_every_worker(tmp_path, monkeypatch):
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        pool.submit(square, 1).result()  # started here, before the working folder is another
        monkeypatch.chdir(tmp_path)

        class Kept:
            def __enter__(self):
                return pool

            def __exit__(self, *reason):
                pass

        assert set(run_on(Kept, working_folder, range(3), lost)) == {str(Path.cwd())}


def test_workers_of_another_fp_are_refused(monkeypatch):
    monkeypatch.setattr(executors, "_version", lambda: "0.0.1")
    with pytest.raises(UsageError, match=r"The workers run fp 0\.0\.1 and this is fp"):
        list(run_on(threads, square, range(3), lost))


def test_a_scheduler_that_does_not_answer_is_named(monkeypatch):
    pytest.importorskip("distributed")
    with (
        pytest.raises(UsageError, match=r"No Dask scheduler answers at 'nonsense://x'"),
        dask_executor("nonsense://x"),
    ):
        pass


def test_without_the_package_the_remedy_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with (
        pytest.raises(UsageError, match=r"install fp-forensics\[dask\]"),
        dask_executor("tcp://localhost:1"),
    ):
        pass
