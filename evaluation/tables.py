"""The figures as Markdown, a section a protocol."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from fp.evaluation.summary import DEGRADED, Comparison, Figure

_RATES = ("auc", "cllr", "average precision")
_OF_CLASSES = ("recall", "precision", "F1")
_QUIET = ("auc", "cllr", "chance", "training images")


def markdown(
    figures: Sequence[Figure],
    compared: Sequence[Comparison],
    left_out: Sequence[str],
    note: str,
) -> str:
    """Return all tables as Markdown."""
    lines = ["# Evaluation", "", note, ""]
    for protocol in dict.fromkeys(figure.protocol for figure in figures):
        own = [figure for figure in figures if figure.protocol == protocol]
        lines += [f"## {protocol}", ""]
        for title, table in _tables(own):
            lines += [f"{title}", "", *table, ""]
        pairs = [c for c in compared if c.protocol == protocol]
        if pairs:
            lines += ["Paired comparison on the same splits:", "", *_pairs(pairs), ""]
    if left_out:
        lines += ["## Left out", "", *(f"* {text}" for text in left_out), ""]
    return "\n".join(lines)


def _tables(figures: Sequence[Figure]) -> Iterator[tuple[str, list[str]]]:
    metrics = list(dict.fromkeys(figure.metric for figure in figures))
    called = [metric for metric in metrics if metric.startswith(("called ", "claims "))]
    if "claims real" in called or "recall" in metrics:
        yield from _matrices(figures, [*called, *(m for m in metrics if m in _OF_CLASSES)])
    plain = [f for f in figures if f.metric not in (*called, *_OF_CLASSES)]
    if "accuracy" in metrics or "loss" in metrics:
        for metric in dict.fromkeys(f.metric for f in plain):
            if metric not in ("chance", "training images"):
                yield from _grid(metric, [f for f in plain if f.metric == metric])
        return
    if plain:
        head = ["method", "training", "condition", "generator"]
        yield "All figures, in per cent:", _pivot(plain, head, _keys(head), lambda f: f.metric)


def _grid(metric: str, figures: Sequence[Figure]) -> Iterator[tuple[str, list[str]]]:
    unit = "" if metric in _RATES else ", in per cent"
    if len({f.condition for f in figures}) > 1:
        head = ["method", "training", "generator", "trained on"]
        table = _pivot(figures, head, _keys(head), lambda f: f.condition)
        yield f"{metric}{unit}, by the condition of the test images:", table
    else:
        head = ["method", "training", "trained on"]
        if len({f.trained_on for f in figures}) == 1:
            head.remove("trained on")
        yield f"{metric}{unit}:", _pivot(figures, head, _keys(head), lambda f: f.generator)


def _matrices(figures: Sequence[Figure], metrics: Sequence[str]) -> Iterator[tuple[str, list[str]]]:
    kinds: dict[tuple[str, int, str, str], list[Figure]] = {}
    for f in figures:
        if f.metric in metrics:
            kinds.setdefault((f.series, f.training, f.trained_on, f.condition), []).append(f)
    for (series, training, trained_on, condition), own in kinds.items():
        title = f"{series}, {training} training images, trained on {trained_on}, test {condition}"
        head = ["truth" if metrics[0].startswith("called") else "fingerprint"]
        own.sort(key=lambda f: f.metric in _OF_CLASSES)
        body = _pivot(own, head, lambda f: (f.generator,), lambda f: f.metric, short=True)
        yield f"{title}, share in per cent:", body


def _keys(head: Sequence[str]) -> Callable[[Figure], tuple[str, ...]]:
    fields = ["series" if name == "method" else name.replace(" ", "_") for name in head]
    return lambda figure: tuple(str(getattr(figure, field)) for field in fields)


def _pivot(
    figures: Sequence[Figure],
    head: Sequence[str],
    row_of: Callable[[Figure], tuple[str, ...]],
    column_of: Callable[[Figure], str],
    *,
    short: bool = False,
) -> list[str]:
    columns = list(dict.fromkeys(column_of(f) for f in figures))
    columns.sort(key=lambda name: name == DEGRADED)
    rows: dict[tuple[str, ...], dict[str, str]] = {}
    for figure in figures:
        rows.setdefault(row_of(figure), {})[column_of(figure)] = shown(figure, short=short)
    lines = [_line([*head, *columns]), _line(["---"] * (len(head) + len(columns)))]
    lines += [_line([*key, *(cells.get(c, "") for c in columns)]) for key, cells in rows.items()]
    return lines


def shown(figure: Figure, *, short: bool = False) -> str:
    """Return a figure as text: value, interval, null and number of tests, or the value."""
    rate = figure.metric in _RATES
    scale, digits = (1, 3) if rate else (100, 1)
    value = figure.value

    def number(x: float) -> str:
        return f"{scale * x:.{digits}f}"

    if short:
        return number(value.value)
    text = value.text(digits, scale)
    if figure.null is not None and figure.metric not in _QUIET:
        text += f", null {number(figure.null.value)}"
    return f"{text}, n {figure.n} x {value.n}"


def _pairs(pairs: Sequence[Comparison]) -> list[str]:
    head = ["first", "second", "generator", "training", "trained on", "condition"]
    lines = [_line([*head, "difference", "outcome"]), _line(["---"] * (len(head) + 2))]
    for c in pairs:
        d = c.difference
        difference = f"{d.text(1, 100, sign='+')}, {d.n}"
        told = [c.first, c.second, c.generator, str(c.training), c.trained_on, c.condition]
        lines.append(_line([*told, difference, c.outcome]))
    return lines


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
