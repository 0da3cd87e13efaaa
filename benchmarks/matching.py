"""What a fingerprint claims of images from one pipeline, by the way its references went.

    python benchmarks/matching.py --references 64

needs the corpus (FP_CORPUS, by default ../shared/corpus beside the project). RealVisXL and FLUX.1
came through one pipeline: reduced to 768 pixels, sharpened, WebP 85. The photographs that they are
learned against are left as found, re-encoded by `--match` as both classes are, or sent through
WebP 85, or sharpened (unsharp mask of radius 1, 100 %) and then sent, before they are given as
references. Fingerprints and finished rows are kept in the work folder, so that an interrupted run
goes on where it was. The table is printed.

`--spectra` asks instead whether the mean log power spectrum tells the pipeline: of references that
were reduced to 0.75 by a kernel or not, sharpened or not, and sent through WebP 85, which are
nearest to the images of each generator? Both generators have one pipeline, so one answer is right.
"""

from __future__ import annotations

import io
import tempfile
from pathlib import Path

import click
import numpy as np
from held_out import CORPUS, PROJECT
from photographs import counted, decoded, kept_rows, pictures, shuffled
from PIL import Image, ImageFilter

from fp.fingerprint.extraction.extraction import extract
from fp.fingerprint.extraction.options import ExtractOptions
from fp.fingerprint.store.bank import read_bank, write_bank
from fp.images.loading import load_image

GENERATORS = ("realvisxl_turbo", "flux1dev")
WAYS = ("as found", "--match", "references by WebP 85", "references sharpened, by WebP 85")
TRAINING = 64
COLUMNS = (
    *("generator", "references", "way", "images", "cell", "n", "too_small", "claimed"),
    *("claimed_low", "claimed_high", "reference", "reference_low", "reference_high", "withheld"),
)


def sent(path, way):
    """Return the bytes of a reference image that went that way."""
    if not way.startswith("references"):
        return path.read_bytes()
    picture = Image.fromarray(load_image(path).rgb_hwc)
    if "sharpened" in way:
        picture = picture.filter(ImageFilter.UnsharpMask(radius=1, percent=100, threshold=0))
    made = io.BytesIO()
    picture.save(made, "WEBP", quality=85)
    pixels, made = decoded(made.getvalue()), io.BytesIO()
    Image.fromarray(np.ascontiguousarray(pixels)).save(made, "PNG", compress_level=1)
    return made.getvalue()


KERNELS = {
    "not reduced": None,
    "Lanczos": Image.Resampling.LANCZOS,
    "bicubic": Image.Resampling.BICUBIC,
    "bilinear": Image.Resampling.BILINEAR,
}
AMOUNTS = (0, 50, 100, 200)


def candidate(pixels, kernel, amount):
    """Return a picture reduced to 0.75 by a kernel, sharpened in percent, after WebP 85."""
    picture, made = Image.fromarray(pixels), io.BytesIO()
    if KERNELS[kernel] is not None:
        picture = picture.resize([round(0.75 * side) for side in picture.size], KERNELS[kernel])
    picture = picture.filter(ImageFilter.UnsharpMask(radius=1, percent=amount, threshold=0))
    picture.save(made, "WEBP", quality=85)
    return decoded(made.getvalue())


