"""Lay out the images that benchmarks/attribution.toml asks for, as copies in one folder.

    python benchmarks/attribution_images.py DATASET

needs the corpus (FP_CORPUS, by default ../shared/corpus beside the project). It takes the first
images of each folder, and all of those that have several pictures of a prompt. Their prompts are
numbered anew for each generator, so its name goes into theirs.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import click
from held_out import CORPUS

MOST = 72
FOLDERS = (
    *("generated/tae_flux2", "generated/w2x_photo", "generated/w2x_anime"),
    *("generated/resr_video_x4", "t2i/generated/ldm", "t2i/generated/glid3xl"),
    *("t2i/generated/sd_v1", "t2i/generated/realvisxl_turbo", "t2i/generated/flux1dev"),
    *("t2i/generated/stylegan_faces", "real"),
)
WITH_PROMPTS = ("ldm", "glid3xl")


@click.command()
@click.argument("folder", type=click.Path(path_type=Path))
def main(folder):
    """Copy the images into FOLDER, which must be new."""
    folder.mkdir(parents=True)
    for name in FOLDERS:
        source = CORPUS / name
        target = folder / ("real" if name == "real" else f"generated/{source.name}")
        target.mkdir(parents=True)
        paths = sorted(source.iterdir())
        for path in paths if source.name in WITH_PROMPTS else paths[:MOST]:
            named = f"{source.name} {path.name}" if source.name in WITH_PROMPTS else path.name
            shutil.copy(path, target / named)


if __name__ == "__main__":
    main()
