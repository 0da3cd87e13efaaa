# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # How far can I trust this fingerprint?
#
# A fingerprint is an instrument. Before it is used it has to be shown what it does on images of
# known origin: does it separate anything at all, how often does it err, what does it do to images
# that were compressed, resized or blurred on their way?
#
# This notebook validates one fingerprint, of the tiny decoder that comes with fp, on photographs
# that come with scikit-image and scikit-learn. It takes about a minute.

# %%
from collections import Counter
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from PIL import Image

from fp.demo.images import PHOTOGRAPHS
from fp.demo.tiny_decoder import load_decoder
from fp.fingerprint.decision.likelihood import certified_rate
from fp.fingerprint.decision.rows import Detection
from fp.fingerprint.detection.banks import examine
from fp.fingerprint.detection.detection import DetectOptions
from fp.fingerprint.extraction.extraction import extract
from fp.fingerprint.extraction.options import ExtractOptions
from fp.images.degradations import Degradation
from fp.images.loading import Limits, load_image
from fp.reports.figures import (
    GENERATED,
    REFERENCE,
    draw_conditions,
    draw_decisions,
    draw_error_rates,
    draw_null_control,
    draw_scores,
)

plt.rcParams.update({"figure.dpi": 110, "font.size": 9})
SIDE, LEARNED, TESTED = 64, 96, 48

# %% [markdown]
# ## Images of known origin
#
# The photographs are cut into small regions, and each region is used once: as it is, or redrawn by
# the decoder; to learn from, or to test. Nothing that is tested was learned from.

# %%
regions = []
for photograph in PHOTOGRAPHS:
    with photograph.opened() as path:
        pixels = load_image(path).rgb_hwc
    height, width = pixels.shape[:2]
    for top in range(0, height - SIDE + 1, 67):  # odd, so that no JPEG grid lies still
        for left in range(0, width - SIDE + 1, 67):
            name = f"{photograph.name}-y{top}-x{left}.png"
            regions.append((name, pixels[top : top + SIDE, left : left + SIDE]))
order = np.random.default_rng(0).permutation(len(regions))
regions = [regions[index] for index in order]
decoder = load_decoder()


def write(folder: str, count: int, redrawn: bool) -> None:
    """Write the next regions into a folder."""
    Path(folder).mkdir()
    for _ in range(count):
        name, pixels = regions.pop()
        Image.fromarray(decoder.redraw(pixels) if redrawn else pixels).save(Path(folder, name))


write("real", LEARNED, False)
write("generated", LEARNED, True)
write("other real", TESTED, False)
write("other generated", TESTED, True)

# %%
OPTIONS = ExtractOptions(denoiser="wavelet", audit=False)
fingerprint = extract(Path("generated"), Path("real"), "tiny decoder", OPTIONS).fingerprint

# %% [markdown]
# ## Does it separate more than chance?
#
# The control: repeat the extraction with shuffled labels. Whatever separation appears then is
# chance, or comes from the method itself. The true labels must lie far to the right of that.

# %%
figure, axes = plt.subplots(figsize=(6, 2.6), layout="constrained")
draw_null_control(axes, fingerprint.null)
plt.show()

# %% [markdown]
# ## Scores of images that it had not seen
#
# A fingerprint always fits the images that it was learned from. So each calibration score comes
# from a fingerprint that was learned without that image. The lower figure is the test of this: new
# images, which took no part in anything, should be spread in the same way.


# %%
def scores_of(rows: list[Detection]) -> np.ndarray:
    """Return the scores of what was examined."""
    return np.array([row.score for row in rows if row.score is not None])


def test(folder: str, condition: str = "none", fpr: float = 0.05) -> list[Detection]:
    """Test every image of a folder after a degradation."""
    found = []
    for path in sorted(Path(folder).glob("*.png")):
        # A degraded image becomes a file again, as it would on its way.
        degraded = Degradation(condition).apply(load_image(path).rgb_hwc)
        Image.fromarray(degraded).save("on its way.png")
        image = load_image(Path("on its way.png"), limits=Limits())
        found.append(examine(image, [fingerprint], DetectOptions(fpr=fpr)).detection)
    return found


clean = {kind: test(kind) for kind in ("other real", "other generated")}

figure, axes = plt.subplots(2, 1, figsize=(7, 4.6), layout="constrained", sharex=True)
draw_scores(axes[0], fingerprint.calibration)
bins = np.histogram_bin_edges([row.score for rows in clean.values() for row in rows], 30)
axes[1].hist(
    scores_of(clean["other real"]), bins=bins, color=REFERENCE, alpha=0.55,
    label=f"{TESTED} new photographs",
)  # fmt: skip
axes[1].hist(
    scores_of(clean["other generated"]), bins=bins, histtype="step", color=GENERATED, linewidth=1.8,
    label=f"{TESTED} new images of the generator",
)  # fmt: skip
axes[1].set_xlabel("score")
axes[1].set_ylabel("number of images")
axes[1].legend(frameon=False, fontsize=8, loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=2)
axes[1].spines[["top", "right"]].set_visible(False)
axes[0].set_xlabel("")
plt.show()

