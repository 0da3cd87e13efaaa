"""Files are there whole or not at all."""

import errno
import os
import stat
import subprocess
import sys
import threading

import pytest

from fp.system import atomic_files as files
from fp.system.atomic_files import (
    atomic_path,
    locked_folder,
    write_bytes_atomic,
    write_text_atomic,
)
from fp.system.errors import OutputError


def test_the_file_appears_only_when_the_block_is_done(tmp_path):
    path = tmp_path / "a.csv"
    with atomic_path(path) as temporary:
        temporary.write_text("half")
        assert not path.exists()
        assert temporary.parent == tmp_path
        assert temporary.name.startswith(".a.csv.") and temporary.name.endswith(".tmp")
        temporary.write_text("whole")
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.csv"]
    assert path.read_text() == "whole"


def test_text_and_bytes_are_written_as_given(tmp_path):
    write_text_atomic(tmp_path / "t", "é\r\n\n")
    assert (tmp_path / "t").read_bytes() == b"\xc3\xa9\r\n\n"
    write_bytes_atomic(tmp_path / "b", bytes(range(256)))
    assert (tmp_path / "b").read_bytes() == bytes(range(256))


def test_an_existing_file_is_refused_before_the_work(tmp_path):
    path = tmp_path / "a"
    path.write_text("old")
    with (
        pytest.raises(OutputError, match="choose another name or overwrite it"),
        atomic_path(path),
    ):
        pytest.fail("the block must not run")
    assert path.read_text() == "old"


def test_a_file_that_appears_meanwhile_is_not_replaced(tmp_path):
    path = tmp_path / "a"
    with pytest.raises(OutputError, match="exists already"), atomic_path(path) as temporary:
        temporary.write_text("mine")
        path.write_text("theirs")
    assert path.read_text() == "theirs"
    assert list(tmp_path.iterdir()) == [path]


def test_the_same_holds_where_there_are_no_hard_links(tmp_path, monkeypatch):
    def no_links(*_):
        raise OSError(errno.EOPNOTSUPP, "no links")

    monkeypatch.setattr(files.Path, "hardlink_to", no_links)
    path = tmp_path / "a"
    write_text_atomic(path, "first")
    with pytest.raises(OutputError, match="exists already"), atomic_path(tmp_path / "b") as lent:
        lent.write_text("mine")
        (tmp_path / "b").write_text("theirs")
    assert (path.read_text(), (tmp_path / "b").read_text()) == ("first", "theirs")
    assert len(list(tmp_path.iterdir())) == 2


@pytest.mark.parametrize("error", [ValueError("x"), OSError("x"), KeyboardInterrupt()])
@pytest.mark.parametrize("overwrite", [True, False])
def test_a_failure_leaves_everything_as_it_was(tmp_path, error, overwrite):
    path = tmp_path / "a"
    if overwrite:
        path.write_text("old")
    before = {entry: entry.read_bytes() for entry in tmp_path.iterdir()}
    expected = OutputError if isinstance(error, OSError) else type(error)
    with pytest.raises(expected), atomic_path(path, overwrite=overwrite) as temporary:
        temporary.write_text("half")
        raise error
    assert {entry: entry.read_bytes() for entry in tmp_path.iterdir()} == before


def test_an_error_of_ours_stays_what_it_is(tmp_path):
    with pytest.raises(OutputError, match=r"^mine$"), atomic_path(tmp_path / "a"):
        raise OutputError("mine")


def test_overwriting_keeps_permissions_and_links(tmp_path):
    path, link = tmp_path / "a", tmp_path / "link"
    path.write_text("old")
    path.chmod(0o640)
    link.symlink_to(path)
    write_text_atomic(link, "new", overwrite=True)
    assert link.is_symlink() and path.read_text() == "new"
    assert stat.S_IMODE(path.stat().st_mode) == 0o640


def test_a_new_file_has_the_usual_permissions(tmp_path):
    write_text_atomic(tmp_path / "a", "")
    (tmp_path / "b").write_text("")
    assert (tmp_path / "a").stat().st_mode == (tmp_path / "b").stat().st_mode


def test_a_dangling_link_counts_as_a_file(tmp_path):
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    with pytest.raises(OutputError, match="exists already"):
        write_text_atomic(tmp_path / "link", "")
    write_text_atomic(tmp_path / "link", "x", overwrite=True)
    assert (tmp_path / "nowhere").read_text() == "x"


@pytest.mark.parametrize("overwrite", [True, False])
def test_each_obstacle_has_its_sentence(tmp_path, overwrite):
    (tmp_path / "file").write_text("")
    os.mkfifo(tmp_path / "pipe")
    obstacles = {
        tmp_path / "none" / "a": "its folder does not exist; make the folder first",
        tmp_path / "file" / "a": "its folder is not a folder; choose another place",
        tmp_path: "it is a folder; name a file",
        tmp_path / ("n" * 300): "the name is too long; choose a shorter one",
    }
    if overwrite:
        obstacles[tmp_path / "pipe"] = "it is no regular file; choose another name"
    for path, sentence in obstacles.items():
        with pytest.raises(OutputError) as caught:
            write_text_atomic(path, "x", overwrite=overwrite)
        assert str(caught.value) == f"{path} cannot be written: {sentence}."
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["file", "pipe"]


