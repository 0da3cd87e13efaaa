"""``fp audit``: do two folders of images differ in more than their origin."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import click

from fp.cli import options as shared
from fp.cli.declared import invocation_of, options_of
from fp.cli.options import PATH
from fp.cli.telling import end_with, tell_skipped, tell_table


@dataclass(frozen=True)
class AuditCommand:
    """Options of ``fp audit``."""

    match: str | None = shared.match_option(
        help="Measure the pixels as 'fp extract --match' would leave them: what is still found "
        "remains.",
    )
    jobs: int = shared.jobs_option()
    max_pixels: int = shared.max_pixels_option()
    overwrite: bool = shared.overwrite_option()


@click.command("audit")
@shared.generated_folder
@shared.real_folder
@click.option(
    "--test",
    "tests",
    type=PATH,
    multiple=True,
    help="Folder of images that you want to ask about: copies of the two folders' images are "
    "looked for, and what no image of these is like; may be repeated.",
)
@click.option("-o", "--output", type=PATH, help="Folder for report and tables.")
@options_of(AuditCommand)
def command(
    generated: Path, real: Path, tests: tuple[Path, ...], output: Path | None, given: AuditCommand
) -> None:
    """Find differences between two folders of images that are not the generator.

    Compared are format, size, compression, traces of JPEG and of resampling, colour, depth,
    content, copies, and whether one folder holds several generators. Each finding says how badly
    it confounds and what to do; docs/audit.md explains them.

    Example: fp audit --generated sd14/ --real photos/ --test unknown/ -o audit/
    """
    from fp.audit.audit import audit
    from fp.audit.measuring import measure_classes
    from fp.audit.preparation import resolved
    from fp.images.loading import Limits
    from fp.manifest import Recorder, Source, list_inputs
    from fp.manifest.writing import LISTING, MANIFEST
    from fp.reports import audit_text as report
    from fp.system.folders import ImageFolder, require_folders
    from fp.system.outputs import check_apart

    inputs = (generated, real, *tests)
    require_folders(generated, real)
    recorder = None
    if output is not None:
        check_apart(inputs, output)
        report.check_output(output, (*report.FILES, LISTING, MANIFEST), overwrite=given.overwrite)
        recorder = Recorder(output / MANIFEST, invocation_of("audit"), folder=True)
    limits = Limits(pixels=given.max_pixels)
    with shared.interruptible("nothing was written"), shared.progress_bar("audit") as progress:
        prepared = "none"
        if given.match is not None:
            classes = [ImageFolder.at(folder) for folder in (generated, real)]
            prepared = resolved(given.match, classes, limits)
        measured = measure_classes(inputs, limits, given.jobs, progress, prepared)
        result = audit(measured[0], measured[1], measured[2:], prepared)
    if output is not None:
        kinds = ("generated", "real", *("test" for _ in tests))
        report.write(
            output, result, list(zip(kinds, measured, strict=True)), overwrite=given.overwrite
        )
    if output is not None and recorder is not None:
        sources = [
            Source("generated", (generated,)),
            Source("real", (real,)),
            Source("test", tests),
        ]
        recorder.finish(
            list_inputs(sources, limits, given.jobs),
            [output / name for name in report.FILES],
            used=(image.sha256 for folder in measured for image in folder.images),
        )
    tell_skipped(result.skipped)
    tell_table(
        ("severity", "code", "what differs", "what to do"),
        [(f.severity, f.code, f.sentence, f.advice) for f in result.at_least("note")],
        report.lines(result),
    )
    click.echo(f"--match: {result.matching}")
    end_with(result.skipped)
