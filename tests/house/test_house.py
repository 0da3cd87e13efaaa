"""The house itself: format, lint, types, short modules, and the links of the documentation."""

import ast
import re
import subprocess
import sys
from collections import defaultdict
from contextlib import contextmanager
from pkgutil import resolve_name

import pytest
from checks import CHECKS, ROOMS, check
from import_graph import CONFIGURATION, CONTRACT, rooms
from project import PROJECT


@contextmanager
def raised_as(sentence):
    try:
        yield
    except (ImportError, AttributeError):
        raise AssertionError(sentence) from None


@pytest.mark.parametrize("name", ["format", "lint", pytest.param("types", marks=pytest.mark.slow)])
def test_a_check_finds_nothing(name):
    found = check(name)
    assert found.returncode == 0, found.stdout


def test_the_other_checks_are_tests_of_this_folder():
    for name in ("imports", "docstrings"):
        assert CHECKS[name]()[-1] == f"tests/house/test_{name}.py"
        assert (PROJECT / CHECKS[name]()[-1]).is_file()


def test_make_and_commits_run_every_check():
    make = (PROJECT / "Makefile").read_text("utf-8")
    assert re.search(rf"^check: {' '.join(CHECKS)}\b", make, re.MULTILINE)
    assert re.search(rf"^{' '.join(CHECKS)}:\n\t.* tests/kit/checks.py \$@$", make, re.MULTILINE)
    hooks = (PROJECT / ".pre-commit-config.yaml").read_text("utf-8")
    assert re.findall(r"entry: make (\w+)", hooks) == [*CHECKS]


@pytest.mark.parametrize("name", ["format", "lint", "types"])
def test_a_check_finds_what_is_wrong(name, tmp_path, monkeypatch):
    (tmp_path / "wrong.py").write_text("import os\nx:int='one'\n", "utf-8")
    (tmp_path / "pyproject.toml").write_text("[tool.mypy]\nfiles = ['wrong.py']\n", "utf-8")
    monkeypatch.setattr("checks.PROJECT", tmp_path)
    monkeypatch.setattr("checks.ROOMS", ())
    assert check(name).returncode == 1


@pytest.mark.parametrize("page", sorted([*PROJECT.glob("*.md"), *PROJECT.glob("docs/**/*.md")]))
def test_links_lead_somewhere(page):
    text = page.read_text("utf-8")
    for target in re.findall(r"\]\(([^)#\s]+)", text):
        if "://" not in target:
            assert (page.parent / target).exists(), f"{page.name} links to {target}"


def names_in(text):
    """Return the dotted names and the paths of modules that a text has."""
    rooms = "|".join(ROOMS)
    dotted = re.findall(rf"\bfp\.(?:{rooms})(?:\.\w+)*", text)
    paths = re.findall(rf"`((?:{rooms}|tests|benchmarks)/[\w/]+\.py)`", text)
    return {*dotted} - {"fp.cli.NAME"}, {*paths} - {"notebooks/NAME.py"}


def test_modules_that_are_named_exist():
    pages = [PROJECT / "README.md", PROJECT / "CONTRIBUTING.md", *PROJECT.glob("docs/**/*.*[dt]")]
    modules = (path for room in ROOMS for path in (PROJECT / room).rglob("*.py"))
    for path in (*pages, *PROJECT.glob("notebooks/*.py"), *modules):
        dotted, paths = names_in(path.read_text("utf-8"))
        for name in dotted:
            with raised_as(f"{path.name} names {name}"):
                resolve_name(name)
        for name in paths:
            assert (PROJECT / name).exists(), f"{path.name} names {name}"


def test_a_name_of_nothing_is_found():
    dotted, paths = names_in("see `fp.runs.journal.Log` and `runs/nothing.py`, not fp.name")
    assert (dotted, paths) == ({"fp.runs.journal.Log"}, {"runs/nothing.py"})
    with pytest.raises(AssertionError, match="names it"), raised_as("somebody names it"):
        resolve_name(*dotted)


def test_nothing_is_pickled():
    # What others published as a pickle is read as tensors and numbers alone.
    unguarded = r"torch\.load(?!\(.*, weights_only=True\)$)"
    forbidden = re.compile(rf"\bpickle\b|{unguarded}|torch\.save|allow_pickle\s*=\s*True|joblib")
    for room in ROOMS:
        for path in (PROJECT / room).rglob("*.py"):
            for number, line in enumerate(path.read_text("utf-8").splitlines(), start=1):
                code = line.partition("#")[0].rstrip()
                assert not forbidden.search(code), f"{path}:{number}: {line.strip()}"


def test_modules_stay_readable():
    long = {
        str(path.relative_to(PROJECT)): lines
        for room in ROOMS
        for path in (PROJECT / room).rglob("*.py")
        if (lines := len(path.read_text("utf-8").splitlines())) > 450
    }
    assert not long, f"modules to divide: {long}"


def classes_of(sources):
    """Return where classes of a public name are, by name, from the texts of modules by path."""
    found = defaultdict(list)
    for path, text in sources.items():
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                found[node.name].append(path)
    return found


def test_no_two_classes_have_one_name():
    modules = (path for room in ROOMS for path in (PROJECT / room).rglob("*.py"))
    sources = {str(path.relative_to(PROJECT)): path.read_text("utf-8") for path in modules}
    twins = {name: paths for name, paths in classes_of(sources).items() if len(paths) > 1}
    assert not twins, f"say in the name what each of them is: {twins}"
    assert classes_of({"a.py": "class A: ...\n", "b.py": "if 1:\n    class A: ...\n"}) == {
        "A": ["a.py", "b.py"]
    }


@pytest.mark.slow
def test_the_fast_tests_enter_every_room():
    command = [sys.executable, "-m", "pytest", "--collect-only", "-q", "-m", "not slow"]
    found = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=False)
    assert found.returncode == 0, found.stdout
    entered = {line.rpartition("/")[0] for line in found.stdout.splitlines() if "::" in line}
    expected = {
        room.replace("fp.", "tests/").replace(".", "/") for room in rooms(CONTRACT["layers"])
    }
    # What is stored is tested where it is filled, drawn and written.
    assert expected - entered <= {"tests/fingerprint/model"}


def test_no_two_test_files_have_one_name():
    names = [path.name for path in (PROJECT / "tests").rglob("*.py")]
    assert len(names) == len({*names})


def test_the_fast_tests_are_a_choice_of_make_alone():
    options = CONFIGURATION["pytest"]["ini_options"]
    assert "slow" not in options["addopts"] and "-k" not in options["addopts"]
    assert (PROJECT / "Makefile").read_text("utf-8").count(' -m "not slow"') == 1
