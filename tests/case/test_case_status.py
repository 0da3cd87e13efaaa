"""How a case stands: one screen that leaves nothing out that matters."""

from __future__ import annotations

import json

from commands import environment, fp, state
from synthetic import photograph, save

from fp.case import read_log


def status(case, *arguments):
    outcome = fp("case", "status", case, "--json", *arguments)
    return outcome.code, json.loads(outcome.out)


def test_a_sound_case_stands_as_its_log_says_and_is_left_alone(case):
    before = state(case)
    code, told = status(case)
    entries = read_log(case)
    exhibits = [entry["exhibit"] for entry in entries if entry["kind"] == "exhibit"]
    assert (code, told["chain_holds"], told["differences"]) == (0, True, [])
    assert (told["entries"], told["last"]) == (len(entries), entries[-1]["sha256"])
    assert [each["exhibit"] for each in told["exhibits"]] == exhibits
    assert {each["state"] for each in told["exhibits"]} == {"as recorded"}
    decisions = {each["name"]: each["runs"] for each in told["exhibits"]}
    assert decisions["broken.png"] == {"R01": "not_examined"}
    assert decisions["made.png"] == {"R01": "supports_generator"}
    assert told["open_steps"] == []
    outcome = fp("case", "status", case)
    assert (outcome.code, outcome.err) == (0, "")
    assert "the chain holds" in outcome.out and len(outcome.out.splitlines()) <= 40
    assert state(case) == before


def test_what_changed_is_missing_or_was_added_is_said(case):
    (case / "exhibits" / "E0001.png").unlink()
    (case / "exhibits" / "E0002.png").write_bytes(b"x")
    (case / "more.txt").touch()
    (case / "runs" / "R99").mkdir()
    (case / "runs" / "R99" / "hidden.csv").touch()
    code, told = status(case)
    assert (code, told["chain_holds"]) == (5, True)
    states = {each["exhibit"]: each["state"] for each in told["exhibits"]}
    assert (states.pop("E0001"), states.pop("E0002")) == ("missing", "changed")
    assert set(states.values()) == {"as recorded"}
    assert [text.split(":")[0] for text in told["differences"]] == [
        "missing",
        "changed",
        "added",
        "added",
    ], "R99 is no run that was interrupted"
    outcome = fp("case", "status", case)
    assert outcome.code == 5
    changed = [line.split()[:2] for line in outcome.out.splitlines() if line.startswith("  E")][:2]
    assert changed == [["E0001", "missing"], ["E0002", "changed"]], "they come first"


def test_a_broken_chain_is_said_and_the_rest_is_still_told(case):
    log = case / "log.jsonl"
    log.write_bytes(log.read_bytes().replace(b'"examiner":"A"', b'"examiner":"B"'))
    code, told = status(case)
    assert (code, told["chain_holds"], told["examiner"]) == (5, False, "B")
    assert told["differences"][0].startswith("chain: ")
    assert "THE CHAIN IS BROKEN" in fp("case", "status", case).out
    log.write_bytes(b"nothing of it\n")
    outcome = fp("case", "status", case)
    assert outcome.code == 4 and "first entry cannot be read" in outcome.sentence


def test_what_is_left_to_do_is_said_step_by_step(lab, tmp_path):
    case = tmp_path / "a case"
    assert fp("case", "init", case, "--title", "t").code == 0
    steps = [status(case)[1]["open_steps"]]
    (tmp_path / "in").mkdir()
    for number in range(7):
        save(photograph(2600 + number), tmp_path / "in" / f"p {number}.png")
    assert fp("case", "add", case, tmp_path / "in").code == 0
    steps.append(status(case)[1]["open_steps"])
    (case / "runs" / "R01").mkdir()
    (case / "runs" / "R01" / "journal.jsonl").write_bytes(b"")
    code, told = status(case)
    assert (code, told["differences"]) == (0, []), "an interrupted run is no difference"
    steps.append(told["open_steps"])
    (case / "runs" / "R01" / "journal.jsonl").unlink()
    with environment(FP_CACHE=lab.cache):
        assert fp("case", "run", case, lab.single, "--jobs", 1, "--exhibit", "E0003").code == 0
    steps.append(status(case)[1]["open_steps"])
    assert fp("case", "export", case, "-o", tmp_path / "x.zip").code == 0
    steps.append(status(case)[1]["open_steps"])
    report = "The report does not stand at the end of the log: fp case export writes it anew."
    untested = (
        "No run tested 7 exhibits (E0001, E0002, E0003, E0004, E0005 and 2 more): fp case run."
    )
    left = "No run tested 6 exhibits (E0001, E0002, E0004, E0005, E0006 and 1 more): fp case run."
    interrupted = "Run R01 was interrupted: the same fp case run goes on."
    assert steps == [
        ["There is no exhibit: fp case add.", report],
        [untested, report],
        [interrupted, untested, report],
        [left, report],
        [left],
    ]


def test_exhibits_that_stay_where_they_are_are_looked_for_there(tmp_path):
    case, disk = tmp_path / "case", tmp_path / "disk"
    disk.mkdir()
    save(photograph(2700), disk / "a picture.png")
    assert fp("case", "init", case, "--title", "t").code == 0
    assert fp("case", "add", case, disk, "--reference").code == 0
    assert status(case)[0] == 0
    disk.rename(tmp_path / "elsewhere")
    code, told = status(case)
    assert (code, told["exhibits"][0]["state"]) == (5, "missing")
    assert status(case, "--root", f"{disk}={tmp_path}/elsewhere")[0] == 0
