"""What happens to images on their way: recompression, resizing, blur, turning, as named functions.

A degradation is written as its name and one number, ``jpeg:75``; several are joined by ``+`` and
applied from left to right. The same text stands in options, tables and files.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
from PIL import Image

from fp.system.arrays import Pixels
from fp.system.errors import UsageError


@dataclass(frozen=True)
class Kind:
    """One kind of degradation.

    Parameters
    ----------
    apply : callable
        From an image (H, W, 3), uint8, its number, and a random generator to an image of that size.
    lowest, highest : float
        Range of its number.
    meaning : str
        What it does and what the number is.
    """

    apply: Callable[[Pixels, float, np.random.Generator], Pixels]
    lowest: float
    highest: float
    meaning: str


def _coded(
    image: Pixels, quality: float, _: np.random.Generator, *, kind: str, **options: int
) -> Pixels:
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, kind, quality=int(quality), **options)
    with Image.open(buffer) as decoded:
        return np.asarray(decoded.convert("RGB"))


def _off_grid(image: Pixels, quality: float, rng: np.random.Generator) -> Pixels:
    down, right = map(int, rng.integers(0, 8, 2))
    padded = np.pad(image, ((down, 0), (right, 0), (0, 0)), "symmetric")
    return np.ascontiguousarray(_coded(padded, quality, rng, kind="JPEG")[down:, right:])


def _there_and_back(
    image: Pixels,
    factor: float,
    _: np.random.Generator,
    *,
    by: Image.Resampling,
    back: Image.Resampling | None = None,
) -> Pixels:
    height, width = image.shape[:2]
    small = (max(1, round(width * factor)), max(1, round(height * factor)))
    picture = Image.fromarray(image).resize(small, by).resize((width, height), back or by)
    return np.asarray(picture)


_KERNELS = (
    Image.Resampling.NEAREST,
    Image.Resampling.BILINEAR,
    Image.Resampling.BICUBIC,
    Image.Resampling.LANCZOS,
)


def _by_any_kernel(image: Pixels, factor: float, rng: np.random.Generator) -> Pixels:
    by, back = (_KERNELS[place] for place in rng.integers(0, len(_KERNELS), 2))
    return _there_and_back(image, factor, rng, by=by, back=back)


def _enlarge(image: Pixels, factor: float, _: np.random.Generator) -> Pixels:
    height, width = image.shape[:2]
    size = (round(width * factor), round(height * factor))
    left, top = ((large - small) // 2 for large, small in zip(size, (width, height), strict=True))
    picture = Image.fromarray(image).resize(size, Image.Resampling.BICUBIC)
    return np.asarray(picture.crop((left, top, left + width, top + height)))


def _blur(image: Pixels, sigma: float, _: np.random.Generator) -> Pixels:
    # Imported late: 'fp extract --match jpeg:75' and the files of fingerprints need neither.
    from scipy.ndimage import gaussian_filter

    found = gaussian_filter(image.astype(np.float32), (sigma, sigma, 0), mode="reflect")
    return np.asarray(np.rint(found), dtype=np.uint8)


def _bilateral(image: Pixels, diameter: float, _: np.random.Generator) -> Pixels:
    from skimage.restoration import denoise_bilateral

    # The deviations of the usual parameterisation: 75 grey levels, 75 pixels (all of the window).
    found = denoise_bilateral(
        image, win_size=int(diameter), sigma_color=75 / 255, sigma_spatial=75, channel_axis=-1
    )
    return np.asarray(np.rint(found * 255), dtype=np.uint8)


def _noise(image: Pixels, deviation: float, rng: np.random.Generator) -> Pixels:
    noisy = image + rng.normal(0.0, deviation, image.shape)
    return np.clip(np.rint(noisy), 0, 255).astype(np.uint8)


def _rotate(image: Pixels, degrees: float, _: np.random.Generator) -> Pixels:
    return np.asarray(Image.fromarray(image).rotate(degrees, Image.Resampling.BILINEAR))


def _shear(image: Pixels, slope: float, _: np.random.Generator) -> Pixels:
    height, width = image.shape[:2]
    # Each pixel comes from (x + slope y - slope height / 2, y): the middle row stays.
    matrix = (1, slope, -slope * height / 2, 0, 1, 0)
    picture = Image.fromarray(image).transform(
        (width, height), Image.Transform.AFFINE, matrix, Image.Resampling.BILINEAR
    )
    return np.asarray(picture)


def _flip(image: Pixels, way: float, _: np.random.Generator) -> Pixels:
    return np.ascontiguousarray(image[:, ::-1] if int(way) == 1 else image[::-1])


def _pad(image: Pixels, border: float, _: np.random.Generator) -> Pixels:
    height, width = image.shape[:2]
    wide = np.pad(image, ((int(border),) * 2, (int(border),) * 2, (0, 0)))
    return np.asarray(Image.fromarray(wide).resize((width, height), Image.Resampling.BICUBIC))


def _translate(image: Pixels, share: float, _: np.random.Generator) -> Pixels:
    height, width = image.shape[:2]
    down, right = round(share * height), round(share * width)
    wide = np.pad(image, ((abs(down),) * 2, (abs(right),) * 2, (0, 0)))
    top, left = abs(down) - down, abs(right) - right
    return np.ascontiguousarray(wide[top : top + height, left : left + width])


def _cut_out(image: Pixels, share: float, rng: np.random.Generator) -> Pixels:
    height, width = (max(1, round(share * side)) for side in image.shape[:2])
    top = int(rng.integers(0, image.shape[0] - height + 1))
    left = int(rng.integers(0, image.shape[1] - width + 1))
    found = image.copy()
    found[top : top + height, left : left + width] = 128
    return found


KINDS = {
    "jpeg": Kind(
        partial(_coded, kind="JPEG"), 1, 100, "JPEG at a quality, 4:2:0, as Pillow writes it"
    ),
    "jpeg444": Kind(
        partial(_coded, kind="JPEG", subsampling=0), 1, 100, "JPEG at a quality, 4:4:4"
    ),
    "offgrid": Kind(
        _off_grid, 1, 100, "JPEG at a quality whose grid begins 0 to 7 pixels before the image"
    ),
    "webp": Kind(partial(_coded, kind="WEBP"), 1, 100, "lossy WebP at a quality"),
    # By default the number of processors decides the tiles, and so the pixels.
    "avif": Kind(
        partial(_coded, kind="AVIF", speed=8, max_threads=1, autotiling=False),
        1,
        100,
        "AVIF at a quality",
    ),
    "resize": Kind(
        partial(_there_and_back, by=Image.Resampling.BICUBIC),
        0.01,
        8,
        "to a factor of the size and back, bicubic",
    ),
    "lanczos": Kind(
        partial(_there_and_back, by=Image.Resampling.LANCZOS, back=Image.Resampling.BICUBIC),
        0.01,
        8,
        "to a factor of the size by Lanczos, and back, bicubic",
    ),
    "bilinear": Kind(
        partial(_there_and_back, by=Image.Resampling.BILINEAR, back=Image.Resampling.BICUBIC),
        0.01,
        8,
        "to a factor of the size, bilinear, and back, bicubic",
    ),
    "nearest": Kind(
        partial(_there_and_back, by=Image.Resampling.NEAREST),
        0.01,
        8,
        "to a factor of the size and back, nearest neighbour",
    ),
    "anykernel": Kind(
        _by_any_kernel,
        0.01,
        8,
        "to a factor of the size and back, each by a kernel of four that the image draws",
    ),
    "enlarge": Kind(_enlarge, 1, 8, "enlarged by a factor, bicubic, and the middle kept"),
    "blur": Kind(_blur, 0.1, 50, "Gaussian blur of a standard deviation in pixels"),
    "bilateral": Kind(_bilateral, 3, 25, "bilateral filter of a diameter in pixels"),
    "noise": Kind(_noise, 0.1, 128, "Gaussian noise of a standard deviation in grey levels"),
    "rotate": Kind(
        _rotate, -180, 180, "turned to the left by degrees, bilinear, with black corners"
    ),
    "shear": Kind(
        _shear, -1, 1, "rows moved by this share of their distance from the middle, bilinear"
    ),
    "flip": Kind(_flip, 1, 2, "mirrored: 1 left and right, 2 top and bottom"),
    "pad": Kind(_pad, 1, 256, "a black border of pixels, then back to the size, bicubic"),
    "translate": Kind(
        _translate, -0.9, 0.9, "moved right and down by a share of the sides, black behind"
    ),
    "cutout": Kind(
        _cut_out, 0.01, 0.9, "grey over a part whose sides are a share of the image's, drawn by it"
    ),
}
"""Every kind of degradation by name."""


@dataclass(frozen=True)
class Degradation:
    """A chain of degradations; a `UsageError` refuses unknown kinds and numbers out of range.

    Parameters
    ----------
    text : str
        Such as ``"jpeg:75"`` or ``"resize:0.5+jpeg:75"``; ``"none"`` leaves images as they are.

    Examples
    --------
    >>> from fp.denoisers import Degradation, load_image
    >>> pixels = load_image("picture.png").rgb_hwc
    >>> Degradation("resize:0.5+jpeg:75").apply(pixels).shape == pixels.shape
    True
    """

    text: str = "none"

    def __post_init__(self) -> None:
        for name, number in self.steps():
            kind = KINDS.get(name)
            if kind is None:
                raise UsageError(
                    f"Unknown degradation {name!r} in {self.text!r}; there are none, "
                    f"{', '.join(KINDS)}, such as jpeg:75."
                )
            if not kind.lowest <= number <= kind.highest:
                raise UsageError(
                    f"Degradation {self.text!r}: the number of {name} lies between "
                    f"{kind.lowest:g} and {kind.highest:g}, not {number:g}."
                )

    def steps(self) -> list[tuple[str, float]]:
        """Return the kinds of the chain with their numbers, in order; none for ``"none"``."""
        if self.text == "none":
            return []
        steps = []
        for step in self.text.split("+"):
            name, _, number = step.partition(":")
            try:
                steps.append((name, float(number)))
            except ValueError:
                raise UsageError(
                    f"Degradation {step!r} has no number; write it as in jpeg:75."
                ) from None
        return steps

    def apply(self, image_hwc: Pixels, seed: int = 0) -> Pixels:
        """Return a degraded copy of an image, uint8 (H, W, 3), of the same size.

        Image and seed together decide what is random (noise, places, kernels): the same noise on
        many images would be a fingerprint of its own.
        """
        if self.text == "none":
            return image_hwc
        digest = hashlib.sha256(np.ascontiguousarray(image_hwc).data).digest()
        rng = np.random.default_rng([seed, int.from_bytes(digest[:16], "little")])
        for name, number in self.steps():
            image_hwc = KINDS[name].apply(image_hwc, number, rng)
        return image_hwc
