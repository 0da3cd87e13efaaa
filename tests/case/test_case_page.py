"""The report of a case as a page: what it says, in which order, and in which words."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import math
import re
from dataclasses import replace
from html import unescape
from html.parser import HTMLParser

import pytest
from commands import environment, fp, json_rows
from synthetic import ODD_NAMES, photograph, save
from wording import FORBIDDEN

from fp.case import read_log
from fp.case.domain import _coded_otherwise, outside
from fp.case.findings import ExhibitFinding
from fp.case.verbal import SCALE, apart, sentence, words
from fp.fingerprint.decision.decision import REASONS
from fp.manifest.entry import canonical, seal
from fp.reports.words import rounded


class Text(HTMLParser):
    """The text of a page without its bar, an element a line."""

    def __init__(self, page: str):
        super().__init__()
        self.lines, self._hidden = [], False
        self.feed(page.partition("<main")[2])

    def handle_starttag(self, tag, attrs):
        self._hidden = tag in ("style", "script")

    def handle_data(self, data):
        if not self._hidden and data.strip():
            self.lines.append(data.strip())


@pytest.fixture(scope="module")
def page(made):
    return (made / "case" / "report.html").read_text("utf-8")


@pytest.fixture(scope="module")
def text(page):
    return "\n".join(Text(page).lines)


@pytest.fixture(scope="module")
def exhibits(made):
    return [entry for entry in read_log(made / "case") if entry["kind"] == "exhibit"]


def part_of(page: str, name: str) -> str:
    """Return the section of the exhibit of a name."""
    parts = re.findall(r'<section class="finding".*?</section>', page, re.DOTALL)
    (found,) = (part for part in parts if f"· {name}</h3>" in part)
    return unescape(found)


def test_the_report_holds_what_the_field_asks_for(text, page, made):
    for heading in (
        "Findings by exhibit",
        "Fingerprints and their domain of validity",
        "What was not examined",
        "Alternative explanations",
        "Limits",
        "Notes",
        "List of exhibits",
        "Log",
        "Signatures",
    ):
        assert re.search(rf"<h[23][^>]*>{heading}</h[23]>", page), heading
    first = read_log(made / "case")[0]
    for name in ("h1", "h2"):
        assert f"\n{name}\n{first['propositions'][name]}\n" in text
    assert re.search(r"times more probable if h2 is true than if h1 is true: \w+.* support", text)
    assert re.search(r"times more probable if h1 is true than if h2 is true: \w+.* support", text)
    assert "Likelihood ratios reach from 1/" in text
    assert first["time_utc"] in text
    assert "Signature" in text.split("\nSignatures\n")[1]


def test_hashes_log_and_what_was_left_out_are_all_there(text, page, made, exhibits):
    entries = read_log(made / "case")
    for entry in exhibits:
        content = (made / "case" / entry["stored"]).read_bytes()
        for method in ("md5", "sha1", "sha256"):
            assert hashlib.new(method, content).hexdigest() in text, (entry["exhibit"], method)
    *before, last = entries
    assert last["kind"] == "report"
    log = text.split("\nLog\n")[-1].split("\nSignatures\n")[0]
    assert [line for line in log.splitlines() if re.fullmatch(r"[0-9a-f]{64}", line)] == [
        entry["sha256"] for entry in before
    ]
    (refused,) = (entry for entry in entries if entry["kind"] == "refused")
    missing = text.split("\nWhat was not examined\n")[1].split("\nLimits\n")[0]
    assert refused["message"].partition(" is ")[2] in missing
    assert "broken.png, in R01" in missing


def test_what_matters_most_comes_first(page, made):
    """Claims, then what is undecided, then the rest; of claims the highest ratio."""
    rows = {row["path"].split("/")[1][:5]: row for row in json_rows(made / "case" / "runs/R01")}
    order = re.findall(r'<section class="finding" id="found-(E\d{4})"', page)
    assert sorted(order) == sorted(rows)
    ranks = ["supports_generator", "inconclusive", "supports_reference", "not_examined"]
    told = [(ranks.index(rows[e]["decision"]), -(rows[e]["log10_lr"] or 0)) for e in order]
    assert told == sorted(told) and len({rank for rank, _ in told}) == 4
    table = page.split("<tbody>")[1].split("</tbody>")[0]
    assert re.findall(r">(E\d{4})</a>", table) == order


def test_the_report_says_what_the_calibration_vouches_for(text, made):
    (run,) = (entry for entry in read_log(made / "case") if entry["kind"] == "run")
    manifest = json.loads((made / "case" / run["folder"] / "manifest.json").read_text())
    rate = manifest["summary"]["certified"]
    assert "Of pictures like the reference images, 5 % may be claimed by mistake" in text
    assert f"no more than {100 * rate:.2g} % are (95 % confidence)" in text
    assert "The audit of its two folders of images" in text and "were not audited" not in text


def test_the_table_says_what_the_findings_say(page, exhibits):
    table = page.split("<tbody>")[1].split("</tbody>")[0]
    line = r"</a> (.*?)</th>.*?</span></td><td class=\"wide\">(.*?)</td><td>(.*?)</td></tr>"
    rows = re.findall(line, table)
    assert len(rows) == len(exhibits) == len(ODD_NAMES) + 5
    supports = set()
    for name, best, support in rows:
        part = part_of(page, name)
        if support == "not examined":
            assert best == "–" and "<p>Not examined: " in part
        elif support == "none expressed":
            assert "<p>No likelihood ratio is put into words here: " in part
        elif support == "for neither":
            assert "they support neither proposition over the other" in part
        else:
            told, better = support.split(", for ")
            assert f": {told} support for {better} over " in part and f", by {best}</h4>" in part
        supports.add(support.split()[-1])
    assert {"h1", "h2", "expressed"} <= supports


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("again.jpg", "the image is stored as JPEG, a coding outside the fingerprint's domain"),
        ("large.png", "a size outside the fingerprint's domain"),
    ],
)
def test_outside_the_domain_the_report_gives_no_words(page, name, why):
    part = part_of(page, name)
    assert "No likelihood ratio is put into words here" in part and why in part
    assert " support for " not in part


def test_texts_of_strangers_do_nothing_in_the_report(page):
    assert "<script>alert" not in page and "<b>disk" not in page and "<17>" not in page
    assert "&lt;script&gt;alert(1)" in page
    assert "The file claims about itself (not verified, and not part of any figure above):" in page


def test_the_report_keeps_to_the_words_of_the_field(text):
    assert not FORBIDDEN.findall(text)
    for value in range(-40, 41):
        for bound in (0.5, 1.4, 3.0):
            ratio = max(-bound, min(bound, value / 10))
            assert not FORBIDDEN.search(sentence(ratio, abs(ratio) == bound))


def finding(**changes: object) -> ExhibitFinding:
    row = {
        "status": "examined",
        "log10_lr": 2.1,
        "log10_lr_low": 3.0,
        "log10_lr_high": 5.0,
        "at_bound": False,
        "log10_lr_specific": None,
    }
    return ExhibitFinding("R01", row | changes)


def test_a_ratio_at_its_bound_has_no_interval_that_leaves_it_out():
    at, within = finding(at_bound=True), finding(log10_lr_low=1.0, log10_lr_high=2.4)
    assert dict(at.figures) == {"log10 likelihood ratio": "2.1, at its bound"}
    assert "stands at the bound" in at.statement
    assert dict(within.figures) == {
        "log10 likelihood ratio": "2.1",
        "95 % interval before it was bounded": "1 to 2.4",
    }
    withheld = replace(at, withheld=("it is of another size",))
    assert withheld.support == "none expressed" and "support for" not in withheld.statement


def test_what_an_image_seems_to_have_gone_through_is_among_the_figures():
    found = finding(condition="resize:0.75+jpeg:65", p_condition=0.4).figures
    assert ("seems to have gone through", "resize:0.75+jpeg:65; p of its coding 0.4") in found
    assert "seems to have gone through" not in dict(finding().figures)  # of an older run


@pytest.mark.parametrize("showing", ["shown", "blurred", "none"])
def test_previews_are_shown_blurred_or_left_out(case, tmp_path, showing):
    command = ("case", "export", case, "-o", tmp_path / "x.zip", "--previews", showing)
    assert fp(*command).code == 0
    page = (case / "report.html").read_text("utf-8")
    pictures = re.findall(r'<img class="exhibit" src="(data:image/webp[^"]*)" alt="(\w+)', page)
    decoded = sum(entry.get("size") is not None for entry in read_log(case))
    assert len(pictures) == (0 if showing == "none" else decoded)
    assert {kind for _, kind in pictures} <= {"Blurred" if showing == "blurred" else "Preview"}
    assert ("This page was made without pictures." in page) is (showing == "none")
    assert ("They are blurred" in page) is (showing == "blurred")
    if showing == "blurred":
        assert fp("case", "export", case, "-o", tmp_path / "y.zip").code == 0
        clear = (case / "report.html").read_text("utf-8")
        assert not any(picture in clear for picture, _ in pictures)


def test_what_a_run_shows_is_chosen_too(case, lab):
    with environment(FP_CACHE=lab.cache):
        command = ("case", "run", case, lab.pair, "--jobs", 1, "--previews", "none")
        assert fp(*command).code == 3
        assert "image/webp" in (case / "runs/R01/report.html").read_text("utf-8")
        assert "image/webp" not in (case / "runs/R02/report.html").read_text("utf-8")
        again = fp("rerun", case, "--jobs", 1)
        assert again.code == 0 and again.out.count("same bytes: report.html") == 2


def test_an_exhibit_without_a_run_and_one_of_two_runs(case, lab, tmp_path):
    save(photograph(2777), tmp_path / "new one.png")
    assert fp("case", "add", case, tmp_path / "new one.png").code == 0
    with environment(FP_CACHE=lab.cache):
        assert fp("case", "run", case, lab.pair, "--jobs", 1, "--exhibit", "E0001").code == 0
    assert fp("case", "export", case, "-o", tmp_path / "x.zip").code == 0
    page = (case / "report.html").read_text("utf-8")
    assert len(re.findall(r"<h4>R0\d: ", page.split('id="found-E0001"')[1].split("</sec")[0])) == 2
    assert "new one.png: no run tested it." in page


def test_by_the_rule_of_the_paper_the_words_are_those_of_that_rule(lab, tmp_path):
    save(photograph(2778), tmp_path / "a b.png")
    case = tmp_path / "case"
    assert fp("case", "init", case, "--title", "t").code == 0
    assert fp("case", "add", case, tmp_path / "a b.png").code == 0
    with environment(FP_CACHE=lab.cache):
        command = ("case", "run", case, lab.single, "--jobs", 1, "--rule", "nearest-mean")
        assert fp(*command).code == 0
    assert fp("case", "export", case, "-o", tmp_path / "x.zip").code == 0
    page = (case / "report.html").read_text("utf-8")
    assert "The score lies nearer to the mean of the reference images." in page
    assert "at the rate that was asked for" not in page and "in at most 0.05 of cases" not in page


def test_a_hash_list_has_what_the_files_hash_to(case, made, tmp_path):
    before = read_log(case)
    assert fp("case", "export", case, "-o", tmp_path / "known files.csv").code == 0
    rows = list(csv.DictReader(io.StringIO((tmp_path / "known files.csv").read_text("utf-8"))))
    entries = [entry for entry in before if entry["kind"] == "exhibit"]
    assert list(rows[0]) == ["name", "size", "MD5", "SHA-1", "SHA-256", "exhibit"]
    for row, entry in zip(rows, entries, strict=True):
        content = (case / entry["stored"]).read_bytes()
        assert row == {
            "name": entry["name"],
            "size": str(len(content)),
            "MD5": hashlib.md5(content).hexdigest(),
            "SHA-1": hashlib.sha1(content).hexdigest(),
            "SHA-256": hashlib.sha256(content).hexdigest(),
            "exhibit": entry["exhibit"],
        }
    assert read_log(case) == before
    assert fp("case", "export", case, "-o", tmp_path / "known files.csv").code == 4, "it exists"
    (case / entries[0]["stored"]).write_bytes(b"x")
    assert fp("case", "export", case, "-o", tmp_path / "other.csv").code == 5
    assert not (tmp_path / "other.csv").exists()


def test_a_case_of_format_1_0_is_read_and_its_missing_hashes_are_said_to_be_missing(case, tmp_path):
    previous, sealed = None, []
    for entry in read_log(case):
        told = {k: v for k, v in entry.items() if k not in ("sha256", "previous")}
        told = {k: v for k, v in told.items() if k not in ("file_md5", "file_sha1")}
        if told["kind"] == "init":
            told["encoding-version"] = "1.0"
        sealed.append(seal(told, previous))
        previous = sealed[-1]["sha256"]
    closing = {"entries": len(sealed), "last": previous}
    lines = [canonical(entry) + b"\n" for entry in (*sealed, closing)]
    (case / "log.jsonl").write_bytes(b"".join(lines))
    for name in ("x.csv", "x.zip", "x.jsonld"):
        assert fp("case", "export", case, "-o", tmp_path / name).code == 0
    rows = list(csv.DictReader(io.StringIO((tmp_path / "x.csv").read_text("utf-8"))))
    assert {(row["MD5"], row["SHA-1"], len(row["SHA-256"])) for row in rows} == {("", "", 64)}
    page = (case / "report.html").read_text("utf-8")
    assert page.count("<code>not recorded</code>") == 2 * len(rows)
    assert '"MD5"' not in (tmp_path / "x.jsonld").read_text("utf-8")


@pytest.mark.parametrize(
    ("kind", "seen", "foreign"),
    [
        ("JPEG", {"PNG"}, True),
        ("JPEG", {"PNG", "JPEG"}, False),
        ("MPO", {"JPEG"}, False),
        ("PNG", {"JPEG"}, True),
        ("PNG", {"BMP"}, False),
        ("TIFF", {"WEBP"}, False),
        ("WEBP", {"PNG"}, True),
        ("JPEG", set(), False),
    ],
)
def test_which_codings_are_outside(kind, seen, foreign):
    assert _coded_otherwise(kind, seen) is foreign


def test_what_the_generators_own_evidence_does_not_support_is_said():
    for ratio in (-3.0, -0.4, 0.4, 3.0):
        for specific in (-2.0, -0.1, 0.1, 2.0):
            told = " ".join(apart(ratio, specific))
            agrees = abs(specific) > 1 and specific * ratio > 0
            assert bool(told) is not agrees
            assert not FORBIDDEN.search(told)
            assert f"does not support {'h2' if ratio > 0 else 'h1'}:" in told or agrees
            against = abs(specific) > 1 and not agrees
            assert ("times more probable under" in told) is against
    assert apart(3.0, None) == apart(0.1, -2.0) == []


@pytest.mark.parametrize("reason", ["unlike_reference", "coding_not_calibrated"])
def test_a_ratio_that_may_be_of_another_image_is_not_put_into_words(reason):
    row = {"reasons": [reason], "width": 64, "height": 64, "condition": "none", "format": "PNG"}
    assert outside(row, None) == [REASONS[reason]]
    assert outside(row | {"reasons": ["fits_both"]}, None) == []


def test_the_words_follow_the_ratio_and_its_bounds():
    assert [words(math.log10(x)) for x in (1, 1.9, 2, 9.9, 10, 99, 100, 1000, 1e4, 1e6, 1e9)] == [
        "no more",
        "no more",
        "weak",
        "weak",
        "moderate",
        "moderate",
        "moderately strong",
        "strong",
        "very strong",
        "extremely strong",
        "extremely strong",
    ]
    assert [end for end, _ in SCALE] == sorted(end for end, _ in SCALE)
    for value in (0.4, 1.3, 2.5):
        assert words(value) == words(-value)
        assert sentence(value, False).replace("h1", "h0").replace("h2", "h1").replace(
            "h0", "h2"
        ) == sentence(-value, False)
    assert "at the bound" in sentence(1.3, True)
    assert "at the bound" not in sentence(1.2, False)
    assert "neither proposition" in sentence(0.1, False)
    assert [rounded(x) for x in (0.5, 1.0, 2.1, 3.5, 8.0)] == [
        "3.2",
        "10",
        "130",
        "3,200",
        "1.0e+08",
    ]
