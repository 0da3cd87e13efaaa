"""The driver: a function over many images, in this process or in several, in order.

Paths travel to the workers, never arrays. Each worker has a pipe of its own, so that it is known
which image it was at when it died: that image gets one more chance and is then reported in its
place, and the rest goes on. A worker that is at one image for too long ends itself, which is a
death like any other. A worker whose parent is gone ends too.
"""

from __future__ import annotations

import contextlib
import copy
import ctypes
import multiprocessing
import os
import signal
import sys
import threading
import traceback
import warnings
import weakref
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection, wait
from typing import Any, Generic, TypeVar

from threadpoolctl import threadpool_info, threadpool_limits

Item = TypeVar("Item")
Result = TypeVar("Result")

FEWEST_FOR_WORKERS = 32
"""Images from which several processes pay: a new one takes a second to start."""

_IN_HAND = 2  # items a worker has, so that it never waits for the next one
_AHEAD = 64  # results a worker may be ahead of the one that is due
_MOST_STILLBORN = 3  # more is no accident
_PR_SET_PDEATHSIG = 1  # Linux's number
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3  # glibc's
_MOST_KEPT, _LARGEST_KEPT = 2**28, 2**25  # bytes, all told and in one piece; glibc allows no larger

_OURS: weakref.WeakSet[Connection] = weakref.WeakSet()
"""This process's ends of the pipes to its workers, of all crews that work at once."""

_ONE_THREAD = dict.fromkeys(
    ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS"), "1"
)


