"""Imports go one way down, in no circle, for every room; each rule is proved by breaking it."""

from __future__ import annotations

import subprocess
import sys
from copy import deepcopy
from itertools import pairwise

import grimp
import pytest
from import_graph import (
    CONFIGURATION,
    CONTRACT,
    circle,
    folders,
    graph,
    room_of,
    rooms,
    sources,
    upward,
)
from importlinter.contracts.layers import LayersContract
from project import PROJECT

HEIGHTS = rooms(CONTRACT["layers"])
WAYS_UP = [
    (low, high)
    for low in HEIGHTS
    for high in HEIGHTS
    if low != high and HEIGHTS[low] <= HEIGHTS[high]
]
MANNERS = {
    "at the top": "from {package} import {name}",
    "as a whole": "import {package}.{name} as other",
    "in a function": "def late():\n    from {package}.{name} import thing",
    "for types": "if TYPE_CHECKING:\n    from {package} import {name}",
    "by name": 'def late():\n    return import_module("{package}.{name}")',
    "through a door": 'get, names = front_door(__name__, {{"{package}.{name}": ("Thing",)}})',
    "in a registry": 'MEANS = {{"thing": "{package}.{name}:Thing"}}',
}


def written(manner: str, module: str) -> str:
    """Return an import of a module, written in one of the manners."""
    package, _, name = module.rpartition(".")
    return MANNERS[manner].format(package=package, name=name)


@pytest.fixture(scope="module")
def texts():
    return sources()


@pytest.fixture(scope="module")
def built():
    return grimp.build_graph(*CONFIGURATION["importlinter"]["root_packages"], cache_dir=None)


def kept(built: grimp.ImportGraph) -> bool:
    """Return whether the contract of pyproject.toml is kept."""
    options = {key: value for key, value in CONTRACT.items() if key not in ("name", "type")}
    contract = LayersContract(CONTRACT["name"], CONFIGURATION["importlinter"], options)
    return contract.check(deepcopy(built), verbose=False).kept


def module_in(room: str, texts) -> str:
    return min(name for name in texts if name.startswith(f"{room}."))


# --- one way down ---


def test_imports_point_one_way():
    # 'python -m importlinter.cli' does nothing at all: the module has no main part.
    code = "from importlinter.cli import lint_imports_command as lint; lint()"
    found = subprocess.run(
        [sys.executable, "-c", code, "--no-cache"],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert found.returncode == 0, found.stdout + found.stderr
    assert "1 kept, 0 broken" in found.stdout


def test_an_import_to_a_room_above_breaks_the_contract(built, texts):
    assert kept(built)
    for low, high in WAYS_UP:
        broken = deepcopy(built)
        broken.add_import(importer=module_in(low, texts), imported=module_in(high, texts))
        assert not kept(broken), f"{low} may import {high}"


def test_nobody_comes_in_by_the_front_door(built):
    broken = deepcopy(built)
    broken.add_import(importer="fp.fingerprint.model.fingerprint", imported="fp.fingerprint")
    assert not kept(broken)


def test_imports_by_name_point_the_same_way(texts):
    assert upward(graph(texts), HEIGHTS) == CONTRACT["ignore_imports"]


@pytest.mark.parametrize("manner", MANNERS)
def test_an_import_to_a_room_above_is_seen_however_it_is_written(manner, texts):
    for low, high in WAYS_UP:
        importer, imported = module_in(low, texts), module_in(high, texts)
        two = graph({importer: written(manner, imported), imported: ""})
        assert upward(two, HEIGHTS) == [f"{importer} -> {imported}"]


# --- every room ---


def outside(found: list[str], heights) -> list[str]:
    """Return the folders that stand in no layer."""
    return [folder for folder in found if room_of(folder, heights) is None]


def test_every_folder_stands_in_the_contract(texts):
    # fp.fingerprint itself is nothing but the door to the rooms in it.
    assert outside(folders(), HEIGHTS) == ["fp.fingerprint"]
    doors = [name for name in texts if name.rpartition(".")[0] == "fp.fingerprint"]
    assert set(doors) <= {*HEIGHTS}, "a module of fingerprint/ lies in no room"


@pytest.mark.parametrize("room", HEIGHTS)
def test_a_room_that_is_missing_from_the_contract_is_named(room):
    rest = {name: height for name, height in HEIGHTS.items() if name != room}
    assert room in outside(folders(), rest)


def test_a_new_folder_is_named(tmp_path):
    for place in ("attic", "fingerprint/cellar", "lineage/inner", "docs", "tests/cli", ".venv/lib"):
        (tmp_path / place).mkdir(parents=True)
        (tmp_path / place / "module.py").touch()
    found = outside(folders(tmp_path), HEIGHTS)
    assert found == ["fp.attic", "fp.fingerprint.cellar"]


def test_every_folder_is_installed_checked_and_looked_at():
    found = folders()
    top = [name for name in found if name.count(".") == 1]
    setuptools = CONFIGURATION["setuptools"]
    assert sorted(setuptools["packages"]) == ["fp", *found]
    assert sorted(setuptools["package-dir"]) == ["fp", *top]
    assert [path.name for path in (PROJECT / "start").glob("*.py")] == ["__main__.py"]
    assert sorted(CONFIGURATION["mypy"]["packages"]) == top
    assert sorted(CONFIGURATION["importlinter"]["root_packages"]) == top


def test_exceptions_are_named_one_by_one():
    assert set(CONTRACT) == {"name", "type", "layers", "ignore_imports"}
    assert len(CONTRACT["ignore_imports"]) <= 1
    assert "*" not in "".join(CONTRACT["ignore_imports"])


# --- no circle ---


def test_there_is_no_circle(texts):
    assert circle(graph(texts)) == []


@pytest.mark.parametrize("first", MANNERS)
@pytest.mark.parametrize("second", MANNERS)
def test_a_circle_is_found_however_it_is_written(first, second):
    texts = {
        "fp.a.one": written(first, "fp.a.two"),
        "fp.a.two": "from fp.b import three, four",
        "fp.b.three": written(second, "fp.a.one"),
        "fp.b.four": "",
    }
    found = circle(graph(texts))
    assert found[0] == found[-1] and set(found) == {"fp.a.one", "fp.a.two", "fp.b.three"}
    for importer, imported in pairwise(found):
        assert imported in graph(texts)[importer]


def test_a_relative_import_is_refused():
    with pytest.raises(AssertionError, match=r"fp\.a:1: name the module"):
        graph({"fp.a": "from .b import c", "fp.b": ""})
