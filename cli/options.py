"""Options that several subcommands share, with the checks that belong to them."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from fp.cli.declared import option
from fp.cli.suggesting import complete_denoisers
from fp.system.errors import FpError

if TYPE_CHECKING:
    from fp.denoisers.cache import ResidualCache

EXIT_INTERNAL = 1
EXIT_SOME_NOT_EXAMINED = 3

PATH = click.Path(path_type=Path)


@dataclass
class Asked:
    """Arguments of the program as a whole, and how much it is to say."""

    arguments: tuple[str, ...] = ()
    verbosity: int = 0


def asked() -> Asked:
    """Return what was asked of the program that runs now."""
    return click.get_current_context().find_root().ensure_object(Asked)


generated_folder = click.option(
    "--generated", type=PATH, required=True, help="Folder of the generator's images."
)
real_folder = click.option("--real", type=PATH, required=True, help="Folder of reference images.")
output_folder = click.option(
    "-o", "--output", type=PATH, required=True, help="Folder for report and tables."
)


class Finite(click.FloatRange):
    """A number within bounds; nan is within none, and infinity is no limit."""

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """Read a number."""
        found: float = super().convert(value, param, ctx)
        if not math.isfinite(found):
            self.fail(f"{value!r} is no finite number", param, ctx)
        return found


def checked_denoiser(ctx: click.Context, param: click.Parameter, value: str | None) -> str | None:
    """Refuse a denoiser that there is not, before anything is read."""
    if value is None:
        return None
    from fp.denoisers.registry import check_name
    from fp.system.errors import DenoiserError

    try:
        check_name(value)
    except DenoiserError as error:
        raise click.BadParameter(str(error)) from None
    return value


def checked_size(
    ctx: click.Context, param: click.Parameter, value: str | None
) -> tuple[int, int] | None:
    """Return height and width of a ``WIDTHxHEIGHT``."""
    if value is None:
        return None
    found = re.fullmatch(r"(\d{1,6})x(\d{1,6})", value, re.ASCII | re.IGNORECASE)
    if found is None:
        raise click.BadParameter(f"{value!r} is not WIDTHxHEIGHT, such as 256x256.")
    return int(found[2]), int(found[1])


def _jobs(ctx: click.Context, param: click.Parameter, value: int | None) -> int:
    if value is not None:
        return value
    from fp.system.workers import usable_cores

    return usable_cores()


denoiser_option = partial(
    option,
    "--denoiser",
    shell_complete=complete_denoisers,
    default="wavelet",
    show_default=True,
    callback=checked_denoiser,
    help="What makes the residuals; see 'fp denoiser list'.",
)

device_option = partial(option, "--device", type=click.Choice(["cpu", "auto", "cuda"]))


def device_parameters(device: str | None) -> dict[str, object]:
    """Return the parameters of what computes on a device; UsageError if it is not there."""
    if device is None:
        return {}
    from fp.denoisers.dncnn import device_of

    device_of(device)
    return {"device": device}


anchor_option = partial(
    option,
    "--anchor",
    type=click.Choice(["top-left", "centre"]),
    show_default=True,
    help="Where the examined part lies.",
)

size_option = partial(option, "--size", metavar="WIDTHxHEIGHT", callback=checked_size)


def _match(ctx: click.Context, param: click.Parameter, value: str | None) -> str | None:
    if value is None:
        return None
    from fp.audit.preparation import check_match
    from fp.system.errors import UsageError

    try:
        check_match(value)
    except UsageError as error:
        raise click.BadParameter(str(error)) from None
    return value


match_option = partial(
    option,
    "--match",
    is_flag=False,
    flag_value="lowest",
    metavar="[DEGRADATION]",
    callback=_match,
)

jobs_option = partial(
    option,
    "--jobs",
    type=click.IntRange(1),
    callback=_jobs,
    help="Number of processes [default: one a core]. Results do not depend on it.",
)


def _bytes(value: str | int) -> int:
    """Read a number of bytes; one that a manifest recorded is a number already."""
    given = re.fullmatch(r"(\d{1,15})([KMGT]?)", str(value).upper(), re.ASCII)
    if not given or int(given[1]) == 0:
        raise click.BadParameter(f"{value!r} is not written as a number of bytes, such as 2G")
    return int(given[1]) << 10 * " KMGT".index(given[2] or " ")


memory_option = partial(
    option,
    "--memory",
    type=_bytes,
    metavar="BYTES",
    default="2G",
    show_default=True,
    help="Bytes that the bank may hold in each process; K, M, G and T are powers of 1024.",
)

seed_option = partial(
    option, "--seed", type=click.IntRange(0, 2**32 - 1), default=0, show_default=True
)

rule_option = partial(
    option,
    "--rule",
    type=click.Choice(["conformal", "nearest-mean"]),
    default="conformal",
    show_default=True,
)

overwrite_option = partial(
    option, "--overwrite", is_flag=True, help="Replace the output of an earlier run."
)

report_option = partial(
    option,
    "--report",
    type=click.Choice(["full", "none"]),
    default="full",
    show_default=True,
    help="Write report.html, or not.",
)

previews_option = partial(
    option,
    "--previews",
    type=click.Choice(["shown", "blurred", "none"]),
    default="shown",
    show_default=True,
    help="Show the pictures in the report small, blurred beyond recognition, or not at all.",
)

max_pixels_option = partial(
    option,
    "--max-pixels",
    type=click.IntRange(1),
    default=128 * 2**20,
    show_default=True,
    help="Refuse images with more pixels than this, undecoded.",
)

max_seconds_option = partial(
    option,
    "--max-seconds",
    type=Finite(1),
    default=120.0,
    show_default=True,
    help="Give an image up that keeps a process for longer, twice.",
)


def _roots(
    ctx: click.Context, param: click.Parameter, values: tuple[str, ...]
) -> tuple[tuple[str, str], ...]:
    from fp.system.paths import display_path

    found = []
    for value in values:
        old, equals, new = value.partition("=")
        if not (old and equals and new):
            raise click.BadParameter(f"{value!r} is not written as OLD=NEW")
        found.append((old, display_path(Path(new).absolute())))
    return tuple(found)


roots_option = partial(
    option,
    "--root",
    multiple=True,
    metavar="OLD=NEW",
    callback=_roots,
    help="Where paths that begin with OLD, as the manifest writes them, lie now; may be repeated.",
)


CACHE: Any = {
    "type": PATH,
    "help": "Folder of residuals [default: FP_CACHE, or the user's cache folder].",
}
"""What click is told of --cache."""


@dataclass(frozen=True)
class Working:
    """Options that stand last in every command that makes residuals of folders of images."""

    jobs: int = jobs_option()
    max_pixels: int = max_pixels_option()
    no_cache: bool = option("--no-cache", is_flag=True, help="Keep no residuals after the run.")
    cache_folder: Path | None = option("--cache", **CACHE)
    cache_limit: int = option(
        "--cache-limit",
        type=_bytes,
        metavar="BYTES",
        default="8G",
        show_default=True,
        help="Bytes that the folder of residuals may take; those unused for longest go first.",
    )
    overwrite: bool = overwrite_option()


def open_cache(given: Working) -> ResidualCache | None:
    """Open the residual cache that the options ask for, or none.

    Before anything is kept in a folder that nobody named, it says so.
    """
    from fp.denoisers.cache import ResidualCache, default_folder
    from fp.system.paths import display_path

    if given.no_cache:
        if given.cache_folder is not None:
            raise click.UsageError("--cache and --no-cache contradict each other")
        return None
    folder = given.cache_folder or default_folder()
    if given.cache_folder is None and not os.environ.get("FP_CACHE") and not folder.exists():
        click.echo(
            f"residuals of the images are kept in {display_path(folder)}, at most "
            f"{given.cache_limit / 2**30:.2g} GiB; 'fp cache clear' deletes them, --no-cache "
            "keeps none",
            err=True,
        )
    return ResidualCache(folder, given.cache_limit)


def check_outputs(inputs: Iterable[Path], output: Path, cache: ResidualCache | None) -> None:
    """Refuse an output or a cache inside of an input, by an `OutputError`."""
    from fp.system.outputs import check_apart

    check_apart(inputs, output, *(() if cache is None else (cache.folder,)))


class Interrupted(FpError):
    """Ctrl-C, with what is kept."""

    exit_code = EXIT_INTERNAL


@contextmanager
def interruptible(kept: str) -> Iterator[None]:
    """Raise `Interrupted` when Ctrl-C ends the block; `kept` says how to go on."""
    try:
        yield
    except KeyboardInterrupt:
        raise Interrupted(f"Interrupted; {kept}.") from None


@contextmanager
def progress_bar(
    description: str, *, hidden: bool = False
) -> Iterator[Callable[[str, int, int], None]]:
    """Show progress on standard error by what it yields. That takes a stage, the number done, and
    the total.

    The description stands before the first stage is known. A hidden one shows nothing.
    """
    from rich.console import Console

    console = Console(stderr=True)
    if hidden or not console.is_terminal:  # no bar, and no control codes in somebody's log
        yield lambda stage, done, total: None
        return
    from fp.cli.progress import bar_on

    with bar_on(console) as bar:
        tasks: dict[str, Any] = {}

        def update(stage: str, done: int, total: int) -> None:
            if stage not in tasks:
                tasks[stage] = bar.add_task(f"{description}: {stage}", total=total)
            bar.update(tasks[stage], completed=done, total=total)

        yield update
