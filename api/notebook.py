"""How results show themselves in a notebook: one small table, escaped, that asks for nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jinja2 import Template

    from fp.audit.findings import Audit
    from fp.fingerprint.decision.rows import Detection
    from fp.fingerprint.extraction.options import Extraction
    from fp.fingerprint.model.fingerprint import Fingerprint

MOST_ROWS = 20
"""Rows that are shown; a notebook is no place for ten thousand."""

# Colours come from the notebook, so that it can be read in the light and in the dark.
_TEMPLATE = """\
<div class="fp-result">
<p><strong>{{ title }}</strong></p>
{%- if facts %}
<table><tbody>
{%- for label, text in facts.items() %}
<tr><th scope="row" style="text-align:left">{{ label }}</th>
<td style="text-align:left">{{ text }}</td></tr>
{%- endfor %}
</tbody></table>
{%- endif %}
{%- if rows %}
<table><thead><tr>
{%- for column in columns %}<th scope="col" style="text-align:left">{{ column }}</th>{% endfor -%}
</tr></thead><tbody>
{%- for row in rows %}
<tr>{% for cell in row %}<td style="text-align:left">{{ cell }}</td>{% endfor %}</tr>
{%- endfor %}
</tbody></table>
{%- endif %}
{%- for note in notes %}
<p>{{ note }}</p>
{%- endfor %}
</div>"""


@lru_cache(maxsize=1)
def _template() -> Template:
    from jinja2 import Environment, StrictUndefined

    return Environment(autoescape=True, undefined=StrictUndefined).from_string(_TEMPLATE)


def register(data_class: type, **methods: Callable[..., Any]) -> None:
    """Add methods of convenience to a data class that stands below whatever they need.

    A method takes the object first.
    """
    for name, method in methods.items():
        setattr(data_class, name, method)


def show(
    title: str,
    facts: Mapping[str, object] | None = None,
    columns: Sequence[str] = (),
    rows: Sequence[Sequence[object]] = (),
    notes: Sequence[str] = (),
) -> str:
    """Return a result as HTML, everything escaped, without scripts, images or links.

    It has facts by their label, a table, of which only the first `MOST_ROWS` rows are shown, and
    sentences below.
    """
    more = len(rows) - MOST_ROWS
    return _template().render(
        title=title,
        facts={label: cell(value) for label, value in (facts or {}).items()},
        columns=columns,
        rows=[[cell(value) for value in row] for row in rows[:MOST_ROWS]],
        notes=[*([f"... and {more} more rows"] if more > 0 else []), *notes],
    )


def cell(value: object) -> str:
    """Return a value as a short text: nothing for None, four digits of a number."""
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, tuple):
        return "; ".join(map(str, value))
    return str(value)


def facts_of(fingerprint: Fingerprint) -> dict[str, object]:
    """Return what one should know of a fingerprint before it is used, by label."""
    from fp.reports.facts import Facts

    found, null = Facts(fingerprint), fingerprint.null
    beyond: dict[str, object] = {}
    if found.sides:
        beyond["windows"] = found.sides
    if fingerprint.conditions is not None:
        beyond["conditions"] = "images are judged by their measured coding"
    return {
        "method": f"{fingerprint.method} on {fingerprint.denoiser.name} residuals",
        "examined part": f"{fingerprint.crop.width} x {fingerprint.crop.height} pixels",
        "native sizes": ", ".join(fingerprint.native_sizes) or None,
        "preparation": fingerprint.preparation,
        **beyond,
        "held-out scores": f"{found.n_generated} generated, {found.n_real} reference images",
        "mu_g": fingerprint.mu_g,
        "mu_r": fingerprint.mu_r,
        "smallest p": found.smallest_p,
        "shuffled labels": "not run"
        if null is None
        else f"separation {null.observed:.2f}, p = {null.p:.3f} in {null.shuffled.size} shuffles",
        "weak": "yes: it separates no better than label shuffles may" if found.judge.weak else "no",
    }


def show_fingerprint(fingerprint: Fingerprint) -> str:
    """Show a fingerprint."""
    return show(f"Fingerprint of {fingerprint.name}", facts_of(fingerprint))


def show_extraction(found: Extraction) -> str:
    """Show a fingerprint with what its making came across."""
    from fp.reports.audit_text import warnings

    notes = [] if found.audit is None else warnings(found.audit)
    return show(
        f"Fingerprint of {found.fingerprint.name}",
        facts_of(found.fingerprint),
        ("not examined", "why"),
        [(skipped.reason, skipped.message) for skipped in found.skipped],
        notes,
    )


def show_detection(row: Detection) -> str:
    """Show all that is known of one image."""
    facts = {name: value for name, value in row.as_dict().items() if value not in (None, (), "")}
    return show(row.path, {name: value for name, value in facts.items() if name != "path"})


def show_audit(found: Audit) -> str:
    """Show what differs between two folders, the worst first."""
    rows = [(f.severity, f.code, f.sentence, f.advice) for f in found.at_least("note")]
    return show(
        f"{found.n_generated} generated and {found.n_real} reference images",
        None,
        ("severity", "code", "what differs", "what to do"),
        rows,
        [] if rows else ["Nothing was found that tells the two folders apart."],
    )
