"""The tables of the pages are those of their CSV, and have rows that say what made them."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
from dataclasses import replace
from datetime import date
from pathlib import Path

import click
import pytest
from click.testing import CliRunner
from project import PROJECT


def module(name):
    """Import a benchmark's module from its file: the folder is no package."""
    spec = importlib.util.spec_from_file_location(name, PROJECT / "benchmarks" / f"{name}.py")
    found = importlib.util.module_from_spec(spec)
    sys.modules[name] = found
    spec.loader.exec_module(found)
    return found


tables = module("result_tables")
figures = module("result_figures")
sections = module("sections")
results = module("results")

ROWS = sections.read_rows()
MADE = [name for name, row in ROWS.items() if row.commit]
MOST_LINES, MOST_PROSE = 150, 200
FIGURE = re.compile(
    r"[+-]?\d[\d.e+]* \([^()]* to [^()]*\)(?:, null -?[\d.]+)?"  # 98.8 (97.7 to 100.0), null 52.2
    r"|\d+ of [\d,]+ \([^()]*\)"  # 150 of 153 (94 to 100 %)
)


@pytest.fixture
def history():
    if not sections.git("log", "-1"):
        pytest.skip("no git history here: commits and the age of tables cannot be checked")
    if sections.git("rev-parse", "--is-shallow-repository").strip() == "true":
        pytest.skip("the git history here is shallow: older commits are not in it")


def in_page(name):
    """Return the section of a row as its page shows it, in one line."""
    return " ".join(sections.sections_of(sections.find_page(name).read_text("utf-8"))[name].split())


def told(name):
    """Return all that a section tells in one line: its part of the page, and its CSV as tables."""
    stored = [tables.read_csv(path).lines() for path in tables.csv_files(name, sections.DOCS)]
    return " ".join(" ".join([in_page(name), *stored]).split())


def test_every_section_has_a_row_and_every_row_a_section():
    pages = PROJECT.glob("docs/**/*.md")
    held = [name for page in pages for name in sections.sections_of(page.read_text("utf-8"))]
    assert sorted(held) == sorted(ROWS)


@pytest.mark.parametrize("name", ROWS)
def test_a_row_says_what_made_the_table(name):
    row = ROWS[name]
    assert row.commands and row.code and row.seeds
    assert row.takes in ("", "minutes", "hours")
    for path in row.code:
        assert (PROJECT / path).exists(), path
    for command in row.commands:
        program, *rest = command.split()
        assert program == "fp" or (PROJECT / rest[0]).is_file(), command
    if not row.commit:
        assert not in_page(name), "a table without a commit"


@pytest.mark.parametrize("name", MADE)
def test_the_page_says_what_the_row_says(name):
    assert in_page(name).startswith(sections.stamp(ROWS[name]))
    assert (sections.OLDER in in_page(name)) == ROWS[name].older


@pytest.mark.parametrize("name", MADE)
def test_the_commit_is_in_the_history(name, history):
    assert sections.is_commit(ROWS[name].commit)


def test_tables_whose_code_has_changed_say_so(history):
    changed = [
        name
        for name in MADE
        if not ROWS[name].older and sections.is_changed(ROWS[name].commit, ROWS[name].code)
    ]
    assert not changed, "say it in row and page: python benchmarks/results.py age"


def test_the_file_is_written_as_it_was_read(tmp_path):
    (tmp_path / "results").mkdir()
    sections.write_rows(ROWS, tmp_path)
    assert sections.read_rows(tmp_path) == ROWS
    written = (tmp_path / "results" / "provenance.toml").read_bytes()
    assert written == (PROJECT / "docs" / "results" / "provenance.toml").read_bytes()


def test_results_are_short_and_pages_by_topic_too():
    assert len((PROJECT / "RESULTS.md").read_text("utf-8").splitlines()) <= MOST_LINES
    for page in PROJECT.glob("docs/results/*.md"):
        lines = page.read_text("utf-8").splitlines()
        assert sum(not line.startswith("|") for line in lines) <= MOST_PROSE, page.name


