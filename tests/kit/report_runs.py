"""Detections of any size that nobody had to run, and a browser that lets nothing out."""

from __future__ import annotations

import contextlib
import hashlib
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from playwright.sync_api import Browser, Page, sync_playwright
from synthetic import photograph, save

from fp.denoisers.residual import DenoiserIdentity
from fp.fingerprint.decision.decision import decide
from fp.fingerprint.decision.judge import Judge
from fp.fingerprint.decision.rows import Attribution, Detection
from fp.fingerprint.detection.detection import DetectOptions
from fp.fingerprint.model.calibration import Calibration, NullControl
from fp.fingerprint.model.fingerprint import Fingerprint
from fp.images.crop import CropRule
from fp.reports.detections import Run

CHROMIUM = shutil.which("chromium") or "/usr/bin/chromium"
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]


DISTINCT = 1000
"""Rows that are made; more are the same ones again under other paths."""


def place_of(number: int) -> str:
    """Return the path of an image."""
    return f"pictures/{number % 10}/{number:06d}.png"


def fingerprint(name: str, seed: int, n: int = 128) -> Fingerprint:
    """Return a tile fingerprint whose populations lie 4 standard deviations apart."""
    rng = np.random.default_rng([3, seed])
    digests = tuple(f"{k:064x}" for k in range(n))
    names = tuple(map(str, range(n)))
    calibration = Calibration(
        rng.normal(-2, 1, n), rng.normal(2, 1, n), digests, digests, names, names, "held out"
    )
    return Fingerprint(
        name=name,
        method="tile",
        pattern=rng.normal(size=(3, 8, 8)).astype(np.float32),
        crop=CropRule(256, 256),
        denoiser=DenoiserIdentity("wavelet", 1),
        calibration=calibration,
        null=NullControl(4.0, rng.normal(0, 0.3, 200), 0),
        native_sizes={"256x256": n},
        formats={"PNG": n},
    )


judge_of = lru_cache(Judge)


def attribution(path: str, member: Fingerprint, score: float) -> Attribution:
    """Judge a score."""
    answer, ratio = decide(score, member.calibration, "conformal", 0.05), judge_of(member).ratio
    return Attribution(
        path=path,
        fingerprint=member.name,
        method=member.method,
        score=score,
        rho=None,
        mu_r=member.mu_r,
        mu_g=member.mu_g,
        p_real=answer.p_real,
        p_generated=answer.p_generated,
        p_bank=answer.p_real,
        p_typical=None,
        distance=None,
        log10_lr=ratio(score),
        at_bound=ratio.at_bound(score),
        specific=None,
        log10_lr_specific=None,
        decision=answer.decision,
        nearest_mean=answer.nearest_mean,
        reasons=answer.reasons,
    )


def row(number: int, members: list[Fingerprint], sha256: str) -> dict[str, Any]:
    """Return the row of an image; every 50th could not be examined."""
    path = place_of(number)
    if number % 50 == 49:
        refused = Detection(
            path, "not_examined", "not_examined", reasons=("damaged",), message=f"{path} is cut."
        )
        return {"detection": refused.as_dict(), "attributions": []}
    rng = np.random.default_rng([5, number])
    scores = rng.normal(2 if number % 3 == 0 else -2, 1, len(members))
    rows = [attribution(path, m, float(s)) for m, s in zip(members, scores, strict=True)]
    rows.sort(key=lambda one: -(one.score or 0))
    best = asdict(rows[0])
    known = {name: best[name] for name in Detection.__dataclass_fields__ if name in best}
    for name, step in (("low", -0.3), ("high", 0.3)):
        known[f"log10_lr_{name}"] = best["log10_lr"] + step
    found = Detection(
        **known | {"path": path, "status": "examined", "sha256": sha256},
        format="PNG",
        width=256,
        height=256,
        claimed=("EXIF Software: a camera",) if number % 7 == 0 else (),
    )
    return {"detection": found.as_dict(), "attributions": [asdict(one) for one in rows]}


def moved(found: dict[str, Any], number: int) -> dict[str, Any]:
    """Return a row under another path."""
    detection = found["detection"] | {"path": place_of(number)}
    return found | {"detection": detection}


def synthetic_run(folder: Path, count: int, pictures: int = 0) -> Run:
    """Make a detection of so many files against three fingerprints, with some real pictures."""
    members = [fingerprint(f"generator {letter}", k) for k, letter in enumerate("ABC")]
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(pictures):
        save(photograph(number, 256), folder / f"{number}.png")
    places = [folder / f"{number}.png" for number in range(pictures)]
    digests = [hashlib.sha256(place.read_bytes()).hexdigest() for place in places] or ["0" * 64]
    drawn = [row(n, members, digests[n % len(digests)]) for n in range(min(count, DISTINCT))]
    rows = [moved(drawn[n % DISTINCT], n) for n in range(count)]
    options = asdict(DetectOptions())
    decisions = Counter(one["detection"]["decision"] for one in rows)
    numbers = {one["detection"]["path"]: n for n, one in enumerate(rows)}

    def place(path: str) -> tuple[Path, Path | None]:
        if not places:
            raise FileNotFoundError(path)
        return places[numbers[path] % pictures], folder

    return Run(
        folder=folder,
        run={"bank": [{"name": "bank.h5", "sha256": "ab" * 32}], "options": options},
        summary={
            "images": count,
            "fingerprints": len(members),
            "decisions": dict(decisions),
            "not_examined": {"damaged": decisions["not_examined"]},
            "certified": 0.081,
            "weak": (),
        },
        rows=lambda: iter(rows),
        place=place,
        members=lambda names: (m for m in members if names is None or m.name in names),
    )


@contextlib.contextmanager
def chromium() -> Iterator[Browser]:
    """Start the system's browser, never one that was fetched from somewhere."""
    with (
        tempfile.TemporaryDirectory() as home,
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=FLAGS, env={"HOME": home, "PATH": "/usr/bin:/bin"}
        )
        try:
            yield browser
        finally:
            browser.close()


@dataclass
class Opened:
    """A page, with everything that it said and asked for."""

    page: Page
    said: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)


@contextlib.contextmanager
def opened(browser: Browser, path: Path, **how: Any) -> Iterator[Opened]:
    """Open a report; whatever it asks for beside itself is refused and noted."""
    context = browser.new_context(**how)
    try:
        found = Opened(context.new_page())
        address = path.resolve().as_uri()

        def answer(route: Any) -> None:
            if route.request.url.partition("#")[0] == address:
                route.continue_()
            else:
                found.asked.append(route.request.url)
                route.abort()

        context.route("**/*", answer)
        found.page.on("console", lambda message: found.said.append(message.text))
        found.page.on("pageerror", lambda error: found.said.append(str(error)))
        found.page.on("dialog", lambda dialog: found.said.append(f"dialog: {dialog.message}"))
        found.page.goto(address)
        yield found
    finally:
        context.close()
