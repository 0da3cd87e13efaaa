"""Compare two rows of `held_out.py` split by split.

    python benchmarks/paired.py wavelet-auto dncnn-dif wavelet-dif --section paired

reads the cells that `held_out.py` kept; the same seed means the same split.
"""

from __future__ import annotations

import json
from pathlib import Path

import click
from held_out import GENERATORS
from sections import WORK, publish, this_command

from fp.evaluation.statistics import paired


def accuracies(work, row, generator, training, splits):
    kept = work / f"{row}-{generator}-{training}-{splits}.json"
    if not kept.exists():
        return None
    return [trial["accuracy"] for trial in json.loads(kept.read_text("utf-8"))]


@click.command()
@click.argument("first")
@click.argument("others", nargs=-1, required=True)
@click.option("--training", default=128, show_default=True, help="Images of each class.")
@click.option("--splits", default=5, show_default=True)
@click.option("--work", type=click.Path(path_type=Path), default=WORK / "held_out")
@click.option("--section", help="Section of a page of docs/ to replace.")
def main(first, others, training, splits, work, section):
    """Estimate the accuracy of FIRST less that of OTHERS (as DENOISER-METHOD), in points."""
    lines = [f"| {first} against | {' | '.join(GENERATORS)} |", "| --- " * 4 + "|"]
    for other in others:
        cells = []
        for generator in GENERATORS:
            one, two = (accuracies(work, r, generator, training, splits) for r in (first, other))
            if one is None or two is None:
                cells.append("not run")
                continue
            m = paired(one, two)
            cells.append(m.text(1, 100, sign="+"))
        lines.append(f"| {other} | {' | '.join(cells)} |")
    publish(section, this_command(), "\n".join(lines))


if __name__ == "__main__":
    main()
