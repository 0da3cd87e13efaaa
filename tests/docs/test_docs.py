"""The code in the documentation runs and does what the text says."""

import re
import subprocess
import sys

import click
import pytest
from project import PROJECT

from fp.cli.main import group
from fp.fingerprint.decision.decision import REASONS
from fp.fingerprint.decision.rows import ATTRIBUTION_COLUMNS, DETECTION_COLUMNS
from fp.fingerprint.model.typicality import LEVEL


def twenty_lines(number):
    text = (PROJECT / "CONTRIBUTING.md").read_text("utf-8")
    code = re.findall(r"```python\n(.*?)```", text, re.DOTALL)[number]
    assert len([line for line in code.splitlines() if line.strip()]) <= 20
    return code


def check_runs(code):
    found = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False
    )
    assert found.returncode == 0, found.stderr


def test_the_denoiser_in_twenty_lines_is_a_denoiser():
    check = """
import numpy as np
residual = registry.get("gaussian", sigma=2.0)
image = np.random.default_rng(0).integers(0, 256, (48, 64, 3), dtype=np.uint8)
found = residual(image)
assert found.shape == (3, 48, 64) and found.dtype == np.float32
smooth = gaussian_filter(image[..., 1] / np.float32(255), 2.0)
assert np.allclose(found[1], image[..., 1] / 255 - smooth, atol=1e-5)
assert residual.identity.parameters == {"sigma": 2.0}
"""
    check_runs(twenty_lines(0) + check)


def test_the_estimator_in_twenty_lines_is_an_estimator():
    check = """
rng = np.random.default_rng(0)
residuals, labels = rng.normal(size=(20, 3, 64, 64)), np.arange(20) < 10
residuals[labels] += 0.2 * np.tile(rng.normal(size=(3, 8, 8)), (1, 8, 8))
own = Folded()
features = np.stack([own.features(each) for each in residuals])
fitted = own.fit(features, labels, np.arange(20))
scores = own.score(features, fitted.pattern)
assert fitted.pattern.shape == (3, 8, 8) and scores[labels].min() > scores[~labels].max()
"""
    check_runs(twenty_lines(1) + check)


def test_every_command_of_the_readme_exists_with_its_options():
    text = (PROJECT / "README.md").read_text("utf-8")
    blocks = "\n".join(re.findall(r"```console\n(.*?)```", text, re.DOTALL))
    lines = re.findall(r"^(?:.*&& )?fp (.+)$", blocks, re.MULTILINE)
    assert {line.split()[0] for line in lines} == {"demo", "extract", "detect"}
    for line in lines:
        name, *rest = line.split()
        asked = subprocess.run(
            [sys.executable, "-m", "fp.cli.main", name, "--help"],
            capture_output=True,
            text=True,
            check=False,
        )
        assert asked.returncode == 0, line
        for option in (word for word in rest if word.startswith("-")):
            assert re.search(rf"(^|\s){re.escape(option)}\b", asked.stdout), f"{option}: {line}"


PAGES = [
    *(PROJECT / name for name in ("README.md", "CONTRIBUTING.md", "RESULTS.md")),
    *sorted(PROJECT.glob("docs/**/*.md")),
]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_command_in_a_line_of_text_exists_with_its_options(page):
    text = re.sub(r"^```.*?^```$", "", page.read_text("utf-8"), flags=re.M | re.S)
    for told in re.findall(r"`fp ([a-z][^`]*)`", text):
        words = told.split()
        command = group.get_command(click.Context(group), words.pop(0))
        assert command is not None, f"{page.name}: fp {told}"
        while isinstance(command, click.Group) and words and words[0].isalpha():
            command = command.get_command(click.Context(command), words.pop(0))
            assert command is not None, f"{page.name}: fp {told}"
        known = {name for p in command.params for name in (*p.opts, *p.secondary_opts)}
        for word in words:
            if word.startswith("-") and not isinstance(command, click.Group):
                assert word.partition("=")[0] in {*known, "--help"}, f"{page.name}: fp {told}"


def test_ci_runs_the_test_command_of_the_readme():
    text = (PROJECT / "README.md").read_text("utf-8")
    block = text.split("<!-- test-command -->")[1].split("```")[1]
    command = [line for line in block.splitlines() if line.startswith("python")]
    assert len(command) == 1 and command[0].endswith("python -m pytest -n 2 --dist loadfile")
    assert "<!-- test-command -->" in (PROJECT / ".ci" / "run").read_text("utf-8")


def test_the_command_reference_is_what_the_commands_say():
    folder = PROJECT / "docs"
    code = "import write_commands; print(write_commands.text(), end='')"
    found = subprocess.run(
        [sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, check=True
    )
    assert found.stdout == (folder / "commands.md").read_text("utf-8"), (
        "write it again: python docs/write_commands.py"
    )


def test_every_column_and_reason_of_an_answer_is_explained():
    page = (PROJECT / "docs" / "answers.md").read_text("utf-8")
    told = set(re.findall(r"`([a-z0-9_]+)`", page))
    assert told >= {*DETECTION_COLUMNS, *ATTRIBUTION_COLUMNS} - {"method"}
    for code, meaning in REASONS.items():
        assert f"| `{code}` | {meaning} |" in page
    assert f"p_typical > {LEVEL:g}" in page
