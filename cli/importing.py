"""``fp bank import``: a fingerprint that the authors of DIF published, calibrated on own images."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import click

from fp.cli import options as shared
from fp.cli.declared import invocation_of, option, options_of
from fp.cli.options import PATH


@dataclass(frozen=True)
class ImportCommand(shared.Working):
    """Options of ``fp bank import``."""

    name: str = option("--name", required=True, help="Name of the generator.")
    denoiser: str = shared.denoiser_option(default="dncnn")
    device: Literal["cpu", "auto", "cuda"] | None = shared.device_option(
        help="Where a trained denoiser, such as dncnn, computes residuals [default: cpu]. auto is "
        "a CUDA device where there is one.",
    )
    anchor: Literal["top-left", "centre"] = shared.anchor_option(default="centre")
    seed: int = shared.seed_option(help="Seed of folds.")


@click.command("import")
@click.argument("file", type=PATH)
@shared.generated_folder
@shared.real_folder
@click.option("-o", "--output", type=PATH, required=True, help="Fingerprint file to write (.h5).")
@options_of(ImportCommand)
def command(file: Path, generated: Path, real: Path, output: Path, given: ImportCommand) -> None:
    """Make a fingerprint of FILE, a pattern that the authors of DIF published (chk_0.pt).

    No code in FILE is run. The pattern has no calibration of its own. It is calibrated on the two
    folders, which also decide about its sign; name no image that it was learned from. The images
    are as large as the pattern or larger.

    Example: fp bank import chk_0.pt --name "SD 1.4" --generated sd14/ --real photos/ -o sd14.h5
    """
    from fp.cli.extract import tell_extraction
    from fp.denoisers.registry import is_trained
    from fp.fingerprint.estimators.published import read_published
    from fp.fingerprint.extraction.importing import calibrate
    from fp.fingerprint.extraction.options import ExtractOptions
    from fp.fingerprint.store.bank import write_bank
    from fp.images.loading import Limits
    from fp.manifest import Recorder, Source, list_inputs, manifest_of
    from fp.system.outputs import check_file

    cache = shared.open_cache(given)
    shared.check_outputs((file, generated, real), output, cache)
    check_file(output, overwrite=given.overwrite)
    recorder = Recorder(manifest_of(output), invocation_of("bank import"))
    on_device = shared.device_parameters(given.device)
    if on_device and not is_trained(given.denoiser):
        raise click.UsageError("--device belongs to trained denoisers, such as dncnn.")
    options = ExtractOptions(
        denoiser=given.denoiser,
        denoiser_parameters=on_device,
        anchor=given.anchor,
        seed=given.seed,
        limits=Limits(pixels=given.max_pixels),
        dif=None,
    )
    published = read_published(file)
    with (
        shared.interruptible("no fingerprint was written"),
        shared.progress_bar("import") as progress,
    ):
        asked = options, cache, given.jobs, progress
        result = calibrate(published, generated, real, given.name, *asked)
    write_bank(output, [result.fingerprint], overwrite=given.overwrite)
    calibration = result.fingerprint.calibration
    sources = [
        Source("published", (file,), decoded=False),
        Source("generated", (generated,)),
        Source("real", (real,)),
    ]
    recorder.finish(
        list_inputs(sources, options.limits, given.jobs),
        [output],
        {"uuid": result.fingerprint.uuid, "resolved": dict(result.fingerprint.parameters)},
        (*calibration.real_sha256, *calibration.generated_sha256),
    )
    tell_extraction(result)
