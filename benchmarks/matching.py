"""What a fingerprint claims of images from one pipeline, by the way its references went.

    python benchmarks/matching.py --references 64

needs the corpus (FP_CORPUS, by default ../shared/corpus beside the project). RealVisXL and FLUX.1
came through one pipeline: reduced to 768 pixels, sharpened, WebP 85. The photographs that they are
learned against are left as found, re-encoded by `--match` as both classes are, or sent through
parts of that pipeline before they are given as references. Asked about are the generator's own
images, those of the other one, and photographs as found and sent through the pipeline.
Fingerprints and finished rows are kept in the work folder, so that an interrupted run goes on
where it was. The table is printed.

`--spectra` asks instead whether the mean log power spectrum tells the pipeline: of references that
were reduced to 0.75 by a kernel or not, sharpened or not, and sent through WebP 85, which are
nearest to the images of each generator? `--edges` asks the same of edges: how far a sharpened edge
overshoots, and how steep it is. Both generators have one pipeline, so one answer is right.
"""

from __future__ import annotations

import io
import tempfile
from pathlib import Path

import click
import numpy as np
from held_out import CORPUS, PROJECT
from photographs import changed, counted, decoded, kept_rows, pictures, shuffled
from PIL import Image, ImageFilter
from scipy.ndimage import gaussian_filter1d

from fp.fingerprint.extraction.extraction import extract
from fp.fingerprint.extraction.options import ExtractOptions
from fp.fingerprint.store.bank import read_bank, write_bank
from fp.images.loading import load_image

GENERATORS = ("realvisxl_turbo", "flux1dev")
PIPELINE = "lanczos:0.75+sharpen:100+webp:85"
"""What is known of it; kernel and amount of sharpening are not, and these are usual."""
WAYS = {
    "as found": None,
    "--match": None,
    "references by WebP 85": "webp:85",
    "references sharpened, by WebP 85": "sharpen:100+webp:85",
    "references through the pipeline": PIPELINE,
}
"""What the references went through before they are given."""
CELLS = ("none", "jpeg:85")
SENT = (*CELLS, "sharpen:100+webp:85", PIPELINE)
TRAINING = 64
COLUMNS = (
    *("generator", "references", "way", "images", "cell", "n", "too_small", "claimed"),
    *("claimed_low", "claimed_high", "reference", "reference_low", "reference_high", "withheld"),
)


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


def profiles(pixels, most=400):
    """Return the profiles (n, 17) across the strongest isolated edges, from 0 to 1."""
    grey = pixels[:512, :512] @ np.array([0.299, 0.587, 0.114])
    found = []
    for plane in (grey, grey.T):
        along = gaussian_filter1d(plane, 2, axis=0)
        slope = gaussian_filter1d(along, 1, axis=1, order=1)
        height = np.abs(slope)
        peak = np.zeros(height.shape, bool)
        peak[:, 1:-1] = (height[:, 1:-1] >= height[:, :-2]) & (height[:, 1:-1] > height[:, 2:])
        peak[:, :10] = peak[:, -10:] = False
        least = max(np.sort(np.where(peak, height, 0).ravel())[-most], 4)
        for row, column in zip(*np.nonzero(peak & (height >= least)), strict=True):
            profile = along[row, column - 8 : column + 9] * np.sign(slope[row, column])
            low, high = profile[:4].mean(), profile[-4:].mean()
            flat = profile[:4].std() + profile[-4:].std() <= 0.15 * (high - low)
            if high - low >= 25 and flat:
                found.append((profile - low) / (high - low))
    return np.array(found).reshape(-1, 17)


def edges(images):
    """Tell the medians over images of overshoot and of the steepest step, with standard errors."""
    rows = []
    for pixels in images:
        found = profiles(pixels)
        if len(found) >= 20:
            middle = np.median(found, axis=0)
            overshoot = (middle[9:13].max() - 1 - middle[4:8].min()) / 2
            rows.append((overshoot, np.diff(middle).max()))
    (over, step), (a, b) = np.median(rows, 0), 1.25 * np.std(rows, 0) / np.sqrt(len(rows))
    return f"overshoot {over:.3f} +- {a:.3f}, step {step:.3f} +- {b:.3f}, {len(rows)} images"


def told_by_edges(seed, most=40):
    """Give what edges show of each generator, and of photographs in every candidate."""
    for generator in GENERATORS:
        paths = shuffled(pictures(CORPUS / "t2i/generated" / generator), seed)[:most]
        yield f"{generator}: {edges(load_image(path).rgb_hwc for path in paths)}"
    for name in ("t2i/real/web", "photos/train"):
        paths = shuffled(pictures(CORPUS / name), seed)[:most]
        for kernel in ("not reduced", "Lanczos", "bilinear"):
            for amount in AMOUNTS:
                made = (candidate(load_image(path).rgb_hwc, kernel, amount) for path in paths)
                yield f"{name}, {kernel}, sharpened {amount} %: {edges(made)}"


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


def learned(generator, way, made, references, kept, size):
    """Give the fingerprint, from the work folder or made."""
    if not kept.exists():
        with tempfile.TemporaryDirectory() as folder:
            for name, paths in (("made", made), ("real", references)):
                (Path(folder) / name).mkdir()
                for path in paths:
                    content = path.read_bytes()
                    if name == "real" and WAYS[way]:
                        content = changed(load_image(path).rgb_hwc, WAYS[way], "file")
                    (Path(folder) / name / f"{path.parent.name} {path.name}").write_bytes(content)
            match = "lowest" if way == "--match" else None
            options = ExtractOptions(match=match, dif=None, size=size)
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
@click.option("--side", default=320, show_default=True, help="Side of the examined part.")
@click.option("--seed", default=0, show_default=True)
@click.option("--spectra", is_flag=True, help="Which pipeline do mean spectra name?")
@click.option("--edges", "by_edges", is_flag=True, help="What do edges show of the pipeline?")
@click.option("--work", type=click.Path(path_type=Path), default=PROJECT / ".work/matching")
def main(named, ways, references, images, side, seed, spectra, by_edges, work):
    """Count claims of held-out images and photographs by the way of the references."""
    if spectra or by_edges:
        for line in nearest(seed) if spectra else told_by_edges(seed):
            print(line, flush=True)
        return
    work.mkdir(parents=True, exist_ok=True)
    real, held = split(references, seed)
    with kept_rows(work / f"rows-{images}-{side}-{seed}.csv", COLUMNS) as (rows, keep):
        done = {tuple(row[name] for name in COLUMNS[:5]) for row in rows}
        for generator in named.split(","):
            made, others = (
                shuffled(pictures(CORPUS / "t2i/generated" / name), seed)
                for name in sorted(GENERATORS, key=lambda name: name != generator)
            )
            groups = {"own": made[TRAINING:], "the other": others[TRAINING:], **held}
            for place in map(int, ways.split(",")):
                way = list(WAYS)[place]
                kept = work / f"{generator}-{references}-{place}-{side}-{seed}.h5"
                told = generator, str(references), way
                asked = [
                    (name, cell)
                    for name in groups
                    for cell in (SENT if name in held else CELLS)
                    if (*told, name, cell) not in done
                ]
                for name, cell in asked:
                    size = side, side
                    fingerprint = learned(generator, way, made[:TRAINING], real, kept, size)
                    row = dict(zip(COLUMNS, (*told, name, cell), strict=False))
                    paths = shuffled(groups[name], seed)[:images]
                    (found,) = counted([fingerprint], paths, cell, "file")
                    keep([row | found])
    print(table(rows))


if __name__ == "__main__":
    main()
