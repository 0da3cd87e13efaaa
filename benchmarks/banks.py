"""Which generator of a bank drew an image: closed set, candidates, and what is none of these.

    python benchmarks/banks.py --images 64

needs the corpus (FP_CORPUS, by default ../shared/corpus beside the project). The bank is kept in
the work folder. Generators that are not in the bank, and photographs, are asked as well.
"""

from __future__ import annotations

import shutil
from collections import Counter
from dataclasses import replace
from pathlib import Path

import click
from held_out import CORPUS
from photographs import folder_of, interval, pictures, shuffled, split
from sections import WORK

from fp.fingerprint.decision.posterior import NONE
from fp.fingerprint.detection.banks import WholeBank
from fp.fingerprint.detection.detection import DetectOptions
from fp.fingerprint.extraction.bank_learning import Folders, learn_bank
from fp.fingerprint.extraction.options import ExtractOptions
from fp.fingerprint.store.bank import read_bank, write_bank
from fp.images.degradations import Degradation
from fp.images.loading import load_image

GENERATORS = (
    *("ldm", "glid3xl", "sd_v1", "realvisxl_turbo", "flux1dev", "gpt_image_1", "stylegan_faces"),
    "tae_flux2",
)
KIN = {"ldm": {"ldm", "glid3xl"}, "glid3xl": {"ldm", "glid3xl"}}
"""Generators with one decoder, counted as one."""
PHOTOGRAPHS = ("real", "photos/val", "t2i/real/web")
STRANGERS = (
    *("generated/w2x_photo", "generated/resr_video_x4", "t2i/generated/sd35l"),
    "t2i/strangers/gpt_image_2_web",
)


def learned(images, seed, work, without=None):
    """Return the bank, from the work folder or made, and what was held out.

    The generator `without` is asked about and not in the bank.
    """
    asked, title = {}, f"bank-{images}-{seed}" + (f"-without-{without}" if without else "")
    kept, folder = work / f"{title}.h5", work / title
    for name in GENERATORS:
        paths = pictures(folder_of(name))
        known, asked[name] = split(paths, min(images, 2 * len(paths) // 3), seed)
        if not kept.exists() and name != without:
            (folder / "made" / name).mkdir(parents=True, exist_ok=True)
            for path in known:
                shutil.copy(path, folder / "made" / name / path.name)
    known, asked["real"] = split(pictures(CORPUS / "real"), 128, seed)
    if not kept.exists():
        (folder / "real").mkdir(exist_ok=True)
        for path in known:
            shutil.copy(path, folder / "real" / path.name)
        options = ExtractOptions(seed=seed, dif=None)
        found = learn_bank(Folders.below(folder / "made", folder / "real"), options)
        write_bank(kept, [each.fingerprint for each in found])
        shutil.rmtree(folder)
    return WholeBank(tuple(read_bank(kept))), asked


def examined(bank, paths, cell):
    for path in paths:
        image = load_image(path)
        if cell != "none":
            image = replace(image, rgb_hwc=Degradation(cell).apply(image.rgb_hwc[:256, :256]))
        yield bank.examine(image, DetectOptions())


def counted(bank, name, paths, cell):
    """Count how often the most probable generator is the right one, and what is claimed."""
    right, found = KIN.get(name, {name}), Counter()
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
    if not n:
        return "-"
    low, high = interval(hits, n)
    return f"{hits} of {n} ({100 * low:.0f} to {100 * high:.0f} %)"


@click.command()
@click.option("--images", default=64, show_default=True, help="Images a generator, or two thirds.")
@click.option("--asked", default=20, show_default=True, help="Images a set, at most.")
@click.option("--seed", default=0, show_default=True)
@click.option("--cells", default="none,jpeg:85", show_default=True)
@click.option("--left-out", is_flag=True, help="Leave each generator out of the bank once.")
@click.option("--work", type=click.Path(path_type=Path), default=WORK / "banks")
def main(images, asked, seed, cells, left_out, work):
    """Test a bank on images of its own generators, on photographs and on strangers."""
    work.mkdir(parents=True, exist_ok=True)
    if left_out:
        print("| generator not in the bank | cell | none of these first | claimed wrongly |")
        print("| --- | --- | --- | --- |")
        total = Counter()
        for name in GENERATORS:
            bank, held = learned(images, seed, work, name)
            for cell in cells.split(","):
                found = counted(bank, name, held[name][:asked], cell)
                total += found
                told = share(found["none"], found["asked"]), share(found["wrongly"], found["n"])
                print(f"| {name} | {cell} | " + " | ".join(told) + " |", flush=True)
        print(f"| all | {cells} | - | {share(total['wrongly'], total['n'])} |")
        return
    bank, held = learned(images, seed, work)
    heads = (
        *("images", "cell", "most probable is right", "among the candidates"),
        *("none of these first", "claimed rightly", "claimed wrongly"),
    )
    print("| " + " | ".join(heads) + " |")
    print("| " + " | ".join("---" for _ in heads) + " |")
    for cell in cells.split(","):
        total = Counter()
        for name in GENERATORS:
            found = counted(bank, name, held[name][:asked], cell)
            total += found
            tell(name, cell, found)
        tell("all generators", cell, total)
        for name in (*PHOTOGRAPHS, *STRANGERS):
            paths = held["real"] if name == "real" else shuffled(pictures(CORPUS / name), seed)
            tell(name, cell, counted(bank, name, paths[: 2 * asked], cell))


def tell(name, cell, found):
    n, own = found["asked"], name in GENERATORS or name == "all generators"
    cells = [share(found[key], n) if own else "-" for key in ("closed", "covered")]
    claims = [share(found["claimed"], found["n"]) if own else "-"]
    told = (*cells, share(found["none"], n), *claims, share(found["wrongly"], found["n"]))
    print(f"| {name} | {cell} | " + " | ".join(told) + " |", flush=True)


if __name__ == "__main__":
    main()
