"""Edited pictures: how well they are told, and where the map points.

A region of a generator's picture is replaced by the same region of a photograph, and the reverse;
all are pictures that nothing was learned from.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import gaussian_filter

from fp.denoisers.population import Reduction
from fp.denoisers.residual import Residual
from fp.evaluation.adapter import FpLearned, FpMethod
from fp.evaluation.bench import Bench, Detector
from fp.evaluation.cells import Cell, Found, Row
from fp.evaluation.statistics import auc
from fp.evaluation.trials import balanced_accuracy, split
from fp.fingerprint.estimators.folds import Labelled, shuffle_labels
from fp.fingerprint.model.windows import CELL, WindowSize
from fp.fingerprint.windows.fields import Weights, fields_of_residual
from fp.fingerprint.windows.learning import learn_windows, usable
from fp.fingerprint.windows.maps import draw_map
from fp.images.loading import display_path, load_image
from fp.system.arrays import Array, Flags, Floats, Indices, Pixels
from fp.system.errors import InputError, UsageError

SHAPES = ("rectangle", "ellipse", "blob")
"""Shapes of a replaced region, in turn."""

_EVERY = 4  # of the pixels of a map that are ranked: a cell has sixteen a side


def region(shape: str, share: float, size: tuple[int, int], rng: np.random.Generator) -> Flags:
    """Return a random region of a picture, True inside. Its share of the area lies in (0, 1).

    A blob is the upper part of a smooth random field.
    """
    height, width = size
    if shape == "blob":
        field = gaussian_filter(rng.normal(size=size), min(size) / 6)
        return np.asarray(field > np.quantile(field, 1 - share))
    y, x = np.mgrid[:height, :width]
    # As tall and as wide as the area asks for, and not beyond the picture.
    fill = share if shape == "rectangle" else share * 4 / np.pi
    tall = min(max(np.sqrt(fill) * np.exp(rng.uniform(-0.3, 0.3)), fill), 1.0) * height
    wide = min(fill * height / tall, 1.0) * width
    top, left = rng.uniform(0, height - tall), rng.uniform(0, width - wide)
    if shape == "rectangle":
        return np.asarray((y >= top) & (y < top + tall) & (x >= left) & (x < left + wide))
    down, across = (y - top - tall / 2) / tall, (x - left - wide / 2) / wide
    return np.asarray(down**2 + across**2 <= 0.25)


@dataclass(frozen=True)
class EditingCell(Cell):
    """One generator against photographs, with parts of the test images replaced.

    Parameters
    ----------
    shares : tuple of tuple of float
        Ranges of the replaced share of the area.
    """

    shares: tuple[tuple[float, float], ...] = ()

    def measure(self, bench: Bench) -> Found:
        """Learn, edit the test images and measure."""
        generator = self.generators[0]
        numbers, labels = bench.detection(generator)
        inside = split(labels, bench.groups[numbers], self.training, self.seed)
        known, taught = numbers[inside], labels[inside]
        detector = self.learn(bench, known, taught)
        view = _View(bench, self, detector)
        windows = view.windows(known, taught)
        photos, made = (numbers[~inside & (labels == k)] for k in (False, True))
        real = self.score(bench, detector, photos)
        rows: list[Row] = []
        for low, high in self.shares:
            condition = f"{low:.0%} to {high:.0%} replaced"
            scores, maps, reverse = [], [], []
            rng = np.random.default_rng([self.seed, 6, round(1000 * low)])
            for place, number in enumerate(made):
                own = view.part(number)
                other = view.part(int(photos[place % photos.size]))
                share = rng.uniform(max(low, 0.01), high)
                mask = region(SHAPES[place % len(SHAPES)], share, own.shape[:2], rng)
                edited = view.residual(np.where(mask[..., None], other, own))
                scores.append(view.score(edited))
                maps.append(view.map_auc(edited, windows, ~mask))
                pasted = view.residual(np.where(mask[..., None], own, other))
                reverse.append(view.map_auc(pasted, windows, mask))
            found = np.concatenate([real, scores])
            truth = np.arange(found.size) >= real.size
            calls = detector.evidence(found) > 0
            for metric, value, n in (
                ("accuracy", balanced_accuracy(truth, calls), truth.size),
                ("auc", auc(truth, found), truth.size),
                ("still called generated", float(calls[truth].mean()), made.size),
                ("map auc, photograph in generated", float(np.mean(maps)), made.size),
                ("map auc, generated in photograph", float(np.mean(reverse)), made.size),
            ):
                rows.append(self.row(generator, metric, value, n, condition=condition))
        return Found(tuple(rows))


class _View:
    """What the method sees of images, and what it makes of them."""

    def __init__(self, bench: Bench, cell: Cell, detector: Detector) -> None:
        learned, method = detector.learned, cell.method.make()
        assert isinstance(learned, FpLearned) and isinstance(method, FpMethod)
        self._bench, self._cell, self._learned, self._method = bench, cell, learned, method
        self._make: Residual = Reduction(cell.denoiser, bench.dataset.crop).residual()

    def part(self, number: int) -> Pixels:
        """Load the examined part of an image."""
        picture = self._bench.dataset.pictures[number]
        image = load_image(picture.path)
        if image.sha256 != picture.sha256:
            raise InputError(
                f"{display_path(picture.path)} changed while it was in use; run again."
            )
        return self._bench.dataset.crop.apply(image.rgb_hwc)

    def residual(self, pixels: Pixels) -> Floats:
        """Compute a residual."""
        return self._make(np.ascontiguousarray(pixels))

    def score(self, residual_chw: Floats) -> float:
        """Score one image."""
        stacks = tuple(each[None] for each in self._method.features(residual_chw))
        return float(self._learned.score(stacks)[0])

    def windows(self, known: Indices, labels: Flags) -> WindowSize:
        """Calibrate windows on the training images."""
        cell, bench = self._cell, self._bench
        groups = bench.groups[known]
        if cell.shuffled:  # the same shuffle that the method has learned from
            labels = shuffle_labels(labels, groups, np.random.default_rng([cell.seed, 1]))
        stacks: dict[str, Array] = dict(
            zip(
                self._method.recipe.reads,
                bench.stacks(cell.method, cell.denoiser, known, "none"),
                strict=True,
            )
        )
        learned = self._learned.learned
        fitted, held = [part.fitted for part in learned.parts], learned.held.index
        found = learn_windows(
            self._method.recipe,
            bench.dataset.crop,
            stacks,
            Labelled(labels, groups, bench.folds, cell.seed),
            fitted,
            (self.residual(self.part(int(number))) for number in known[held]),
            held,  # what is learned once has seen the others
        )
        self._weights = Weights(
            tuple((self._method.recipe.parts[n], fitted[n]) for n in found.parts)
        )
        size = found.of()
        assert size is not None
        return size

    def map_auc(self, residual_chw: Floats, windows: WindowSize, generated: Flags) -> float:
        """Return the chance that a generated pixel of a map lies above a photographed one."""
        fields = fields_of_residual(residual_chw, self._weights, searched=True)
        drawn = draw_map(fields, windows, self._bench.fpr)
        whole = np.kron(drawn.log10_lr, np.ones((CELL, CELL))).astype(np.float64)
        return auc(generated[::_EVERY, ::_EVERY].ravel(), whole[::_EVERY, ::_EVERY].ravel())


def editable(method: FpMethod, bench: Bench) -> bool:
    """Return whether a method speaks of the generator and its images are large enough."""
    try:
        usable(method.recipe, bench.dataset.crop)
    except UsageError:
        return False
    return True
