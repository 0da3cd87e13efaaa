"""Put the main tables of an evaluation into their page.

    fp evaluate ../shared/corpus -o .work/corpus --config benchmarks/corpus.toml --jobs 2
    python benchmarks/corpus_tables.py .work/corpus

takes from its `results.md` what the page shows: accuracies, losses, attribution, specificity, and
with --also more. All other figures of the run (AUC, Cllr, claims) stay in that file.
"""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import click
from sections import publish

DATASET = "../shared/corpus"
SHOWN = (
    "accuracy",
    "siblings tied",
    "near contents",
    "far contents",
    "loss",
    "All figures",
    "average precision",
)


def tables(text):
    """Yield every table with its protocol and title."""
    protocol = title = ""
    lines: list[str] = []
    for line in [*text.splitlines(), ""]:
        if line.startswith("|"):
            lines.append(line)
            continue
        if lines:
            yield protocol, title, lines
            lines = []
        if line.startswith("## "):
            protocol = line[3:]
        elif line.endswith(":"):
            title = line


def ahead(lines):
    """Return the paired comparisons on clean images at 128 training images a class as a table."""
    rows: dict[str, dict[str, str]] = {}
    for line in lines[2:]:
        _, second, generator, training, _, condition, difference, _ = (
            cell.strip() for cell in line.strip("|").split("|")
        )
        if (training, condition) == ("128", "none") and generator != "(mean)":
            rows.setdefault(second, {})[generator] = f"{difference} splits"
    generators = list(dict.fromkeys(name for row in rows.values() for name in row))
    told = [["against", *generators], ["---"] * (1 + len(generators))]
    told += [[name, *(row.get(g, "not run") for g in generators)] for name, row in rows.items()]
    return [f"| {' | '.join(row)} |" for row in told]


@click.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--section", default="corpus", show_default=True)
@click.option("--config", default="benchmarks/corpus.toml", show_default=True)
@click.option("--dataset", default=DATASET, show_default=True)
@click.option("--also", multiple=True, help="Show tables whose title has this, too.")
@click.option("--commit", help="Commit that the evaluation ran on, if it is not the present one.")
def main(folder, section, config, dataset, also, commit):
    """Write the tables of FOLDER into their section."""
    text = (folder / "results.md").read_text("utf-8")
    made = f"fp evaluate {dataset} -o {folder} --config {config} --jobs 2"
    told = ["python", "benchmarks/corpus_tables.py", str(folder)]
    told += ["--section", section] if section != "corpus" else []
    told += ["--config", config] if section != "corpus" else []
    told += ["--dataset", dataset] if dataset != DATASET else []
    for words in also:
        told += ["--also", words]
    parts = []
    last = ""
    for protocol, title, lines in tables(text):
        if protocol != last:
            parts.append(f"### {protocol}")
            last = protocol
        if title.startswith(SHOWN) or any(words in title for words in also):
            parts.append(f"{title}\n\n" + "\n".join(lines))
        elif title.startswith("Paired") and protocol == "sample_size":
            parts.append(
                "Accuracy of auto less that of others, on the same splits at 128. `auto` is ahead "
                "where the interval lies above 0:"
            )
            parts.append("\n".join(ahead(lines)))
    whole = re.sub(r", n \d+ x (\d+)", r"", "\n\n".join(parts))
    publish(section, (made, shlex.join(told)), whole, commit)


if __name__ == "__main__":
    main()