def test_figures_are_found():
    told = "| a | 98.8 (97.7 to 100.0), null 52.2; +5.1 (-0.2 to +6.2), 1 of 1,080 (2.8 %) | 9 |"
    assert FIGURE.findall(told) == [
        *("98.8 (97.7 to 100.0), null 52.2", "+5.1 (-0.2 to +6.2)", "1 of 1,080 (2.8 %)"),
    ]


def test_every_figure_of_the_results_stands_in_its_page():
    rows = (PROJECT / "RESULTS.md").read_text("utf-8").splitlines()
    checked = 0
    for line in rows:
        page = re.search(r"\]\((docs/[^)#]+)\) \|$", line)
        if line.startswith("|") and page:
            text = (PROJECT / page[1]).read_text("utf-8")
            text += " ".join(told(name) for name in sections.sections_of(text))
            for figure in FIGURE.findall(line):
                assert figure in text, f"{figure} is not in {page[1]}"
                checked += 1
    assert checked > 60


def test_every_figure_beside_the_papers_stands_in_the_table_of_its_row():
    lines = (PROJECT / "docs" / "results" / "papers.md").read_text("utf-8").splitlines()
    rows = [line for line in lines if line.startswith("|")]
    checked = []
    for row in rows:
        found = FIGURE.findall(row)
        names = re.findall(r"`([^`]+)`", row.split("|")[4]) if found else []
        assert all(sections.find_page(name).name in row for name in names), row
        for figure in found:
            assert any(figure in told(name) for name in names), f"{figure} is not in {names}"
            checked.append(figure)
    assert len(checked) > 80
    prose = " ".join(line.strip() for line in lines if not line.startswith("|"))
    assert set(FIGURE.findall(prose)) <= set(checked)


# Tables and figures are made from CSV.


@pytest.mark.parametrize("name", ROWS)
def test_the_page_shows_what_its_csv_holds(name):
    text = sections.sections_of(sections.find_page(name).read_text("utf-8"))[name]
    stored = tables.csv_files(name, sections.DOCS)
    assert len(sections.SHOWN.findall(text)) == len(stored)
    assert sections.show_tables(name, text) == text, "python benchmarks/results.py show"


def test_no_csv_is_left_of_a_table_that_is_gone():
    held = [path for name in ROWS for path in tables.csv_files(name, sections.DOCS)]
    assert sorted(held) == sorted(PROJECT.glob("docs/results/csv/*"))


def test_every_figure_is_drawn_from_its_csv():
    folder = sections.DOCS / "results" / "csv"
    drawn = sorted(path.stem for path in PROJECT.glob("docs/figures/*.svg"))
    assert drawn == sorted(figures.FIGURES)
    for name in drawn:
        svg = (PROJECT / "docs" / "figures" / f"{name}.svg").read_text("utf-8")
        assert figures.mark(folder / f"{name}.csv") in svg, "python benchmarks/results.py show"


def test_a_figure_is_the_same_twice_and_another_with_other_numbers(tmp_path):
    stored = sections.DOCS / "results" / "csv" / "window-sizes.csv"
    once, again = figures.drawn(stored), figures.drawn(stored)
    assert once == again
    changed = tmp_path / stored.name
    changed.write_text(stored.read_text("utf-8").replace("74.4", "54.4"), "utf-8")
    other = figures.drawn(changed).decode().replace(figures.mark(changed), figures.mark(stored))
    assert other != once.decode()


