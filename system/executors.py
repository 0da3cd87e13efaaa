"""The driver on any executor of `concurrent.futures`, here or on a cluster.

Paths travel in small batches, never arrays. A batch whose worker died is done again with nothing
beside it and halved until the one item is found that ends every worker; that one is reported in its
place. So a worker that was lost by accident costs a second try, and nothing else.

A pool of the standard library that breaks while work is handed to it can lose that work, or wait
for a worker that it had just started. So all workers are started before anything may end them,
nothing is waited for without asking now and then whether the pool still stands, and the workers of
a broken pool are ended before it is closed.
"""

from __future__ import annotations

import contextlib
import os
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import (
    BrokenExecutor,
    CancelledError,
    Executor,
    Future,
    ProcessPoolExecutor,
)
from contextlib import AbstractContextManager, contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any, Generic, TypeVar

from fp.system.environment import tool_version
from fp.system.errors import UsageError
from fp.system.workers import Failure, Outcome, attempt

Item = TypeVar("Item")
Result = TypeVar("Result")

Pool = Callable[[], AbstractContextManager[Executor]]
"""Makes an executor; called again where the one before has broken."""

_BATCH = 8  # items that travel together
_AHEAD = 64  # batches under way: what bounds the memory
_MOST_STILLBORN = 3
_PATIENCE = 2.0  # seconds between two looks at whether the executor still stands

_Answers = list["Outcome[Result] | Failure"]


def run_on(
    pool: Pool,
    task: Callable[[Item], Result],
    items: Sequence[Item],
    on_death: Callable[[Item], Result],
    seconds: float | None = None,
) -> Iterator[Result]:
    """Apply a function to items on an executor, and yield results in order.

    Function, `on_death` and `seconds` (in a worker of one thread) are as for
    `fp.system.workers.run_in_order`. Relative paths hold in this process's working folder, to which
    the workers change. `UsageError` if the workers run another fp, `RuntimeError` if none can be
    started.
    """
    with _Bench(pool, task, items, on_death, seconds) as bench:
        yield from bench.results()


