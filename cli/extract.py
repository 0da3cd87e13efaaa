"""``fp extract``: two folders of images in, a fingerprint out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
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
    from fp.fingerprint.model.calibration import NullControl
    from fp.fingerprint.model.fingerprint import Fingerprint


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


def _match(ctx: click.Context, param: click.Parameter, value: str | None) -> str | None:
    if value is None:
        return None
    from fp.audit.preparation import check_match
    from fp.system.errors import UsageError

    try:
        check_match(value)
    except UsageError as error:
        raise click.BadParameter(str(error)) from None
    return value


@dataclass(frozen=True)
class ExtractCommand:
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
    denoiser: str = shared.denoiser_option()
    size: tuple[int, int] | None = shared.size_option(
        help="Examined part, multiples of 32 [default: within the most common generated size "
        "and nine tenths of the reference images].",
    )
    anchor: Literal["top-left", "centre"] = option(
        "--anchor",
        type=click.Choice(["top-left", "centre"]),
        default="top-left",
        show_default=True,
        help="Where the examined part lies.",
    )
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
    match: str | None = option(
        "--match",
        is_flag=False,
        flag_value="lowest",
        metavar="[DEGRADATION]",
        callback=_match,
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
    jobs: int = shared.jobs_option()
    max_pixels: int = shared.max_pixels_option()
    no_cache: bool = shared.no_cache_option()
    cache_folder: Path | None = shared.cache_option()
    cache_limit: int = shared.cache_limit_option()
    overwrite: bool = shared.overwrite_option()


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
    from fp.fingerprint.extraction.extraction import extract
    from fp.fingerprint.extraction.options import ExtractOptions
    from fp.images.loading import Limits, display_path
    from fp.manifest import Recorder, Source, list_inputs, manifest_of
    from fp.reports.audit_text import warnings
    from fp.reports.facts import describe
    from fp.runs.unfinished import is_unfinished_bank, write_or_complete_bank
    from fp.system.outputs import check_file

    if given.with_dif and given.null:
        raise click.UsageError(
            "--null does not go with --with-dif: every shuffle would be optimised anew. The "
            "permutation p of the held-out scores stands for it."
        )
    name = given.name
    if name is None:
        name = display_path(Path(generated.resolve().name))
    left = not given.overwrite and is_unfinished_bank(output, name)
    check_file(output, (generated, real, *given.background), overwrite=given.overwrite or left)
    recorder = Recorder(manifest_of(output), invocation_of("extract", name=name))
    options = ExtractOptions(
        method=given.method,
        method_parameters=_parameters(given),
        denoiser=given.denoiser,
        size=given.size,
        anchor=given.anchor,
        folds=given.folds,
        null=given.null,
        seed=given.seed,
        limits=Limits(pixels=given.max_pixels),
        audit=not given.no_audit,
        match=given.match,
        background=given.background,
        dif=None if given.with_dif is False else {},
        windows=given.windows,
        conditions=given.conditions == "drawn",
    )
    # Beside the output, so that the same command finds it again after an interruption.
    checkpoint = output.with_name(f".{output.name}.checkpoint")
    cache = shared.open_cache(given, (generated, real, *given.background))
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
    checkpoint.unlink(missing_ok=True)
    tell_skipped(result.skipped)
    if result.audit is not None:
        for warning in warnings(result.audit):
            warn(warning)
    title, facts = summary(result.fingerprint)
    click.echo(title)
    tell_table((), facts, (f"  {label:<12} {text}" for label, text in facts))
    end_with((*result.skipped, *describe(result.fingerprint).labels))


def _parameters(given: ExtractCommand) -> dict[str, object]:
    if given.with_dif and given.method not in JOINED:
        raise click.UsageError(f"--with-dif belongs to --method {' or '.join(sorted(JOINED))}.")
    if given.method != SECOND_LOOK and not given.with_dif:
        if given.steps is not None or given.reference:
            raise click.UsageError(
                "--steps and --reference belong to --method dif and to --with-dif."
            )
        return {}
    mode = "reference" if given.reference else "fast"
    chosen: dict[str, object] = {"seed": given.seed, "mode": mode}
    if given.steps is not None:
        chosen["steps"] = given.steps
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


def summary(fingerprint: Fingerprint) -> tuple[str, list[tuple[str, str]]]:
    """Return what a fingerprint is, and facts with their labels; one that goes on has no label."""
    from fp.fingerprint.decision.likelihood import certified_rate
    from fp.reports.facts import describe

    found = describe(fingerprint)
    n = found.n_real
    title = (
        f"{fingerprint.name}: {fingerprint.method} fingerprint on {fingerprint.denoiser.name} "
        f"residuals, {fingerprint.crop.width} x {fingerprint.crop.height}"
    )
    facts = []
    if fingerprint.preparation != "none":
        facts.append(
            ("preparation", f"{fingerprint.preparation}, also of every image at detection")
        )
    scheme = fingerprint.calibration.scheme
    facts.append(("scored", f"{found.n_generated} generated, {n} reference images ({scheme})"))
    if "period" in fingerprint.parameters:
        facts.append(("period", f"{fingerprint.parameters['period']} pixels"))
    facts.append(("means", f"mu_g {found.judge.mu_g:+.5f}, mu_r {found.judge.mu_r:+.5f}"))
    facts.append(
        ("smallest p", f"{found.smallest_p:.4f}: no smaller false-positive rate can be asked for")
    )
    if 0.05 * (n + 1) >= 1:
        rate = certified_rate(0.05, n)
        facts.append(
            ("at 0.05", f"the rate that {n} reference images certify (95 %) is {rate:.4f}")
        )
    facts += [*_against_chance(fingerprint), *_specificity(fingerprint)]
    if found.sides:
        facts.append(("windows", f"of {found.sides} pixels are calibrated"))
    for place, line in enumerate(found.powers):
        facts.append(("" if place else "conditions", line))
    return title, [*facts, *found.labels]


def _against_chance(fingerprint: Fingerprint) -> Iterator[tuple[str, str]]:
    from fp.fingerprint.learning.strength import permutation_p

    for title, null in _controls(fingerprint):
        yield (
            title,
            f"separation {null.observed:.2f}, with shuffled labels at most "
            f"{null.shuffled.max():.2f} in {null.shuffled.size} (p = {null.p:.3f})",
        )
    if "second_look" in fingerprint.parameters:
        told = fingerprint.parameters["second_look"]
        yield (
            "second look",
            "the closed forms were weak; with dif the held-out scores have permutation p = "
            f"{told['p']:.3f}, so it was {'' if told['joined'] else 'not '}joined",
        )
    elif fingerprint.null is None:
        yield (
            "permutation",
            f"p = {permutation_p(fingerprint.calibration):.3f} of the held-out scores; label "
            "shuffles of the whole extraction were not run",
        )


def _specificity(fingerprint: Fingerprint) -> Iterator[tuple[str, str]]:
    specificity = fingerprint.parameters.get("specificity", {})
    if not specificity:
        return
    yield (
        "specificity",
        f"at rate {specificity['fpr']:g} it would claim {100 * specificity['own']:.0f} % of its "
        "own held-out images",
    )
    for claims in specificity["foreign"]:
        yield (
            "",
            f"and claims {claims['claimed']} of {claims['images']} of {claims['name']} "
            f"(95 % upper bound {100 * claims['upper']:.1f} %)",
        )
    if not specificity["foreign"]:
        yield "", "other generators were not tried; --background DIR counts its claims"


def _controls(fingerprint: Fingerprint) -> list[tuple[str, NullControl]]:
    joined = fingerprint.joined
    found = [("null", fingerprint.null)]
    if joined is not None:
        found.append(("null (G only)", joined.specific_null))
    return [(title, null) for title, null in found if null is not None]