@pytest.mark.parametrize(
    ("cell", "parts"),
    [
        ("98.8 (97.7 to 100.0)", {"value": "98.8", "low": "97.7", "high": "100.0"}),
        ("-1.0 (-2.5 to 0.6), null 19.0", {"value": "-1.0", "high": "0.6", "null": "19.0"}),
        ("36 of 1,080 (76 to 97 %)", {"value": "36", "of": "1080", "low": "76", "high": "97"}),
        ("2 of 1,080 (0.2 %)", {"value": "2", "of": "1080", "share": "0.2"}),
        ("9 of 160: 0.056 (0.026 to 0.104)", {"of": "160", "rate": "0.056", "high": "0.104"}),
        ("1.5 (1.0 to 2.0), AUC 0.9, null 5.0 (4.0 to 6.0), 20 splits", {"splits": "20"}),
        ("+5.1 (-0.2 to +6.2)", {"value": "+5.1"}),
        ("3 of 40: back:0.5, PNG", {"value": "3 of 40: back:0.5, PNG"}),
        ("1.26 / 1.28", {"value": "1.26 / 1.28"}),
        ("36 of 40 (76 to 97)", {"value": "36 of 40 (76 to 97)"}),
        ("-", {"value": "-"}),
        ("", {"value": ""}),
    ],
)
def test_a_cell_is_what_its_parts_are(cell, parts):
    found = tables.split_cell(cell)
    assert parts.items() <= found.items()
    assert tables.join_cell(found) == cell


def test_numbers_have_columns_of_their_own_in_the_csv(tmp_path):
    table = tables.Table(
        ("set", "auto", "note, of it"),
        (("a", "2 of 1,080 (0.2 %)", "-"), ("b, c", "98.8 (97.7 to 100.0), null 9.0", "")),
    )
    path = tmp_path / "a b.csv"
    tables.write_csv(table, path)
    assert path.read_text("utf-8") == (
        'set,auto,auto of,auto low,auto high,auto share,auto null,"note, of it"\n'
        "a,2,1080,,,0.2,,-\n"
        '"b, c",98.8,,97.7,100.0,,9.0,\n'
    )
    assert tables.read_csv(path) == table
    assert tables.read_markdown(table.lines()) == table


def test_a_table_that_its_csv_cannot_hold_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"one\.csv does not hold its table"):
        tables.store_tables("one", "| p | p of |\n| --- | --- |\n| 1 | 2 |\n", tmp_path)


# What the checks above rest on, with a history of its own.


@pytest.fixture
def project(tmp_path):
    """A project with code, a table that it made, and a history."""
    (tmp_path / "docs" / "results").mkdir(parents=True)
    for folder in ("room", "still"):
        (tmp_path / folder).mkdir()
    (tmp_path / "still" / "code.py").write_text("y = 1\n")
    (tmp_path / "room" / "code.py").write_text('"""One."""\n\nx = 1\n')
    (tmp_path / "docs" / "a page.md").write_text(
        "# Page\n\n<!-- begin one -->\n<!-- end one -->\n\nOn.\n"
    )
    for command in ("init -q", "add .", "commit -q -m code"):
        subprocess.run(
            ["git", "-c", "user.name=a", "-c", "user.email=a@b.c", *command.split()],
            cwd=tmp_path,
            check=True,
        )
    commit = sections.git("rev-parse", "--short=7", "HEAD", project=tmp_path).strip()
    row = sections.Row(
        ("python benchmarks/one.py",), date(2026, 11, 2), commit, seeds="0", code=("room",)
    )
    sections.write_rows({"one": row}, tmp_path / "docs")
    sections.put_section("one", f"{sections.stamp(row)} A note.\n\n| a |", tmp_path / "docs")
    return tmp_path


def test_a_table_is_older_once_its_code_has_changed(project):
    docs = project / "docs"
    assert sections.mark_older(docs, project) == []
    code = project / "room" / "code.py"
    code.write_text('"""Another text."""\n\n# A comment.\nx = 1\n')
    assert sections.mark_older(docs, project) == []
    code.write_text('"""One."""\n\nx = 2\n')
    assert sections.mark_older(docs, project) == ["one"]
    row = sections.read_rows(docs)["one"]
    assert row.older
    text = (docs / "a page.md").read_text()
    assert text.startswith("# Page\n") and text.endswith("\n\n| a |\n<!-- end one -->\n\nOn.\n")
    assert f"commit {row.commit}. {sections.OLDER} A note." in " ".join(text.split())
    code.write_text("x = 3\n")
    assert sections.mark_older(docs, project) == []


