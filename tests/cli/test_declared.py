"""Options as the fields of one object: all of them arrive, in the order of the help."""

from dataclasses import dataclass
from importlib import import_module

import click
import pytest
from click.testing import CliRunner

from fp.api import bank
from fp.cli.declared import option, options_of

COMMANDS = ("audit", "demo", "detect", "evaluate", "extract", "lineage", "merge", "rerun", "verify")


@dataclass(frozen=True)
class Given:
    """Options of a command."""

    side: int = option("-s", "--length", type=int, default=8, help="First.")
    names: tuple[str, ...] = option("--name", multiple=True, help="Second.")


def test_a_command_gets_its_options_in_one_object_and_its_arguments_beside_it():
    seen = []

    @click.command()
    @click.argument("place")
    @options_of(Given)
    def command(place, given):
        """Say what it does."""
        seen.append((place, given))

    run = CliRunner().invoke
    assert run(command, ["here", "--name", "a", "-s", "3", "--name", "b"]).exit_code == 0
    assert run(command, ["there"]).exit_code == 0
    assert seen == [("here", Given(3, ("a", "b"))), ("there", Given(8, ()))]
    text = run(command, ["--help"]).output
    assert "Say what it does." in text and text.index("First.") < text.index("Second.")
    # What a manifest records, and what `fp rerun` gives back, are the names of the fields.
    assert [each.name for each in command.params] == ["place", "side", "names"]
    click.Context(command).invoke(command, place="again", side=5, names=("c",))
    assert seen[-1] == ("again", Given(5, ("c",)))


def test_an_option_that_no_field_takes_up_is_an_error_and_is_not_lost():
    @click.command()
    @click.option("--lost")
    @options_of(Given)
    def command(given):
        pass

    with pytest.raises(TypeError, match="lost"):
        CliRunner().invoke(command, [], catch_exceptions=False)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_asks_for_few_things(name):
    command = import_module(f"fp.cli.{name}").command
    function = command.callback.__wrapped__
    code = function.__code__
    assert code.co_argcount <= 6 and code.co_varnames[code.co_argcount - 1] == "given"


def test_a_program_still_says_where_a_long_optimisation_is_kept(monkeypatch, tmp_path):
    seen = []
    monkeypatch.setattr(bank, "extract_folders", lambda *given: seen.append(given))
    bank.extract(tmp_path / "g", tmp_path / "r", "G", checkpoint=str(tmp_path / "kept"))
    bank.extract(tmp_path / "g", tmp_path / "r", folds=3)
    assert [given[7] for given in seen] == [tmp_path / "kept", None]
    assert seen[1][3].folds == 3
