"""What a terminal gets: bars with a rate, tables, colours that can be turned off, completion."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
import time

import pytest
from commands import fp

from fp.cli.main import _COMMANDS
from fp.cli.telling import MOST_ROWS, tell_table

ESCAPE = "\x1b["
COLOUR = re.compile(r"\x1b\[(?:\d+;)*(?:3[0-7]|4[0-7]|9[0-7]|38;|48;)")


def on_terminal(*arguments: object, **environment: str) -> str:
    """Run a command whose two outputs are one terminal, and give what it showed."""
    ours, theirs = pty.openpty()
    given = {"TERM": "xterm-256color", "COLUMNS": "200", "LINES": "50", **environment}
    with subprocess.Popen(
        [sys.executable, "-m", "fp.cli.main", *map(str, arguments)],
        stdin=subprocess.DEVNULL,
        stdout=theirs,
        stderr=theirs,
        env={**{k: v for k, v in os.environ.items() if k != "NO_COLOR"}, **given},
    ) as process:
        os.close(theirs)
        shown = b""
        while True:
            try:
                some = os.read(ours, 65536)
            except OSError:  # the other end is closed
                break
            if not some:
                break
            shown += some
    os.close(ours)
    assert process.returncode in (0, 3), shown.decode()
    return shown.decode()


def plain(shown: str) -> str:
    """Take out colours."""
    return re.sub(r"\x1b\[[\d;]*m", "", shown)


@pytest.mark.slow
def test_a_terminal_gets_a_bar_with_its_rate_and_a_table(lab, tmp_path):
    shown = on_terminal("detect", lab.single, lab.unknown, "-o", tmp_path / "case")
    text = plain(shown)
    assert re.search(
        r"detect: images \S+ +24/24 +[\d.e+]+/s +\d:\d\d:\d\d +left +\d:\d\d:\d\d", text
    )
    assert re.search(r"decision +files +share", text)
    assert COLOUR.search(shown)


@pytest.mark.slow
def test_no_colour_where_none_is_wanted(lab, tmp_path):
    shown = on_terminal("detect", lab.single, lab.unknown, "-o", tmp_path / "case", NO_COLOR="1")
    assert "24/24" in shown
    assert not COLOUR.search(shown)


@pytest.mark.slow
def test_elsewhere_there_are_plain_lines_and_no_control_code(lab, tmp_path):
    for outcome in (
        fp("detect", lab.single, lab.unknown, "-o", tmp_path / "case"),
        fp("audit", "--generated", lab.made(0), "--real", lab.real),
    ):
        assert outcome.code == 0
        assert ESCAPE not in outcome.out + outcome.err
    assert re.search(r"^  supports_\w+ +\d+$", fp_detected(lab, tmp_path), re.MULTILINE)


@pytest.mark.slow
def test_the_first_use_on_a_processor_says_that_it_compiles_and_later_ones_do_not(lab, tmp_path):
    picture = next(iter(sorted(lab.unknown.iterdir())))
    shown = [
        on_terminal("detect", "--quiet", lab.single, picture, NUMBA_CACHE_DIR=str(tmp_path / "jit"))
        for _ in range(2)
    ]
    assert [text.count("compiling loops for this processor, once") for text in shown] == [1, 0]


def fp_detected(lab, tmp_path) -> str:
    return fp("detect", lab.single, lab.unknown, "-o", tmp_path / "again").out


def test_an_audit_on_a_terminal_is_a_table(lab):
    shown = on_terminal("audit", "--generated", lab.made(0), "--real", lab.real)
    assert re.search(r"severity +code +what differs", plain(shown))


def test_a_long_table_is_cut_on_a_terminal_and_whole_elsewhere(monkeypatch, capsys):
    rows = [(f"row {number}", "[red]a") for number in range(100)]
    tell_table(("name", "text"), rows, (name for name, _ in rows))
    assert capsys.readouterr().out.splitlines() == [name for name, _ in rows]
    monkeypatch.setenv("FORCE_COLOR", "1")
    tell_table(("name", "text"), rows, ())
    shown = capsys.readouterr().out
    assert f"row {MOST_ROWS - 1} " in shown and f"row {MOST_ROWS} " not in shown
    assert "... and 60 more rows" in shown
    assert "[red]a" in shown  # text from a file is no markup


@pytest.mark.parametrize("name", ["", "bank", "case", "denoiser"])
def test_a_group_has_an_example_too(name):
    assert "Example: fp" in fp(*name.split(), "--help").out


@pytest.mark.parametrize(
    ("arguments", "meant"),
    [
        (["detekt"], "did you mean 'detect'"),
        (["extrct", "--generated", "x"], "did you mean 'extract'"),
        (["bank", "lsit"], "did you mean 'list'"),
        (["case", "exprot"], "did you mean 'export'"),
        (["denoiser", "evalaute"], "did you mean 'evaluate'"),
        (["detect", "--outpt", "x"], "did you mean '--output'"),
        (["extract", "--generatd", "x"], "'--generated'"),
        (["nothing-like-it"], "there are audit, bank, cache, case"),
    ],
)
def test_a_mistyped_word_is_answered_with_what_was_meant(arguments, meant):
    outcome = fp(*arguments)
    assert outcome.code == 2
    assert meant in outcome.sentence
    assert "(" not in outcome.sentence


def completed(words: str) -> list[str]:
    """Ask as bash does when somebody presses the tabulator at the end of the line."""
    given = words.split()
    position = len(given) if words.endswith(" ") else len(given) - 1
    found = subprocess.run(
        [sys.executable, "-m", "fp.cli.main"],
        env={
            **os.environ,
            "_FP_COMPLETE": "bash_complete",
            "COMP_WORDS": words,
            "COMP_CWORD": str(position),
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert found.stderr == ""
    return [line.partition(",")[2] for line in found.stdout.split("\n") if line]


def test_the_shell_completes_commands_options_values_and_names(lab):
    assert completed("fp ") == sorted(_COMMANDS)
    assert completed("fp det") == ["detect"]
    assert completed("fp extract --meth") == ["--method"]
    assert completed("fp extract --method t") == ["tile"]
    assert completed("fp extract --denoiser dn") == ["dncnn", "dncnn-small"]
    names = completed(f"fp bank show {lab.pair} --name ")
    assert names == ["gen 0", "gen 1"]
    assert completed(f"fp bank show {lab.folder / 'none.h5'} --name ") == []


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_completion_of_each_shell_is_there(shell):
    found = subprocess.run(
        [sys.executable, "-m", "fp.cli.main"],
        env={**os.environ, "_FP_COMPLETE": f"{shell}_source"},
        capture_output=True,
        text=True,
        check=False,
    )
    # click asks bash for its version, and says so where there is no bash new enough.
    assert "_FP_COMPLETE" in found.stdout, found.stderr


def test_help_answers_at_once():
    command = [sys.executable, "-m", "fp.cli.main", "--help"]
    taken = []
    for _ in range(5):
        started = time.perf_counter()
        subprocess.run(command, capture_output=True, check=True)
        taken.append(time.perf_counter() - started)
    # On a machine that does other things too, the best of a few tells.
    assert min(taken) < 0.4