@pytest.mark.parametrize("change", ["removed", "added", "data", "unknown commit"])
def test_other_changes_of_the_code_are_seen(project, change):
    commit = sections.read_rows(project / "docs")["one"].commit
    if change == "removed":
        (project / "room" / "code.py").unlink()
    elif change == "added":
        (project / "room" / "more.py").write_text("")
        subprocess.run(["git", "add", "room"], cwd=project, check=True)
    elif change == "data":
        (project / "room" / "weights").write_bytes(b"1")
        subprocess.run(["git", "add", "room"], cwd=project, check=True)
    else:
        commit = "0000000"
    assert sections.is_changed(commit, ("room",), project)
    assert sections.is_changed(commit, ("still",), project) == (change == "unknown commit")


def test_a_section_is_put_into_the_page_that_holds_it(project, monkeypatch, capsys):
    docs = project / "docs"
    with pytest.raises(click.UsageError, match=r"two.*no page"):
        sections.put_section("two", "", docs)
    (docs / "results" / "other.md").write_text("<!-- begin one -->\n<!-- end one -->\n")
    with pytest.raises(click.UsageError, match=r"a page\.md, results/other\.md"):
        sections.put_section("one", "", docs)
    (docs / "results" / "other.md").write_text("<!-- begin two -->\nold\n<!-- end two -->\nmore\n")
    head = sections.git("rev-parse", "--short=7", "HEAD").strip() or "0000000"
    monkeypatch.setattr(sections, "is_changed", lambda commit, code: False)
    sections.publish("two", ("fp x", f"python a {sections.WORK}/b"), "| new |", head, docs=docs)
    row = sections.read_rows(docs)["two"]
    assert (row.commit, row.older, row.commands[1]) == (head, False, "python a .work/b")
    written = (docs / "results" / "other.md").read_text()
    told = f"{sections.stamp(row)}\n\n| new |"
    assert written == f"<!-- begin two -->\n{told}\n<!-- end two -->\nmore\n"
    assert capsys.readouterr().out == "| new |\n"
    sections.publish(None, "fp y", "| printed |", docs=docs)
    assert (docs / "results" / "other.md").read_text() == written


def test_tables_become_csv_and_pages_are_made_from_it(project, monkeypatch):
    docs = project / "docs"
    monkeypatch.setattr(sections, "is_changed", lambda commit, code: False)
    monkeypatch.setattr(figures, "FIGURES", {"one-2": figures.FIGURES["window-sizes"]})
    monkeypatch.setattr(sections, "FIGURES", figures.FIGURES)
    drawn = "| side | predicted accuracy, % | accuracy, % |\n| --- | --- | --- |\n| 8 | 7.0 | 8.0 |"
    text = f"| a | b |\n| --- | --- |\n| x | 5 of 2000 |\n\nBetween.\n\n{drawn}"
    sections.publish("one", "fp x", text, "1234567", docs=docs)
    page = docs / "a page.md"
    made = page.read_text("utf-8")
    assert "| x | 5 of 2,000 |\n\nBetween.\n\n![Accuracy" in made and drawn in made
    first, second = tables.csv_files("one", docs)
    assert first.read_text() == "a,b,b of\nx,5,2000\n"
    figure = docs / "figures" / "one-2.svg"
    assert figures.mark(second) in figure.read_text() and sections.show_pages(docs) == []
    second.write_text(second.read_text().replace("8.0", "8.5"))
    assert figures.mark(second) not in figure.read_text()
    assert sections.show_pages(docs) == ["one"]
    assert page.read_text("utf-8") == made.replace("8.0", "8.5")
    assert figures.mark(second) in figure.read_text()
    page.write_text(page.read_text().replace("| x | 5 of", "| x | 6 of"))
    sections.take_tables("one", docs)
    assert first.read_text() == "a,b,b of\nx,6,2000\n" and sections.show_pages(docs) == []
    page.write_text(page.read_text().replace(drawn.replace("8.0", "8.5"), "The numbers: there"))
    with pytest.raises(click.UsageError, match="one shows a figure in place of a table"):
        sections.take_tables("one", docs)
    sections.publish("one", "fp x", "| a |\n| --- |\n| 1 |", "1234567", docs=docs)
    assert [path.name for path in tables.csv_files("one", docs)] == ["one.csv"]