@pytest.mark.parametrize(
    ("code", "remedy"),
    [
        (errno.ENOSPC, "the disk is full; free some space"),
        (errno.EROFS, "the disk is read-only; choose another place"),
        (errno.EACCES, "writing there is not allowed"),
        (errno.EIO, "Input/output error; choose another place"),
    ],
)
def test_what_the_disk_answers_becomes_a_sentence(tmp_path, monkeypatch, code, remedy):
    def refuse(_):
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(files.os, "fsync", refuse)
    with pytest.raises(OutputError, match=remedy):
        write_text_atomic(tmp_path / "a", "x")
    assert not list(tmp_path.iterdir())


def test_a_name_of_any_length_and_bytes_can_be_written(tmp_path):
    for name in ("n" * 255, "ü" * 120, os.fsdecode(b"\xff\xfe"), "-o", "a\nb"):
        write_text_atomic(tmp_path / name, name[:3].encode("utf-8", "replace").decode())
    assert len(list(tmp_path.iterdir())) == 5


def test_the_file_and_its_folder_are_synced_before_and_after_the_rename(tmp_path, monkeypatch):
    calls = []
    fsync, link = os.fsync, files.Path.hardlink_to
    monkeypatch.setattr(
        files.os,
        "fsync",
        lambda fd: (
            calls.append("dir" if stat.S_ISDIR(os.fstat(fd).st_mode) else "file"),
            fsync(fd),
        ),
    )
    monkeypatch.setattr(
        files.Path, "hardlink_to", lambda new, old: (calls.append("rename"), link(new, old))
    )
    write_text_atomic(tmp_path / "a", "x")
    assert calls == ["file", "rename", "dir"]


@pytest.mark.parametrize("code", [errno.EINVAL, errno.ENOTSUP, errno.ENOSYS])
@pytest.mark.parametrize("call", ["fsync", "fchmod", "link"])
def test_what_a_file_system_does_not_know_costs_no_file(tmp_path, monkeypatch, call, code):
    def refused(*_):
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(files.os, call, refused)
    write_text_atomic(tmp_path / "a", "first")
    write_text_atomic(tmp_path / "a", "second", overwrite=True)
    assert (tmp_path / "a").read_text() == "second"
    assert len(list(tmp_path.iterdir())) == 1


def test_a_disk_that_fails_is_still_told(tmp_path, monkeypatch):
    def failed(_):
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(files.os, "fsync", failed)
    with pytest.raises(OutputError, match="cannot be written"):
        write_text_atomic(tmp_path / "a", "first")
    assert list(tmp_path.iterdir()) == []


_KILLED = """
import os, signal, sys
from pathlib import Path
from fp.system.atomic_files import write_text_atomic

path, overwrite = Path(sys.argv[1]), sys.argv[2] == "True"

def write(nth):
    calls = 0
    def audit(event, arguments):
        nonlocal calls
        if event in ("open", "os.link", "os.rename", "os.remove"):
            calls += 1
            if calls == nth:
                os.kill(os.getpid(), signal.SIGKILL)
    sys.addaudithook(audit)
    write_text_atomic(path, "new" * 100_000, overwrite=overwrite)

for nth in range(1, 20):
    path.unlink(missing_ok=True)
    if overwrite:
        path.write_text("old")
    child = os.fork()
    if not child:
        write(nth)
        os._exit(0)
    killed = os.waitpid(child, 0)[1]
    content = path.read_text() if path.exists() else "none"
    print("new" if content == "new" * 100_000 else content)
    if not killed:
        sys.exit()
sys.exit("the write never came to its end")
"""


@pytest.mark.parametrize("overwrite", [True, False])
def test_killed_at_any_step_there_is_no_half_file(tmp_path, overwrite):
    script = tmp_path / "killed.py"
    script.write_text(_KILLED)
    path = tmp_path / "out" / "a"
    path.parent.mkdir()
    done = subprocess.run(
        [sys.executable, script, path, str(overwrite)], capture_output=True, text=True, check=True
    )
    outcomes = done.stdout.split()
    before = "old" if overwrite else "none"
    assert len(outcomes) >= 5
    assert outcomes == sorted(outcomes, key=[before, "new"].index)
    assert set(outcomes) == {before, "new"}
    assert all(left == path or left.name.startswith(".a.") for left in path.parent.iterdir())


def test_a_locked_folder_keeps_others_out(tmp_path):
    order = []
    inside = threading.Event()

    def other():
        inside.wait()
        with locked_folder(tmp_path):
            order.append("second")

    thread = threading.Thread(target=other)
    thread.start()
    with locked_folder(tmp_path):
        inside.set()
        thread.join(0.2)
        order.append("first")
    thread.join()
    assert order == ["first", "second"]
    assert not list(tmp_path.iterdir())
    with pytest.raises(OutputError, match="does not exist"), locked_folder(tmp_path / "none"):
        pass
