"""The group: help, exit codes, one sentence an error, and what is imported when."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys

import click
import pytest
from commands import HEAVY, fp, imported

from fp.cli import main as cli_main
from fp.denoisers import registry
from fp.fingerprint.extraction.options import ExtractOptions
from fp.fingerprint.learning import method as learning
from fp.system.errors import IntegrityError

COMMANDS = sorted(cli_main._COMMANDS)


def command_of(name: str) -> click.Command:
    found = cli_main.group.get_command(click.Context(cli_main.group), name)
    assert found is not None
    return found


def leaves(name: str) -> list[tuple[str, click.Command]]:
    found = command_of(name)
    if isinstance(found, click.Group):
        return [(f"{name} {inner}", command) for inner, command in sorted(found.commands.items())]
    return [(name, found)]


def test_help_names_every_command_and_exit_code():
    help_text = fp("--help").out
    for name in COMMANDS:
        assert re.search(rf"^  {name} ", help_text, re.MULTILINE)
    for code in range(6):
        assert re.search(rf"\b{code} \w", help_text.partition("Exit codes:")[2])


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_says_what_it_does(name):
    for path, command in leaves(name):
        outcome = fp(*path.split(), "--help")
        assert outcome.code == 0
        assert outcome.err == ""
        assert command.help, path
        for parameter in command.params:
            if isinstance(parameter, click.Option):
                assert parameter.help, f"fp {path} {parameter.opts[-1]}"


@pytest.mark.parametrize("name", COMMANDS)
def test_every_example_is_a_command_that_parses(name, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    for path, command in leaves(name):
        examples = re.findall(
            r"^\s*Example: (fp .*(?:\n +\S.*)*)", command.help or "", re.MULTILINE
        )
        assert examples, f"fp {path} has no example"
        for example in examples:
            assert example.startswith(f"fp {path}")
            for line in example.split(" && "):
                parse(shlex.split(line)[1:])


def parse(words: list[str]) -> None:
    command = command_of(words.pop(0))
    while isinstance(command, click.Group):
        command = command.commands[words.pop(0)]
    command.make_context("fp", words)


def test_methods_of_the_help_are_those_there_are():
    method = next(p for p in command_of("extract").params if p.name == "method")
    assert isinstance(method.type, click.Choice)
    assert sorted(method.type.choices) == sorted(learning.available())


def test_commands_of_the_list_are_the_modules():
    for name in COMMANDS:
        assert command_of(name).name == name


def test_version():
    assert re.fullmatch(r"fp \d+\.\d+\.\d+\n", fp("--version").out)


def test_nothing_asked_is_help_and_a_usage_error():
    outcome = fp()
    assert outcome.code == 2
    assert "Commands:" in outcome.err
    assert outcome.out == ""


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["detekt"], "No such command 'detekt'; "),
        (["--nonsense"], "--nonsense"),
        (["extract"], "Missing option '--generated'; see 'fp extract --help'."),
        (["extract", "--jbos", "2"], "'--jbos'"),
        (["extract", "--jobs", "0"], "0 is not in the range"),
        (["extract", "--jobs", "two"], "'two' is not a valid integer"),
        (["detect"], "INPUT... is missing"),
        (["detect", "a.h5"], "INPUT... is missing"),
        (["detect", "a.h5", "b", "-o", "c", "--rule", "oracle"], "'oracle' is not one of"),
        (["detect", "a.h5", "b", "-o", "c", "--fpr", "much"], "'much' is not a valid float"),
        (["detect", "a.h5", "b", "-o", "c", "--resume", "--overwrite"], "contradict each other"),
        (["denoiser", "lsit"], "No such command 'lsit'"),
    ],
)
def test_a_usage_error_is_one_sentence_and_exit_code_2(arguments, words):
    outcome = fp(*arguments)
    assert outcome.code == 2
    assert outcome.out == ""
    assert words in outcome.sentence
    assert re.search(r"; see 'fp[ a-z]* --help'\.$", outcome.sentence)


def boom(*arguments, **options):
    raise ZeroDivisionError("two\nlines")


@pytest.mark.parametrize("flags", [[], ["-v"]])
def test_an_internal_error_is_one_sentence_and_exit_code_1(flags, monkeypatch):
    monkeypatch.setattr("fp.denoisers.registry.available", boom)
    outcome = fp(*flags, "denoiser", "list")
    assert outcome.code == 1
    assert outcome.sentence.startswith("Internal error: ZeroDivisionError: two lines; ")


@pytest.mark.parametrize("flags", [["-vv"], ["-v", "-v"], ["--verbose", "-v"], ["-vvv"]])
def test_twice_verbose_shows_the_traceback_of_any_error(flags, monkeypatch, tmp_path):
    monkeypatch.setattr("fp.denoisers.registry.available", boom)
    internal = fp(*flags, "denoiser", "list")
    expected = fp(*flags, "detect", tmp_path / "no.h5", tmp_path / "in", "-o", tmp_path)
    for outcome, code, name in ((internal, 1, "ZeroDivisionError"), (expected, 4, "InputError")):
        assert outcome.code == code
        assert outcome.err.startswith("Traceback (most recent call last):")
        assert f"{name}: " in outcome.err
        assert outcome.err.splitlines()[-1].startswith("fp: ")


def test_verbosity_belongs_before_the_command(tmp_path):
    # A file may be named -vv.
    outcome = fp("detect", tmp_path / "no.h5", "-o", tmp_path / "o", "--", "-vv")
    assert outcome.sentence


def test_errors_bring_their_own_exit_code(monkeypatch):
    def damaged():
        raise IntegrityError("x is damaged; restore it.")

    monkeypatch.setattr("fp.denoisers.registry.available", damaged)
    outcome = fp("denoiser", "list")
    assert (outcome.code, outcome.sentence) == (5, "x is damaged; restore it.")


def test_what_no_terminal_can_show_does_not_end_a_command():
    code = """
from fp.cli.main import main
from fp.denoisers import registry
registry.available = lambda: {"naïve": "東京 \\udcff"}
main(["denoiser", "list"])
"""
    found = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONIOENCODING": "latin-1"},
        capture_output=True,
        check=False,
    )
    expected = (0, b"na\xefve  \\u6771\\u4eac \\udcff\n")
    assert (found.returncode, found.stdout) == expected, found.stderr


@pytest.mark.parametrize(
    "arguments",
    [["--help"], ["--version"], *([name, "--help"] for name in sorted(cli_main._COMMANDS))],
    ids=" ".join,
)
def test_help_loads_nothing_heavy(arguments):
    assert imported(*arguments) == set()


def test_a_list_loads_little():
    assert imported("denoiser", "list").isdisjoint(HEAVY)


def test_the_command_and_the_library_have_one_default_denoiser():
    denoiser = next(p for p in command_of("extract").params if p.name == "denoiser")
    assert denoiser.default == registry.DEFAULT == ExtractOptions().denoiser


def test_a_worker_of_a_detection_imports_no_learning():
    code = (
        "import sys, fp.runs.examination;"
        "from fp.fingerprint.learning.method import recipe;"
        "recipe('auto'); heavy = {'sklearn', 'scipy.stats', 'scipy.signal', 'skimage', 'torch'};"
        "print(*sorted(heavy & set(sys.modules)))"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout == "\n"
