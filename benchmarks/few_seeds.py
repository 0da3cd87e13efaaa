"""Is a folder that was drawn from few seeds found by its pixels? What `fp audit` says of its seeds.

    python benchmarks/zoo_sampling.py --seed 100 && \
        python benchmarks/few_seeds.py --zoo sampling-100 --section few-seeds

draws folders of 64 pictures with the latent diffusion model of a sampling zoo, each from so many
initial noises, and repeats that with other noises. Every picture has a thumbnail of its own. Then
the folders of the corpus are asked, generators that draw, networks that redraw, and photographs.
Nothing is known of their seeds, but for sd35l, which has one.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import click
import torch
from scipy.stats import binomtest
from sections import publish, this_command
from zoo import CORPUS, PROJECT
from zoo_sampling import Setting, draw, plan_of, prompts, save

from fp.audit.audit import audit
from fp.audit.findings import AuditFinding
from fp.audit.measuring import Folder, Measure, measure_folder
from fp.images.degradations import Degradation

PICTURES = 64
SEEDS = (1, 4, 16, 64)
SAMPLERS = ("heun", "ancestral")
CODINGS = ("jpeg:85",)
FOLDERS = ("t2i/generated", "t2i/real", "generated")


@dataclass(frozen=True)
class Kind:
    """A folder: from how many seeds, by which sampler, and what happened to its pictures."""

    seeds: int
    sampler: str = "ddim"
    coding: str = "none"


def said(folder: Path, real: Folder) -> AuditFinding | None:
    """Return what the audit says of the seeds of a folder, if it is large enough."""
    found = audit(measure_folder(folder, Measure(folder)), real).findings
    return next((each for each in found if each.code == "few_seeds"), None)


def counted(folder: Path, real: Folder, kind: Kind, draws: int) -> list[AuditFinding]:
    """Audit folders of so many seeds, other ones in each draw."""
    plan, (_, thumbs) = plan_of(folder), prompts(folder)
    found = []
    for number in range(draws):
        own = [10_000 * (1 + number) + k % kind.seeds for k in range(PICTURES)]
        turn = (PICTURES * number + torch.arange(PICTURES)) % len(thumbs)
        pictures = draw(folder, plan, Setting(sampler=kind.sampler), own, thumbs[turn])
        degraded = Degradation(kind.coding)
        with tempfile.TemporaryDirectory() as place:
            names = [f"{k:02d}" for k in range(PICTURES)]
            save(Path(place), names, [degraded.apply(each) for each in pictures])
            finding = said(Path(place), real)
        assert finding is not None
        found.append(finding)
    return found


def drawn_rows(folder: Path, real: Folder, draws: int) -> Iterator[str]:
    """Yield a row of the table for each kind of folder that the zoo draws."""
    kinds = [Kind(seeds) for seeds in SEEDS]
    kinds += [Kind(seeds, sampler) for sampler in SAMPLERS for seeds in (4, PICTURES)]
    kinds += [Kind(seeds, coding=coding) for coding in CODINGS for seeds in (4, PICTURES)]
    for kind in kinds:
        found = counted(folder, real, kind, draws)
        told = sum(each.severity == "warning" for each in found)
        exact = binomtest(told, draws).proportion_ci(method="exact")
        shares = sorted(100 * each.value for each in found)
        yield (
            f"| {kind.seeds} | {kind.sampler} | {kind.coding} | {told} of {draws} "
            f"({100 * exact.low:.0f} to {100 * exact.high:.0f} %) | "
            f"{shares[0]:.0f} to {shares[-1]:.0f} % |"
        )


def corpus_rows(corpus: Path, real: Folder) -> Iterator[str]:
    """Yield a row of the table for each folder of the corpus."""
    folders = [path for place in FOLDERS for path in sorted((corpus / place).iterdir())]
    for folder in [*folders, corpus / "real"]:
        if folder.is_dir() and (found := said(folder, real)) is not None:
            words = found.sentence.partition(": ")[2].rstrip(".")
            yield f"| {folder.relative_to(corpus)} | {found.severity} | {words} |"


@click.command()
@click.option("--zoo", "name", default="sampling-100", show_default=True)
@click.option(
    "--zoos",
    type=click.Path(path_type=Path),
    default=PROJECT / ".work" / "zoo",
    show_default=True,
    help="Folder of the zoos.",
)
@click.option("--corpus", type=click.Path(path_type=Path), default=CORPUS, show_default=True)
@click.option("--draws", default=2, show_default=True)
@click.option("--section", help="Section of a page of docs/ to replace.")
def main(name: str, zoos: Path, corpus: Path, draws: int, section: str | None) -> None:
    """Count the folders of which the audit says that they have few seeds."""
    torch.set_num_threads(1)
    photographs = zoos / name / "real"
    real = measure_folder(photographs, Measure(photographs))
    tables = {
        "seeds | sampler | stored as | warned of | share of pictures": drawn_rows(
            zoos / name, real, draws
        ),
        "folder | severity | what is said": corpus_rows(corpus, real),
    }
    lines: list[str] = []
    for head, rows in tables.items():
        lines += ["", f"| {head} |", "| --- " * (head.count("|") + 1) + "|"]
        for row in rows:
            click.echo(row, err=True)
            lines.append(row)
    publish(section, this_command(), "\n".join(lines[1:]))


if __name__ == "__main__":
    main()
