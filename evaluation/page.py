"""An evaluation as one HTML file."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from fp.evaluation.configuration import Configuration
from fp.evaluation.pictures import pictures
from fp.evaluation.running import Evaluation
from fp.evaluation.summary import MEAN, Comparison, Figure
from fp.evaluation.trials import MeanOverSplits
from fp.reports.drawing import in_both
from fp.reports.page import pieces
from fp.reports.table import Column, Table, choices_of, of_dicts
from fp.reports.text import rounded

_NO_SHARES = ("auc", "cllr", "average precision", "training images")


def page(
    found: Evaluation,
    figures: Sequence[Figure],
    compared: Sequence[Comparison],
    configuration: Configuration,
    note: str,
) -> Iterator[str]:
    """Return the report of an evaluation."""
    protocols = list(dict.fromkeys(f.protocol for f in figures))
    drawn: dict[str, list[dict[str, Any]]] = {protocol: [] for protocol in protocols}
    for picture in pictures(figures):
        title = f"{picture.protocol}: {picture.name}"
        drawn[picture.protocol].append({"title": title, "uris": in_both(picture.draw)})
    reasons = Counter(skipped.reason for skipped in found.skipped)
    claims = [claim for claim in found.claims if not claim["shuffled"]]
    return pieces(
        "evaluate.html",
        made_by="evaluate",
        sections=[
            ("summary", "Summary"),
            ("figures", "Figures"),
            ("tables", "All figures"),
            *([("compared", "Comparisons")] if compared else []),
            *([("claims", "Strangers")] if claims else []),
            ("limits", "Limits and method"),
        ],
        classes={m.name: len(m.pictures) for m in found.dataset.members},
        generators=len(found.dataset.generators),
        crop=found.dataset.crop,
        cells=found.cells,
        protocols=protocols,
        headline=_headline(figures),
        drawn=drawn,
        figures=_figures(figures),
        compared=_compared(compared) if compared else None,
        against=configuration.compare,
        claims=_claims(claims) if claims else None,
        left_out=found.left_out,
        reasons=dict(sorted(reasons.items())),
        note=note,
        configuration=configuration.text,
    )


def _headline(figures: Sequence[Figure]) -> list[Figure]:
    """Return what is in the summary: accuracies on images as they are, over all generators.

    Where a protocol has no mean over generators, these are its figures one by one.
    """
    found = [
        f
        for f in figures
        if f.metric == "accuracy" and f.condition == "none" and f.trained_on == "none"
    ]
    averaged = {f.protocol for f in found if f.generator == MEAN}
    return [f for f in found if f.generator == MEAN or f.protocol not in averaged]


def _interval(name: str, mean: MeanOverSplits, scale: int) -> dict[str, float | int | None]:
    told = {name: mean.value, "low": mean.low, "high": mean.high}
    return {
        key: None if figure is None else rounded(scale * figure) for key, figure in told.items()
    } | {"splits": mean.n}


def _figures(figures: Sequence[Figure]) -> Table:
    rows = []
    for f in figures:
        scale = 1 if f.metric in _NO_SHARES else 100
        told = {"series": f.series, **_interval("value", f.value, scale)}
        null = None if f.null is None else rounded(scale * f.null.value)
        rows.append({**vars(f), **told, "null": null})
    shown = (
        Column("series", "method", "name"),
        Column("protocol", "protocol", "word", choices=choices_of(rows, "protocol"), wide=True),
        Column("generator", "generator", "word", choices=choices_of(rows, "generator")),
        Column("training", "training", "number", 0, wide=True),
        Column("trained_on", "trained on", wide=True),
        Column("condition", "tested on", wide=True),
        Column("metric", "figure", "word", choices=choices_of(rows, "metric")),
        Column("value", "value", "number", 2),
        Column("low", "95 % from", "number", 2, wide=True),
        Column("high", "to", "number", 2, wide=True),
        Column("null", "null", "number", 2, wide=True),
        Column("n", "n", "number", 0, wide=True),
        Column("splits", "splits", "number", 0, wide=True),
    )
    caption = (
        "Shares are in per cent, and a single split has no interval. results.csv has every split, "
        "results.json every digit."
    )
    return of_dicts("figures-table", "All figures", caption, shown, rows)


def _compared(compared: Sequence[Comparison]) -> Table:
    rows = [
        {**vars(c), **_interval("difference", c.difference, 100), "outcome": c.outcome}
        for c in compared
    ]
    shown = (
        Column("second", "compared with", "name"),
        Column("first", "method"),
        Column("protocol", "protocol", "word", choices=choices_of(rows, "protocol"), wide=True),
        Column("generator", "generator", "word", choices=choices_of(rows, "generator"), wide=True),
        Column("training", "training", "number", 0, wide=True),
        Column("condition", "tested on", wide=True),
        Column("difference", "difference", "number", 2),
        Column("low", "95 % from", "number", 2, wide=True),
        Column("high", "to", "number", 2, wide=True),
        Column("outcome", "outcome", "word", choices=choices_of(rows, "outcome")),
        Column("splits", "splits", "number", 0, wide=True),
    )
    caption = (
        "Accuracy of the method less that of the other, in points, split by split on the same "
        "images. A tie is an interval that contains 0."
    )
    return of_dicts("comparisons", "Paired comparisons", caption, shown, rows)


def _claims(claims: Sequence[Mapping[str, object]]) -> Table:
    rows = [
        {**claim, "log10_lr": rounded(float(str(claim["log10_lr"])))} for claim in claims[:10_000]
    ]
    shown = (
        Column("path", "file", "name"),
        Column("folder", "folder", "word", choices=choices_of(rows, "folder")),
        Column("method", "method", "word", choices=choices_of(rows, "method"), wide=True),
        Column("generator", "claimed by", "word", choices=choices_of(rows, "generator")),
        Column("seed", "split", "number", 0, wide=True),
        Column("log10_lr", "log10 LR", "number", 2),
    )
    caption = "Images of strangers that were claimed, by name; claims.csv has them all."
    return of_dicts("claimed", "False claims on strangers", caption, shown, rows)
