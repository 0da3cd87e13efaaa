"""Is a folder that was drawn from few seeds found by its pixels? What `fp audit` says of its seeds.

    python benchmarks/zoo_sampling.py --seed 100 && \
        python benchmarks/few_seeds.py --zoo sampling-100 --section few-seeds

draws folders of 64 pictures with the latent diffusion model of a sampling zoo, each from so many
initial noises, and repeats that with other noises. Every picture has a thumbnail of its own.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import click
import torch
from scipy.stats import binomtest
from sections import publish, this_command
from zoo_sampling import Setting, draw, of_zoo, plan_of, prompts, save

from fp.audit.audit import audit
from fp.audit.findings import AuditFinding
from fp.audit.measuring import Folder, Measure, measure_folder

PICTURES = 64
SEEDS = (1, 4, 16, 64)


def said(folder: Path, real: Folder) -> AuditFinding | None:
    """Return what the audit says of the seeds of a folder, if it is large enough."""
    found = audit(measure_folder(folder, Measure(folder)), real).findings
    return next((each for each in found if each.code == "few_seeds"), None)


def counted(folder: Path, real: Folder, seeds: int, draws: int) -> list[AuditFinding]:
    """Audit folders of so many seeds, other ones in each draw."""
    plan, (_, thumbs) = plan_of(folder), prompts(folder)
    found = []
    for number in range(draws):
        own = [10_000 * (1 + number) + k % seeds for k in range(PICTURES)]
        turn = (PICTURES * number + torch.arange(PICTURES)) % len(thumbs)
        pictures = draw(folder, plan, Setting(), own, thumbs[turn])
        with tempfile.TemporaryDirectory() as place:
            names = [f"{k:02d}" for k in range(PICTURES)]
            save(Path(place), names, pictures)
            finding = said(Path(place), real)
        assert finding is not None
        found.append(finding)
    return found


def row(found: list[AuditFinding], seeds: int) -> str:
    """Return the row of the table for the folders of so many seeds."""
    told = sum(each.severity == "warning" for each in found)
    exact = binomtest(told, len(found)).proportion_ci(method="exact")
    shares = sorted(100 * each.value for each in found)
    return (
        f"| {seeds} | {told} of {len(found)} ({100 * exact.low:.0f} to {100 * exact.high:.0f} %) | "
        f"{shares[0]:.0f} to {shares[-1]:.0f} % |"
    )


@click.command()
@of_zoo
@click.option("--draws", default=2, show_default=True)
@click.option("--section", help="Section of a page of docs/ to replace.")
def main(name: str, zoos: Path, draws: int, section: str | None) -> None:
    """Count the folders of which the audit says that they have few seeds."""
    torch.set_num_threads(1)
    photographs = zoos / name / "real"
    real = measure_folder(photographs, Measure(photographs))
    lines = ["| seeds | warned of | share of pictures |", "| --- | --- | --- |"]
    for seeds in SEEDS:
        lines.append(row(counted(zoos / name, real, seeds, draws), seeds))
        click.echo(lines[-1], err=True)
    publish(section, this_command(), "\n".join(lines))


if __name__ == "__main__":
    main()
