"""Which generator of a bank drew an image: closed set, candidates, and what is none of these.

    python benchmarks/banks.py --left-out

needs the corpus (FP_CORPUS, by default ../shared/corpus beside the project). The bank is kept in
the work folder, and so are counted cells. Generators that are not in the bank, and photographs, are
asked as well. With --left-out there is a second table, of banks that lack one of the generators.
With --known the bank that comes with fp is asked about pictures that it has not seen.
"""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import replace
from itertools import product
from pathlib import Path

import click
from held_out import CORPUS
from known_bank import KNOWN, MEMBERS, dealt
from photographs import folder_of, interval, kept_rows, pictures, shuffled, split
from sections import WORK

from fp.fingerprint.decision.posterior import NONE
from fp.fingerprint.detection.banks import WholeBank
from fp.fingerprint.detection.detection import DetectOptions
from fp.fingerprint.extraction.bank_learning import Peers, lent
from fp.fingerprint.extraction.extraction import Study
from fp.fingerprint.extraction.options import ExtractOptions
from fp.fingerprint.store.bank import read_bank, write_bank
from fp.images.degradations import Degradation
from fp.images.loading import load_image

GENERATORS = (
    *("ldm", "glid3xl", "sd_v1", "realvisxl_turbo", "flux1dev", "gpt_image_1", "stylegan_faces"),
    "tae_flux2",
)
FAMILIES = {"ldm", "glid3xl"}, {"w2x_anime", "w2x_photo"}
"""Generators with one decoder or one architecture, counted as one."""
PHOTOGRAPHS = ("real", "photos/val", "t2i/real/web")
STRANGERS = (
    *("generated/w2x_photo", "generated/resr_video_x4", "t2i/generated/sd35l"),
    "t2i/strangers/gpt_image_2_web",
)
COUNTS = ("n", "asked", "closed", "covered", "none", "claimed", "wrongly")
COLUMNS = ("without", "images", "cell", *COUNTS)


