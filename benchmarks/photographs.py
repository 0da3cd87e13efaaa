"""What a fingerprint with default options claims of photographs, strangers and its own images.

    python benchmarks/photographs.py --generators tae_flux2,ldm --images 20

needs the corpus (FP_CORPUS, by default ../shared/corpus beside the project). Each generator's
fingerprint and every finished cell are kept in the work folder, so that an interrupted run goes on
where it was; `--cells 'jpeg:*'` counts some degradations only. The same table is printed. An image
that several fingerprints are asked about is read and denoised once, and each decides alone.
"""

from __future__ import annotations

import csv
import fnmatch
import hashlib
import io
import tempfile
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path

import click
import numpy as np
from held_out import CORPUS
from PIL import Image, ImageDraw, ImageFilter
from scipy.stats import beta
from sections import WORK

from fp.fingerprint.conditions.judging import judge_of
from fp.fingerprint.detection.detection import DetectOptions, Preparation
from fp.fingerprint.extraction.extraction import extract
from fp.fingerprint.extraction.options import ExtractOptions
from fp.fingerprint.store.bank import read_bank, write_bank
from fp.images.loading import load_image
from fp.system.errors import ImageError

PHOTOGRAPHS = ("real", "t2i/real/web", "t2i/real/kodak", "t2i/real/camera", "photos/val")
QUALITIES = (97, 95, 90, 85, 75, 60, 40)
AS_FILES = ("none", *(f"jpeg:{q}" for q in QUALITIES), "webp:90", "webp:80", "webp:60")
AS_PNG = ("jpeg:97", "jpeg:85", "jpeg:60", "webp:90", "webp:80", "webp:60", "avif:60", "off:80")
"""Lossy, and then stored as PNG; ``off:80`` is JPEG 80 with its grid cropped off by (3, 5)."""
SIZES = ("back:0.5", "back:0.75", "scale:0.75", "scale:0.9", "scale:1.25", "scale:1.5")
"""To that size and back, or left there."""
CELLS = (
    *((cell, "file") for cell in AS_FILES),
    *((cell, "PNG") for cell in AS_PNG),
    *((cell, "PNG") for cell in SIZES),
    *((f"{cell}+jpeg:85", "file") for cell in SIZES),
)
OWN = (*CELLS, *((cell, "PNG") for cell in ("blur:1", "turned:1", "page:1")))
"""An image of the generator itself: blurred, turned by a quarter, on a white page as well."""
STRANGERS = ("night", "scan", "drawing", "document", "flat")
"""Pictures that no generator drew and that are no photographs as found, made of some."""
COLUMNS = (
    *("generator", "images", "cell", "form", "n", "too_small", "claimed", "claimed_low"),
    *("claimed_high", "reference", "reference_low", "reference_high", "withheld"),
)


def pictures(folder):
    return sorted(path for path in folder.iterdir() if path.suffix != ".md")


def folder_of(name):
    return generators()[name]


def generators():
    folders = (CORPUS / "generated", CORPUS / "t2i/generated")
    return {path.name: path for folder in folders for path in sorted(folder.iterdir())}


def shuffled(paths, seed):
    """Order paths by the hash of their source, so that the pictures of a prompt stay together."""

    def key(path):
        source = path.stem.split("_")[0] if path.parent.name in ("ldm", "glid3xl") else path.stem
        return hashlib.sha256(f"{seed} {source}".encode()).digest(), path.name

    return sorted(paths, key=key)


def split(paths, training, seed):
    """Deal paths into those that are learned from and the rest, with no prompt on both sides."""
    ordered = shuffled(paths, seed)
    learned = ordered[:training]
    if learned[0].parent.name in ("ldm", "glid3xl"):
        prompts = {path.stem.split("_")[0] for path in learned}
        return learned, [p for p in ordered[training:] if p.stem.split("_")[0] not in prompts]
    return learned, ordered[training:]