def test_what_lacks_its_data_is_skipped_with_a_sentence(tmp_path):
    row = sections.Row(("python a.py --zoo zoo-0 BANK.h5",), needs=("corpus",))
    here = {"FP_CORPUS": str(tmp_path), "FP_WORK": "/w"}
    assert results.lacks(row, here) == "FP_CORPUS names no corpus"
    (tmp_path / "real").mkdir()
    assert results.lacks(row, here) == ""
    assert "zoo.py --seed 0" in results.lacks(replace(row, needs=("corpus", "zoos")), here)
    drawn = sections.Row(("python a.py --zoo sampling-7",), needs=("zoos",))
    assert "zoo_sampling.py --seed 7" in results.lacks(drawn, here)
    row = replace(row, needs=("BANK",))
    assert results.lacks(row, here) == "the variable BANK must name it"
    assert results.lacks(row, here | {"BANK": "a b.h5"}) == ""


def test_commands_run_with_the_paths_of_this_machine():
    here = {"FP_CORPUS": "/a corpus", "FP_WORK": "/w", "BANK": "/b.h5"}
    told = "fp evaluate ../shared/corpus -o .work/corpus --jobs 2"
    assert results.arguments_of(told, here) == [
        *(sys.executable, "-m", "fp.cli.main", "evaluate", "/a corpus"),
        *("-o", "/w/corpus", "--jobs", "2"),
    ]
    told = "python benchmarks/windows.py memory BANK.h5 --parameters '{\"a\":1}'"
    assert results.arguments_of(told, here) == [
        *(sys.executable, "benchmarks/windows.py", "memory", "/b.h5", "--parameters", '{"a":1}'),
    ]


def test_what_has_finished_is_not_run_again(tmp_path, monkeypatch):
    ran = []

    def done(arguments, kept, environment):
        ran.append((kept.name, arguments[1]))
        if "two" in arguments:
            return False
        Path(kept).parent.mkdir(parents=True, exist_ok=True)
        Path(kept).write_text("table")
        return True

    def row(name, takes):
        return sections.Row((f"python {name}", "python then"), takes=takes)

    rows = {"a": row("one", "minutes"), "b": row("two", "hours"), "c": row("one", "minutes")}
    monkeypatch.setattr(results, "read_rows", lambda: rows | {"d": row("four", "")})
    monkeypatch.setattr(results, "done", done)
    work = str(tmp_path)
    assert CliRunner().invoke(results.main, ["run", "--fast", "--work", work]).exit_code == 0
    assert ran == [("a-1.txt", "one"), ("a-2.txt", "then")]
    ended = CliRunner().invoke(results.main, ["run", "--work", work])
    assert ended.exit_code == 1 and "b failed" in ended.output
    assert ran[2:] == [("b-1.txt", "two")]


def test_what_a_command_prints_is_kept_if_it_succeeds(tmp_path):
    kept = tmp_path / "a b" / "one.txt"
    assert not results.done([sys.executable, "-c", "print(1); exit(1)"], kept, {})
    assert not kept.exists()
    assert results.done([sys.executable, "-c", "print(2)"], kept, {})
    assert kept.read_text() == "2\n"
