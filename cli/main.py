"""The command ``fp``: a group whose subcommands are imported when they are called."""

from __future__ import annotations

import io
import os
import re
import sys
import traceback
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from fp.cli.options import EXIT_INTERNAL, PATH, Asked, asked
from fp.cli.suggesting import SuggestingGroup
from fp.cli.telling import LOG
from fp.system.errors import FpError
from fp.system.first_use import when_compiling

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

_COMMANDS = {
    "audit": "Find differences between two folders that are not the generator.",
    "bank": "List, show, extend and verify files of fingerprints.",
    "cache": "Say what residuals are kept between runs, and delete them.",
    "case": "Keep exhibits, runs and notes in a folder that vouches for all of it.",
    "demo": "Go the whole way on images that come with the package.",
    "denoiser": "List, train and evaluate the denoisers.",
    "detect": "Test images against fingerprints.",
    "evaluate": "Measure methods on a data set, with intervals and null controls.",
    "extract": "Make a generator's fingerprint from two folders of images.",
    "lineage": "Find families among generators: who shares an ancestor with whom.",
    "look": "Say what files say of themselves, and what their pictures went through.",
    "merge": "Join the shards of a detection that ran in pieces.",
    "rerun": "Compute a recorded run again and compare.",
    "verify": "Hash everything again that a manifest or a case names.",
}


class LazyGroup(SuggestingGroup):
    """A group that imports ``fp.cli.<name>`` and takes its ``command`` when it is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of the subcommands."""
        return sorted(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a subcommand."""
        if cmd_name not in _COMMANDS:
            return None
        command: click.Command = import_module(f"fp.cli.{cmd_name}").command
        _let_say_more(command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the subcommands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl(sorted(_COMMANDS.items()))

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Complete the name of a subcommand without importing any."""
        from click.shell_completion import CompletionItem

        found = [
            CompletionItem(name, help=line)
            for name, line in sorted(_COMMANDS.items())
            if name.startswith(incomplete)
        ]
        return found + click.Command.shell_complete(self, ctx, incomplete)


def _let_say_more(command: click.Command) -> None:
    """Let -v and --log stand behind a command too, and behind those of a group."""
    for below in command.commands.values() if isinstance(command, click.Group) else ():
        _let_say_more(below)
    if any(parameter.name == "verbose" for parameter in command.params):
        return
    both: dict[str, Any] = {"hidden": True, "help": "As before the command.", "expose_value": False}
    command.params += [
        click.Option(["-v", "--verbose"], count=True, callback=_say_more, **both),
        click.Option(["--log"], type=PATH, callback=_start_log, **both),
    ]


def _say_more(ctx: click.Context, _: click.Parameter, value: int) -> None:
    asked().verbosity += value


def _start_log(ctx: click.Context, _: click.Parameter, value: Path | None) -> None:
    if value is not None and not ctx.resilient_parsing:
        from fp.cli import log

        log.start(value, asked().arguments)


def _version(ctx: click.Context, _: click.Parameter, wanted: bool) -> None:
    if wanted:
        from fp.system.environment import tool_version

        click.echo(f"fp {tool_version()}")
        ctx.exit()


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "-v",
    "--verbose",
    count=True,
    expose_value=False,
    callback=_say_more,
    help="Say more on standard error: -v names the files that 'fp detect' could not examine, as "
    "they come; -vv adds the traceback of an error. It may stand behind the command too.",
)
@click.option(
    "--log",
    metavar="FILE",
    type=PATH,
    expose_value=False,
    callback=_start_log,
    help="Append times, warnings and the trouble of each file to a log. It may stand behind the "
    "command too.",
)
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_version,
    help="Print the version.",
)
def group() -> None:
    """Tell which image generator drew a picture, with figures and their limits.

    Exit codes: 0 done, 1 internal error or interrupted, 2 usage, 3 done but some inputs were not
    examined, 4 unusable input or output, 5 integrity failure.

    Example: fp demo -o fp-demo
    """


def main(arguments: list[str] | None = None) -> None:
    """Run the command line, and end with its exit code.

    By default it is the command line of the process.
    """
    try:
        _run(sys.argv[1:] if arguments is None else arguments)
    except SystemExit as leaving:
        if LOG.level:  # set where a log was begun
            import_module("fp.cli.log").end(leaving.code)
        raise


def _run(arguments: list[str]) -> None:
    # Read once, when torch or Numba starts its threads: on a busy machine they would spend a
    # hundred times the work on waiting for each other.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    # Told before click reads the options: its own parsing may fail as well.
    tracebacks = _verbosity(arguments) > 1
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # A file name must not end a run because the terminal cannot show it.
            stream.reconfigure(errors="backslashreplace")
    if sys.stderr.isatty():
        when_compiling(_tell_of_compiling)
    try:
        os.getcwd()  # noqa: PTH109 - asked for its error alone
    except OSError:
        _fail("The folder that you are in is gone; change to one that is there.", FpError.exit_code)
    try:
        if "SOURCE_DATE_EPOCH" in os.environ:
            _check_time()
        asked = Asked(tuple(arguments))
        code = group.main(arguments, prog_name="fp", standalone_mode=False, obj=asked)
        sys.exit(code if isinstance(code, int) else 0)
    except click.exceptions.Abort:
        _fail("Interrupted.", EXIT_INTERNAL)
    except BrokenPipeError:  # whoever reads the answers, such as head, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(EXIT_INTERNAL)
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
        sys.exit(error.exit_code)
    except click.ClickException as error:
        _fail(_sentence(error), error.exit_code)
    except FpError as error:
        if tracebacks:
            traceback.print_exc()
        _fail(str(error), error.exit_code)
    except Exception as error:
        if tracebacks:
            traceback.print_exc()
        LOG.error("traceback", exc_info=True)
        _fail(
            f"Internal error: {type(error).__name__}: {error}; "
            "run again with 'fp -vv' for the traceback and report it.",
            EXIT_INTERNAL,
        )


def _check_time() -> None:
    """Refuse a time that is none, before numpy fails at it. An empty one is left out."""
    from fp.system.environment import now_utc

    if not os.environ["SOURCE_DATE_EPOCH"]:
        del os.environ["SOURCE_DATE_EPOCH"]
    now_utc()


def _tell_of_compiling() -> None:
    click.echo("fp: compiling loops for this processor, once; that takes some seconds", err=True)


def _verbosity(arguments: list[str]) -> int:
    verbosity = 0
    for argument in arguments:
        if re.fullmatch("-v+", argument):
            verbosity += len(argument) - 1
        elif argument == "--verbose":
            verbosity += 1
        elif argument == "--":
            break
    return verbosity


def _sentence(error: click.ClickException) -> str:
    context = getattr(error, "ctx", None)
    # click says some things in two sentences.
    message = re.sub(r"\. ([A-Z])", lambda match: f"; {match[1].lower()}", error.format_message())
    message = re.sub(
        r"[.;]? \(Did you mean( one of)?:? (.*?)\??\)", r"; did you mean\1 \2", message
    )
    message = message.rstrip(".?")
    return f"{message}; see '{context.command_path if context else 'fp'} --help'."


def _fail(message: str, code: int) -> None:
    message = " ".join(message.split())
    LOG.error(message)
    click.echo(f"fp: {message}", err=True)
    sys.exit(code)


if __name__ == "__main__":
    main()
