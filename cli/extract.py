"""``fp extract``: two folders of images in, a fingerprint out."""

from __future__ import annotations

from dataclasses import dataclass
from glob import escape
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from fp.cli import options as shared
from fp.cli.declared import invocation_of, option, options_of
from fp.cli.options import PATH
from fp.cli.telling import end_with, tell_skipped, tell_table, warn
from fp.fingerprint.estimators import registry as estimators
from fp.fingerprint.estimators.recipes import DEFAULT, JOINED, SECOND_LOOK

if TYPE_CHECKING:
    from fp.denoisers.cache import ResidualCache
    from fp.fingerprint.extraction.options import Extraction


class MethodChoice(click.Choice[str]):
    """The methods that are there when it is asked; other packages may bring some along."""

    def __init__(self) -> None:
        super().__init__(())

    @property
    def choices(self) -> tuple[str, ...]:
        """Names of all methods; nothing of them is imported."""
        return tuple(sorted([*JOINED, *estimators.names()]))

    @choices.setter
    def choices(self, _: object) -> None:
        """Ignore what is set: the registry knows."""


@dataclass(frozen=True)
class ExtractCommand(shared.Working):
    """Options of ``fp extract``."""

    name: str | None = option("--name", help="Name of the generator [default: name of its folder].")
    method: str = option(
        "--method",
        type=MethodChoice(),
        default=DEFAULT,
        show_default=True,
        help="auto joins lattice (tile and cyclic: they speak of the generator) and spectrum (it "
        "sees processing); frame looks for what stands at fixed places; dif takes minutes; mean "
        "and fourier are baselines.",
    )
    with_dif: bool | None = option(
        "--with-dif/--without-dif",
        default=None,
        help="Whether auto or lattice join a dif fingerprint too, which takes minutes [default: "
        "where the closed forms are weak and dif is not].",
    )
    steps: int | None = option(
        "--steps", type=click.IntRange(1), help="Steps of dif [default: 480]."
    )
    reference: bool = option(
        "--reference",
        is_flag=True,
        help="Let dif compute in float32 on one thread: the same pattern every time, bit for bit.",
    )
    cross_fit: bool = option(
        "--cross-fit",
        is_flag=True,
        help="Let every image calibrate dif too, by one optimisation a fold and a last one from "
        "all images, instead of a quarter that is held back. --folds 4 makes five.",
    )
    denoiser: str = shared.denoiser_option()
    device: Literal["cpu", "auto", "cuda"] | None = shared.device_option(
        help="Where torch computes dif and the residuals of a trained denoiser, such as dncnn "
        "[default: cpu]. auto is a CUDA device where there is one.",
    )
    size: tuple[int, int] | None = shared.size_option(
        help="Examined part, multiples of 32 [default: within the most common generated size "
        "and nine tenths of the reference images].",
    )
    anchor: Literal["top-left", "centre"] = shared.anchor_option(default="top-left")
    null: int | None = option(
        "--null",
        type=click.IntRange(0),
        metavar="N",
        help="Repeat the extraction with shuffled labels this often, as a control [default: 200 "
        "for the closed forms, which share the work; 0 for dif, mean and fourier].",
    )
    folds: int = option(
        "--folds",
        type=click.IntRange(2),
        default=10,
        show_default=True,
        help="Parts into which the images are dealt; each is scored by a pattern from the others.",
    )
    seed: int = shared.seed_option(help="Seed of folds, shuffles and dif.")
    match: str | None = shared.match_option(
        help="Re-encode both classes alike before anything else, and every image at detection: as "
        "given, such as jpeg:75, or as WebP and JPEG at the lowest quality of either class.",
    )
    conditions: Literal["drawn", "none"] = option(
        "--conditions",
        type=click.Choice(["drawn", "none"]),
        default="drawn",
        show_default=True,
        help="What happens to images before they are learned from: versions of each are drawn "
        "(recompressed, resized, blurred), so that images are judged as they come; or none, for "
        "who knows that nothing was done to any image. --match and --windows go with none.",
    )
    no_audit: bool = option(
        "--no-audit",
        is_flag=True,
        help="Do not look for differences between the folders that are not the generator.",
    )
    background: tuple[Path, ...] = option(
        "--background",
        type=PATH,
        multiple=True,
        help="Folder of another generator's images, on which the fingerprint's claims are counted "
        "and stored as its specificity; may be repeated.",
    )
    windows: bool = option(
        "--windows",
        is_flag=True,
        help="Calibrate windows too: then 'fp detect' examines large images as a whole, and maps.",
    )


