"""``fp lineage``: folders of several generators in, their families out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from fp.cli import options as shared
from fp.cli.declared import invocation_of, option, options_of
from fp.cli.options import PATH
from fp.cli.telling import end_with, tell_skipped, tell_table

if TYPE_CHECKING:
    from fp.lineage.analysis import Lineage


@dataclass(frozen=True)
class LineageCommand(shared.Working):
    """Options of ``fp lineage``."""

    denoiser: str | None = shared.denoiser_option(
        default=None,
        help="What makes the residuals; see 'fp denoiser list' [default: wavelet, or that of "
        "BANK].",
    )
    period: str = option(
        "--period",
        type=click.Choice(["2", "4", "8", "16"]),
        default="8",
        show_default=True,
        help="Longest period of a lattice that is looked for, in pixels.",
    )
    samples: int = option(
        "--samples",
        type=click.IntRange(20),
        default=200,
        show_default=True,
        metavar="N",
        help="Resample the source photographs this often, for support and intervals.",
    )
    seed: int = shared.seed_option(help="Seed of folds and resampling.")


@click.command("lineage")
@click.argument("bank", type=PATH, required=False)
@click.option(
    "--images", type=PATH, required=True, help="Folder with a folder of images a generator."
)
@shared.real_folder
@shared.output_folder
@options_of(LineageCommand)
def command(
    bank: Path | None, images: Path, real: Path, output: Path, given: LineageCommand
) -> None:
    """Find families among generators: who was trained from whom, or from a common parent.

    The folder of --images holds a folder for each generator, 64 images each or more. Images that
    were drawn from one photograph bear its name in every folder; they are never compared with each
    other. With BANK, its fingerprints are tested against the folders, each by its own method;
    without it, fingerprints of the folders are made on the way. Families come from the images of
    the folders, with BANK or without.

    Example: fp lineage --images generators/ --real photographs/ -o lineage/
    """
    from fp.denoisers.registry import DEFAULT
    from fp.images.loading import Limits, display_path
    from fp.lineage.analysis import analyse
    from fp.lineage.collection import WANTED
    from fp.lineage.options import LineageOptions
    from fp.lineage.output import FILES, check_output, told, write_lineage
    from fp.lineage.session import open_session
    from fp.manifest import Recorder, Source, list_inputs
    from fp.manifest.writing import MANIFEST
    from fp.system.folders import list_generators

    if bank is not None and given.denoiser is not None:
        raise click.UsageError("BANK says which denoiser is used; leave --denoiser out.")
    cache = shared.open_cache(given)
    inputs = (images, real) if bank is None else (bank, images, real)
    shared.check_outputs(inputs, output, cache)
    check_output(output, overwrite=given.overwrite)
    recorder = Recorder(output / MANIFEST, invocation_of("lineage"), folder=True)
    options = LineageOptions(
        denoiser=given.denoiser or DEFAULT,
        period=int(given.period),
        samples=given.samples,
        seed=given.seed,
        limits=Limits(pixels=given.max_pixels),
    )
    with shared.interruptible("nothing was written"), shared.progress_bar("lineage") as progress:
        folders = list_generators(images, real, WANTED)
        session = open_session(folders, options, bank, cache, given.jobs, progress)
        found = analyse(session.collection, session.options)
        about = told(found, session.collection, session.bank_identity)
        write_lineage(output, found, session.collection, overwrite=given.overwrite)
        sources = [Source("image", (images,)), Source("real", (real,))]
        if bank is not None:
            sources.insert(0, Source("bank", (bank,), decoded=False))
        recorder.finish(
            list_inputs(sources, options.limits, given.jobs, progress),
            [output / name for name in FILES],
            about,
            used=session.collection.sha256,
        )
    tell_skipped(session.collection.skipped)
    tell_table(
        ("first", "second", "relation", "kinship", "q"),
        [
            (
                found.names[pair.first],
                found.names[pair.second],
                pair.relation,
                f"{pair.kinship:.2f}",
                f"{pair.q:.3g}",
            )
            for pair in found.pairs
        ],
        (),
    )
    for line in summary(found):
        click.echo(line)
    click.echo(f"See {display_path(output / 'report.html')}.")
    end_with(session.collection.skipped)


def summary(found: Lineage) -> Iterator[str]:
    """Yield in a few lines what was found."""
    yield (
        f"{len(found.names)} generators, {sum(found.images[:-1])} images, "
        f"{found.images[-1]} reference images"
    )
    for cluster in found.families.clusters:
        names = ", ".join(sorted(found.names[member] for member in cluster.members))
        kind = "family" if len(cluster.members) > 1 else "alone "
        yield f"  {kind}  {names} ({cluster.told})"
    counts = {
        relation: sum(pair.relation == relation for pair in found.pairs)
        for relation in ("kin", "undecided", "not_shown")
    }
    yield (
        f"pairs: {counts['kin']} kin, {counts['undecided']} undecided, "
        f"{counts['not_shown']} not shown"
    )
    yield from (f"note: {note}" for note in found.notes)