def thumbnail(path, square):
    """Return a small grey picture of mean 0 and norm 1, if asked of the middle square."""
    with Image.open(path) as image:
        grey = image.convert("L")
    width, height = grey.size
    if square:
        side = min(width, height)
        left, top = (width - side) // 2, (height - side) // 2
        grey = grey.crop((left, top, left + side, top + side))
    found = np.asarray(grey.resize((32, 32)), float).ravel()
    found -= found.mean()
    return found / (np.linalg.norm(found) or 1.0)


def without_doubles(paths, learned, reduced=False):
    """Leave out photographs whose double is among those that were learned from.

    One of two doubles is the reduced middle square of the other; `reduced` says that `paths` are.
    """
    known = np.array([thumbnail(path, square=reduced) for path in learned])
    return [path for path in paths if (known @ thumbnail(path, square=not reduced)).max() < 0.9]


def coded(pixels, kind, quality):
    made = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(pixels)).save(made, kind.upper(), quality=int(quality))
    return made.getvalue()


def decoded(content):
    with Image.open(io.BytesIO(content)) as image:
        return np.asarray(image.convert("RGB"))


def changed(pixels, cell, form):
    """Return the bytes of a file: the picture after a degradation, stored in a form."""
    content = None
    for step in cell.split("+"):
        kind, _, number = step.partition(":")
        height, width = pixels.shape[:2]
        if kind in ("jpeg", "webp", "avif"):
            content = coded(pixels, kind, number)
            pixels = decoded(content)
        elif kind == "blur":
            picture = Image.fromarray(pixels).filter(ImageFilter.GaussianBlur(float(number)))
            pixels = np.asarray(picture)
        elif kind == "sharpen":
            mask = ImageFilter.UnsharpMask(radius=1, percent=int(number), threshold=0)
            pixels = np.asarray(Image.fromarray(pixels).filter(mask))
        elif kind == "turned":
            pixels = np.rot90(pixels)
        elif kind == "page":
            page = np.full((height + 64, width + 64, 3), 255, np.uint8)
            page[37 : 37 + height, 29 : 29 + width] = pixels
            pixels = page
        elif kind in STRANGERS:
            pixels = stranger(pixels, kind)
        elif kind == "off":
            grown = np.pad(pixels, ((3, 0), (5, 0), (0, 0)), "edge")
            pixels = decoded(coded(grown, "jpeg", number))[3:, 5:]
        else:
            size = round(width * float(number)), round(height * float(number))
            lanczos = kind == "lanczos"  # left there, as by "scale"
            by = Image.Resampling.LANCZOS if lanczos else Image.Resampling.BICUBIC
            picture = Image.fromarray(pixels).resize(size, by)
            if kind == "back":
                picture = picture.resize((width, height), Image.Resampling.BICUBIC)
            pixels = np.asarray(picture)
    if form == "file" and content is not None:
        return content
    made = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(pixels)).save(made, "PNG", compress_level=1)
    return made.getvalue()


