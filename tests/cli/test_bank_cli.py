"""``fp bank``: results on standard output, messages on standard error, exit codes that mean it."""

import json

import h5py
import numpy as np
import pytest
from golden_bank import GOLDEN, full, small

from fp.cli.bank import command
from fp.cli.main import main
from fp.fingerprint.store.bank import read_bank, write_bank


@pytest.fixture
def run(capfd):
    """Run ``fp bank`` and give exit code, standard output and standard error."""

    def call(*arguments):
        with pytest.raises(SystemExit) as ended:
            main(["bank", *map(str, arguments)])
        out, err = capfd.readouterr()
        return int(ended.value.code or 0), out, err

    return call


def damage(path):
    with h5py.File(path, "r+") as file:
        file["000001"].attrs["crop_width"] = np.int64(96)


def test_list_gives_a_row_a_fingerprint(run, bank):
    code, out, err = run("list", bank)
    head, *rows = (line.split("\t") for line in out.splitlines())
    assert (code, err) == (0, "")
    found = [dict(zip(head, row, strict=True)) for row in rows]
    assert [row["name"] for row in found] == [full().name, small().name]
    assert found[0]["method"] == "tile"
    assert found[0]["denoiser"] == "wavelet"
    assert found[0]["crop"] == "320x256"
    assert found[0]["native_sizes"] == "1024x1024 512x512"
    assert (found[0]["n_real"], found[0]["n_generated"]) == ("4", "3")
    assert float(found[0]["mu_g"]) == pytest.approx(full().mu_g, rel=1e-4)
    assert found[0]["uuid"] == full().uuid
    assert (found[0]["null_p"], found[1]["null_p"]) == ("0.16667", "-")


def test_list_as_json_has_the_same_columns(run, bank):
    code, out, _ = run("list", bank, "--json")
    rows = json.loads(out)
    _, table, _ = run("list", bank)
    assert code == 0
    assert list(rows[0]) == table.splitlines()[0].split("\t")
    assert rows[0]["mu_r"] == full().mu_r
    assert rows[1]["null_p"] is None


def test_a_folder_is_listed_as_one_bank(run, tmp_path):
    write_bank(tmp_path / "b.h5", [small("b")])
    write_bank(tmp_path / "a.h5", [small("a")])
    _, out, _ = run("list", tmp_path, "--json")
    assert [row["name"] for row in json.loads(out)] == ["a", "b"]


def test_on_a_terminal_there_is_a_table_that_fits(run, bank, monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "80")
    _, out, _ = run("list", bank)
    assert "\t" not in out and "wavelet" in out and "3 + 4" in out
    assert len(out.splitlines()) == 3


def test_names_cannot_steer_the_terminal_or_break_the_table(run, tmp_path):
    name = "a\tb\nc\x1b[31m\u202e[bold]"
    write_bank(tmp_path / "bank.h5", [small(name)])
    for arguments in (("list",), ("show",)):
        _, out, _ = run(*arguments, tmp_path / "bank.h5")
        assert r"a\tb\nc\x1b[31m\u202e[bold]" in out
        assert "\x1b" not in out and "\u202e" not in out
    assert len(run("list", tmp_path / "bank.h5")[1].splitlines()) == 2
    _, out, _ = run("list", tmp_path / "bank.h5", "--json")
    assert json.loads(out)[0]["name"] == name


def test_show_tells_all_but_arrays(run, bank):
    code, out, err = run("show", bank)
    assert (code, err) == (0, "")
    for told in (full().name, full().uuid, "cross-fitted, 10 folds", "0.0078125", "1024x1024  2"):
        assert told in out
    code, out, _ = run("show", bank, "--json")
    first, second = json.loads(out)
    assert first["parameters"] == dict(full().parameters)
    assert first["denoiser"]["parameters"] == {"sigma": 0.0078125, "levels": 4}
    assert first["crop"] == {"height": 256, "width": 320, "anchor": "centre"}
    assert first["pattern_shape"] == [3, 4, 8]
    assert first["calibration"]["sources_real"] == 2
    assert first["calibration"]["smallest_p"] == 0.2
    assert first["null"]["n"] == 5 and first["null"]["p"] == full().null.p
    assert first["history"] == ["loss", "loss_by_fold"]
    assert first["native_sizes"] == dict(full().native_sizes)
    assert first["environment"] == dict(full().environment)
    assert second["null"] is None


