"""From a template and its content to one HTML file that needs no other."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Iterator
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fp.images.loading import REASONS as FILE_REASONS
from fp.reports.text import percent, thousands, visible
from fp.system.atomic_files import atomic_path
from fp.system.environment import tool_version

if TYPE_CHECKING:
    from jinja2 import Environment

REPORT = "report.html"
"""Name of a report in its folder."""


def pieces(template: str, **values: Any) -> Iterator[str]:
    """Yield a report piece by piece. Its rows need not be in memory together.

    Values are what the template shows; texts may come from anybody and are escaped.
    """
    from markupsafe import Markup

    css, javascript = _asset("report.css"), _asset("report.js")
    yield from (
        _environment()
        .get_template(template)
        .generate(
            css=Markup(css),
            javascript=Markup(javascript),
            policy=Markup(policy(css, javascript)),
            version=tool_version(),
            **values,
        )
    )


def policy(css: str, javascript: str) -> str:
    """Return the content security policy of a page: its own style and script, pictures within."""
    return (
        f"default-src 'none'; img-src data:; style-src {_hash(css)}; script-src "
        f"{_hash(javascript)}; base-uri 'none'; form-action 'none'"
    )


def _hash(content: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()}'"


def write(path: Path, content: Iterable[str], *, overwrite: bool = False) -> None:
    """Write a report, whole or not at all. `OutputError` if it exists or cannot be written."""
    with (
        atomic_path(path, overwrite=overwrite) as temporary,
        temporary.open("w", encoding="utf-8", newline="") as file,
    ):
        file.writelines(content)


@lru_cache(maxsize=4)
def _asset(name: str) -> str:
    return files("fp.reports").joinpath("templates", name).read_text("utf-8")


@lru_cache(maxsize=1)
def _environment() -> Environment:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("fp.reports"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        # Whatever a name holds, it is shown and does nothing: neither to the line nor to its way.
        finalize=visible,
    )
    environment.globals |= {
        "thousands": thousands,
        "percent": percent,
        "file_reasons": FILE_REASONS,
    }
    return environment
