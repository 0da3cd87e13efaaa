"""The site: built without a warning, complete, and asking for nothing outside of itself."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time

import pytest
from project import PROJECT

DOCS = PROJECT / "docs"


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    pytest.importorskip("myst_parser")
    place = tmp_path_factory.mktemp("site")
    # In a process of its own: Sphinx changes the locale, and warnings are errors to it already.
    command = [sys.executable, "-m", "sphinx", "-q", "-W", "--keep-going", "-b", "html"]
    started = time.monotonic()
    found = subprocess.run(
        [*command, "-d", place / "trees", DOCS, place / "html"],
        # An outside request would fail there, and the build with it.
        env={**os.environ, "http_proxy": "http://127.0.0.1:9", "https_proxy": "http://127.0.0.1:9"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert found.returncode == 0, found.stdout + found.stderr
    # A few seconds where nothing else runs.
    assert time.monotonic() - started < 120
    return place / "html"


def test_every_page_is_in_the_contents(site):
    contents = (site / "index.html").read_text("utf-8")
    for page in (*DOCS.rglob("*.md"), *DOCS.glob("*.rst")):
        place = page.relative_to(DOCS).with_suffix(".html").as_posix()
        assert f'href="{place}' in contents or place == "index.html", place


def test_no_page_asks_for_anything_outside(site):
    pages = sorted(site.glob("*.html"))
    assert len(pages) > 20
    for page in pages:
        text = page.read_text("utf-8")
        assert not re.search(r"<(script|img|iframe)[^>]+src=.(https?:)?//", text), page.name
        assert not re.search(r"<link[^>]+href=.(https?:)?//", text), page.name
    for style in (site / "_static").rglob("*.css"):
        assert not re.search(r"url\(.?(https?:)?//|@import", style.read_text("utf-8")), style.name


def test_equations_are_mathml_and_nothing_of_them_is_left_as_text(site):
    page = (site / "method.html").read_text("utf-8")
    assert page.count("<math ") > 40
    assert page.count('display="block"') > 12
    assert not re.search(r"\\(frac|sum|sqrt|lVert|mathrm)", page)


def test_the_public_names_have_their_signatures(site):
    import fp.denoisers
    import fp.fingerprint
    import fp.lineage

    page = (site / "reference.html").read_text("utf-8")
    for room in (fp.fingerprint, fp.lineage, fp.denoisers):
        for name in room.__all__:
            assert f'id="{room.__name__}.{name}"' in page, f"{room.__name__}.{name}"