@click.command("extract")
@shared.generated_folder
@shared.real_folder
@click.option("-o", "--output", type=PATH, required=True, help="Fingerprint file to write (.h5).")
@options_of(ExtractCommand)
def command(generated: Path, real: Path, output: Path, given: ExtractCommand) -> None:
    """Make a generator's fingerprint from a folder of its images and one of reference images.

    Both folders are searched recursively; 128 images of each class or more are a good start, at
    the size at which the generator drew them.

    Example: fp extract --generated sd14/ --real photos/ -o sd14.h5 --name "SD 1.4"
    """
    from fp.denoisers.registry import is_trained
    from fp.fingerprint.extraction.extraction import extract
    from fp.fingerprint.extraction.options import ExtractOptions
    from fp.images.loading import Limits
    from fp.manifest import Recorder, Source, list_inputs, manifest_of
    from fp.runs.unfinished import is_unfinished_bank, write_or_complete_bank
    from fp.system.outputs import check_file
    from fp.system.paths import name_of

    if given.with_dif and given.null:
        raise click.UsageError(
            "--null does not go with --with-dif: every shuffle would be optimised anew. The "
            "permutation p of the held-out scores stands for it."
        )
    cache = shared.open_cache(given)
    shared.check_outputs((generated, real, *given.background), output, cache)
    name = name_of(generated) if given.name is None else given.name
    left = not given.overwrite and is_unfinished_bank(output, name)
    check_file(output, overwrite=given.overwrite or left)
    recorder = Recorder(manifest_of(output), invocation_of("extract", name=name))
    on_device = shared.device_parameters(given.device)
    trained = is_trained(given.denoiser)
    if on_device and not (trained or given.with_dif or given.method == SECOND_LOOK):
        raise click.UsageError(
            "--device belongs to --method dif, to --with-dif and to trained denoisers, such as "
            "dncnn; nothing else computes with torch."
        )
    options = ExtractOptions(
        method=given.method,
        method_parameters=_parameters(given, on_device),
        denoiser=given.denoiser,
        denoiser_parameters=on_device if trained else {},
        size=given.size,
        anchor=given.anchor,
        folds=given.folds,
        null=given.null,
        seed=given.seed,
        limits=Limits(pixels=given.max_pixels),
        audit=not given.no_audit,
        match=given.match,
        background=given.background,
        dif=None if given.with_dif is False else on_device,
        windows=given.windows,
        conditions=given.conditions == "drawn",
    )
    # Beside the output, so that the same command finds it again after an interruption.
    checkpoint = output.with_name(f".{output.name}.checkpoint")
    with shared.interruptible(_kept(cache)), shared.progress_bar("extract") as progress:
        result = extract(generated, real, name, options, cache, given.jobs, progress, checkpoint)
    write_or_complete_bank(output, result.fingerprint, overwrite=given.overwrite)
    sources = [Source("generated", (generated,)), Source("real", (real,))]
    calibration = result.fingerprint.calibration
    recorder.finish(
        list_inputs([*sources, Source("background", given.background)], options.limits, given.jobs),
        [output],
        {"uuid": result.fingerprint.uuid, "resolved": dict(result.fingerprint.parameters)},
        (*calibration.real_sha256, *calibration.generated_sha256),
    )
    for kept in (checkpoint, *output.parent.glob(f"{escape(checkpoint.name)}-*")):
        kept.unlink(missing_ok=True)  # one for each of several optimisations
    tell_extraction(result)


def tell_extraction(result: Extraction) -> None:
    """Print a fingerprint, and what its making came across, which decides the exit code."""
    from fp.reports.audit_text import warnings
    from fp.reports.facts import Facts
    from fp.reports.fingerprint_text import summary

    tell_skipped(result.skipped)
    if result.audit is not None:
        for warning in warnings(result.audit):
            warn(warning)
    about = Facts(result.fingerprint)
    title, facts = summary(about)
    click.echo(title)
    tell_table((), facts, (f"  {label:<12} {text}" for label, text in facts))
    end_with((*result.skipped, *about.labels))


def _parameters(given: ExtractCommand, on_device: dict[str, object]) -> dict[str, object]:
    if given.with_dif and given.method not in JOINED:
        raise click.UsageError(f"--with-dif belongs to --method {' or '.join(sorted(JOINED))}.")
    if given.method != SECOND_LOOK and not given.with_dif:
        if given.steps is not None or given.reference or given.cross_fit:
            raise click.UsageError(
                "--steps, --reference and --cross-fit belong to --method dif and to --with-dif."
            )
        return {}
    mode = "reference" if given.reference else "fast"
    chosen: dict[str, object] = {"seed": given.seed, "mode": mode, **on_device}
    if given.steps is not None:
        chosen["steps"] = given.steps
    if given.cross_fit:
        chosen["cross_fit"] = True
    joined = [*JOINED[given.method][0], (SECOND_LOOK, chosen)] if given.with_dif else []
    return {"parts": joined} if given.with_dif else chosen


def _kept(cache: ResidualCache | None) -> str:
    from fp.images.loading import display_path

    if cache is None:
        return "no fingerprint was written and no residual kept"
    return (
        "no fingerprint was written; the residuals made so far are kept in "
        f"{display_path(cache.folder)}, so the same command goes on from there"
    )
