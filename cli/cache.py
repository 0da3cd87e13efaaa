"""``fp cache``: the residuals that fp keeps between runs."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from fp.cli.options import CACHE
from fp.cli.suggesting import SuggestingGroup
from fp.cli.telling import counted

if TYPE_CHECKING:
    from fp.denoisers.cache import Holding, ResidualCache

folder_option = click.option("--cache", "folder", **CACHE)


@click.group("cache", cls=SuggestingGroup)
def command() -> None:
    """Say what residuals are kept between runs, and delete them.

    Example: fp cache info
    """


@command.command("info")
@folder_option
def info(folder: Path | None) -> None:
    """Say where residuals are kept, how many, and how many bytes, by denoiser.

    Example: fp cache info
    """
    from fp.system.paths import display_path

    cache = _at(folder)
    holdings = cache.holdings()
    click.echo(display_path(cache.folder))
    for each in holdings:
        name = each.denoiser or "of an earlier fp"
        click.echo(f"  {name:<16} {counted(each.entries, 'residual')}, {_size(each.size)}")
    click.echo(f"  {'in all':<16} {_told(holdings)}")


@command.command("clear")
@folder_option
@click.option("--yes", is_flag=True, help="Do not ask.")
def clear(folder: Path | None, yes: bool) -> None:
    """Delete all residuals that fp keeps, and nothing else that lies in their folder.

    Example: fp cache clear --yes
    """
    from fp.system.paths import display_path

    cache = _at(folder)
    shown = display_path(cache.folder)
    if not yes:
        if not sys.stdin.isatty():
            raise click.UsageError("There is nobody to ask; add --yes.")
        if not click.confirm(f"Delete {_told(cache.holdings())} in {shown}?"):
            click.echo("nothing was deleted")
            return
    click.echo(f"{counted(cache.clear(), 'residual')} deleted in {shown}")


def _at(folder: Path | None) -> ResidualCache:
    from fp.denoisers.cache import ResidualCache, default_folder

    return ResidualCache(folder or default_folder())


def _told(holdings: Sequence[Holding]) -> str:
    number = sum(each.entries for each in holdings)
    return f"{counted(number, 'residual')}, {_size(sum(each.size for each in holdings))}"


def _size(size: int) -> str:
    return f"{size / 2**20:.1f} MiB"
