"""Photographs that a camera, phone or editor has processed, against the bank that comes with fp.

    python benchmarks/processed.py --section processed

needs the corpus (FP_CORPUS, by default ../shared/corpus beside the project). The photographs are
those that known_bank.py holds out. Each is denoised, sharpened, toned, resized or the like, and
examined as it is in memory. The last row of the table has the photographs as they are found.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import click
import numpy as np
from known_bank import ASKED, PHOTOGRAPHS, dealt
from photographs import interval
from PIL import Image, ImageFilter
from scipy import ndimage
from sections import publish, this_command
from skimage import exposure, restoration

from fp.fingerprint.detection.banks import WholeBank
from fp.fingerprint.detection.detection import DetectOptions
from fp.fingerprint.store.bank import read_bank
from fp.images.degradations import Degradation
from fp.images.loading import load_image
from fp.known.cards import KNOWN


def whole(values):
    """Return grey values as whole numbers from 0 to 255."""
    return np.clip(np.round(values), 0, 255).astype(np.uint8)


def degraded(image, text):
    """Return an image after a degradation of fp."""
    return Degradation(text).apply(image)


def filtered(image, kind):
    """Return an image after one of Pillow's filters."""
    return np.asarray(Image.fromarray(image).filter(kind))


def smoothed(image, weight):
    """Return an image denoised by total variation, as phones smooth."""
    return whole(255 * restoration.denoise_tv_chambolle(image / 255, weight, channel_axis=-1))


def demosaiced(image):
    """Return an image whose colours were taken from a Bayer pattern, bilinearly."""
    height, width = image.shape[:2]
    rows, columns = np.mgrid[:height, :width] % 2
    kernel = np.array([[1, 2, 1], [2, 4, 2], [1, 2, 1]]) / 4.0
    kept = (rows + columns == 0, rows != columns, rows + columns == 2)
    found = []
    for channel, mask in zip(np.moveaxis(image.astype(float), -1, 0), kept, strict=True):
        weight = ndimage.convolve(mask.astype(float), kernel)
        found.append(ndimage.convolve(channel * mask, kernel) / weight)
    return whole(np.stack(found, axis=-1))


def resized(image, factor):
    """Return an image resized by a bicubic kernel."""
    height, width = (int(side * factor) for side in image.shape[:2])
    return np.asarray(Image.fromarray(image).resize((width, height), Image.Resampling.BICUBIC))


def contrasted(image):
    """Return an image whose contrast was raised in each neighbourhood."""
    return whole(255 * exposure.equalize_adapthist(image, clip_limit=0.02))


def turned(image):
    """Return the middle of an image that was turned by three degrees."""
    found = Image.fromarray(image).rotate(3, Image.Resampling.BICUBIC)
    return np.asarray(found.crop((40, 40, image.shape[1] - 40, image.shape[0] - 40)))


def of_phone(image):
    """Return an image smoothed, sharpened and saved as JPEG 90."""
    sharp = filtered(smoothed(image, 0.04), ImageFilter.UnsharpMask(1.5, 120, 2))
    return degraded(sharp, "jpeg:90")


KINDS = {
    "median of 3 x 3": lambda image: filtered(image, ImageFilter.MedianFilter(3)),
    "denoised by total variation": lambda image: smoothed(image, 0.05),
    "sharpened": lambda image: filtered(image, ImageFilter.UnsharpMask(2, 150, 3)),
    "local contrast": contrasted,
    "brightened": lambda image: whole(255 * (image / 255) ** 0.7),
    "demosaiced": demosaiced,
    "noise of 5": lambda image: degraded(image, "noise:5"),
    "enlarged by 2, bicubic": lambda image: resized(image, 2),
    "enlarged by 2, nearest": lambda image: image.repeat(2, 0).repeat(2, 1),
    "enlarged by 1.25, JPEG 85": lambda image: degraded(resized(image, 1.25), "jpeg:85"),
    "enlarged by 1.5, JPEG 85": lambda image: degraded(resized(image, 1.5), "jpeg:85"),
    "turned by 3 degrees": turned,
    "256 colours": lambda image: np.asarray(Image.fromarray(image).quantize(256).convert("RGB")),
    "grey": lambda image: np.asarray(Image.fromarray(image).convert("L").convert("RGB")),
    "as a phone does": of_phone,
    "as from film": lambda image: degraded(image, "blur:1.2+noise:8+jpeg:85"),
    "as found": lambda image: image,
}


def row(name, paths, bank):
    """Return the row of the table for one kind."""
    examined, claims = 0, Counter()
    for path in paths:
        image = load_image(path)
        pixels = np.ascontiguousarray(KINDS[name](image.rgb_hwc))
        found = bank.examine(replace(image, rgb_hwc=pixels), DetectOptions()).detection
        examined += found.status == "examined"
        if found.decision == "supports_generator":
            claims[found.fingerprint] += 1
    low, high = interval(claims.total(), examined)
    by = ", ".join(f"{title} {count}" for title, count in claims.most_common()) or "none"
    share = f"({100 * low:.1f} to {100 * high:.1f} %)"
    return f"| {name} | {claims.total()} of {examined} {share} | {by} |"


@click.command()
@click.option("--section", help="Put the table into this section of its page.")
def main(section):
    """Count the processed photographs that the bank that comes with fp claims."""
    _, _, _, rest = dealt(0)
    paths = [path for name in PHOTOGRAPHS for path in rest[name][:ASKED]]
    bank = WholeBank(tuple(read_bank(KNOWN)))
    lines = ["| photographs | claimed | by |", "| --- | --- | --- |"]
    lines += [row(name, paths, bank) for name in KINDS]
    publish(section, this_command(), "\n".join(lines))


if __name__ == "__main__":
    main()
