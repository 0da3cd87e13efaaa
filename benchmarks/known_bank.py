"""Make the bank that comes with fp, and measure what each of its fingerprints claims.

    python benchmarks/known_bank.py learn
    python benchmarks/known_bank.py measure
    python benchmarks/known_bank.py put

needs the corpus (FP_CORPUS, by default ../shared/corpus beside the project). Bank, held-out images
and finished cells are kept in the work folder. `put` writes the bank and a card for each
fingerprint into known/, if every one of them keeps to the rates below; else it says which do not.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from collections import Counter
from dataclasses import replace
from pathlib import Path

import click
from held_out import CORPUS
from photographs import (
    changed,
    folder_of,
    generators,
    interval,
    kept_rows,
    pictures,
    shuffled,
    split,
    without_doubles,
)
from sections import WORK

from fp.fingerprint.detection.banks import WholeBank
from fp.fingerprint.detection.detection import DetectOptions
from fp.fingerprint.extraction.bank_learning import Folders, learn_bank
from fp.fingerprint.extraction.options import ExtractOptions
from fp.fingerprint.store.bank import read_bank, write_bank
from fp.images.loading import load_image
from fp.reports.facts import Facts

MEMBERS = {
    "flux1dev": "FLUX.1 dev",
    "glid3xl": "GLID-3-XL",
    "ldm": "LDM",
    "realvisxl_turbo": "RealVisXL Turbo",
    "resr_video_x4": "Real-ESRGAN animevideo x4",
    "sd_v1": "Stable Diffusion 1",
    "stylegan_faces": "StyleGAN faces",
    "tae_flux2": "FLUX.2 tiny autoencoder",
    "w2x_anime": "waifu2x anime",
    "w2x_photo": "waifu2x photo",
}
"""Folder of the corpus, and name of the fingerprint."""
REFERENCES = {"photos/train": 200, "t2i/real/web": 50, "real": 50}
PHOTOGRAPHS = ("photos/val", "t2i/real/web", "real", "t2i/real/kodak", "t2i/real/camera")
CELLS = ("none", "jpeg:85", "jpeg:60", "webp:80", "back:0.75+jpeg:85")
LEARNED, ASKED = 96, 40
"""Images of a generator that are learned from (or two thirds), and asked about, at most."""
MOST_FALSE = 0.05
"""Share of tests of photographs, over all populations and cells, that a fingerprint may claim."""
COLUMNS = ("images", "cell", "fingerprint", "n", "claimed")
KNOWN = Path(__file__).parents[1] / "known"


def dealt(seed):
    """Return what is learned from and what is held out: by generator, and by population."""
    made, own = {}, {}
    for name in MEMBERS:
        paths = pictures(folder_of(name))
        made[name], own[name] = split(paths, min(LEARNED, 2 * len(paths) // 3), seed)
    references, rest = [], {}
    for name in PHOTOGRAPHS:
        rest[name] = shuffled(pictures(CORPUS / name), seed)
    for name, count in REFERENCES.items():
        paths = shuffled(pictures(CORPUS / name), seed)
        # Some of `real` are reduced doubles of some of `t2i/real/web`.
        fresh = without_doubles(paths, references) if references else paths
        references += fresh[:count]
    for name in PHOTOGRAPHS:
        others = [path for path in rest[name] if path not in references]
        rest[name] = without_doubles(others, references)
    return made, own, references, rest


def learn(work, seed):
    """Learn the bank into the work folder."""
    made, _, references, _ = dealt(seed)
    with tempfile.TemporaryDirectory(dir=work) as folder:
        for name, paths in made.items():
            below = Path(folder, "made", MEMBERS[name])
            below.mkdir(parents=True)
            for path in paths:
                shutil.copy(path, below)
        Path(folder, "real").mkdir()
        for path in references:
            shutil.copy(path, Path(folder, "real", f"{path.parent.name}_{path.name}"))
        folders = Folders.below(Path(folder, "made"), Path(folder, "real"))
        found = learn_bank(folders, ExtractOptions(seed=seed, dif=None))
    write_bank(work / "bank.h5", [each.fingerprint for each in found])


def asked(seed):
    """Yield the name of each population, its held-out images, and its cells."""
    _, own, _, rest = dealt(seed)
    for name, paths in own.items():
        yield name, paths[:ASKED], CELLS
    for name, paths in rest.items():
        yield name, paths[:ASKED], CELLS
    others = [path for name, path in generators().items() if name not in MEMBERS]
    others += sorted((CORPUS / "t2i/strangers").iterdir())
    for folder in others:
        yield f"stranger {folder.name}", shuffled(pictures(folder), seed)[:ASKED], CELLS[:2]


def counted(bank, paths, cell):
    """Count what each fingerprint claims; the claim of a picture is that of its row."""
    claims, n = Counter(), 0
    with tempfile.TemporaryDirectory() as folder:
        for path in paths:
            image = load_image(path)
            if cell != "none":
                changed_to = Path(folder, "asked")
                changed_to.write_bytes(changed(image.rgb_hwc, cell, "file"))
                image = replace(load_image(changed_to), path=path)
            found = bank.examine(image, DetectOptions()).detection
            n += found.status == "examined"
            if found.decision == "supports_generator":
                claims[found.fingerprint] += 1
    return n, claims


def measure(work, seed):
    """Count the claims of every fingerprint in every population and cell."""
    bank = WholeBank(tuple(read_bank(work / "bank.h5")))
    with kept_rows(work / "cells.csv", COLUMNS) as (rows, keep):
        done = {(row["images"], row["cell"]) for row in rows}
        for name, paths, cells in asked(seed):
            for cell in cells:
                if (name, cell) in done:
                    continue
                n, claims = counted(bank, paths, cell)
                for member in MEMBERS.values():
                    values = name, cell, member, n, claims[member]
                    keep([dict(zip(COLUMNS, values, strict=True))])
        return list(rows)


def _counted(hits, n, images):
    """Return counts of tests; the interval takes each claim for one of another image."""
    low, high = interval(min(hits, images), images) if images else (0.0, 1.0)
    found = {"claimed": hits, "of": n, "images": images}
    return found | {"low": round(low, 3), "high": round(high, 3)}


def _share(rows):
    images = {}
    for row in rows:
        images[row["images"]] = max(images.get(row["images"], 0), int(row["n"]))
    sums = [sum(int(row[name]) for row in rows) for name in ("claimed", "n")]
    return _counted(*sums, sum(images.values()))


def cards(rows, work, seed):
    """Return what is said of each fingerprint, by its name.

    An image counts as claimed by its own generator where a fingerprint that the bank does not tell
    from that claims it.
    """
    made, _, references, _ = dealt(seed)
    bank = {each.name: each for each in read_bank(work / "bank.h5")}
    kin = {title: each.parameters["kin"] for title, each in bank.items()}
    found = {}
    for name, title in MEMBERS.items():
        of = [row for row in rows if row["fingerprint"] == title]
        family = [row for row in rows if row["fingerprint"] in (title, *kin[title])]
        own = {}
        for cell in CELLS:
            told = [row for row in family if row["images"] == name and row["cell"] == cell]
            n = max(int(row["n"]) for row in told)
            own[cell] = _counted(sum(int(row["claimed"]) for row in told), n, n)
        photographs = [row for row in of if row["images"] in PHOTOGRAPHS]
        like = {name, *(folder for folder, each in MEMBERS.items() if each in kin[title])}
        others = {n for row in of if (n := row["images"]) not in (*PHOTOGRAPHS, *like)}
        strangers = {
            n.removeprefix("stranger "): _share([r for r in of if r["images"] == n])
            for n in sorted(others)
        }
        found[title] = {
            "images": len(made[name]),
            "references": len(references),
            "kin": kin[title],
            "labels": [label for label, _ in Facts(bank[title]).labels],
            "own": own,
            "photographs": _share(photographs),
            "strangers": {n: each for n, each in strangers.items() if each["claimed"]},
            "strangers_asked": sum(each["of"] for each in strangers.values()),
        }
    return found


def put(work, seed):
    """Write bank and cards into the package, if every fingerprint keeps to the rate."""
    with kept_rows(work / "cells.csv", COLUMNS) as (rows, _):
        found = cards(rows, work, seed)
    for title, card in found.items():
        told = card["photographs"]
        if told["claimed"] > MOST_FALSE * told["of"]:
            raise SystemExit(f"{title} claims {told['claimed']} of {told['of']} photographs.")
    shutil.copy(work / "bank.h5", KNOWN / "bank.h5")
    (KNOWN / "cards.json").write_text(json.dumps(found, indent=1) + "\n")


def table(rows, work, seed):
    """Return a line for each fingerprint."""
    lines = [
        "| fingerprint | images | own claimed: "
        + " / ".join(CELLS)
        + " | photographs | strangers |",
        "| --- | --- | --- | --- | --- |",
    ]
    for title, card in cards(rows, work, seed).items():
        own = " / ".join(f"{each['claimed']} of {each['of']}" for each in card["own"].values())
        told = card["photographs"]
        strangers = sum(each["claimed"] for each in card["strangers"].values())
        lines.append(
            f"| {title} | {card['images']} | {own} | {told['claimed']} of {told['of']} tests of "
            f"{told['images']} ({100 * told['low']:.1f} to {100 * told['high']:.1f} %) | "
            f"{strangers} of {card['strangers_asked']} |"
        )
    return "\n".join(lines)


@click.command()
@click.argument("step", type=click.Choice(["learn", "measure", "put"]))
@click.option("--seed", default=0, show_default=True)
@click.option("--work", type=click.Path(path_type=Path), default=WORK / "known")
def main(step, seed, work):
    """Make the bank that comes with fp."""
    work.mkdir(parents=True, exist_ok=True)
    if step == "learn":
        learn(work, seed)
    elif step == "measure":
        print(table(measure(work, seed), work, seed))
    else:
        put(work, seed)


if __name__ == "__main__":
    main()
