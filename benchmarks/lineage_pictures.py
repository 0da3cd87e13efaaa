"""Lineage of generators that draw: text-to-image models and a face GAN beside the corpus' others.

    python benchmarks/lineage_pictures.py --section lineage-pictures

needs the corpus (FP_CORPUS, by default ../shared/corpus beside the project). Every relation that is
found is held against what is known of the sets. Residuals are kept in the cache (FP_CACHE).
"""

from __future__ import annotations

import textwrap
from itertools import combinations

import click
from held_out import CORPUS
from lineage_corpus import families, pairs

from fp.denoisers.population import Reduction
from fp.lineage.analysis import analyse
from fp.lineage.collection import collect
from fp.lineage.options import LineageOptions
from fp.system.folders import list_classes
from lineage import CROP, matrix, publish, store

LINE = ("w2x_photo", "w2x_photo_denoise0x", "w2x_photo_denoise1x", "w2x_photo_denoise3x")
KIN = {
    *map(frozenset, combinations(("ldm", "glid3xl", "sd_v1"), 2)),
    *map(frozenset, combinations(LINE, 2)),
}
"""One decoder, or a descendant of it; one architecture and training set."""
UNKNOWN = {frozenset(("w2x_anime", name)) for name in LINE}
"""One architecture, other training images: either answer is right."""
OTHERS = ("tae_flux2", *LINE, "w2x_anime", "resr_video_x4")


def folders():
    """Return the folder of every generator."""
    drawn = sorted((CORPUS / "t2i/generated").iterdir())
    return [CORPUS / "generated" / name for name in OTHERS] + drawn


def judged(found):
    """Count known relations that were found and missed, and relations that were invented."""
    counts = dict.fromkeys(("kin", "undecided", "not_shown"), ())
    known, other = dict(counts), dict(counts)
    for pair in found.pairs:
        both = frozenset((found.names[pair.first], found.names[pair.second]))
        if both not in UNKNOWN:
            into = known if both in KIN else other
            into[pair.relation] = (*into[pair.relation], " – ".join(sorted(both)))
    lines = ["| pairs | kin | undecided | not shown |", "| --- | --- | --- | --- |"]
    for name, counted in (("known to be kin", known), ("not known to be kin", other)):
        cells = []
        for relation in counts:
            names = counted[relation]
            told = f" ({', '.join(names)})" if 0 < len(names) < 8 else ""
            cells.append(f"{len(names)}{told}")
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


@click.command()
@click.option("--denoiser", default="wavelet", show_default=True)
@click.option("--preparation", default="none", help="What all images go through first.")
@click.option("--section", help="Section of a page of docs/ to replace.")
@click.option("--jobs", default=1, show_default=True)
def main(denoiser, preparation, section, jobs):
    """Hold the families among real generators against what is known."""
    reduction = Reduction(denoiser, CROP, preparation=preparation)
    found = collect(list_classes(folders(), CORPUS / "real"), reduction, store(), jobs)
    result = analyse(found, LineageOptions(denoiser=denoiser))
    counts = ", ".join(
        f"{name} {count}" for name, count in zip(result.names, result.images, strict=False)
    )
    told = f"Images: {counts}; {result.images[-1]} reference images."
    text = textwrap.fill(told, 110, break_on_hyphens=False) + "\n\n"
    text += judged(result) + "\n\n" + families(result)
    text += "\n\nPairs that are kin or undecided:\n\n" + pairs(result)
    text += "\n\nCross-detection (rows flag columns, per cent of images):\n\n"
    text += matrix(result.cross_detection.fingerprints, result.cross_detection.flagged.value)
    publish(section, text)


if __name__ == "__main__":
    main()
