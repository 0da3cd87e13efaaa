"""What the tests of the driver let workers do; light, since each worker imports it anew."""

from __future__ import annotations

import os
import re
import resource
import signal
import time
from collections.abc import Callable
from pathlib import Path


def square(item: int) -> int:
    return item * item


def lost(item: int) -> int:
    return -item


def process_of(item: object) -> int:
    return os.getpid()


def new_pages(item: object) -> int:
    """Return how many pages the kernel clears for arrays like those that were there before."""
    import numpy

    def work() -> int:
        before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
        assert len([numpy.ones(2**18) for _ in range(8)]) == 8
        return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

    work()
    return work()


def threads_of(item: object) -> tuple[str, ...]:
    return tuple(os.environ[f"{name}_NUM_THREADS"] for name in ("OMP", "MKL", "OPENBLAS", "NUMBA"))


NOTES: list[str] = []


def notes(item: object) -> list[str]:
    """Return what this process, or the one that it is a copy of, noted."""
    return NOTES


def library_threads(item: object) -> set[int]:
    import numpy  # noqa: F401  with its OpenBLAS
    from threadpoolctl import threadpool_info

    return {library["num_threads"] for library in threadpool_info()}


def slow_first(item: int) -> int:
    time.sleep(0.3 if item == 0 else 0)
    return item


def noted(item: tuple[Path, int]) -> int:
    """Leave a line a call in a file."""
    with item[0].open("a") as file:
        file.write(f"{item[1]}\n")
    return item[1]


def slow_noted(item: tuple[Path, int]) -> int:
    time.sleep(0.3)
    return noted(item)


def deadly(item: tuple[Path, int, int]) -> int:
    """Die at negative numbers, by a signal if odd; every call leaves a line in a file."""
    path, number, _ = item
    noted((path, number))
    if number < 0:
        if number % 2:
            os.kill(os.getpid(), signal.SIGKILL)
        os._exit(7)
    return number * number


def deadly_once(item: tuple[Path, int]) -> int:
    if item[1] == 5 and not item[0].exists():
        item[0].touch()
        os._exit(1)
    return item[1]


class Deadly:
    """Ends the process that pickles it."""

    def __reduce__(self) -> str:
        os._exit(1)


def deadly_answer(item: int) -> Deadly | int:
    return Deadly() if item == 5 else item


def stuck(item: int) -> int:
    """Search for ever at five, in C and without ever letting go of the interpreter."""
    if item == 5:
        re.match("(a+)+$", "a" * 64 + "b")
    return item


class Odd(Exception):
    """An exception that cannot be made again from its arguments."""

    def __init__(self, one: str, two: str) -> None:
        super().__init__(one + two)


def failing(item: int) -> Callable[[], int] | int:
    if item == 40:
        from fp.system.errors import InputError

        raise InputError("Forty is too many; take fewer.")
    if item == 41:
        raise Odd("a", "b")
    if item == 42:
        return lambda: 42
    if item == 43:
        from fp.system.errors import ImageError

        raise ImageError("damaged", "x is damaged.")
    return item


class Stillborn:
    """Ends every process that unpickles it."""

    def __call__(self, item: int) -> int:
        return item

    def __reduce__(self) -> tuple[Callable[[int], None], tuple[int]]:
        return (os._exit, (3,))


def process_and_fail(item: int) -> int:
    failing(item)
    return os.getpid()


def sleepy(item: int) -> int:
    time.sleep(0 if item == 1 else 60)
    return os.getpid()


def working_folder(item: object) -> str:
    return str(Path.cwd())
