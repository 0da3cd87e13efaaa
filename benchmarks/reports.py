"""How large a report of many rows is, and how fast a browser opens, sorts and filters it.

    python benchmarks/reports.py --rows 10000 --pictures 240 --repeats 7

A detection is made up (three fingerprints, pictures of 256 x 256 with grain) and its report
written; the system's Chromium opens it without a screen, anew each time. Opening is the time from
the navigation to the end of the page's own script, as the page's clock gives it; sorting and
filtering are from the click to the next frame that is drawn. The table goes into
docs/performance.md.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

import click
import numpy as np
from sections import publish

PROJECT = Path(__file__).parent.parent

sys.path.insert(0, str(PROJECT / "tests" / "kit"))

TIMED = """async ([action, column]) => {
    const table = document.querySelector("[data-table='images']");
    const begun = performance.now();
    if (action === "sort") {
        table.querySelectorAll("thead th")[column].querySelector("button").click();
    } else {
        const search = table.querySelector("input");
        search.value = column;
        search.dispatchEvent(new Event("input"));
    }
    const worked = performance.now() - begun;
    await new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
    return [worked, performance.now() - begun];
}"""


@click.command()
@click.option("--rows", default=10_000, show_default=True)
@click.option("--pictures", default=240, show_default=True)
@click.option("--repeats", default=7, show_default=True)
@click.option("--record/--no-record", default=True, help="Write the table into the page.")
def main(rows: int, pictures: int, repeats: int, record: bool) -> None:
    """Write a report of so many rows and time a browser with it."""
    from report_runs import chromium, opened, synthetic_run

    from fp.reports.detections import write_report

    with tempfile.TemporaryDirectory() as name, chromium() as browser:
        run = synthetic_run(Path(name), rows, pictures)
        begun = time.process_time()
        path = write_report(run)
        written = time.process_time() - begun
        size = path.stat().st_size / 2**20
        times: dict[str, list[float]] = {}

        def note(what: str, milliseconds: float) -> None:
            times.setdefault(what, []).append(milliseconds)

        for _ in range(repeats):
            with opened(browser, path) as found:
                page = found.page
                note("opening", float(page.evaluate("document.documentElement.dataset.ready")))
                for what, asked in (
                    ("sorting by a number", ["sort", 4]),
                    ("sorting by file name", ["sort", 1]),
                    ("sorting by decision", ["sort", 2]),
                    ("searching", ["filter", "0099"]),
                ):
                    worked, drawn = page.evaluate(TIMED, asked)
                    note(f"{what}: script", worked)
                    note(f"{what}: until it is drawn", drawn)
                assert found.said == [] and found.asked == []
    with Path("/proc/loadavg").open() as file:
        load = file.read().split()[0]
    command = (
        f"python benchmarks/reports.py --rows {rows} --pictures {pictures} --repeats {repeats}"
    )
    note = (
        f"{rows:,} rows, {pictures} pictures, {size:.1f} MiB, written in {written:.1f} processor "
        f"seconds; Chromium without a screen on two cores that other work shared (load {load})."
    )
    lines = [
        "| what | median, ms | lowest to highest |",
        "| --- | --- | --- |",
        *(
            f"| {what} | {np.median(found):.0f} | {min(found):.0f} to {max(found):.0f} |"
            for what, found in times.items()
        ),
    ]
    publish("reports" if record else None, command, "\n".join(lines), note=note)


if __name__ == "__main__":
    main()
