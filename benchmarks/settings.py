"""Settings of one generator as classes: are seeds, steps, samplers and checkpoints told apart?

    python benchmarks/zoo_sampling.py --seed 100 && \
        python benchmarks/settings.py --zoo sampling-100 --section settings

draws with the latent diffusion model of a sampling zoo what T2I's table 3 asks of Stable Diffusion,
and lets `fp evaluate` attribute each picture to its setting. Every class draws the same thumbnails,
and a thumbnail is never on both sides of a split. So the test pictures show what no training
picture shows. Where seeds are the classes, all pictures of a class begin with the same noise.
Elsewhere each thumbnail has a noise of its own, the same one in all classes. Pictures and finished
cells are kept in the work folder.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

import click
import torch
from sections import WORK, publish, this_command
from zoo_sampling import Plan, Setting, draw, of_zoo, plan_of, prompts, save

from fp.denoisers.cache import ResidualCache, default_folder
from fp.evaluation.configuration import read_configuration
from fp.evaluation.running import Inputs, evaluate, open_output
from fp.evaluation.summary import Figure, figures_of

PICTURES = 64
"""Pictures of a class."""
OWN_NOISE = 1000
"""The first seed of noise that is no class."""

PAPER = {
    "seeds": "98.80 to 99.94, chance 10",
    "steps": "25.96 to 56.64, chance 10",
    "samplers": "20.18, chance 12.5",
    "checkpoints": "30.21, chance 20",
}
"""What T2I has, in per cent."""


@dataclass(frozen=True)
class Share:
    """How much of the pictures is learned from, and how often.

    Parameters
    ----------
    training : int
        Training pictures of a class.
    splits, nulls : int
        Splits, and how many of them are repeated with shuffled labels.
    methods : tuple of str
        Methods of fp.
    """

    training: int = 48
    splits: int = 3
    nulls: int = 1
    methods: tuple[str, ...] = ("auto", "mean")

    def configuration(self) -> str:
        """Return what `fp evaluate` does, as TOML."""
        methods = ", ".join(f'"{name}"' for name in self.methods)
        return (
            f"methods = [{methods}]\nsizes = [{self.training}]\n"
            f"seeds = {self.splits}\nnulls = {self.nulls}\n\n"
            '[[protocol]]\nkind = "settings"\nreference = false\n'
        )


def classes_of(part: str, pictures: int) -> dict[str, tuple[Setting, list[int]]]:
    """Return the classes of a part of the table: how each draws, and its initial noises."""
    own = [OWN_NOISE + number for number in range(pictures)]
    if part == "seeds":
        return {f"seed {k}": (Setting(), [k] * pictures) for k in range(10)}
    if part == "steps":
        return {f"{k:02d} steps": (Setting(steps=k), own) for k in (5, 10, 20, 30, 50)}
    if part == "samplers":
        return {name: (Setting(sampler=name), own) for name in ("ancestral", "ddim", "heun")}
    return {f"at {k} per cent": (Setting(k), own) for k in (20, 40, 60, 80, 100)}


def drawn(folder: Path, place: Path, part: str, plan: Plan, pictures: int) -> Path:
    """Draw what is missing of a part; return its data set."""
    stems, thumbs = prompts(folder)
    dataset = place / part
    for name, (setting, seeds) in classes_of(part, pictures).items():
        done = dataset / "generated" / name
        if not done.exists():
            begun = dataset / f".{name}.part"
            shutil.rmtree(begun, ignore_errors=True)
            save(begun, stems[:pictures], draw(folder, plan, setting, seeds, thumbs[:pictures]))
            done.parent.mkdir(parents=True, exist_ok=True)
            begun.rename(done)
    if not (dataset / "real").exists():
        shutil.copytree(folder / "real", dataset / "real")
    return dataset


def measured(dataset: Path, output: Path, share: Share) -> list[Figure]:
    """Attribute the pictures of a data set to its classes; return the accuracies."""
    configuration = read_configuration(share.configuration())
    open_output(output, configuration, overwrite=False)
    cache = ResidualCache(default_folder(), 2**34)
    found = evaluate(Inputs(dataset), output, configuration, cache)
    return [figure for figure in figures_of(found.rows) if figure.metric == "accuracy"]


def table(parts: dict[str, list[Figure]], pictures: int) -> str:
    """Return the accuracies beside chance, shuffled labels and the paper."""
    lines = [
        "| what differs | classes | chance | method | right | tested | T2I |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for part, figures in parts.items():
        classes = len(classes_of(part, pictures))
        for figure in figures:
            right = figure.value.text(1, 100)
            if figure.null is not None:
                right += f", null {100 * figure.null.value:.1f}"
            cells = (part, classes, f"{100 / classes:.1f}", figure.method, right)
            told = (f"{figure.n} x {figure.value.n}", PAPER[part])
            lines.append("| " + " | ".join(map(str, (*cells, *told))) + " |")
    return "\n".join(lines)


@click.command()
@of_zoo
@click.option("--parts", default=",".join(PAPER), show_default=True)
@click.option("--pictures", default=PICTURES, show_default=True, help="Pictures of a class.")
@click.option("--training", default=48, show_default=True, help="Training pictures of a class.")
@click.option("--splits", default=3, show_default=True)
@click.option("--nulls", default=1, show_default=True, help="Splits with shuffled labels too.")
@click.option("--methods", default="auto,mean", show_default=True)
@click.option("--section", help="Section of a page of docs/ to replace.")
@click.option("--work", type=click.Path(path_type=Path), default=WORK / "settings")
def main(
    name: str,
    zoos: Path,
    parts: str,
    pictures: int,
    training: int,
    splits: int,
    nulls: int,
    methods: str,
    section: str | None,
    work: Path,
) -> None:
    """Tell the settings of a sampling zoo's diffusion model apart."""
    torch.set_num_threads(1)
    folder = zoos / name
    plan = plan_of(folder)
    share = Share(training, splits, nulls, tuple(methods.split(",")))
    found = {}
    for part in parts.split(","):
        dataset = drawn(folder, work / name, part, plan, pictures)
        found[part] = measured(dataset, work / name / f"{part}-cells", share)
        click.echo(table({part: found[part]}, pictures), err=True)
    publish(section, this_command(), table(found, pictures))


if __name__ == "__main__":
    main()
