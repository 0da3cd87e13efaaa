"""The first compilation in a process, and who hears of it."""

from __future__ import annotations

import os

import pytest

from fp.system.first_use import compiling, when_compiling
from fp.system.jit import compiled


def test_the_first_loop_that_is_compiled_is_told_and_no_later_one():
    source: dict[str, object] = {}
    exec("def add(a, b):\n    return a + b", source)  # of no file, so that nothing is kept on disk
    add, told = compiled(source["add"]), []
    when_compiling(lambda: told.append("compiling"))
    assert told == []
    assert (add(1, 2), add(1.5, 2.0)) == (3, 3.5)
    assert told == ["compiling"]
    when_compiling(lambda: told.append("again"))
    assert add(3, 4) == 7
    assert told == ["compiling"], "nothing was compiled any more"
    when_compiling(lambda: None)


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_of_a_process_and_its_copies_one_tells():
    told = []
    when_compiling(lambda: told.append("compiling"))
    child = os.fork()
    if not child:
        compiling()
        os._exit(len(told))
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 1
    compiling()
    assert told == []
    when_compiling(lambda: None)
