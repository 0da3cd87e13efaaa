"""``fp demo``: the whole way, on images that come with the package."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from fp.cli.declared import option, options_of
from fp.cli.options import PATH, interruptible, overwrite_option, progress_bar

if TYPE_CHECKING:
    from fp.demo.demo import Demonstration, UnknownFile

_WIDTH = 88


@dataclass(frozen=True)
class DemoCommand:
    """Options of ``fp demo``."""

    quick: bool = option(
        "--quick",
        is_flag=True,
        help="Leave out the slow part: DIF fingerprint, control with shuffled labels.",
    )
    overwrite: bool = overwrite_option()


@click.command("demo")
@click.option(
    "-o",
    "--output",
    type=PATH,
    default=Path("fp-demo"),
    show_default=True,
    help="Folder to make.",
)
@options_of(DemoCommand)
def command(output: Path, given: DemoCommand) -> None:
    """Go the whole way on images that come with the package's dependencies.

    A tiny image generator redraws parts of photographs; fp learns its fingerprint from them, tests
    unknown images against it and draws a picture of what it found. Nothing is downloaded.

    Two files among the unknown ones cannot be examined, on purpose: the table shows how such files
    are reported. 'fp detect' would end with exit code 3 for them, the demo ends with 0.

    Example: fp demo -o fp-demo
    """
    from fp.demo.demo import demonstrate
    from fp.images.loading import display_path

    shown = display_path(output)
    with (
        interruptible(f"start again with --overwrite, or remove {shown}"),
        progress_bar("demo") as progress,
    ):
        found = demonstrate(output, quick=given.quick, overwrite=given.overwrite, progress=progress)
    for line in report(found):
        click.echo(line)


def report(found: Demonstration) -> Iterator[str]:
    """Yield the lines that tell a newcomer what was done and what came out."""
    from fp.demo.demo import CASE, PICTURE
    from fp.images.loading import display_path
    from fp.reports.page import REPORT

    learned = found.fingerprint
    scores = learned.calibration
    photographs = len({region.photograph for region in found.regions})
    yield from _paragraph(
        f"A tiny generator redrew {scores.generated.size} parts of {photographs} photographs; "
        f"against {scores.real.size} other parts, left as they are, its fingerprint was found. "
        "Files that were not used for that were tested with it, the highest score first:"
    )
    yield ""
    yield from _table(found.unknown)
    yield ""
    yield from _paragraph(
        "How to read it: the score weighs all evidence, above 0 for the generator and below for "
        f"photographs. The generator's images have {learned.mu_g:+.3f} on average, photographs "
        f"{learned.mu_r:+.3f}. A file "
        "supports one of the two only where its score is usual for that one and rare for the "
        "other. A file that is no whole image is named, and the rest goes on."
    )
    yield ""
    yield from _paragraph(
        "No error rate follows from so few images, and parts of one photograph are alike, which "
        "flatters all figures."
    )
    for fact in _facts(found):
        yield from _item(fact)
    yield ""
    yield from _paragraph(
        "Next, with folders of your own: 128 images of each kind or more, as they came from the "
        "generator and the camera."
    )
    yield "  fp extract --generated GENERATED/ --real PHOTOGRAPHS/ -o mine.h5"
    yield "  fp detect mine.h5 UNKNOWN/ -o case/"
    yield ""
    yield f"The same as one picture: {display_path(found.folder / PICTURE)}"
    yield f"The report, for a browser: {display_path(found.folder / CASE / REPORT)}"


def _table(files: Sequence[UnknownFile]) -> Iterator[str]:
    said = {file: _says(file) for file in files}
    row = f"  {{:<24}}  {{:>7}}  {{:<{max(map(len, said.values()))}}}  {{}}".format
    yield row("file", "score", "what it says", "made by")
    for file, says in said.items():
        score = "" if file.score is None else f"{file.score:+.3f}"
        maker = {None: "", True: "the generator", False: "a camera"}[file.generated]
        yield row(file.file, score, says, maker).rstrip()


def _says(file: UnknownFile) -> str:
    from fp.reports.words import DECISIONS

    reasons = ", ".join(file.reasons).replace("_", " ")
    return DECISIONS[file.decision][0] + (f": {reasons}" if reasons else "")


def _facts(found: Demonstration) -> Iterator[str]:
    yield (
        f"On the generator's grid of 8 pixels lies {found.share_of_generated:.1%} of the energy "
        f"of its averaged residual; of that of photographs {found.share_of_photographs:.1%}."
    )
    null = found.fingerprint.null
    if null is not None:
        yield (
            f"Held-out scores of the two kinds differ by {null.observed:.1f} standard deviations; "
            f"in {null.shuffled.size} tries with shuffled labels, where there is nothing to find, "
            f"by {null.shuffled.max():.1f} at most."
        )
    if found.dif is not None:
        scores = found.dif.calibration
        yield (
            f"Method dif, after few steps, gives the generator's images {found.dif.mu_g:+.3f} and "
            f"photographs {found.dif.mu_r:+.3f} on average, over {scores.generated.size} and "
            f"{scores.real.size} that it had not seen."
        )


def _paragraph(text: str) -> list[str]:
    return textwrap.wrap(text, _WIDTH)


def _item(text: str) -> list[str]:
    return textwrap.wrap(text, _WIDTH, initial_indent="  - ", subsequent_indent="    ")