def usable_cores() -> int:
    """Return the number of cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def use_one_thread() -> None:
    """Set torch, if it is loaded, to one thread.

    One process a core with one thread each is fastest, and the number of processes cannot change
    the bits of a sum.
    """
    torch = sys.modules.get("torch")
    if torch is not None:
        torch.set_num_threads(1)


def run_in_order(
    task: Callable[[Item], Result],
    items: Sequence[Item],
    on_death: Callable[[Item], Result],
    jobs: int = 1,
    *,
    isolated: bool = False,
    seconds: float | None = None,
) -> Iterator[Result]:
    """Apply a function to items, and yield the results in their order.

    The function is picklable, with whatever it needs to open inside of it, and answers for every
    expected failure itself; what it raises ends the run. One job works in this process, and so does
    any number for a few items, unless they are `isolated`, where an item may be deadly. `on_death`
    gives the result of an item that ended two workers, one after the other, or kept them longer
    than `seconds`, which bind other processes and never this one.
    """
    if not isolated and (jobs <= 1 or len(items) < FEWEST_FOR_WORKERS):
        yield from map(task, items)
        return
    size = min(jobs, len(items))
    with contextlib.closing(_Crew(task, items, on_death, size, seconds)) as crew:
        yield from crew.results()


def side_by_side(
    task: Callable[[Item], Result], items: Sequence[Item], jobs: int = 1
) -> list[Result]:
    """Return a function's results for items in their order, by threads.

    The function spends its time in NumPy, which lets other threads run meanwhile; the items are few
    and too large to travel to other processes. Results do not depend on the number of threads.
    """
    if jobs <= 1 or len(items) < 2:
        return [task(item) for item in items]
    with ThreadPoolExecutor(min(jobs, len(items))) as threads:
        return list(threads.map(task, items))


@dataclass(frozen=True)
class Outcome(Generic[Result]):
    """What an item came to."""

    result: Result


@dataclass(frozen=True)
class Failure:
    """An exception that ends the run, fit to travel."""

    error: Exception


class _Worker(Generic[Item, Result]):
    """A process that answers the items it is handed, one by one."""

    def __init__(self, task: Callable[[Item], Result], seconds: float | None) -> None:
        self.pipe, theirs = multiprocessing.Pipe()
        _OURS.add(self.pipe)
        self.in_hand: deque[int] = deque()
        self.ready = self.dead = False
        self._process: multiprocessing.process.BaseProcess
        if _may_be_copied():
            self._process = multiprocessing.get_context("fork").Process(
                target=_serve_as_copy, args=(list(_OURS), theirs, task, seconds), daemon=True
            )
        else:
            # The first process to be started starts this one too, which unblocks the signal.
            resource_tracker.ensure_running()
            self._process = multiprocessing.get_context("spawn").Process(
                target=_serve, args=(theirs, task, seconds), daemon=True
            )
        try:
            with _as_workers_start(), warnings.catch_warnings():
                # Python warns of any thread; those of OpenBLAS end before a fork and start again.
                warnings.filterwarnings("ignore", "This process.*multi-threaded.*fork")
                self._process.start()
        finally:
            theirs.close()

    def hand(self, index: int, item: Item) -> None:
        self.in_hand.append(index)
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # dead: heard in its turn
            self.pipe.send(item)

    def hear(self) -> Outcome[Result] | Failure | None:
        """Return an answer; None where the process says that it has started, or has died."""
        try:
            said: Outcome[Result] | Failure | None = self.pipe.recv()
        except (EOFError, OSError):
            self.dead = True
            return None
        self.ready = True
        return said

    def dismiss(self, patience: float) -> None:
        """End the process: by itself, or by force when patience has ended."""
        self.pipe.close()
        self._process.join(patience)
        self._process.kill()
        self._process.join()


class _Crew(Generic[Item, Result]):
    """Workers, the item that each is at, and the results that are not due yet."""

    def __init__(
        self,
        task: Callable[[Item], Result],
        items: Sequence[Item],
        on_death: Callable[[Item], Result],
        size: int,
        seconds: float | None,
    ) -> None:
        self._task = task
        self._seconds = seconds
        self._items = items
        self._on_death = on_death
        self._waiting = deque(range(len(items)))
        self._suspects: set[int] = set()
        self._results: dict[int, Outcome[Result] | Failure] = {}
        self._stillborn = 0
        self._workers: list[_Worker[Item, Result]] = []
        self._size = size
        self._patience = 0.0

    def results(self) -> Iterator[Result]:
        """Yield the results in the order of the items."""
        for _ in range(self._size):
            self._workers.append(_Worker(self._task, self._seconds))
        for due in range(len(self._items)):
            while due not in self._results:
                self._hand_out(due + _AHEAD * self._size)
                self._listen()
            answer = self._results.pop(due)
            if isinstance(answer, Failure):
                raise answer.error
            yield answer.result
        self._patience = 10.0  # all is done: no reason for force

    def close(self) -> None:
        """End all workers."""
        for worker in self._workers:
            worker.pipe.close()
        for worker in self._workers:
            worker.dismiss(self._patience)

    def _hand_out(self, end: int) -> None:
        for worker in self._workers:
            while len(worker.in_hand) < _IN_HAND and self._waiting and self._waiting[0] < end:
                index = self._waiting.popleft()
                worker.hand(index, self._items[index])

    def _listen(self) -> None:
        speaking = wait([worker.pipe for worker in self._workers])
        for place, worker in enumerate(self._workers):
            if worker.pipe not in speaking:
                continue
            said = worker.hear()
            if isinstance(said, Outcome | Failure):
                self._results[worker.in_hand.popleft()] = said
            elif worker.dead:
                worker.dismiss(0)
                self._bury(worker)
                self._workers[place] = _Worker(self._task, self._seconds)

    def _bury(self, dead: _Worker[Item, Result]) -> None:
        """Take back what a dead worker had in hand. It was at the first of it."""
        if not dead.ready:
            self._stillborn += 1
            if self._stillborn > _MOST_STILLBORN:
                raise RuntimeError("worker processes end as soon as they start")
        elif dead.in_hand:
            suspect = dead.in_hand[0]
            if suspect in self._suspects:
                lost = self._on_death(self._items[dead.in_hand.popleft()])
                self._results[suspect] = Outcome(lost)
            self._suspects.add(suspect)
        self._waiting.extendleft(reversed(dead.in_hand))


def _may_be_copied() -> bool:
    """Return whether a worker may be a fork of this process.

    It would have all that was imported and opened. A fork hangs where OpenMP was used before, or
    where another thread holds a lock.
    """
    if sys.platform != "linux" or threading.active_count() > 1:
        return False
    libraries = threadpool_info()
    return not any("openmp" in (of["user_api"], of.get("threading_layer")) for of in libraries)


def _serve_as_copy(
    held: Sequence[Connection],
    pipe: Connection,
    task: Callable[[Any], Any],
    seconds: float | None,
) -> None:
    """Answer items in a fork, with one thread, as `_serve` does in a new process.

    It closes the ends of pipes that it holds only as a copy, so that they end with their owner. It
    also holds the files that were open, with their locks: so the kernel ends it with its parent,
    whatever it is at.
    """
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    for end in held:
        end.close()
    with threadpool_limits(1):
        _serve(pipe, task, seconds)


def _serve(pipe: Connection, task: Callable[[Any], Any], seconds: float | None) -> None:
    """Answer items until whoever asks closes the other end of the pipe, or dies."""
    _keep_freed_memory()
    threading.Thread(target=_end_with_parent, daemon=True).start()
    with contextlib.suppress(EOFError, BrokenPipeError, ConnectionResetError):
        pipe.send(None)  # it has started
        while True:
            said = attempt(task, pipe.recv(), seconds)
            try:
                pipe.send(said)
            except (TypeError, AttributeError, ValueError) as error:  # it does not travel
                pipe.send(Failure(_fit_to_travel(error)))


def _keep_freed_memory() -> None:
    """Keep freed memory for the next item.

    Else it goes back to the kernel, which clears it page by page when it is asked for again.
    """
    with contextlib.suppress(AttributeError, TypeError):  # another C library has no such function
        libc = ctypes.CDLL(None)
        libc.mallopt(_M_MMAP_THRESHOLD, _LARGEST_KEPT)
        libc.mallopt(_M_TRIM_THRESHOLD, _MOST_KEPT)


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)  # whatever the image at hand still asks for


def attempt(
    task: Callable[[Any], Any], item: Any, seconds: float | None = None
) -> Outcome[Any] | Failure:
    """Apply a function in a worker, which ends if it takes longer. What it raises is an answer."""
    try:
        with _at_most(seconds):
            return Outcome(task(item))
    except Exception as error:
        return Failure(_fit_to_travel(error))


@contextlib.contextmanager
def _at_most(seconds: float | None) -> Iterator[None]:
    """End this process where the block takes longer.

    The alarm is the kernel's: a decoder that hangs may well hold on to the interpreter, and no
    handler or thread in Python would ever run.
    """
    if seconds is None:
        yield
        return
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


def _fit_to_travel(error: Exception) -> Exception:
    error.add_note("In a worker process:\n" + traceback.format_exc())
    try:
        copy.copy(error)  # made anew from its arguments, as at the other end of the pipe
    except Exception:
        return RuntimeError(f"{type(error).__name__}: {error}")
    return error


@contextlib.contextmanager
def _as_workers_start() -> Iterator[None]:
    """Set the environment so that processes start with one thread each. Ctrl-C does not reach them.

    A process has the environment of the one that started it, and the signals that were blocked.
    """
    blocked = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
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
        signal.pthread_sigmask(signal.SIG_SETMASK, blocked)
