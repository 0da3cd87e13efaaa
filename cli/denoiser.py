"""``fp denoiser``: what the residuals are made with."""

from __future__ import annotations

from pathlib import Path

import click

from fp.cli.options import PATH, Finite, progress_bar
from fp.cli.suggesting import SuggestingGroup, complete_denoisers


@click.group("denoiser", cls=SuggestingGroup)
def command() -> None:
    """List, train and evaluate the denoisers.

    Example: fp denoiser list
    """


@command.command("list")
def list_denoisers() -> None:
    """Name the denoisers, with one line on each.

    Example: fp denoiser list
    """
    from fp.denoisers import registry

    names = registry.available()
    width = max(map(len, names))
    for name, line in names.items():
        default = " (default)" if name == registry.DEFAULT else ""
        click.echo(f"{name:<{width}}  {line}{default}")


@command.command("train")
@click.argument("name", shell_complete=complete_denoisers)
@click.option("--photographs", type=PATH, required=True, help="Folder of clean photographs.")
@click.option("--work", type=PATH, required=True, help="Folder of checkpoints; resumed from it.")
@click.option("-o", "--output", type=PATH, required=True, help="Folder for what would ship.")
@click.option(
    "--seed", type=int, default=0, show_default=True, help="Seed of the training and its crops."
)
def train_denoiser(name: str, photographs: Path, work: Path, output: Path, seed: int) -> None:
    """Make what ships with denoiser NAME: weights, where it has any, and its mean residual.

    The command that made the shipped files. Run it again after an interruption and it goes on.

    Example: fp denoiser train dncnn --photographs photos/train --work w/ -o weights/
    """
    from fp.denoisers.production import produce

    with progress_bar("train") as progress:
        for path in produce(name, photographs, work, output, seed, progress):
            click.echo(str(path))


@command.command("evaluate")
@click.argument("names", nargs=-1, shell_complete=complete_denoisers)
@click.option("--photographs", type=PATH, required=True, help="Folder of clean photographs.")
@click.option(
    "--sigma",
    "sigmas",
    type=Finite(0),
    multiple=True,
    default=(5.0, 10.0, 15.0),
    show_default=True,
    help="Noise in grey levels; may be repeated.",
)
@click.option("--seed", type=int, default=0, show_default=True, help="Seed of the noise.")
def evaluate_denoisers(
    names: tuple[str, ...], photographs: Path, sigmas: tuple[float, ...], seed: int
) -> None:
    """Print the PSNR of denoisers NAMES (by default all) on whole photographs with added noise.

    Example: fp denoiser evaluate dncnn dncnn-small --photographs photos/val
    """
    from fp.denoisers import registry
    from fp.denoisers.psnr import evaluate

    click.echo("denoiser      sigma    PSNR dB   95 % interval    images")
    for name in names or tuple(registry.available()):
        denoiser = registry.get(name).denoiser
        for found in evaluate(denoiser, photographs, sigmas, seed):
            click.echo(
                f"{name:<12}  {found.sigma:5.1f}    {found.mean:7.3f}   "
                f"{found.low:.3f}..{found.high:.3f}   {found.n:6d}"
            )