def stranger(pixels, kind):
    """Make a picture of a kind of a photograph, the same one every time."""
    rng = np.random.default_rng(int(pixels.sum()))
    height, width = pixels.shape[:2]
    if kind == "night":  # a tenth of the light, and the noise of a sensor
        light = (pixels / 255.0) ** 2.2 * 0.02
        noisy = light + rng.normal(0, 0.002, pixels.shape)
        return np.rint(255 * np.clip(noisy * 8, 0, 1) ** (1 / 2.2)).astype(np.uint8)
    if kind == "scan":  # softened, printed in dots, and read again
        soft = np.asarray(Image.fromarray(pixels).filter(ImageFilter.GaussianBlur(0.7)), float)
        rows, columns = np.mgrid[:height, :width]
        dots = 9 * np.cos(2 * np.pi * rows / 5.3) * np.cos(2 * np.pi * columns / 5.3)
        noisy = soft + dots[..., None] + rng.normal(0, 2, pixels.shape)
        return np.clip(np.rint(noisy), 0, 255).astype(np.uint8)
    if kind == "drawing":  # its edges, black on white
        grey = Image.fromarray(pixels).convert("L").filter(ImageFilter.GaussianBlur(1.5))
        edges = np.asarray(grey.filter(ImageFilter.FIND_EDGES), float)
        lines = 255 - 255 * (edges > np.quantile(edges, 0.9))
        return np.repeat(lines.astype(np.uint8)[..., None], 3, axis=2)
    if kind == "document":
        page = Image.new("RGB", (width, height), "white")
        draw = ImageDraw.Draw(page)
        letters = np.array(list("abcdefghijklmnopqrstuvwxyz      "))
        for line in range(8, height - 12, 14):
            draw.text((8, line), "".join(rng.choice(letters, width // 6)), fill="black")
        return np.asarray(page)
    across = np.linspace(0, 1, width)[None, :, None]
    first, second = rng.integers(0, 256, (2, 3))
    mixed = np.broadcast_to(first + across * (second - first), (height, width, 3))
    return np.rint(mixed).astype(np.uint8)


def interval(hits, n):
    """Return the 95 % interval of Clopper and Pearson."""
    low = beta.ppf(0.025, hits, n - hits + 1) if hits else 0.0
    return float(low), float(beta.ppf(0.975, hits + 1, n - hits)) if hits < n else 1.0


def learned(generator, training, seed, work, population="real"):
    """Return the fingerprint of a generator, read or made, and what was held out."""
    images = pictures(folder_of(generator))
    made, own = split(images, min(training, 2 * len(images) // 3), seed)
    references, rest = [], {}
    populations = population.split(",")
    for name in populations:
        known, rest[name] = split(pictures(CORPUS / name), training // len(populations), seed)
        references += known
    kept = work / f"{generator}-{training}-{seed}.h5"
    if not kept.exists():
        with tempfile.TemporaryDirectory() as folder:
            for name, paths in (("made", made), ("real", references)):
                (Path(folder) / name).mkdir()
                for path in paths:
                    (Path(folder) / name / path.name).write_bytes(path.read_bytes())
            found = extract(Path(folder, "made"), Path(folder, "real"), generator, ExtractOptions())
        write_bank(kept, [found.fingerprint])
    return read_bank(kept)[0], own, references, rest


def withheld(reasons):
    """Return whether nothing is claimed for what an image went through, or shows."""
    return not {"coding_not_calibrated", "content_not_calibrated"}.isdisjoint(reasons)


def counted(fingerprints, paths, cell, form):
    """Examine pictures after a degradation; count what each fingerprint decides, a row for each."""
    judges = [judge_of(fingerprint) for fingerprint in fingerprints]
    decisions = [Counter() for _ in judges]
    with tempfile.TemporaryDirectory() as folder:
        asked = Path(folder, "asked")
        for path in paths:
            whole = cell == "none" and form == "file"
            content = path.read_bytes() if whole else changed(load_image(path).rgb_hwc, cell, form)
            asked.write_bytes(content)
            image, parts = load_image(asked), {}
            for judge, found in zip(judges, decisions, strict=True):
                decision, reasons = decided(judge, image, parts)
                found[decision] += 1
                found["withheld"] += withheld(reasons)
    return [in_a_row(found, len(paths)) for found in decisions]


def decided(judge, image, parts):
    """Return the decision and the reasons of a fingerprint that is asked alone, as by default."""
    usual, key = DetectOptions(), Preparation.of(judge.fingerprint)
    try:
        if key not in parts:
            parts[key] = key.features(image)
    except ImageError:
        return "not_examined", ()
    row = judge.examine("asked", parts[key], image.compression, usual.rule, usual.fpr)
    return row.decision, row.reasons


def in_a_row(decisions, images):
    n = images - decisions["not_examined"]
    row = {"n": n, "too_small": decisions["not_examined"], "withheld": decisions["withheld"]}
    for name in ("claimed", "reference"):
        hits = decisions["supports_generator" if name == "claimed" else "supports_reference"]
        low, high = interval(hits, n) if n else (0.0, 1.0)
        row |= {name: hits, f"{name}_low": round(low, 4), f"{name}_high": round(high, 4)}
    return row


def groups_of(generator, own, references, rest, images, seed):
    """Yield the name, the pictures and the cells of every population that is asked about."""
    yield f"own: {generator}", own[:images], OWN
    for name in dict.fromkeys((*PHOTOGRAPHS, *rest)):
        paths = rest.get(name) or pictures(CORPUS / name)
        if name == "t2i/real/web":
            paths = without_doubles(paths, references)
        yield name, shuffled(paths, seed)[:images], CELLS
    strangers = [path for name, path in generators().items() if name != generator]
    strangers += sorted((CORPUS / "t2i/strangers").iterdir())
    for folder in strangers:
        yield f"stranger: {folder.name}", shuffled(pictures(folder), seed)[:images], CELLS[:1]
    made = [(f"{kind}:1", "PNG") for kind in STRANGERS]
    (first, *_) = rest.values()
    yield "stranger: made", shuffled(first, seed)[:images], made


def table(rows):
    """Return the table of all cells: share, interval and number of images."""
    lines = [
        "| generator | images | cell | stored as | n | claimed % | reference % | withheld % |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for row in rows:
        n = int(row["n"])
        told = [
            f"{100 * int(row[name]) / n:.0f} ({100 * float(row[f'{name}_low']):.0f} to "
            f"{100 * float(row[f'{name}_high']):.0f})"
            for name in ("claimed", "reference")
            if n
        ] or ["-", "-"]
        held = f"{100 * int(row['withheld']) / n:.0f}" if n else "-"
        named = [row[name] for name in ("generator", "images", "cell", "form")]
        lines.append("| " + " | ".join([*named, str(n), *told, held]) + " |")
    return "\n".join(lines)


OF_OTHERS = (
    ("t2i/real/web", ("t2i/real/web",)),
    ("photos/val", ("photos/val",)),
    ("kodak, camera", ("t2i/real/kodak", "t2i/real/camera")),
    ("photographs of other sources together", PHOTOGRAPHS[1:]),
)
OWN_TOLD = {
    "as found": "none",
    "JPEG 85": "jpeg:85",
    "JPEG 60": "jpeg:60",
    "WebP 80": "webp:80",
    "0.75 and back, JPEG 85": "back:0.75+jpeg:85",
}


def summary(rows):
    """Return the shares of each generator, over cells, as a table with a column for each."""
    names = sorted({row["generator"] for row in rows})
    found = {}

    def add(title, chosen, column, told):
        for name in names:
            mine = [row for row in rows if row["generator"] == name and chosen(row, name)]
            found.setdefault(title, []).append(told(mine, column))

    def share(mine, column):
        hits, n = (sum(int(row[each]) for row in mine) for each in (column, "n"))
        return f"{hits:,} of {n:,} ({100 * hits / max(n, 1):.1f} %)"

    def largest(mine, column):
        full = [row for row in mine if int(row["n"]) >= 40]
        if not full:
            return "-"
        worst = max(full, key=lambda row: int(row[column]) / int(row["n"]))
        return f"{worst[column]} of {worst['n']}: {worst['cell']}, {worst['form']}"

    add("claimed: `real/` held out", lambda r, g: r["images"] == "real", "claimed", share)
    for title, folders in OF_OTHERS:
        add(f"claimed: {title}", lambda r, g, of=folders: r["images"] in of, "claimed", share)

    def above(mine, column):
        full = [row for row in mine if int(row["n"]) >= 40]
        return f"{sum(float(row[f'{column}_low']) > 0.05 for row in full)} of {len(full)}"

    title = "cells of 40 whose interval lies above 5 %"
    add(title, lambda r, g: r["images"] in PHOTOGRAPHS, "claimed", above)
    add("largest cell, `real/`", lambda r, g: r["images"] == "real", "claimed", largest)
    others = PHOTOGRAPHS[1:]
    add("largest cell of 40, others", lambda r, g: r["images"] in others, "claimed", largest)
    for title, cell in OWN_TOLD.items():

        def asked(row, name, cell=cell):
            return row["images"] == f"own: {name}" and (row["cell"], row["form"]) == (cell, "file")

        add(f"own claimed: {title}", asked, "claimed", share)
    for title, column in (
        ("wrongly the reference's", "reference"),
        ("withheld for coding or content", "withheld"),
    ):
        add(f"own {title}, all cells", lambda r, g: r["images"] == f"own: {g}", column, share)
    made = "stranger: made"
    add(
        "other generators as found, claimed",
        lambda r, g: r["images"].startswith("stranger: ") and r["images"] != made,
        "claimed",
        share,
    )
    add("night, scan, drawing, document, flat", lambda r, g: r["images"] == made, "claimed", share)
    lines = [f"| images | {' | '.join(names)} |", "| --- |" + " --- |" * len(names)]
    return "\n".join(lines + [f"| {title} | {' | '.join(t)} |" for title, t in found.items()])


@contextmanager
def kept_rows(path, columns):
    """Yield the rows that earlier runs kept, and what keeps further ones, flushed together."""
    rows = []
    if path.exists():
        with path.open(newline="") as file:
            rows = list(csv.DictReader(file))
    with path.open("a", newline="") as file:
        writer = csv.DictWriter(file, columns)
        if not rows:
            writer.writeheader()

        def keep(found):
            writer.writerows(found)
            file.flush()
            rows.extend({name: str(value) for name, value in row.items()} for row in found)

        yield rows, keep


@lru_cache
def read(path):
    """Return the fingerprint of a file; a process reads it once."""
    return read_bank(path)[0]


def one_cell(asked):
    """Return the rows of one population after one degradation; for a process of its own."""
    (title, paths, cell, form), asking = asked
    found = counted([read(path) for _, path in asking], paths, cell, form)
    told = title, cell, form
    return [
        dict(zip(COLUMNS, (name, *told), strict=False)) | row
        for (name, _), row in zip(asking, found, strict=True)
    ]


@click.command()
@click.option("--generators", "named", default="tae_flux2,ldm", show_default=True)
@click.option("--cells", default="*", show_default=True, help="Pattern of degradations.")
@click.option("--training", default=128, show_default=True, help="Images a class, or two thirds.")
@click.option("--images", default=20, show_default=True, help="Images a cell, at most.")
@click.option("--seed", default=0, show_default=True)
@click.option(
    "--references", "population", default="real", show_default=True, help="Folders, by commas."
)
@click.option("--workers", default=1, show_default=True)
@click.option("--work", type=click.Path(path_type=Path), default=WORK / "photographs")
def main(named, cells, training, images, seed, population, workers, work):
    """Count claims over populations and degradations."""
    work.mkdir(parents=True, exist_ok=True)
    if population != "real":
        work = work / population.replace("/", "-").replace(",", "+")
        work.mkdir(parents=True, exist_ok=True)
    kept = work / f"cells-{training}-{images}-{seed}.csv"
    with kept_rows(kept, COLUMNS) as (rows, keep):
        done = {tuple(row[name] for name in COLUMNS[:4]) for row in rows}
        asked = {}
        for generator in named.split(","):
            _, *held = learned(generator, training, seed, work, population)
            place = work / f"{generator}-{training}-{seed}.h5"
            for name, paths, of in groups_of(generator, *held, images, seed):
                for cell, form in of:
                    if (generator, name, cell, form) in done or not fnmatch.fnmatch(cell, cells):
                        continue
                    key = name, tuple(paths), cell, form
                    asked.setdefault(key, []).append((generator, place))
        with ProcessPoolExecutor(workers) as pool:
            for found in pool.map(one_cell, asked.items()):
                keep(found)
    print(summary(rows), table(rows), sep="\n\n")


if __name__ == "__main__":
    main()
