"""What every report says in the same words: alternative explanations, limitations, silence."""

from __future__ import annotations

FOR_H2 = (
    "another generator of the same architecture or training line, which may well set the "
    "fingerprint off; the specificity above says how often that was seen, where it was measured",
    "a photograph that went through the generator or its decoder without being drawn by it, such "
    "as image-to-image use, upscaling, or a picture encoded and decoded again",
    "a picture of which only a part was drawn by the generator",
    "processing that the image shares with the generator's images and not with the reference "
    "images, such as resampling, sharpening or compression",
    "traces that somebody planted on purpose",
)
"""What else may give a score that speaks for h2 over h1."""

FOR_H1 = (
    "a generator whose fingerprint is not in the bank, or another version or setting of one whose "
    "fingerprint is",
    "an image of the generator that was altered after it was made (resized, cropped, compressed, "
    "filtered), which can remove its traces",
    "traces that somebody removed on purpose",
)
"""What else may give a score that speaks for h1 over h2."""

FOR_NEITHER = "a population to which the image belongs and that neither proposition speaks of"
"""What else may give any score."""

LIMITS = (
    "The likelihood ratio compares two propositions. It does not say how probable either of them "
    "is; that also depends on what else is known, which is not for this examination to weigh.",
    "The ratio was learned from the calibration images of the fingerprint. It is bounded by what "
    "these carry, and it holds for images like them: same generator at its native size, reference "
    "images of the same kind.",
    "Where a bank holds several fingerprints, the ratio given is that of the fingerprint that fits "
    "best; p_bank is corrected for that choice and the ratio is not.",
    "The hashes and the chain of this case show changes. They are no signature: whoever can change "
    "the whole case can seal it anew. Compare the last hash with one that was kept elsewhere.",
)
"""Limitations of every report."""
