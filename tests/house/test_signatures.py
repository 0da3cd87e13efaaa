"""Signatures that can be read: few parameters, named results, one name for a kind of array."""

import ast
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[2]
MOST_PARAMETERS = 8
MOST_RESULTS = 2
ALIASES = "system/arrays.py"
INHERITED = {"resolve_command": "click.Group asks for a command, its name and what is left over"}


def offences(source, place="room/module.py"):
    """Return what a module's signatures and aliases offend against, a line each."""
    return [line for node in ast.walk(ast.parse(source)) for line in _offences(node, place)]


def _offences(node, place):
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        if (count := _parameters(node)) > MOST_PARAMETERS:
            yield f"{place}: {node.name} has {count} parameters"
        if _is_public(node) and (count := _bare_results(node.returns)) > MOST_RESULTS:
            yield f"{place}: {node.name} returns a bare tuple of {count}"
    elif (name := _array_alias(node)) and place != ALIASES:
        yield f"{place}: {name} is an alias of an array"


def _parameters(function):
    given = function.args
    named = [*given.posonlyargs, *given.args, *given.kwonlyargs]
    own = [each.arg for each in named if each.arg not in ("self", "cls")]
    return len(own) + bool(given.vararg) + bool(given.kwarg)


def _is_public(function):
    return not function.name.startswith("_") and function.name not in INHERITED


def _bare_results(annotation):
    """Count what a tuple holds; one of any length counts as one thing."""
    if isinstance(annotation, ast.Constant) and isinstance(annotation.value, str):
        annotation = ast.parse(annotation.value, mode="eval").body
    if isinstance(annotation, ast.BinOp):  # a tuple or None
        return max(map(_bare_results, (annotation.left, annotation.right)))
    if not isinstance(annotation, ast.Subscript) or ast.unparse(annotation.value) != "tuple":
        return 0
    held = annotation.slice.elts if isinstance(annotation.slice, ast.Tuple) else [annotation.slice]
    return len(held)


def _array_alias(node):
    """Return the name that an assignment makes an array type, however it is written."""
    if isinstance(node, ast.Assign):
        names, value = node.targets, node.value
    elif isinstance(node, ast.AnnAssign):
        names, value = [node.target], node.value
    elif type(node).__name__ == "TypeAlias":
        names, value = [node.name], node.value
    else:
        return None
    return ast.unparse(names[0]) if _is_array(value) else None


def _is_array(value):
    if isinstance(value, ast.BinOp):
        return _is_array(value.left) or _is_array(value.right)
    return isinstance(value, ast.Subscript) and ast.unparse(value.value).endswith(
        ("NDArray", "ndarray")
    )


def modules(room):
    return [path for path in (PROJECT / room).rglob("*.py") if "__pycache__" not in path.parts]


@pytest.mark.parametrize("room", sorted(path.parent.name for path in PROJECT.glob("*/py.typed")))
def test_signatures_can_be_read(room):
    found = []
    for path in modules(room):
        found += offences(path.read_text("utf-8"), path.relative_to(PROJECT).as_posix())
    assert not found


def test_no_alias_of_an_array_is_defined_twice():
    tree = ast.parse((PROJECT / ALIASES).read_text("utf-8"))
    aliases = {}
    for node in tree.body:
        if name := _array_alias(node):
            aliases.setdefault(ast.unparse(node.value), []).append(name)
    assert aliases, "the aliases are looked for where they are"
    names = [name for group in aliases.values() for name in group]
    assert len(names) == len(set(names)) == len(aliases), aliases


NINE = ", ".join("abcdefghi")


@pytest.mark.parametrize(
    ("source", "offends"),
    [
        (f"def f({NINE}): ...", True),
        (f"def _f({NINE}): ...", True),
        (f"class A:\n    def f(self, {NINE}): ...", True),
        (f"class A:\n    def f(self, {NINE[3:]}): ...", False),
        ("def f(a, b, c, d, e, f, *, g, h): ...", False),
        ("def f(a, b, c, d, e, f, *, g, h, i): ...", True),
        ("def f(a, b, c, d, e, f, g, *h, **i): ...", True),
        ("def f() -> tuple[int, int, int]: ...", True),
        ("def f() -> tuple[int, int, int] | None: ...", True),
        ("def f() -> 'tuple[int, int, int]': ...", True),
        ("def f() -> tuple[int, int]: ...", False),
        ("def f() -> tuple[int, ...]: ...", False),
        ("def _f() -> tuple[int, int, int]: ...", False),
        ("Scores = NDArray[np.float64]", True),
        ("Scores: TypeAlias = npt.NDArray[np.float64]", True),
        ("Scores = NDArray[np.float32] | NDArray[np.float64]", True),
        ("scores = found[0]", False),
    ],
)
def test_what_offends_is_found(source, offends):
    assert bool(offences(source)) == offends


def test_what_is_excepted_is_inherited():
    """The exception holds for a method of click's own, and for nothing else of that name."""
    from fp.cli.suggesting import SuggestingGroup

    for name in INHERITED:
        assert hasattr(SuggestingGroup.__mro__[1], name)