# %% [markdown]
# ## How often does it claim a photograph?
#
# The rate of false alarms is asked for (`--fpr`). The dashed line is that rate: it holds on average
# over many laboratories with many sets of reference images. The blue line is what this one set
# certifies with 95 % confidence, and it lies higher. Far left nothing can be asked for: n reference
# images support no rate below 1 / (n + 1).
#
# The squares are new photographs whose score alone would claim them, with intervals: 48 images tell
# little about a rate of a few per cent. They lie rather high here. The regions come from seven
# photographs, so they are fewer than they seem. This is why a stated rate needs its bound, and many
# sources.

# %%
ASKED = (0.02, 0.05, 0.1, 0.2)
claimed = {rate: (sum(row.p_real <= rate for row in clean["other real"]), TESTED) for rate in ASKED}
figure, axes = plt.subplots(figsize=(6, 3.6), layout="constrained")
draw_error_rates(axes, LEARNED, claimed)
plt.show()

# %% [markdown]
# More reference images bring the two lines together. The next figure says how many are needed
# before a rate is certified, whatever the generator.

# %%
sizes = np.unique(np.geomspace(20, 5000, 60).astype(int))
figure, axes = plt.subplots(figsize=(6, 3.2), layout="constrained")
for rate, style in ((0.1, "-"), (0.05, "--"), (0.01, ":")):
    possible = [n for n in sizes if rate * (n + 1) >= 1]
    bounds = [100 * certified_rate(rate, int(n)) for n in possible]
    axes.plot(possible, bounds, style, label=f"{100 * rate:g} % asked for")
axes.axvline(LEARNED, color="0.6", linewidth=0.8)
axes.annotate("this notebook", (LEARNED, axes.get_ylim()[1]), fontsize=8, va="top", rotation=90)
axes.set_xscale("log")
axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
axes.set_xlabel("number of reference images")
axes.set_ylabel("certified rate of false alarms, %")
axes.legend(frameon=False)
axes.spines[["top", "right"]].set_visible(False)
plt.show()

# %% [markdown]
# ## What happens to images on their way
#
# Images are compressed, resized and blurred before they reach an examiner. Each row below is one
# such change, done to the new images. Each point is an image; the dashed lines are the means at
# calibration.
#
# Two things can go wrong. The populations can *move together*: then they are still apart, but the
# threshold stands in the wrong place. Or they can *merge*: then the trace is gone.

# %%
CONDITIONS = {
    "none": "as it is",
    "jpeg:90": "JPEG 90",
    "jpeg:75": "JPEG 75",
    "jpeg:50": "JPEG 50",
    "resize:0.5": "to half size and back",
    "blur:1": "blur, 1 pixel",
    "blur:3": "blur, 3 pixels",
    "noise:5": "noise, 5 grey levels",
}
results = {
    condition: (clean["other real"], clean["other generated"])
    if condition == "none"
    else (test("other real", condition), test("other generated", condition))
    for condition in CONDITIONS
}
figure, axes = plt.subplots(figsize=(7.5, 5), layout="constrained")
draw_conditions(
    axes,
    [
        (CONDITIONS[condition], scores_of(real), scores_of(generated))
        for condition, (real, generated) in results.items()
    ],
    fingerprint.calibration,
)
plt.show()

# %% [markdown]
# And what the answers become. Where an instrument can no longer tell, it should say "inconclusive".

# %%
DECISIONS = ("supports_reference", "inconclusive", "supports_generator")
figure, axes = plt.subplots(1, 2, figsize=(9, 4), layout="constrained", sharey=True)
for axis, which, title in ((axes[0], 0, "new photographs"), (axes[1], 1, "of the generator")):
    rows = [
        (CONDITIONS[condition], Counter(row.decision for row in found[which]))
        for condition, found in results.items()
    ]
    draw_decisions(axis, rows, DECISIONS)
    axis.get_legend().remove()
    axis.set_title(title, loc="left", fontsize=9)
figure.legend(*axes[0].get_legend_handles_labels(), loc="outside upper center", ncols=3)
plt.show()

# %% [markdown]
# Three things to take from it:
#
# * After JPEG most images of the generator are inconclusive. The trace is weaker, and fp says so.
# * Strong blur and noise wipe the trace out, and then the generator's images look like reference
#   images. "Supports reference" means that the trace was not found where it should be. On an image
#   that may have been blurred it is no evidence of a photograph.
# * After a resize or a slight blur some photographs are claimed. Such images lie outside of what
#   this fingerprint was calibrated for, and its error rates do not hold there.
#
# ## What follows, and what does not
#
# * The clean rows say how the fingerprint does on images like those it was calibrated with. They
#   say nothing about other cameras, other pictures, other generators.
# * Where a row has moved, answers about such images are outside of the fingerprint's domain. `fp
#   extract --match jpeg:75` re-encodes everything alike and calibrates for that.
# * The figures count images. Regions of one photograph are more alike than photographs of many
#   cameras, so a real validation has more sources than the seven here, and its intervals count
#   sources.