class _Bench(Generic[Item, Result]):
    """An executor with the batches that are under way."""

    def __init__(
        self,
        pool: Pool,
        task: Callable[[Item], Result],
        items: Sequence[Item],
        on_death: Callable[[Item], Result],
        seconds: float | None,
    ) -> None:
        self._pool = pool
        self._seconds = seconds
        self._task = task
        self._items = items
        self._on_death = on_death
        self._folder = Path.cwd()
        self._open: AbstractContextManager[Executor] | None = None
        self._executor: Executor | None = None

    def __enter__(self) -> _Bench[Item, Result]:
        self._renew()
        return self

    def __exit__(self, *reason: object) -> None:
        self._shut()

    def results(self) -> Iterator[Result]:
        """Yield the results in the order of the items."""
        starts = iter(range(0, len(self._items), _BATCH))
        under_way: deque[tuple[range, Future[_Answers[Result]] | _Answers[Result]]] = deque()
        while True:
            while len(under_way) < _AHEAD and (start := next(starts, None)) is not None:
                part = range(start, min(start + _BATCH, len(self._items)))
                under_way.append((part, self._submit(part)))
            if not under_way:
                return
            part, promised = under_way.popleft()
            answers = self._outcome(promised)
            if answers is None:
                # Nothing may be under way beside a suspect, or one death would blame them all.
                settled = [(other, self._outcome(future)) for other, future in under_way]
                self._renew()
                answers = self._alone(part)
                under_way.clear()
                for other, found in settled:
                    under_way.append((other, self._submit(other) if found is None else found))
            for answer in answers:
                if isinstance(answer, Failure):
                    raise answer.error
                yield answer.result

    def _alone(self, part: range) -> _Answers[Result]:
        """Do a batch again alone, and halve it where it ends the worker again."""
        answers: _Answers[Result] | None = self._outcome(self._submit(part))
        if answers is not None:
            return answers
        self._renew()
        if len(part) == 1:
            return [Outcome(self._on_death(self._items[part[0]]))]
        middle = len(part) // 2
        return self._alone(part[:middle]) + self._alone(part[middle:])

    def _submit(self, part: range) -> Future[_Answers[Result]]:
        items = [self._items[index] for index in part]
        return self._promise(_do, self._folder, self._task, items, self._seconds)

    def _promise(self, function: Callable[..., Any], *arguments: Any) -> Future[Any]:
        assert self._executor is not None
        try:
            return self._executor.submit(function, *arguments)
        except (BrokenExecutor, OSError) as error:  # OSError: it broke while a worker was started
            broken: Future[Any] = Future()
            broken.set_exception(BrokenExecutor(str(error)))
            return broken

    def _outcome(self, promised: Any) -> Any:
        """Wait for what was promised; None where its worker died."""
        if not isinstance(promised, Future) and not hasattr(promised, "exception"):
            return promised
        while True:
            try:
                return promised.result(timeout=_PATIENCE)
            except TimeoutError:
                if not promised.done() and not self._stands():
                    return None
            except (BrokenExecutor, CancelledError):
                return None
            except Exception as error:
                # Dask's own: KilledWorker, FutureCancelledError, CommClosedError and their like.
                if type(error).__module__.partition(".")[0] == "distributed":
                    return None
                raise

    def _stands(self) -> bool:
        asked = self._promise(_version)
        asked.cancel()
        return not (asked.done() and not asked.cancelled() and asked.exception())

    def _renew(self) -> None:
        """Open an executor whose workers, all of them started, are those of this fp."""
        for _ in range(_MOST_STILLBORN):
            self._shut()
            self._open = self._pool()
            self._executor = self._open.__enter__()
            pool = self._executor if isinstance(self._executor, ProcessPoolExecutor) else None
            crew = getattr(pool, "_max_workers", 1)  # other executors start theirs by themselves
            asked = [self._promise(_version) for _ in range(crew)]
            found = {self._outcome(promised) for promised in asked}
            if None in found:
                continue
            if others := found - {tool_version()}:
                raise UsageError(
                    f"The workers run fp {min(others)} and this is fp {tool_version()}; install "
                    "the same version on all machines."
                )
            return
        raise RuntimeError("worker processes end as soon as they start")

    def _shut(self) -> None:
        if self._open is not None:
            if isinstance(self._executor, ProcessPoolExecutor) and not self._stands():
                for process in list((getattr(self._executor, "_processes", None) or {}).values()):
                    with contextlib.suppress(OSError, ValueError, AttributeError):  # hardly begun
                        process.kill()
            self._open.__exit__(None, None, None)
        self._open = self._executor = None


def _version() -> str:
    return tool_version()


def _do(
    folder: Path, task: Callable[[Item], Result], items: Sequence[Item], seconds: float | None
) -> _Answers[Result]:
    if Path.cwd() != folder:
        os.chdir(folder)  # so that relative paths, which stand in the rows, mean the same
    return [attempt(task, item, seconds) for item in items]


@contextmanager
def dask_executor(address: str) -> Iterator[Executor]:
    """Lend the executor of the Dask cluster whose scheduler has this address (``tcp://HOST:8786``).

    Work goes to the cluster's workers, which need the same fp and the same paths; `UsageError` if
    the package is missing or no scheduler answers.
    """
    try:
        distributed: Any = import_module("distributed")
    except ImportError:
        raise UsageError(
            "--scheduler needs the package 'distributed'; install fp-forensics[dask]."
        ) from None
    try:
        client = distributed.Client(address, timeout=20, set_as_default=False)
    except (OSError, ValueError, TimeoutError) as error:
        raise UsageError(
            f"No Dask scheduler answers at {address!r} ({type(error).__name__}); start one with "
            "'dask scheduler' and give its address, such as tcp://HOST:8786."
        ) from None
    with client:
        yield client.get_executor(pure=False)
