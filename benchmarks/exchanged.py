"""What fingerprints claim of photographs where the reference images come from another source.

    python benchmarks/exchanged.py --section exchanged

needs the corpus (FP_CORPUS, by default ../shared/corpus beside the project). Each generator's
fingerprint is made with default options against as many photographs of each source in turn, and is
asked about held-out photographs of every source, in several codings, and about its own pictures.
No photograph is asked about that was learned from, nor its reduced double. Fingerprints and
finished cells are kept in the work folder.
"""

from __future__ import annotations

from itertools import product
from pathlib import Path

import click
from held_out import CORPUS
from photographs import counted, interval, kept_rows, learned, pictures, shuffled, without_doubles
from sections import WORK, publish, this_command
from threadpoolctl import threadpool_limits

SOURCES = ("real", "t2i/real/web", "photos/val")
"""Photographs that are the references in turn."""
ASKED = {name: (name,) for name in SOURCES} | {
    "Kodak and cameras": ("t2i/real/kodak", "t2i/real/camera")
}
GENERATORS = ("tae_flux2", "ldm", "w2x_photo")
CELLS = (
    *(("none", "file"), ("jpeg:85", "file"), ("jpeg:60", "PNG"), ("webp:80", "file")),
    *(("back:0.75", "PNG"), ("scale:1.25+jpeg:85", "file")),
)
DOUBLES = {"real", "t2i/real/web"}
"""One has reduced doubles of the other."""
OWN = "own"
COLUMNS = ("references", "generator", "images", "cell", "n", "claimed", "withheld")


def asked_of(references, known, images, seed):
    """Return the photographs that are asked about by group; `known` was learned from."""
    found = {}
    for group, folders in ASKED.items():
        found[group] = []
        for name in folders:
            paths = [path for path in pictures(CORPUS / name) if path not in known]
            if {name, references} == DOUBLES:
                paths = without_doubles(paths, known, reduced=name == "real")
            found[group] += shuffled(paths, seed)[:images]
    return found


def measured(work, references, generators, training, images, seed):
    """Count and keep what the fingerprints against one source of references claim."""
    place = work / references.replace("/", "-")
    place.mkdir(parents=True, exist_ok=True)
    made = {name: learned(name, training, seed, place, references) for name in generators}
    known = next(iter(made.values()))[2]
    with kept_rows(place / f"counts-{training}-{images}-{seed}.csv", COLUMNS) as (rows, keep):
        done = {(row["generator"], row["images"], row["cell"]) for row in rows}
        asked = asked_of(references, known, images, seed).items()
        todo = [(group, generators, paths) for group, paths in asked]
        todo += [(OWN, (name,), one[1][:images]) for name, one in made.items()]
        for (group, those, paths), (cell, form) in product(todo, CELLS):
            if names := [name for name in those if (name, group, cell) not in done]:
                counts = counted([made[name][0] for name in names], paths, cell, form)
                for name, count in zip(names, counts, strict=True):
                    told = references, name, group, cell
                    told += tuple(count[column] for column in COLUMNS[4:])
                    keep([dict(zip(COLUMNS, told, strict=True))])
        return rows


def share(rows, column="claimed"):
    """Return the share that a column counts over rows, with its interval."""
    hits, n = (sum(int(row[each]) for row in rows) for each in (column, "n"))
    low, high = interval(hits, n)
    return f"{hits} of {n} ({100 * low:.1f} to {100 * high:.1f} %)"


def table(rows):
    """Return what is claimed, by references and generator."""
    groups = list(ASKED)
    heads = ("references", "generator", "own, as found", "own, every coding", *groups, "withheld")
    lines = [f"| {' | '.join(heads)} |", "| " + " | ".join("---" for _ in heads) + " |"]
    for key in dict.fromkeys((row["references"], row["generator"]) for row in rows):
        mine = [row for row in rows if (row["references"], row["generator"]) == key]
        own = [row for row in mine if row["images"] == OWN]
        told = [share([row for row in own if row["cell"] == "none"]), share(own)]
        told += [share([row for row in mine if row["images"] == group]) for group in groups]
        told += [share([row for row in mine if row["images"] != OWN], "withheld")]
        lines.append(f"| {' | '.join((*key, *told))} |")
    return "\n".join(lines)


@click.command()
@click.option("--generators", "named", default=",".join(GENERATORS), show_default=True)
@click.option("--training", default=64, show_default=True, help="Images of each class.")
@click.option("--images", default=40, show_default=True, help="Images of a folder, at most.")
@click.option("--seed", default=0, show_default=True)
@click.option("--section", help="Section of a page of docs/ to replace.")
@click.option("--work", type=click.Path(path_type=Path), default=WORK / "exchanged")
def main(named, training, images, seed, section, work):
    """Exchange the reference images, and count claims."""
    names, rows = tuple(named.split(",")), []
    with threadpool_limits(1):
        for references in SOURCES:
            rows += measured(work, references, names, training, images, seed)
    publish(section, this_command(), table(rows))


if __name__ == "__main__":
    main()
