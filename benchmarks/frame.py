"""What a few pictures of gpt-image-1 claim of others, by `frame` and by other methods.

    python benchmarks/frame.py --seeds 3 --section frame

needs the corpus (FP_CORPUS, by default ../shared/corpus beside the project). Pictures are dealt
into those that are learned from and the others; the references are the photographs of photos/val.
Every fingerprint and every finished cell are kept in the work folder, so that an interrupted run
goes on where it was.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import click
from held_out import CORPUS
from photographs import counted, folder_of, generators, interval, kept_rows, pictures, split
from sections import WORK, publish

from fp.fingerprint.extraction.extraction import extract
from fp.fingerprint.extraction.options import ExtractOptions
from fp.fingerprint.store.bank import read_bank, write_bank

GENERATOR = "gpt_image_1"
REFERENCES = "photos/val"
OWN = (
    *(("none", "file"), ("jpeg:85", "file"), ("jpeg:70", "file"), ("webp:80", "file")),
    *(("scale:0.75", "PNG"), ("scale:0.75+jpeg:85", "file"), ("back:0.75", "PNG")),
)
OTHERS = (("none", "file"), ("jpeg:85", "file"), ("scale:0.75", "PNG"))
PHOTOGRAPHS = ("real", "photos/train", "t2i/real/web", "t2i/real/kodak", "t2i/real/camera")
STRANGERS = ("t2i/strangers/gpt_image_2_web", "t2i/strangers/screenshots")
COLUMNS = (
    *("method", "side", "seed", "images", "cell", "form", "n", "too_small", "claimed"),
    *("claimed_low", "claimed_high", "reference", "reference_low", "reference_high", "withheld"),
)


def learned(method, side, training, seed, work):
    """Give a fingerprint of the generator, from the work folder or made, and what was held out."""
    made, own = split(pictures(folder_of(GENERATOR)), training, seed)
    kept = work / f"{method}-{side}-{training}-{seed}.h5"
    if not kept.exists():
        with tempfile.TemporaryDirectory() as folder:
            for path in made:
                Path(folder, path.name).write_bytes(path.read_bytes())
            options = ExtractOptions(method=method, size=(side, side))
            found = extract(Path(folder), CORPUS / REFERENCES, GENERATOR, options)
        write_bank(kept, [found.fingerprint])
    return read_bank(kept)[0], own


def groups(own, seed, method):
    """Yield a name, pictures and cells; only one fingerprint is asked about all other pictures."""
    yield "own", own, OWN
    if method == "frame" and seed == 0:
        for name in PHOTOGRAPHS:
            yield name, pictures(CORPUS / name), OTHERS
        folders = [folder for name, folder in generators().items() if name != GENERATOR]
        for folder in [*folders, *(CORPUS / name for name in STRANGERS)]:
            yield str(folder.relative_to(CORPUS)), pictures(folder), OTHERS[:1]


def share(hits, n):
    low, high = interval(hits, n)
    return f"{hits} of {n} ({100 * low:.1f} to {100 * high:.1f} %)"


def total(rows, column):
    return sum(int(row[column]) for row in rows)


def kinds_of(row):
    """Give the populations that pictures count for; one that was claimed of is named as well."""
    kind = "other generators"
    if row["images"] in (*PHOTOGRAPHS, *STRANGERS):
        kind = "photographs" if row["images"] in PHOTOGRAPHS else "strangers"
    named = (row["images"],) if int(row["claimed"]) else ()
    return (*named, kind, "all")


def table(rows):
    """Give the table of own pictures and that of all others."""
    lines = [
        "| method | side | what happened | stored as | claimed | called reference | withheld |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    kinds = dict.fromkeys((r["method"], r["side"], r["cell"], r["form"]) for r in rows)
    for kind in kinds:
        told = [r for r in rows if (r["method"], r["side"], r["cell"], r["form"]) == kind]
        told = [r for r in told if r["images"] == "own"]
        n = total(told, "n")
        if n:
            found = share(total(told, "claimed"), n)
            rest = f"{total(told, 'reference')} | {total(told, 'withheld')}"
            lines.append(f"| {' | '.join(kind)} | {found} | {rest} |")
    lines += ["", "| side | other pictures | what happened | claimed |"]
    lines.append("| --- | --- | --- | --- |")
    others = [row for row in rows if row["images"] != "own" and int(row["n"])]
    kinds = dict.fromkeys((r["side"], kind, r["cell"]) for r in others for kind in kinds_of(r))
    for side, kind, cell in kinds:
        if kind == "all" and cell != "none":  # only photographs were asked about
            continue
        told = [r for r in others if (r["side"], r["cell"]) == (side, cell) and kind in kinds_of(r)]
        found = share(total(told, "claimed"), total(told, "n"))
        lines.append(f"| {side} | {kind} | {cell} | {found} |")
    return "\n".join(lines)


@click.command()
@click.option("--method", "methods", multiple=True, default=("frame", "mean"))
@click.option("--side", "sides", multiple=True, type=int, default=(320, 256))
@click.option("--training", default=16, show_default=True, help="Pictures that are learned from.")
@click.option("--seeds", default=3, show_default=True)
@click.option("--work", type=click.Path(path_type=Path), default=WORK / "frame")
@click.option("--section", help="Section of a page to replace.")
def main(methods, sides, training, seeds, work, section):
    """Count claims of own pictures, photographs, other generators and strangers."""
    work.mkdir(parents=True, exist_ok=True)
    with kept_rows(work / f"cells-{training}.csv", COLUMNS) as (rows, keep):
        done = {tuple(row[name] for name in COLUMNS[:6]) for row in rows}
        runs = [(m, side, seed) for m in methods for side in sides for seed in range(seeds)]
        for method, side, seed in runs:
            fingerprint, own = learned(method, side, training, seed, work)
            for name, paths, cells in groups(own, seed, method):
                for cell, form in cells:
                    key = method, str(side), str(seed), name, cell, form
                    if key not in done:
                        (found,) = counted([fingerprint], paths, cell, form)
                        keep([dict(zip(COLUMNS, key, strict=False)) | found])
        text = table(rows)
    publish(section, text)


if __name__ == "__main__":
    main()
