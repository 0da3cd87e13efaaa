"""The report of a detection. Its rows are read again and again, and never held together."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path, PurePath
from typing import Any, Literal

from fp.fingerprint.decision.decision import REASONS
from fp.fingerprint.decision.posterior import kin_of
from fp.fingerprint.model.fingerprint import Fingerprint
from fp.images.loading import REASONS as FILE_REASONS
from fp.images.loading import Limits
from fp.reports.charts import BINS, Bins, shares
from fp.reports.fingerprints import Shown, shown
from fp.reports.page import REPORT, pieces, write
from fp.reports.previews import Place, Previews, Showing, quotas
from fp.reports.table import Column, Table
from fp.reports.text import as_json, rounded
from fp.reports.words import DECISIONS, RANKED, is_told, is_weakened, meanings, mistakes, ratio
from fp.system.atomic_files import output_error

MOST_ROWS = 10_000
"""Rows in the report of a run; all of them are in its tables."""

MOST_FINGERPRINTS = 12
"""Fingerprints that are shown, those that most images come to."""

_LISTED = 5  # fingerprints of an image
_NAMED = 3  # files that a generator is supported by most

Rows = Callable[[], Iterator[dict[str, Any]]]
Reporting = Literal["full", "none"]
"""Whether a run leaves a report beside its tables."""

Members = Callable[[Collection[str] | None], Iterator[Fingerprint]]
"""Function that returns the fingerprints of these names, or all, in the order of their bank."""

_OPTIONAL = (
    "condition",
    "p_condition",
    "p_content",
    "posterior",
    "candidates",
    "examined",
    "windows",
    "windows_effective",
    "crop_decision",
    "crop_log10_lr",
    "map_generated",
    "map_reference",
)
"""Columns that only some runs have."""

_FIELDS = (
    "path",
    "preview",
    "map",
    "decision",
    "weak",
    "fingerprint",
    "score",
    "told_lr",
    "ratio",
    "log10_lr",
    "log10_lr_low",
    "log10_lr_high",
    "at_bound",
    "log10_lr_specific",
    "p_bank",
    "p_real",
    "p_generated",
    "p_typical",
    "p_reference",
    "q_real",
    "nearest_mean",
    "reasons",
    "message",
    "format",
    "width",
    "height",
    "converted",
    "claimed",
    "sha256",
    "attributions",
    *_OPTIONAL,
)

_SHOWN = (
    Column("preview", "preview", "picture"),
    Column("path", "file", "name"),
    Column("decision", "decision", "choice", choices={k: v[0] for k, v in DECISIONS.items()}),
    Column("fingerprint", "fingerprint", wide=True),
    Column("told_lr", "log10 LR", "number", 2),
    Column("p_bank", "p, h1", "number", 4, wide=True),
    Column("p_generated", "p, h2", "number", 4, wide=True),
    Column("score", "score", "number", 2, wide=True),
    Column("reasons", "reasons", wide=True),
)


@dataclass(frozen=True)
class Run:
    """A finished detection.

    Parameters
    ----------
    folder : Path
        Where its tables are.
    run : mapping
        What it is: ``bank`` and ``options``; JSON types.
    summary : mapping
        What it came to; see `fp.runs.results.Summary`.
    rows : callable
        Gives its rows from the first on, each time that it is called.
    place : callable
        Finds the file of a row.
    members : callable or None
        Gives fingerprints of its bank by name; None where the bank is not at hand.
    reporting : {"full", "none"}
        Whether there is to be a report.
    previews : {"shown", "blurred", "none"}
        How the report shows what was examined.
    """

    folder: Path
    run: Mapping[str, Any]
    summary: Mapping[str, Any]
    rows: Rows
    place: Place
    members: Members | None
    reporting: Reporting = "full"
    previews: Showing = "shown"


def leave_report(found: Run) -> list[Path]:
    """Write the report that a run is to have, or take an earlier one away.

    Return the file, where there is one. `OutputError` if it cannot be written, or not removed.
    """
    if found.reporting != "none":
        return [write_report(found)]
    earlier = found.folder / REPORT
    try:
        earlier.unlink(missing_ok=True)
    except OSError as error:
        raise output_error(earlier, error) from error
    return []


def write_report(found: Run) -> Path:
    """Write ``report.html`` into the folder of a run; `OutputError` if it cannot be written.

    It depends on rows, options, bank and pictures alone: the same run gives the same bytes.
    """
    path = found.folder / REPORT
    write(path, report(found), overwrite=True)
    return path


def report(found: Run) -> Iterator[str]:
    """Return the report of a run piece by piece."""
    counted = _Counted.of(found.rows())
    options = found.run["options"]
    words = meanings(options["rule"], options["fpr"])
    members = _shown(found, counted)
    decisions = {name: n for name in DECISIONS if (n := found.summary["decisions"].get(name, 0))}
    listed = quotas(decisions, MOST_ROWS)

    def rows(showing: Showing = found.previews) -> Iterator[list[Any]]:
        limits = Limits(**options["limits"])
        previews = Previews(found.folder, found.place, decisions, limits, showing)
        for decision in RANKED:  # read for each anew: a run's rows are not held in memory
            matching = (r for r in found.rows() if r["detection"]["decision"] == decision)
            for row in islice(matching, listed.get(decision, 0)):
                yield _values(row["detection"], row["attributions"], counted.names, previews)

    table = Table(
        id="images",
        title="Every file of the run",
        caption="Figures are rounded; detections.csv has them in full. A file's name opens all "
        "that was found.",
        fields=_FIELDS,
        shown=_columns(counted),
        rows=rows,
        total=sum(listed.values()),
        detail="detail",
        plain=lambda: rows("none"),
    )
    claims = counted.claims.most_common(MOST_FINGERPRINTS)
    meta = {
        "decisions": {name: list(told) for name, told in words.items()},
        "reasons": REASONS | FILE_REASONS,
        "fingerprints": [
            {"name": m.name, "n_real": m.n_real, "n_generated": m.n_generated} for m in members
        ],
        "names": list(counted.names),
    }
    return pieces(
        "detect.html",
        made_by="detect",
        sections=_sections(bool(members)),
        options=options,
        bank=found.run["bank"],
        summary=found.summary,
        mistakes=mistakes(options["fpr"], found.summary["certified"]),
        decisions=decisions,
        words=words,
        shares=shares(list(decisions.items())),
        reasons={code: n for code, n in counted.reasons.most_common() if code in REASONS},
        meanings=REASONS,
        weak=counted.weak,
        members=members,
        best=counted.best,
        claims=claims,
        claimants=len(counted.claims),
        such_as={name: [path for _, path in held] for name, held in counted.highest.items()},
        kin=kin_of(found.members(dict(claims).keys()) if found.members and claims else ()),
        elsewhere=sum(counted.elsewhere[member.name] for member in members),
        conditions=bool(counted.conditions),
        table=table,
        left_out=found.summary["images"] - table.total,
        previews=found.previews,
        meta=as_json(meta),
    )


@dataclass(frozen=True)
class _Counted:
    """What is counted before anything is shown."""

    reasons: Counter[str]
    best: Counter[str]
    claims: Counter[str]
    highest: dict[str, list[tuple[float, str]]]
    elsewhere: Counter[str]
    names: dict[str, int]
    conditions: set[str]
    weak: set[str]

    @classmethod
    def of(cls, rows: Iterable[Mapping[str, Any]]) -> _Counted:
        found = cls(Counter(), Counter(), Counter(), {}, Counter(), {}, set(), set())
        for row in rows:
            detection = row["detection"]
            if detection["status"] != "examined":
                continue
            found.reasons.update(detection["reasons"])
            found.best[detection["fingerprint"]] += 1
            if detection["decision"] == "supports_generator":
                found.claims[detection["fingerprint"]] += 1
                if is_weakened(detection):
                    found.weak.add(detection["fingerprint"])
                held = found.highest.setdefault(detection["fingerprint"], [])
                held.append((-(detection["log10_lr"] or 0.0), PurePath(detection["path"]).name))
                held.sort()
                del held[_NAMED:]
            for attribution in row["attributions"]:
                found.elsewhere[attribution["fingerprint"]] += of_another_scale(attribution)
                if attribution.get("condition") is not None:
                    found.conditions.add(attribution["condition"])
            for attribution in row["attributions"][:_LISTED]:
                found.names.setdefault(attribution["fingerprint"], len(found.names))
        return found


def _shown(found: Run, counted: _Counted) -> list[Shown]:
    if found.members is None:
        return []
    # The commonest first, and of equals the first in the alphabet.
    ranked = sorted(counted.best.items(), key=lambda item: (-item[1], item[0]))
    wanted = [name for name, _ in ranked[:MOST_FINGERPRINTS]]
    others = sorted(set(counted.names) - set(wanted))
    # Where no file was examined, none stands out.
    members = list(
        islice(found.members([*wanted, *others][:MOST_FINGERPRINTS] or None), MOST_FINGERPRINTS)
    )
    bins = {member.name: Bins.of(member.calibration_in_use) for member in members}
    images = {name: [0] * BINS for name in bins}
    for row in found.rows() if bins else ():
        for attribution in row["attributions"]:
            name, score = attribution["fingerprint"], attribution["score"]
            if name in bins and score is not None and not of_another_scale(attribution):
                images[name][bins[name].place(score)] += 1
    return [shown(member, images[member.name]) for member in members]


def of_another_scale(row: Mapping[str, Any]) -> bool:
    """Return whether a score was ranked among others than the fingerprint's own held-out scores.

    It was where it is of windows, which have a scale and a calibration of their own.
    """
    return row.get("windows") is not None


def _columns(counted: _Counted) -> tuple[Column, ...]:
    """Return the columns. Fingerprints can be chosen where they are few, and one is not named."""
    names = {name: name for name in sorted(counted.best)}
    if len(names) == 1:
        return tuple(c for c in _SHOWN if c.name != "fingerprint")
    if not 1 < len(names) <= 30:
        return _SHOWN
    chosen = Column("fingerprint", "fingerprint", "word", choices=names, wide=True)
    return tuple(chosen if c.name == "fingerprint" else c for c in _SHOWN)


def _sections(has_members: bool) -> list[tuple[str, str]]:
    found = [("summary", "Summary"), ("scores", "Scores"), ("images-section", "Images")]
    found += [("fingerprints", "Fingerprints"), ("limits", "Limits"), ("method", "Method")]
    missing = () if has_members else ("scores", "fingerprints")
    return [section for section in found if section[0] not in missing]


def _values(
    detection: Mapping[str, Any],
    attributions: list[Mapping[str, Any]],
    names: Mapping[str, int],
    previews: Previews,
) -> list[Any]:
    preview, map_ = previews.of(detection)
    told = {
        name: rounded(value) if isinstance(value, float) else value
        for name, value in detection.items()
    }
    told_lr = told["log10_lr"] if is_told(detection) else None
    told |= {"preview": preview, "map": map_, "told_lr": told_lr, "ratio": ratio(detection)}
    told["weak"] = is_weakened(detection)
    told["attributions"] = [
        [
            names[row["fingerprint"]],
            rounded(row["score"]),
            rounded(row["p_real"]),
            rounded(row["p_generated"]),
            row["decision"],
        ]
        for row in attributions[:_LISTED]
    ]
    return [told.get(name) if name in _OPTIONAL else told[name] for name in _FIELDS]
