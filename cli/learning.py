"""``fp bank learn``: a folder for each generator in, a bank out."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import click

from fp.cli import options as shared
from fp.cli.declared import invocation_of, options_of
from fp.cli.options import PATH
from fp.cli.telling import end_with, tell_skipped, tell_table


@dataclass(frozen=True)
class LearnCommand(shared.Working):
    """Options of ``fp bank learn``."""

    denoiser: str = shared.denoiser_option()
    size: tuple[int, int] | None = shared.size_option(
        help="Examined part of all folders, multiples of 32 [default: within the most common size "
        "of the first folder and nine tenths of all others].",
    )
    seed: int = shared.seed_option(help="Seed of folds and shuffles.")


@click.command("learn")
@click.argument("folder", type=PATH)
@shared.real_folder
@click.option("-o", "--output", type=PATH, required=True, help="Bank to write (.h5).")
@options_of(LearnCommand)
def command(folder: Path, real: Path, output: Path, given: LearnCommand) -> None:
    """Make a bank from FOLDER, which holds a folder of images for each generator.

    Each generator is learned against the reference images, as by 'fp extract', and against all the
    others. 'fp detect' then says of each image how probable each generator of the bank is, and
    that it is none of these.

    Example: fp bank learn generators/ --real photos/ -o bank.h5
    """
    from fp.fingerprint.extraction.bank_learning import Folders, learn_bank
    from fp.fingerprint.extraction.options import ExtractOptions
    from fp.fingerprint.store.bank import write_bank
    from fp.images.loading import Limits
    from fp.manifest import Recorder, Source, list_inputs, manifest_of
    from fp.reports.facts import Facts
    from fp.system.outputs import check_file

    cache = shared.open_cache(given)
    shared.check_outputs((folder, real), output, cache)
    check_file(output, overwrite=given.overwrite)
    recorder = Recorder(manifest_of(output), invocation_of("bank learn"))
    folders = Folders.below(folder, real)
    limits = Limits(pixels=given.max_pixels)
    options = ExtractOptions(
        denoiser=given.denoiser, size=given.size, seed=given.seed, limits=limits, dif=None
    )
    with shared.interruptible("no bank was written"), shared.progress_bar("learn") as progress:
        found = learn_bank(folders, options, cache, given.jobs, progress)
    members = [each.fingerprint for each in found]
    write_bank(output, members, overwrite=given.overwrite)
    held = [member.calibration for member in members]
    recorder.finish(
        list_inputs(
            [Source("generated", folders.generated), Source("real", (real,))], limits, given.jobs
        ),
        [output],
        {"fingerprints": {member.name: member.uuid for member in members}},
        (digest for each in held for digest in (*each.real_sha256, *each.generated_sha256)),
    )
    # Every extraction met the same references.
    skipped = tuple(dict.fromkeys(one for each in found for one in each.skipped))
    tell_skipped(skipped)
    rows, labels = [], []
    for member in members:
        about = Facts(member)
        labels += about.labels
        own = f"{100 * member.parameters['specificity']['own']:.0f} %"
        told = "; ".join(label for label, _ in about.labels)
        kin = ", ".join(member.parameters.get("kin", ()))
        like = f"not told from {kin}" if kin else ""
        rows.append((member.name, f"{about.n_generated} + {about.n_real}", own, like, told))
    heads = ("name", "images", "of its own claimed", "kin", "labels")
    tell_table(heads, rows, ("  ".join(cell for cell in row if cell) for row in rows))
    end_with((*skipped, *labels))
