"""What a report is made of: the same bytes for the same run, pictures of what is still there."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import shutil
from dataclasses import replace

import numpy as np
import pytest
from commands import fp
from golden_bank import calibration
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from project import PROJECT
from report_runs import synthetic_run
from synthetic import photograph, save

from fp.fingerprint.detection.detection import DetectOptions
from fp.images.loading import load_image
from fp.reports.charts import BINS, Bins, distribution
from fp.reports.detections import write_report
from fp.reports.page import policy
from fp.reports.previews import map_file, quotas, small, without_detail
from fp.reports.table import Column, of_dicts
from fp.reports.text import as_json, rounded, visible
from fp.reports.words import RANKED, ratio
from fp.runs.examination import examiner_of, list_items
from fp.runs.options import RunOptions
from fp.runs.results import REPORT, detect_into

TEXTS = st.text(st.characters() | st.sampled_from("<>&'\"\u2028\u202e\u200b\x00\ud800"))
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | TEXTS,
    lambda inside: st.lists(inside) | st.dictionaries(TEXTS, inside),
    max_leaves=12,
)  # fmt: skip


def rows_of(report) -> list[dict[str, object]]:
    """Read the rows of a detection back from its page."""
    text = report.read_text("utf-8")
    head = json.loads(text.split("data-head>")[1].split("</script>")[0])
    rows = json.loads(text.split("data-rows>")[1].split("</script>")[0])
    return [dict(zip(head["fields"], row, strict=True)) for row in rows]


def test_rows_come_with_what_matters_most_first(tmp_path):
    run = synthetic_run(tmp_path, 60)
    written = rows_of(write_report(run))
    decisions = [row["decision"] for row in written]
    assert len(written) == 60 and decisions == sorted(decisions, key=RANKED.index)
    assert len({*decisions}) >= 3 and decisions != [r["detection"]["decision"] for r in run.rows()]
    for decision in {*decisions}:
        found = [row["detection"] for row in run.rows()]
        assert [row["path"] for row in written if row["decision"] == decision] == [
            row["path"] for row in found if row["decision"] == decision
        ]


def test_a_ratio_of_neither_proposition_is_kept_and_not_shown(tmp_path):
    run = synthetic_run(tmp_path, 2)
    rows = list(run.rows())
    for row, reason in zip(rows, ("fits_neither", "fits_both"), strict=True):
        row["detection"] |= {"reasons": [reason], "log10_lr": 0.5}
    written = rows_of(write_report(replace(run, rows=lambda: iter(rows))))
    told = {row["reasons"][0]: (row["told_lr"], row["log10_lr"]) for row in written}
    assert told == {"fits_neither": (None, 0.5), "fits_both": (0.5, 0.5)}


def test_a_page_shows_the_words_of_the_terminal(tmp_path):
    run = synthetic_run(tmp_path, 40)
    found = {row["detection"]["path"]: row["detection"] for row in run.rows()}
    written = {row["path"]: row["ratio"] for row in rows_of(write_report(run))}
    assert written == {path: ratio(row) for path, row in found.items()}
    assert any(written.values()) and not all(written.values())


@pytest.mark.parametrize(
    ("decision", "weak"), [("supports_generator", True), ("inconclusive", False)]
)
def test_a_weak_answer_is_called_weak_at_its_head(tmp_path, decision, weak):
    run = synthetic_run(tmp_path, 2)
    rows = list(run.rows())
    for row, reasons in zip(rows, (["audit_serious"], []), strict=True):
        row["detection"] |= {"reasons": reasons, "decision": decision, "status": "examined"}
        row["detection"] |= {"fingerprint": "generator A"}
    summary = {**run.summary, "decisions": {decision: 2}}
    path = write_report(replace(run, rows=lambda: iter(rows), summary=summary))
    assert [row["weak"] for row in rows_of(path)] == [weak, False]
    assert ("generator A, weak</th>" in path.read_text("utf-8")) == weak


@pytest.mark.parametrize("rule", ["conformal", "nearest-mean"])
def test_no_generator_is_denied_without_the_rate_of_mistakes(tmp_path, rule):
    run = synthetic_run(tmp_path, 40)
    options = {**run.run["options"], "rule": rule, "fpr": 0.03}
    text = write_report(replace(run, run={**run.run, "options": options})).read_text("utf-8")
    told = "calibration images of the generator; 3 % of such may get this answer by mistake" in text
    assert told == (rule == "conformal")


@given(JSON)
def test_json_on_a_page_reads_back_and_cannot_leave_its_element(value):
    text = str(as_json(value))
    assert text.isascii() and not set("<>&") & set(text)

    def seen(one):
        if isinstance(one, dict):
            return {visible(k): seen(v) for k, v in one.items()}
        return [seen(v) for v in one] if isinstance(one, list) else visible(one)

    assert json.loads(text) == seen(value)


def test_what_cannot_be_seen_is_written_out():
    assert visible("a\u202eb\x00c\n") == "a\\u202eb\\u0000c\n"
    assert visible("naïve 東京 \N{FOX FACE}") == "naïve 東京 \N{FOX FACE}"
    assert visible(3) == 3
    assert [rounded(x) for x in (None, float("nan"), 1 / 3)] == [None, None, 0.333333]


def test_the_policy_names_the_hash_of_style_and_script():
    css, javascript = "body {}", "1;"
    digest = base64.b64encode(hashlib.sha256(css.encode()).digest()).decode()
    assert f"style-src 'sha256-{digest}'" in policy(css, javascript)


@given(st.dictionaries(st.sampled_from("abcd"), st.integers(0, 50)), st.integers(0, 60))
def test_quotas_fill_what_there_is_and_never_more(counts, most):
    found = quotas(counts, most)
    assert all(found[name] <= counts[name] for name in counts)
    assert sum(found.values()) == min(most, sum(counts.values()))


def test_every_score_of_a_calibration_has_its_bar():
    given_, images = calibration(40, 40), [0] * BINS
    bins = Bins.of(given_)
    for scores in (given_.real, given_.generated):
        assert bins.counts(scores).sum() == scores.size
        assert [bins.place(float(s)) for s in scores] == [
            int(np.argmax(bins.counts(np.array([s])))) for s in scores
        ]
    images[3] = 2
    found = distribution("g", given_, images)
    assert found.reference.count("M") == np.count_nonzero(bins.counts(given_.real))
    assert found.images.count("M") == 1
    assert "40 reference images" in found.text and "2 images of this run" in found.text
    assert distribution("g", given_).images == ""


def test_a_table_writes_what_a_reader_expects():
    shown = (
        Column("name", "name", "name"),
        Column("p", "p", "number", 4),
        Column("kind", "kind", "choice", choices={"x": "an x"}),
    )
    rows = [{"name": "a", "p": 0.00002, "kind": "x"}, {"name": "b", "p": -1.5, "kind": None}]
    table = of_dicts("t", "T", "all", shown, rows)
    cells = [[table.text(v, c) for v, c in zip(r, table.columns, strict=True)] for r in table.first]
    assert cells == [["a", "<0.0001", "an x"], ["b", "−1.5000", "–"]]
    assert json.loads("[" + "".join(table.lines()) + "]") == [
        ["a", 0.00002, "x"],
        ["b", -1.5, None],
    ]


def test_a_preview_is_small_and_the_same_each_time():
    uri = small(photograph(1, 256))
    assert uri == small(photograph(1, 256))
    assert uri.startswith("data:image/webp;base64,") and len(uri) < 12_000


# --- of runs ---


@pytest.mark.slow
def test_the_same_run_gives_the_same_page_whatever_the_jobs(lab, tmp_path):
    for name, jobs in (("one", 1), ("two", 2)):
        arguments = ("--fpr", "0.1", "--fdr", "0.2", "--jobs", jobs)
        assert fp("detect", lab.pair, lab.unknown, "-o", tmp_path / name, *arguments).code == 0
    pages = [(tmp_path / name / REPORT).read_bytes() for name in ("one", "two")]
    assert pages[0] == pages[1]


def test_joined_shards_have_a_page_and_pieces_have_none(lab, tmp_path):
    """With the bank it is that of one run; see test_shards."""
    shard = ("detect", lab.single, lab.unknown, "--shard", "1/1", "--jobs", 1)
    assert fp(*shard, "-o", tmp_path / "part").code == 0
    assert not (tmp_path / "part" / REPORT).exists()
    assert fp("merge", tmp_path / "part", "-o", tmp_path / "without").code == 0
    text = (tmp_path / "without" / REPORT).read_text("utf-8")
    assert "The bank was not at hand" in text and 'id="fingerprints"' not in text
    refused = fp("merge", tmp_path / "part", "-o", tmp_path / "other", "--bank", lab.pair)
    assert refused.code == 4 and "is not the bank" in refused.sentence
    assert not (tmp_path / "other").exists()


def test_a_run_of_files_that_are_no_pictures_has_a_page_too(lab, tmp_path):
    (tmp_path / "a.png").write_bytes(b"no picture")
    assert fp("detect", lab.pair, tmp_path / "a.png", "-o", tmp_path / "o", "--fpr", 0.1).code == 3
    text = (tmp_path / "o" / REPORT).read_text("utf-8")
    assert 'id="fingerprints"' in text and "The bank was not at hand" not in text
    assert [row["reasons"] for row in rows_of(tmp_path / "o" / REPORT)] == [["not_an_image"]]


def test_an_interrupted_run_ends_in_the_same_page(lab, tmp_path):
    items = list_items([lab.unknown])
    detect_into(tmp_path / "whole", examiner_of(lab.single, DetectOptions()), items)

    def stop(done, total):
        if done == 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        detect_into(
            tmp_path / "o",
            examiner_of(lab.single, DetectOptions()),
            items,
            RunOptions(progress=stop),
        )
    detect_into(
        tmp_path / "o", examiner_of(lab.single, DetectOptions()), items, RunOptions(resume=True)
    )
    assert (tmp_path / "o" / REPORT).read_bytes() == (tmp_path / "whole" / REPORT).read_bytes()


def test_only_files_that_are_what_they_were_are_pictured(lab, tmp_path):
    folder = tmp_path / "in"
    shutil.copytree(lab.unknown, folder)
    items = list_items([folder])
    gone, changed = items[0].path, items[1].path

    def meddle(done, total):
        if done == total:
            gone.unlink()
            changed.write_bytes(b"something else")

    detect_into(
        tmp_path / "o", examiner_of(lab.single, DetectOptions()), items, RunOptions(progress=meddle)
    )
    rows = rows_of(tmp_path / "o" / REPORT)
    assert [row["path"] for row in rows if row["preview"] is None] == [str(gone), str(changed)]
    assert len(rows) == 24


def test_what_windows_say_is_told_and_not_drawn_among_other_scores(tmp_path):
    run = synthetic_run(tmp_path, 40)
    plain = write_report(run).read_text("utf-8")
    assert '<path class="images"' in plain and "scores are not drawn" not in plain
    rows = list(run.rows())
    for row in rows:
        for one in (row["detection"], *row["attributions"]):
            if row["detection"]["status"] == "examined":
                one |= {"windows": 9}
    report = write_report(replace(run, rows=lambda: iter(rows)))
    text = report.read_text("utf-8")
    assert '<path class="images"' not in text and "120 scores are not drawn" in text


def test_what_an_image_went_through_is_told(tmp_path):
    run = synthetic_run(tmp_path, 40)
    told = {"condition": "jpeg:75", "p_condition": 0.25, "p_reference": 0.5}
    rows = list(run.rows())
    for row in rows:
        for one in (row["detection"], *row["attributions"]):
            if row["detection"]["status"] == "examined":
                one |= told
    report = write_report(replace(run, rows=lambda: iter(rows)))
    examined = [row for row in rows_of(report) if row["score"] is not None]
    assert len(examined) == 40
    assert all(told.items() <= row.items() for row in examined)
    text = report.read_text("utf-8")
    assert '<path class="images"' in text
    assert "Where a fingerprint measures what a picture went through" in text


def test_a_ratio_at_its_bound_says_so_in_the_row(tmp_path):
    run = synthetic_run(tmp_path, 40)
    told = {row["path"]: row["at_bound"] for row in rows_of(write_report(run))}
    assert told == {row["detection"]["path"]: row["detection"]["at_bound"] for row in run.rows()}
    assert {True, False} <= set(told.values())


def test_of_a_blurred_picture_the_detail_is_gone_and_not_hidden():
    """Whatever is done to a blurred picture, no more comes back than its fields hold."""
    image = photograph(8, 256)
    detail = np.random.default_rng(0).choice([-60, 60], size=(128, 128))
    changed = np.clip(image + np.kron(detail, [[1, -1], [-1, 1]])[..., None], 0, 255)
    assert (changed.astype(np.uint8) != image).mean() > 0.9
    apart = without_detail(changed.astype(np.uint8)).astype(int) - without_detail(image)
    assert abs(apart).max() <= 8
    shown = without_detail(image)
    assert shown.shape == (176, 176, 3)
    few = np.asarray(Image.fromarray(shown).resize((10, 10), Image.Resampling.BOX))
    again = np.asarray(Image.fromarray(few).resize((176, 176), Image.Resampling.BICUBIC))
    assert abs(again.astype(int) - shown).mean() < 6
    assert without_detail(photograph(8, 256)[:8]).shape == (6, 176, 3), "a strip has no height"


def test_blurred_or_left_out_a_report_holds_neither_pictures_nor_maps(tmp_path):
    run = synthetic_run(tmp_path, 2, pictures=2)
    for row in run.rows():
        row["detection"] |= {"map": "0123456789abcdef"}
    place = map_file(tmp_path, "0123456789abcdef")
    place.parent.mkdir()
    Image.fromarray(photograph(9)).save(place)
    shown, blurred, none = (
        rows_of(write_report(replace(run, previews=showing)))
        for showing in ("shown", "blurred", "none")
    )
    assert all(row["preview"] and row["map"] for row in shown)
    assert all(row["preview"] and not row["map"] for row in blurred)
    assert not {row["preview"] for row in blurred} & {row["preview"] for row in shown}
    assert not any(row["preview"] or row["map"] for row in none)


def test_evidence_maps_stand_beside_the_pictures(lab, tmp_path):
    run = synthetic_run(tmp_path, 3, pictures=3)
    named = ["0123456789abcdef", "../../etc/passwd", None]
    for row, name in zip(run.rows(), named, strict=True):
        row["detection"] |= {"map": name, "map_generated": 0.25}
    place = map_file(tmp_path, named[0])
    place.parent.mkdir()
    Image.fromarray(photograph(9)).save(place)
    rows = rows_of(write_report(run))
    assert [row["map"] for row in rows] == [small(photograph(9)), None, None]
    assert [row["map_generated"] for row in rows] == [0.25] * 3
    assert map_file(tmp_path, named[1]) is None


@pytest.mark.slow
def test_a_report_without_pictures_and_none_at_all(lab, tmp_path):
    save(photograph(5), tmp_path / "a.png")
    command = ("detect", lab.single, tmp_path / "a.png", "--jobs", 1)
    assert fp(*command, "-o", tmp_path / "1", "--previews", "none").code == 0
    text = (tmp_path / "1" / REPORT).read_text("utf-8")
    assert "image/webp" not in text and "This page was made without pictures." in text
    assert fp(*command, "-o", tmp_path / "3", "--previews", "blurred").code == 0
    (row,) = rows_of(tmp_path / "3" / REPORT)
    shown = load_image(tmp_path / "a.png").rgb_hwc
    assert row["preview"] == small(without_detail(shown)) != small(shown)
    assert "They are blurred" in (tmp_path / "3" / REPORT).read_text("utf-8")
    assert fp(*command, "-o", tmp_path / "2", "--report", "none").code == 0
    assert not (tmp_path / "2" / REPORT).exists()
    arguments = ("--report", "none", "--overwrite")
    assert fp(*command, "-o", tmp_path / "1", *arguments).code == 0
    assert not (tmp_path / "1" / REPORT).exists(), "the page of another run would stay"
    assert fp(*command, "-o", tmp_path / "1", "--overwrite").code == 0
    for name in ("1", "2"):
        again = fp("rerun", tmp_path / name, "--jobs", 1)
        assert again.code == 0 and again.out.count("same bytes: ") == 5 - int(name)


def test_the_page_says_what_the_tables_say(lab, tmp_path):
    detect_into(tmp_path, examiner_of(lab.pair, DetectOptions(fpr=0.1)), list_items([lab.unknown]))
    told = (tmp_path / "detections.jsonl").read_text("utf-8").splitlines()
    rows = {row["path"]: row for row in rows_of(tmp_path / REPORT)}
    assert len(rows) == len(told)
    for line in map(json.loads, told):
        row = rows[line["path"]]
        for name in set(row) & set(line):
            value = line[name]
            expected = rounded(value) if isinstance(value, float) else value
            assert row[name] == expected, name


def test_the_code_of_the_page_draws_a_fingerprint(lab, tmp_path, monkeypatch):
    page = PROJECT / "docs" / "reports.md"
    (code,) = re.findall(r"```python\n(.*?)```", page.read_text("utf-8"), re.DOTALL)
    shutil.copy(lab.single, tmp_path / "sd14.h5")
    monkeypatch.chdir(tmp_path)
    exec(compile(code, str(page), "exec"), {})
    assert (tmp_path / "fingerprint.svg").read_bytes().startswith(b"<?xml")