def test_show_picks_one_by_name(run, bank):
    _, out, _ = run("show", bank, "--name", "without extras", "--json")
    assert [found["name"] for found in json.loads(out)] == ["without extras"]
    code, out, err = run("show", bank, "--name", "SD")
    assert (code, out) == (4, "")
    assert "There is no fingerprint named 'SD'; there are 'SD 1.4 / 图像 🦊'" in err


def test_json_has_no_number_for_infinity(run, tmp_path):
    from dataclasses import replace

    null = replace(full().null, observed=float("inf"))
    write_bank(tmp_path / "bank.h5", [replace(full(), null=null)])
    _, out, _ = run("show", tmp_path / "bank.h5", "--json")
    assert json.loads(out)[0]["null"]["observed"] is None


def test_add_starts_and_extends_a_bank(run, tmp_path):
    for name in ("a", "b", "c"):
        write_bank(tmp_path / f"{name}.h5", [small(name)])
    grown = tmp_path / "grown.h5"
    code, out, err = run("add", grown, tmp_path / "a.h5")
    assert (code, out) == (0, "") and "1 added to" in err
    code, _, err = run("add", grown, tmp_path / "b.h5", tmp_path / "c.h5")
    assert code == 0 and "2 added to" in err
    assert [member.name for member in read_bank(grown)] == ["a", "b", "c"]


def test_add_refuses_a_name_twice_and_can_rename(run, bank, tmp_path):
    write_bank(tmp_path / "one.h5", [small()])
    before = bank.read_bytes()
    code, _, err = run("add", bank, tmp_path / "one.h5")
    assert code == 2 and "--name" in err
    assert bank.read_bytes() == before
    code, _, err = run("add", bank, bank, "--name", "other")
    assert code == 2 and "the sources hold 2" in err
    assert bank.read_bytes() == before
    assert run("add", bank, tmp_path / "one.h5", "--name", "other")[0] == 0
    assert [member.name for member in read_bank(bank)][2] == "other"


def test_add_takes_nothing_from_a_damaged_source(run, bank, tmp_path):
    damage(bank)
    code, _, err = run("add", tmp_path / "new.h5", bank)
    assert code == 5 and "bank.h5" in err and "000001@content-sha256" in err
    assert not (tmp_path / "new.h5").exists()


def test_verify_answers_with_its_exit_code(run, bank, tmp_path):
    code, out, err = run("verify", bank, GOLDEN)
    assert (code, err) == (0, "")
    assert out.splitlines() == [f"{bank} conforms", f"{GOLDEN} conforms"]
    damage(bank)
    (tmp_path / "text.h5").write_text("no HDF5")
    code, out, err = run("verify", bank, GOLDEN, tmp_path / "text.h5")
    first, second, third = out.splitlines()
    assert code == 5
    assert "'000001@content-sha256'" in first
    assert second == f"{GOLDEN} conforms"
    assert "text.h5 is not an HDF5 file" in third
    assert "broken (findings: 2, files: 2)" in err
    code, out, _ = run("verify", bank, "--json")
    assert code == 5
    assert [(found["file"], found["message"]) for found in json.loads(out)] == [(str(bank), first)]


def test_a_file_that_is_not_there_is_unusable_input(run, tmp_path):
    for arguments in (
        ("list", tmp_path / "none.h5"),
        ("show", tmp_path / "none.h5"),
        ("add", tmp_path / "new.h5", tmp_path / "none.h5"),
        ("verify", tmp_path / "none.h5"),
        ("list", tmp_path),
    ):
        code, out, err = run(*arguments)
        assert (code, out) == (4, "")
        assert err.count("\n") == 1 and str(tmp_path) in err
    assert not list(tmp_path.iterdir())


def test_usage_is_told_with_an_example(run):
    assert set(command.commands) == {"learn", "import", "known", "list", "show", "add", "verify"}
    for name in command.commands:
        code, out, _ = run(name, "--help")
        assert code == 0 and f"Example: fp bank {name}" in out
        assert run(name)[0] == (0 if name == "known" else 2)
