"""Docstrings of everything public are numpydoc; where one lists parameters, it lists them all."""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Iterator
from importlib import import_module
from types import ModuleType

import pytest
from import_graph import CONFIGURATION, sources
from numpydoc.validate import validate

CHECKS = frozenset(CONFIGURATION["numpydoc_validation"]["checks"])


def public(module: ModuleType) -> Iterator[tuple[str, object]]:
    """Yield what a module defines for others: functions, classes, and their methods."""
    own = [
        (name, thing)
        for name, thing in vars(module).items()
        if not name.startswith("_") and getattr(thing, "__module__", None) == module.__name__
    ]
    for name, thing in own:
        if inspect.isfunction(thing) or inspect.isclass(thing):
            yield f"{module.__name__}.{name}", thing
        if inspect.isclass(thing):
            for inner, member in vars(thing).items():
                kinds = property | classmethod | staticmethod
                # A field whose default is a function is told of with the fields.
                is_field = inner in vars(thing).get("__annotations__", {})
                if not inner.startswith("_") and (
                    (inspect.isfunction(member) and not is_field) or isinstance(member, kinds)
                ):
                    yield f"{module.__name__}.{name}.{inner}", member


def documented_above(thing: object) -> set[str]:
    """Return the fields that a data class has from another, whose docstring tells of them."""
    if not inspect.isclass(thing):
        return set()
    return {field for base in thing.__mro__[1:] for field in vars(base).get("__annotations__", {})}


def faults(module: ModuleType) -> list[str]:
    """Return what is wrong in the docstrings of a module."""
    found = [] if module.__doc__ else [f"{module.__name__}: no docstring"]
    for name, thing in public(module):
        report = validate(name)
        sections = set(re.findall(r"^ *(\w+)\n *-{4,}$", report["docstring"], re.MULTILINE))
        for code, told in report["errors"]:
            # Without a section, names and types say enough.
            if code not in CHECKS or (code == "PR01" and "Parameters" not in sections):
                continue
            if code == "PR01" and {*re.findall(r"'(\w+)'", told)} <= documented_above(thing):
                continue
            found.append(f"{name}: {code} {told}")
    return found


MOST_WORDS = 15
"""Words of a first sentence; what stands in brackets and numbers are not counted."""


def long_sentences(text: str) -> list[str]:
    """Return the first sentences of docstrings that are too long to be read at a glance."""
    kinds = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
    docstrings = [
        ast.get_docstring(n) or "" for n in ast.walk(ast.parse(text)) if isinstance(n, kinds)
    ]
    found = []
    for docstring in docstrings:
        summary = " ".join(docstring.partition("\n\n")[0].split())
        first = re.split(r"(?<=[.?])\s+(?=[A-Z`])", summary)[0]
        words = re.sub(r"\([^()]*\)", "", first).split()
        if sum(bool(re.search("[A-Za-z]", word)) for word in words) > MOST_WORDS:
            found.append(first)
    return found


def test_first_sentences_are_short():
    found = {name: long_sentences(text) for name, text in sources().items()}
    assert not any(found.values()), {name: told for name, told in found.items() if told}


@pytest.mark.parametrize(
    ("sentence", "is_long"),
    [
        (" ".join(["word"] * 15) + ".", False),
        (" ".join(["word"] * 16) + ".", True),
        (" ".join(["word"] * 15) + " (n, p) <= 22. " + "More words " * 9, False),
        ("Short.", False),
        ("", False),
    ],
)
def test_a_long_first_sentence_is_found(sentence, is_long):
    for owner in ("", "class Thing:\n    ", "def _thing():\n    ", "async def thing():\n    "):
        assert bool(long_sentences(f'{owner}"""{sentence}"""\n')) == is_long


def test_docstrings_are_numpydoc():
    found = [told for name in sources() for told in faults(import_module(name))]
    assert not found, "\n".join(found)


WELL = '''
    """Return a thing.

    Parameters
    ----------
    first : int
        One.
    second : int
        Another.
    """
'''


@pytest.mark.parametrize(
    ("code", "before", "after"),
    [
        ("GL08", WELL, ""),
        ("SS01", "Return a thing.", ""),
        ("SS03", "Return a thing.", "Return a thing"),
        ("SS05", "Return a thing.", "Returns a thing."),
        ("PR01", "    second : int\n        Another.\n", ""),
        ("PR02", "second : int", "third : int"),
        ("PR03", "first : int", "second : int"),
        ("", "", ""),
    ],
)
def test_a_docstring_that_breaks_a_rule_is_found(code, before, after, tmp_path, monkeypatch):
    text = f'"""A module."""\n\n\ndef thing(first, second):{WELL}    return first + second\n'
    text = text.replace(before, after, 1) if before else text
    if code == "PR03":
        text = text.replace("second : int\n        An", "first : int\n        An", 1)
    name = f"documented_{code or 'well'}"
    (tmp_path / f"{name}.py").write_text(text, "utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    found = faults(import_module(name))
    assert {told.split()[1] for told in found} >= {code} - {""}, found
    assert code or not found
