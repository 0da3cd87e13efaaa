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
# # A case, from exhibits to report
#
# Fifteen files of unknown origin come in. The question: were some of them drawn by one particular
# image generator, of which other images are at hand? This notebook goes the whole way: fingerprint,
# case folder, tests, report, archive, and the check that anyone can make later.
#
# Nothing is downloaded. `fp demo` makes the images: the photographs come with the Python packages
# scikit-image and scikit-learn, the generator is a tiny decoder that comes with fp. It takes about
# a minute.

# %%
import os
import subprocess
import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from IPython.display import IFrame
from PIL import Image

from fp.fingerprint import Bank

plt.rcParams.update({"figure.dpi": 110, "font.size": 9})


def fp(*arguments: object, shown: bool = True) -> None:
    """Run a command of fp and show what it says."""
    print("$ fp", *arguments)
    quiet = {name: value for name, value in os.environ.items() if "FORCE_COLOR" not in name}
    found = subprocess.run(
        [sys.executable, "-m", "fp", *map(str, arguments)],
        env=quiet,
        capture_output=True,
        text=True,
        check=False,
    )
    if shown:
        print(found.stdout + found.stderr)


# %% [markdown]
# ## The material
#
# Three folders. `generated` holds images of the generator, `real` photographs, the **reference
# images**. Both are of known origin; the fingerprint is learned from them. `unknown` holds the
# exhibits: images that nothing was learned from, a text and a torn file. `fp demo` also says what
# it finds in them. We do not look, and find out for ourselves.

# %%
fp("demo", "--quick", "-o", "demo", shown=False)
Path("demo/images").rename("images")
figure, axes = plt.subplots(3, 6, figsize=(8, 4.2), layout="constrained")
for row, kind in zip(axes, ("real", "generated", "unknown"), strict=True):
    files = [path for path in sorted(Path("images", kind).glob("*.png")) if path.name != "torn.png"]
    for axis, path in zip(row, files[:: max(1, len(files) // 6)], strict=False):
        axis.imshow(np.asarray(Image.open(path)))
    for axis in row:
        axis.set_xticks([])
        axis.set_yticks([])
    row[0].set_ylabel(f"{kind}\n{len(files)} images")
plt.show()

# %% [markdown]
# The decoder redraws photographs, and its pictures are a little soft. What an eye sees is not the
# evidence here: many things make a picture soft.
#
# ## The fingerprint
#
# `fp extract` learns what distinguishes the two folders. It says how well that went, on images that
# the fingerprint had not seen. Its audit also looks for differences between the folders that have
# another reason than the generator.

# %%
fp(
    *("extract", "--generated", "images/generated", "--real", "images/real"),
    *("--name", "tiny decoder", "-o", "tiny-decoder.h5", "--jobs", 1),
)

# %% [markdown]
# The audit's warning is justified. Some of the photographs were JPEG files once, and traces of that
# are left; the decoder wiped them out. Part of the separation may come from there. An examiner
# would get reference images without that difference, or extract with `--match`.
#
# Is the separation more than chance? The same extraction was repeated with the labels of the images
# shuffled, so that there was nothing to find. The gray bars are what came of it.

# %%
bank = Bank.open("tiny-decoder.h5")
fingerprint = bank["tiny decoder"]
figure, axes = plt.subplots(figsize=(6, 2.6), layout="constrained")
fingerprint.null.plot(axes)
plt.show()

# %% [markdown]
# ## The case
#
# A case is a folder with a log. Every entry of the log carries the hash of the one before, and
# every file is named by its hash. The two propositions are fixed before anything is tested.

# %%
fp(
    *("case", "init", "case", "--title", "Fifteen files", "--examiner", "the reader"),
    *("--h1", "The image is a photograph like the reference images."),
    *("--h2", "The image was drawn by the tiny decoder."),
)
fp("case", "add", "case", "images/unknown")

# %% [markdown]
# ## The tests
#
# Each exhibit is tested against the fingerprint. The answer may also be "inconclusive". A file that
# could not be examined is listed with the reason; nothing is dropped in silence.

# %%
fp("case", "run", "case", "tiny-decoder.h5", "--jobs", 1)

# %% [markdown]
# ## Where the exhibits lie
#
# The same question from Python has the same answer, and the answer can be drawn. The figure has the
# scores of both populations of known origin: filled for reference images, an outline for the
# generator's. Each of these scores comes from a fingerprint that had not seen the image. The
# exhibits are the diamonds. One that lies among the filled bars is ordinary for a photograph; one
# inside the outline is ordinary for the generator; one between both decides little.

# %%
detections = bank.detect("images/unknown")
figure, axes = plt.subplots(figsize=(7.5, 4.6), layout="constrained")
fingerprint.plot(detections, axes)
plt.show()

# %% [markdown]
# ## How strong the evidence is
#
# The likelihood ratio says how much more probable the score is if the generator drew the image than
# if it is an image like the reference images. The scale is logarithmic: 1 means ten times, 2 a
# hundred times. Thirty-odd images of each kind can carry only so much, and fp stops at a bound:
# these marks are hollow. The lines are 95 % intervals: how far the ratio would move with other
# calibration images. Exhibits for which neither proposition is known to fit have no mark.

# %%
figure, axes = plt.subplots(figsize=(7.5, 3.8), layout="constrained")
detections.plot(axes)
plt.show()

# %% [markdown]
# ## Notes, report, archive
#
# What the examiner knows and the images do not say belongs into the log as a note. `fp case export`
# writes the report and puts everything into one file that verifies itself.

# %%
fp(
    "case",
    "note",
    "case",
    "The files came on one USB stick; how they were made is not known.",
)
fp("case", "export", "case", "-o", "case.zip")

# %% [markdown]
# The report, as it is:

# %%
IFrame("case/report.html", width="100%", height=700)

# %% [markdown]
# ## The check
#
# Anyone who has the archive can check it: all hashes, the chain of the log, and that no file was
# added. Then one bit of one exhibit is flipped, to see that this is found.

# %%
fp("verify", "case.zip")

# %%
exhibit = sorted(Path("case/exhibits").glob("*.png"))[0]
content = bytearray(exhibit.read_bytes())
content[len(content) // 2] ^= 1
exhibit.write_bytes(content)
fp("verify", "case")

# %% [markdown]
# ## What follows, and what does not
#
# * The report compares two propositions. It does not say how probable either is; that depends on
#   what else is known, and is not for this examination to weigh.
# * A third origin is not among the propositions: another generator may set the fingerprint off,
#   above all one of the same make. `fp extract --background` counts that, where images of others
#   are at hand.
# * More reference images carry stronger ratios and smaller error rates. The notebook *How far can I
#   trust this fingerprint?* is about that.
