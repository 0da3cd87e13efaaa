"""``fp audit``: do two folders of images differ in more than their origin."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import click

from fp.cli.declared import options_of
from fp.cli.options import (
    EXIT_SOME_NOT_EXAMINED,
    PATH,
    interruptible,
    jobs_option,
    max_pixels_option,
    overwrite_option,
    progress_bar,
)
from fp.cli.recording import invocation_of
from fp.cli.telling import tell_table


@dataclass(frozen=True)
class AuditCommand:
    """Options of ``fp audit``."""

    jobs: int = jobs_option()
    max_pixels: int = max_pixels_option()
    overwrite: bool = overwrite_option()


@click.command("audit")
@click.option("--generated", type=PATH, required=True, help="Folder of the generator's images.")
@click.option("--real", type=PATH, required=True, help="Folder of reference images.")
@click.option(
    "--test",
    "tests",
    type=PATH,
    multiple=True,
    help="Further folder in which copies of these images are looked for; may be repeated.",
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
    from fp.audit.measuring import Measure, measure_folder
    from fp.denoisers.population import require_folders
    from fp.images.loading import Limits, display_path
    from fp.manifest import Recorder, Source, list_inputs
    from fp.manifest.writing import LISTING, MANIFEST
    from fp.reports import audit_text as report
    from fp.system.errors import InputError
    from fp.system.outputs import check_folder

    inputs = (generated, real, *tests)
    require_folders(generated, real)
    recorder = None
    if output is not None:
        check_folder(output, inputs)
        report.check_output(output, (*report.FILES, LISTING, MANIFEST), overwrite=given.overwrite)
        recorder = Recorder(output / MANIFEST, invocation_of("audit"), folder=True)
    limits = Limits(pixels=given.max_pixels)
    with interruptible("nothing was written"), progress_bar("audit") as progress:
        measured = [
            measure_folder(folder, Measure(folder, limits=limits), given.jobs, progress)
            for folder in inputs
        ]
        for folder, found in zip(inputs[:2], measured, strict=False):
            if not found.images:
                raise InputError(
                    f"{display_path(folder)} holds no usable image; name a folder of images."
                )
        result = audit(measured[0], measured[1], measured[2:])
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
    for skipped in result.skipped:
        click.echo(f"not examined ({skipped.reason}): {skipped.message}", err=True)
    tell_table(
        ("severity", "code", "what differs", "what to do"),
        [(f.severity, f.code, f.sentence, f.advice) for f in result.at_least("note")],
        report.lines(result),
    )
    if result.skipped:
        click.get_current_context().exit(EXIT_SOME_NOT_EXAMINED)
