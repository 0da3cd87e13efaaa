"""The driver: a function over many images, in this process or in several, in order.

Paths travel to the workers, never arrays. Results come back in the order of the items whatever the
number of workers, a few chunks ahead at most. An image that kills its worker is found by halving
the chunk and reported in its place; the rest goes on.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")

CHUNK = 16
"""Images a task: enough to hide the cost of sending it, few enough to spread the end of a run."""

_AHEAD = 2  # chunks in flight for each worker

_ONE_THREAD = dict.fromkeys(
    ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS"), "1"
)


def usable_cores() -> int:
    """Give the number of cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def run_in_order(
    task: Callable[[Item], Result],
    items: Sequence[Item],
    on_death: Callable[[Item], Result],
    jobs: int = 1,
) -> Iterator[Result]:
    """Apply a function to every item.

    Parameters
    ----------
    task : callable
        Function of one item; picklable, with whatever it needs to open inside of it. It answers
        for every expected failure itself.
    items : sequence
        Items, such as paths.
    on_death : callable
        Gives the result of an item whose worker died.
    jobs : int
        Number of worker processes; 1 works in this process.

    Yields
    ------
    object
        Result of each item, in the order of the items.
    """
    if jobs <= 1 or len(items) <= CHUNK:
        yield from map(task, items)
        return
    chunks = [items[start : start + CHUNK] for start in range(0, len(items), CHUNK)]
    waiting: deque[tuple[Sequence[Item], Future[list[Result]]]] = deque()
    with _one_thread_each():
        pool = _pool(jobs)
        try:
            upcoming = iter(chunks)
            for chunk in upcoming:
                waiting.append((chunk, pool.submit(_apply, task, chunk)))
                if len(waiting) >= _AHEAD * jobs:
                    break
            while waiting:
                chunk, future = waiting.popleft()
                try:
                    results = future.result()
                except BrokenProcessPool:
                    # Nobody knows which chunk did it: all that were in flight start again, this
                    # one apart from the others.
                    pool.shutdown(cancel_futures=True)
                    results = _bisect(task, chunk, on_death)
                    pool = _pool(jobs)
                    again = [queued for queued, _ in waiting]
                    waiting = deque((queued, pool.submit(_apply, task, queued)) for queued in again)
                yield from results
                following = next(upcoming, None)
                if following is not None:
                    waiting.append((following, _submit(pool, task, following)))
        finally:
            pool.shutdown(cancel_futures=True)


def _submit(
    pool: Executor, task: Callable[[Item], Result], chunk: Sequence[Item]
) -> Future[list[Result]]:
    try:
        return pool.submit(_apply, task, chunk)
    except BrokenProcessPool as error:  # broken since the last result: found out in its turn
        failed: Future[list[Result]] = Future()
        failed.set_exception(error)
        return failed


def _bisect(
    task: Callable[[Item], Result],
    chunk: Sequence[Item],
    on_death: Callable[[Item], Result],
) -> list[Result]:
    with _pool(1) as pool:
        try:
            return pool.submit(_apply, task, chunk).result()
        except BrokenProcessPool:
            if len(chunk) == 1:
                return [on_death(chunk[0])]
    middle = len(chunk) // 2
    first = _bisect(task, chunk[:middle], on_death)
    return first + _bisect(task, chunk[middle:], on_death)


def _apply(task: Callable[[Item], Result], chunk: Sequence[Item]) -> list[Result]:
    return [task(item) for item in chunk]


def _pool(jobs: int) -> ProcessPoolExecutor:
    # Spawned, not forked: a forked process hangs where the parent has used OpenMP.
    return ProcessPoolExecutor(jobs, mp_context=multiprocessing.get_context("spawn"))


@contextlib.contextmanager
def _one_thread_each() -> Iterator[None]:
    """Give the processes that start meanwhile one thread each, through their environment."""
    before = {name: os.environ.get(name) for name in _ONE_THREAD}
    os.environ.update(_ONE_THREAD)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
