"""``fp evaluate``: protocols over a data set."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import click

from fp.cli import options as shared
from fp.cli.declared import invocation_of, option, options_of
from fp.cli.options import PATH
from fp.cli.telling import end_with, tell_skipped, tell_table, warn


def _named(ctx: click.Context, param: click.Parameter, values: tuple[str, ...]) -> dict[str, Path]:
    found: dict[str, Path] = {}
    for value in values:
        name, equals, path = value.partition("=")
        if not equals or not name or not path:
            raise click.BadParameter(f"{value!r} is not written as NAME=FILE")
        if name in found:
            raise click.BadParameter(f"the name {name!r} is given twice")
        found[name] = Path(path)
    return found


@dataclass(frozen=True)
class EvaluateCommand(shared.Working):
    """Options of ``fp evaluate``."""

    config: Path | None = option(
        "--config",
        type=PATH,
        help="TOML file with the protocols [default: the one that ships]; copied to the output.",
    )
    scores: dict[str, Path] = option(
        "--scores",
        multiple=True,
        metavar="NAME=FILE",
        callback=_named,
        help="CSV with the columns path and score: another detector in the same tables.",
    )
    strangers: tuple[Path, ...] = option(
        "--strangers",
        type=PATH,
        multiple=True,
        help="Folder that nothing is calibrated on; its false claims are listed by name.",
    )


@click.command("evaluate")
@click.argument("dataset", type=PATH)
@shared.output_folder
@options_of(EvaluateCommand)
def command(dataset: Path, output: Path, given: EvaluateCommand) -> None:
    """Measure methods on DATASET, a folder with real/ and generated/<name>/.

    An interrupted run goes on when it is started again with the same configuration.

    Example: fp evaluate corpus/ -o eval/
    """
    from fp.denoisers.population import residual_store
    from fp.evaluation.configuration import default_text, read_configuration
    from fp.evaluation.methods import read_scores
    from fp.evaluation.report import write_report
    from fp.evaluation.running import Inputs, evaluate, open_output
    from fp.evaluation.tables import shown
    from fp.images.loading import Limits, display_path
    from fp.manifest import Recorder, Source, list_inputs
    from fp.manifest.writing import MANIFEST
    from fp.system.errors import InputError

    cache = shared.open_cache(given)
    shared.check_outputs((dataset, *given.strangers), output, cache)
    try:
        text = default_text() if given.config is None else given.config.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(
            f"{display_path(given.config or Path())} cannot be read ({error})."
        ) from error
    configuration = read_configuration(text, list(given.scores))
    scores = tuple(read_scores(name, path) for name, path in given.scores.items())
    inputs = Inputs(dataset, given.strangers, scores, Limits(pixels=given.max_pixels))
    open_output(output, configuration, overwrite=given.overwrite)
    recorder = Recorder(
        output / MANIFEST, invocation_of("evaluate"), folder=True, scratch=("features",)
    )
    place = display_path(output)
    with (
        shared.interruptible(f"finished cells are kept in {place}: the same command goes on"),
        shared.progress_bar("evaluate") as progress,
        residual_store(cache) as store,
    ):
        found = evaluate(inputs, output, configuration, store, given.jobs, progress)
        figures = write_report(found, configuration, output)
        tables = (*given.scores.values(), *(() if given.config is None else (given.config,)))
        sources = [
            Source("dataset", (dataset,)),
            Source("stranger", given.strangers),
            Source("table", tables, decoded=False),
        ]
        recorder.finish(
            list_inputs(sources, inputs.limits, given.jobs, progress),
            told={"cells": found.cells},
            used=(p.sha256 for member in found.dataset.members for p in member.pictures),
        )
    click.echo(f"{found.cells} cells, {found.fresh} of them computed now, results in {place}")
    accuracies = [figure for figure in figures if figure.metric == "accuracy"]
    rows = [
        (f.protocol, f.generator, f.series, str(f.training), f.trained_on, f.condition, shown(f))
        for f in accuracies
    ]
    tell_table(
        ("protocol", "generator", "method", "images", "trained on", "condition", "accuracy"),
        rows,
        (
            f"  {protocol}: {generator}: {series}, {training}, {trained_on} > {condition}: {told}"
            for protocol, generator, series, training, trained_on, condition, told in rows
        ),
    )
    for text in found.left_out:
        warn(f"  left out: {text}")
    tell_skipped(found.skipped, indent="  ")
    end_with(found.skipped)