def banks_of(images, seed, work, left_out):
    """Yield who is not in a bank, the bank, and the pictures that it has not seen.

    Each bank is read from the work folder or made; the first one has all generators. The features
    of the images, and what each generator has of its own, are the same in all banks.
    """
    asked, made = {}, {}
    for name in GENERATORS:
        paths = pictures(folder_of(name))
        made[name], asked[name] = split(paths, min(images, 2 * len(paths) // 3), seed)
    made["real"], asked["real"] = split(pictures(CORPUS / "real"), 128, seed)
    options, studied = ExtractOptions(seed=seed, dif=None), None
    for without in ("none", *(GENERATORS if left_out else ())):
        kept = work / f"bank-{images}-{seed}-without-{without}.h5"
        if not kept.exists():
            recipe, generated, real, alone = studied = studied or study(made, options)
            inside = [k for k, name in enumerate(GENERATORS) if name != without]
            drawn, found = ([those[k] for k in inside] for those in (generated, alone))
            told = Peers(recipe, drawn, real, options).added_to(found)
            write_bank(kept, [one.fingerprint for one in told])
        yield without, WholeBank(tuple(read_bank(kept))), asked


def study(made, options):
    """Return the parts that learn, the examined images, and what each generator has of its own."""
    with tempfile.TemporaryDirectory() as folder:
        for name, paths in made.items():
            Path(folder, name).mkdir()
            for path in paths:
                shutil.copy(path, Path(folder, name))
        folders = [Path(folder, name) for name in GENERATORS]
        found = Study.of(folders, Path(folder, "real"), options)
        with found.store_of(None) as store:
            *generated, real = found.survey(store)
            each = zip(GENERATORS, generated, strict=True)
            alone = [found.learn(name, (lent(one), lent(real)), store) for name, one in each]
    return found.versions.recipe, generated, real, alone


def known_bank():
    """Return the bank that comes with fp as `banks_of` yields banks."""
    _, held, _, _ = dealt(seed=0)
    return "none", WholeBank(tuple(read_bank(KNOWN / "bank.h5"))), held


def examined(bank, paths, cell):
    for path in paths:
        image = load_image(path)
        if cell != "none":
            image = replace(image, rgb_hwc=Degradation(cell).apply(image.rgb_hwc[:256, :256]))
        yield bank.examine(image, DetectOptions())


def counted(bank, right, paths, cell):
    """Count how often one of the right fingerprints is most probable, and what is claimed."""
    found = dict.fromkeys(COUNTS, 0)
    for one in examined(bank, paths, cell):
        rows = [row for row in one.attributions if row.posterior is not None]
        detection = one.detection
        found["n"] += 1
        found["asked"] += bool(rows)
        if rows:
            best = max(rows, key=lambda row: row.posterior)
            found["closed"] += best.fingerprint in right
            found["covered"] += bool(right & set(detection.candidates))
            found["none"] += detection.candidates[0] == NONE
        if detection.decision == "supports_generator":
            found["claimed"] += detection.fingerprint in right
            found["wrongly"] += detection.fingerprint not in right
    return found


def share(hits, n):
    hits, n = int(hits), int(n)
    if not n:
        return "-"
    low, high = interval(hits, n)
    return f"{hits} of {n} ({100 * low:.0f} to {100 * high:.0f} %)"


def table(rows, generators):
    """Return what a bank of all generators says."""
    heads = (
        *("images", "cell", "most probable is right", "among the candidates"),
        *("none of these first", "claimed rightly", "claimed wrongly"),
    )
    lines = ["| " + " | ".join(heads) + " |", "| " + " | ".join("---" for _ in heads) + " |"]
    for cell in dict.fromkeys(row["cell"] for row in rows):
        mine = [row for row in rows if row["cell"] == cell]
        own = [row for row in mine if row["images"] in generators]
        rest = [row for row in mine if row["images"] not in generators]
        for row in (*own, summed(own, images="all generators", cell=cell), *rest):
            n, known = int(row["asked"]), row not in rest
            told = [share(row[key], n) if known else "-" for key in ("closed", "covered")]
            claims = share(row["claimed"], row["n"]) if known else "-"
            told += [share(row["none"], n), claims, share(row["wrongly"], row["n"])]
            lines.append(f"| {row['images']} | {cell} | " + " | ".join(told) + " |")
    return "\n".join(lines)


def table_left_out(rows):
    """Return what banks say of the generator that they do not have."""
    lines = [
        "| generator that is not in the bank | cell | none of these first | claimed wrongly |",
        "| --- | --- | --- | --- |",
    ]
    cells = dict.fromkeys(row["cell"] for row in rows)
    sums = [summed([r for r in rows if r["cell"] == c], images="all", cell=c) for c in cells]
    for row in (*rows, *sums, summed(rows, images="all", cell="together")):
        told = share(row["none"], row["asked"]), share(row["wrongly"], row["n"])
        lines.append(f"| {row['images']} | {row['cell']} | " + " | ".join(told) + " |")
    return "\n".join(lines)


def summed(rows, **named):
    """Return the sums of counts."""
    return named | {key: sum(int(row[key]) for row in rows) for key in COUNTS}


@click.command()
@click.option("--images", default=64, show_default=True, help="Images a generator, or two thirds.")
@click.option("--asked", default=20, show_default=True, help="Images a set, at most.")
@click.option("--seed", default=0, show_default=True)
@click.option("--cells", default="none,jpeg:85", show_default=True)
@click.option("--left-out", is_flag=True, help="Leave each generator out of the bank once as well.")
@click.option("--known", is_flag=True, help="Ask the bank that comes with fp, and no other.")
@click.option("--work", type=click.Path(path_type=Path), default=WORK / "banks")
def main(images, asked, seed, cells, left_out, known, work):
    """Test a bank on images of its own generators, on photographs and on strangers."""
    work.mkdir(parents=True, exist_ok=True)
    title = "known" if known else f"{images}-{seed}"
    banks = [known_bank()] if known else banks_of(images, seed, work, left_out)
    generators = tuple(MEMBERS) if known else GENERATORS
    with kept_rows(work / f"counts-{title}-{asked}.csv", COLUMNS) as (rows, keep):
        done = {(row["without"], row["images"], row["cell"]) for row in rows}
        for without, bank, held in banks:
            names = (without,)
            if without == "none":
                names = generators if known else (*generators, *PHOTOGRAPHS, *STRANGERS)
            for cell, name in product(cells.split(","), names):
                if (without, name, cell) in done:
                    continue
                most = asked if name in generators else 2 * asked
                paths = held.get(name) or shuffled(pictures(CORPUS / name), seed)
                right = next((family for family in FAMILIES if name in family), {name})
                if known:
                    right = {MEMBERS[one] for one in right}
                found = counted(bank, right, paths[:most], cell)
                keep([{"without": without, "images": name, "cell": cell} | found])
        click.echo(table([row for row in rows if row["without"] == "none"], generators))
        if left_out:
            click.echo("\n" + table_left_out([row for row in rows if row["without"] != "none"]))


if __name__ == "__main__":
    main()