def spectrum(images):
    """Return the mean log10 power of luminance over 16 rings of frequency, less its level."""
    window, frequency = np.hanning(64), np.fft.fftfreq(64)
    ring = np.digitize(np.hypot(frequency[:, None], frequency), np.linspace(0, 0.5, 17))
    found = []
    for pixels in images:
        height, width = (min(side, 320) // 64 for side in pixels.shape[:2])
        grey = pixels[: 64 * height, : 64 * width] @ np.array([0.299, 0.587, 0.114])
        parts = grey.reshape(height, 64, width, 64).swapaxes(1, 2)
        parts = (parts - parts.mean((2, 3), keepdims=True)) * np.outer(window, window)
        power = np.log10((np.abs(np.fft.fft2(parts)) ** 2).mean((0, 1)) + 1e-3)
        found.append([power[ring == k].mean() for k in range(1, 17)])
    mean = np.mean(found, axis=0)[3:]  # below, spectra are of content
    return mean - mean.mean()


def nearest(seed):
    """Give the three nearest candidates of each generator, with their distance in log10 power."""
    references = [load_image(path).rgb_hwc for path in split(64, seed)[0]]
    found = {
        (kernel, amount): spectrum([candidate(each, kernel, amount) for each in references])
        for kernel in KERNELS
        for amount in AMOUNTS
    }
    for generator in GENERATORS:
        paths = shuffled(pictures(CORPUS / "t2i/generated" / generator), seed)[:TRAINING]
        own = spectrum([load_image(path).rgb_hwc for path in paths])
        far = {each: float(np.std(own - mean)) for each, mean in found.items()}
        told = (f"{k}, sharpened {a} %: {far[k, a]:.3f}" for k, a in sorted(far, key=far.get)[:3])
        yield f"{generator}: {'; '.join(told)}"


def split(references, seed):
    """Give the references, half of them of each of two sources, and photographs held out."""
    web = shuffled(pictures(CORPUS / "t2i/real/web"), seed)
    others = shuffled(pictures(CORPUS / "photos/train"), seed)
    few = min(references // 2, 40)
    held = {
        "real/web": web[few:],
        "photos/val": pictures(CORPUS / "photos/val"),
        "kodak, camera": [
            *pictures(CORPUS / "t2i/real/kodak"),
            *pictures(CORPUS / "t2i/real/camera"),
        ],
    }
    return [*web[:few], *others[: references - few]], held


def learned(generator, way, made, references, kept):
    """Give the fingerprint, from the work folder or made."""
    if not kept.exists():
        with tempfile.TemporaryDirectory() as folder:
            for name, paths in (("made", made), ("real", references)):
                (Path(folder) / name).mkdir()
                for path in paths:
                    content = path.read_bytes() if name == "made" else sent(path, way)
                    (Path(folder) / name / f"{path.parent.name} {path.name}").write_bytes(content)
            options = ExtractOptions(match="lowest" if way == "--match" else None, dif=None)
            found = extract(Path(folder, "made"), Path(folder, "real"), generator, options)
        write_bank(kept, [found.fingerprint])
    return read_bank(kept)[0]


def table(rows):
    """Give the table of all rows: how many were claimed, with the interval."""
    lines = [
        "| generator | references | way | images | cell | claimed | withheld |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for row in rows:
        told = [row[name] for name in COLUMNS[:5]]
        low, high = (100 * float(row[f"claimed_{end}"]) for end in ("low", "high"))
        claimed = f"{row['claimed']} of {row['n']} ({low:.0f} to {high:.0f} %)"
        lines.append("| " + " | ".join([*told, claimed, row["withheld"]]) + " |")
    return "\n".join(lines)


@click.command()
@click.option("--generators", "named", default=",".join(GENERATORS), show_default=True)
@click.option("--ways", default=",".join(map(str, range(len(WAYS)))), help="Places of the ways.")
@click.option("--references", default=64, show_default=True)
@click.option("--images", default=60, show_default=True, help="Images a cell, at most.")
@click.option("--seed", default=0, show_default=True)
@click.option("--spectra", is_flag=True, help="Which pipeline do mean spectra name?")
@click.option("--work", type=click.Path(path_type=Path), default=PROJECT / ".work/matching")
def main(named, ways, references, images, seed, spectra, work):
    """Count claims of held-out images and photographs by the way of the references."""
    if spectra:
        print("\n".join(nearest(seed)))
        return
    work.mkdir(parents=True, exist_ok=True)
    real, held = split(references, seed)
    with kept_rows(work / f"rows-{images}-{seed}.csv", COLUMNS) as (rows, keep):
        done = {tuple(row[name] for name in COLUMNS[:5]) for row in rows}
        for generator in named.split(","):
            made = shuffled(pictures(CORPUS / "t2i/generated" / generator), seed)
            groups = {"own": made[TRAINING:], **held}
            for place in map(int, ways.split(",")):
                kept = work / f"{generator}-{references}-{place}-{seed}.h5"
                told = generator, str(references), WAYS[place]
                asked = [
                    (name, cell)
                    for name in groups
                    for cell in ("none", "jpeg:85")
                    if (*told, name, cell) not in done
                ]
                for name, cell in asked:
                    fingerprint = learned(generator, WAYS[place], made[:TRAINING], real, kept)
                    row = dict(zip(COLUMNS, (*told, name, cell), strict=False))
                    paths = shuffled(groups[name], seed)[:images]
                    keep([row | counted(fingerprint, paths, cell, "file")])
    print(table(rows))


if __name__ == "__main__":
    main()
