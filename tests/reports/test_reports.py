"""Reports in a browser: they open in silence, ask nobody, and can be used by everybody."""

from __future__ import annotations

import os
import re
import shutil
from dataclasses import replace
from html import escape
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path

import pytest
from axe_playwright_python.base import AXE_SCRIPT
from commands import environment, fp, json_rows, laboratory
from report_runs import CHROMIUM, chromium, opened, synthetic_run
from synthetic import ODD_NAMES, photograph, save
from wording import FORBIDDEN

from fp.evaluation.page import page as evaluation_page
from fp.evaluation.summary import comparisons, figures_of, with_means
from fp.reports import page as reporting
from fp.reports.detections import write_report

HOSTILE = (
    "<img src=x onerror=alert(1)>.png",
    "<!--<script>alert(2)</script>.png".replace("/", "∕"),
    '"onload="alert(3).png',
    "right\u202eto left.png",
    "line\u2028break.png",
    "{{ 7 * 7 }}.png",
    "$&`${alert(4)}.png",
)


class Attributes(HTMLParser):
    """What a page would go to, and what it would do of itself."""

    def __init__(self):
        super().__init__()
        self.addresses, self.handlers = [], []

    def handle_starttag(self, tag, attrs):
        self.addresses += [v for k, v in attrs if k in ("src", "href", "action", "srcset", "data")]
        self.handlers += [(k, v) for k, v in attrs if k.startswith("on") or k == "style"]


@pytest.fixture(scope="module")
def browser():
    if not Path(CHROMIUM).exists():
        pytest.skip("no Chromium on this machine; 'apt-get install chromium' brings it")
    with chromium() as started:
        yield started


class Reports(dict[str, Path]):
    """A report of each command, of inputs with hostile names, made when it is first asked for."""

    def __init__(self, lab, folder: Path):
        super().__init__()
        self.lab, self.folder = lab, folder

    def __missing__(self, kind: str) -> Path:
        return self.setdefault(kind, MAKERS[kind](self.lab, self.folder))


@pytest.fixture(scope="module")
def reports(tmp_path_factory) -> Reports:
    return Reports(laboratory(tmp_path_factory), tmp_path_factory.mktemp("reports"))


def _unknown(lab, folder: Path) -> Path:
    unknown = folder / "unknown"
    if not unknown.exists():
        shutil.copytree(lab.unknown, unknown)
        for number, name in enumerate((*HOSTILE, *ODD_NAMES)):
            save(photograph(3000 + number), os.fsencode(unknown) + b"/" + os.fsencode(name))
        (unknown / "broken <b>.png").write_bytes(b"no picture")
    return unknown


def _detection(lab, folder: Path) -> Path:
    arguments = (lab.pair, _unknown(lab, folder), "-o", folder / "detect", "--fpr", 0.1)
    with environment(FP_CACHE=lab.cache):
        assert fp("detect", *arguments).code == 3
    return folder / "detect" / "report.html"


def _audit(lab, folder: Path) -> Path:
    made, unknown = folder / "made", _unknown(lab, folder)
    shutil.copytree(lab.made(0), made)
    shutil.copy(unknown / HOSTILE[0], made)
    arguments = ("--generated", made, "--real", lab.real, "--test", unknown)
    with environment(FP_CACHE=lab.cache):
        assert fp("audit", *arguments, "-o", folder / "audit", "--jobs", 1).code == 3
    return folder / "audit" / "report.html"


def _evaluation(lab, folder: Path) -> Path:
    """Write the report of an evaluation whose figures are made up."""
    from fp.evaluation.cells import Row
    from fp.evaluation.configuration import default_text, read_configuration
    from fp.evaluation.dataset import Dataset, Member
    from fp.evaluation.running import Evaluation
    from fp.images.crop import CropRule

    path = folder / "evaluate.html"
    rows = tuple(
        Row(
            protocol="sample_size",
            method=method,
            denoiser="wavelet",
            generator=generator,
            training=training,
            seed=seed,
            trained_on="none",
            condition="none",
            shuffled=shuffled,
            metric="accuracy",
            value=0.5 if shuffled else 0.7 + 0.02 * seed + (method == "auto") / 10,
            n=40,
        )
        for method in ("auto", "tile")
        for generator in ("<i>one</i>", "two")
        for training in (16, 32)
        for seed in (0, 1)
        for shuffled in (False, True)
    )
    data = Dataset(
        tuple(Member(name, path.parent, ()) for name in ("real", "<i>one</i>", "two")),
        (),
        (),
        CropRule(64, 64),
    )
    found = Evaluation(rows, (), (), ("<b>nothing</b> beyond 32",), data, 8, 8)
    configuration = read_configuration(default_text())
    means = with_means(rows)
    compared = comparisons(means, configuration.compare)
    reporting.write(
        path, evaluation_page(found, figures_of(means), compared, configuration, "A *note*.")
    )
    return path


def _lineage(lab, folder: Path) -> Path:
    """Write the report of a lineage of two generators."""
    from fp.denoisers.cache import ResidualCache
    from fp.denoisers.population import Reduction
    from fp.images.crop import CropRule
    from fp.lineage.analysis import analyse
    from fp.lineage.collection import WANTED, collect
    from fp.lineage.options import LineageOptions
    from fp.lineage.report import as_html
    from fp.system.folders import list_generators

    for seed in (0, 1):
        shutil.copytree(
            lab.made(seed), folder / "generators" / f"<img src=x onerror=alert({seed})>"
        )
    collection = collect(
        list_generators(folder / "generators", lab.real, WANTED),
        Reduction("wavelet", CropRule(64, 64)),
        ResidualCache(lab.cache),
    )
    found = analyse(collection, LineageOptions(denoiser="wavelet", samples=20))
    path = folder / "lineage.html"
    path.write_text(as_html(found, collection.skipped), "utf-8")
    return path


def _case(lab, folder: Path) -> Path:
    """Write the report of a case whose exhibits and notes have hostile names and words."""
    case, unknown = folder / "case", _unknown(lab, folder)
    with environment(FP_CACHE=lab.cache):
        assert fp("case", "init", case, "--title", HOSTILE[0], "--examiner", HOSTILE[3]).code == 0
        assert fp("case", "add", case, unknown).code == 0
        assert fp("case", "note", case, f"A note with {HOSTILE[1]}").code == 0
        assert fp("case", "run", case, lab.pair, "--jobs", 1, "--fpr", 0.1).code == 3
        assert fp("case", "export", case, "-o", folder / "case.zip").code == 0
    return case / "report.html"


MAKERS = {
    "detect": _detection,
    "audit": _audit,
    "evaluate": _evaluation,
    "lineage": _lineage,
    "case": _case,
}
KINDS = tuple(MAKERS)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_report_opens_in_silence_asks_nobody_and_is_accessible(browser, reports, kind, scheme):
    with opened(browser, reports[kind], color_scheme=scheme) as found:
        page = found.page
        assert page.evaluate("document.documentElement.dataset.ready")
        page.evaluate(AXE_SCRIPT)
        result = page.evaluate("axe.run({resultTypes: ['violations']})")
        serious = [
            (violation["id"], violation["nodes"][0]["html"])
            for violation in result["violations"]
            if violation["impact"] in ("serious", "critical")
        ]
        assert serious == []
        assert result["testEngine"]["name"] == "axe-core"
        assert (found.said, found.asked) == ([], [])


@pytest.mark.parametrize("kind", KINDS)
def test_no_name_takes_effect_and_the_policy_stops_what_would(browser, reports, kind):
    text = reports[kind].read_text("utf-8")
    found = Attributes()
    found.feed(text)
    assert found.addresses and all(re.match("data:|#", address) for address in found.addresses)
    assert found.handlers == [] and "unsafe" not in text
    with opened(browser, reports[kind]) as found:
        page = found.page
        # One script that runs and one style; everything else is data.
        assert page.locator("script:not([type='application/json'])").count() == 1
        assert page.locator("style").count() == 1
        assert page.locator("img[onerror], [onload]").count() == 0
        page.evaluate("""() => {
            const one = document.createElement("script");
            one.textContent = "document.title = 'taken'";
            document.body.append(one);
            const two = document.createElement("img");
            two.src = "https://example.org/x.png";
            document.body.append(two);
        }""")
        page.wait_for_timeout(50)
        assert page.title() != "taken"
        assert found.asked == []
        assert all("Content Security Policy" in line for line in found.said)


@pytest.mark.parametrize("kind", KINDS)
def test_a_report_fits_a_telephone_and_paper(browser, reports, kind):
    with opened(browser, reports[kind], viewport={"width": 390, "height": 844}) as found:
        page = found.page
        assert page.evaluate("document.documentElement.scrollWidth") == 390
        page.emulate_media(media="print", color_scheme="dark")
        assert page.evaluate("getComputedStyle(document.body).backgroundColor") == (
            "rgb(255, 255, 255)"
        )
        assert not page.locator(".bar").is_visible()
        assert not page.locator(".tools").first.is_visible()
        assert page.pdf()[:5] == b"%PDF-"


@pytest.mark.parametrize("kind", KINDS)
def test_no_level_of_headings_is_left_out(reports, kind):
    text = reports[kind].read_text("utf-8")
    levels = [int(level) for level in re.findall(r"<h([1-6])[ >]", text)]
    assert levels[:2] == [1, 2]
    assert all(after <= before + 1 for before, after in pairwise(levels))


@pytest.mark.parametrize("kind", KINDS)
def test_a_report_keeps_to_the_words_of_the_field(browser, reports, kind):
    with opened(browser, reports[kind], java_script_enabled=False) as found:
        text = found.page.inner_text("main")
        assert not FORBIDDEN.findall(text)
        for heading in ("What was not", "imits"):
            assert heading in text


def test_the_templates_keep_to_the_words_of_the_field():
    folder = Path(reporting.__file__).parent / "templates"
    for template in folder.glob("*.html"):
        text = re.sub(r"{[%{].*?[%}]}|<[^>]*>", " ", template.read_text("utf-8"))
        assert not FORBIDDEN.findall(text), template.name


def test_paper_loses_nothing_of_a_case(browser, reports):
    with opened(browser, reports["case"]) as found:
        page = found.page
        on_screen = page.inner_text("main")
        page.emulate_media(media="print")
        assert page.inner_text("main").split() == on_screen.split()
        assert page.locator("h2").count() == 8 and page.locator(".exhibit").count() > 20
        for heading in page.locator("main a").all():
            target = heading.get_attribute("href").removeprefix("#")
            assert page.locator(f"[id='{target}']").count() == 1


def test_hostile_names_are_shown_as_they_are(browser, reports):
    with opened(browser, reports["detect"]) as found:
        page = found.page
        names = page.locator("[data-table='images'] tbody th").all_inner_texts()
        for name in (HOSTILE[0], HOSTILE[2], HOSTILE[5], HOSTILE[6], '\\u202eto left.png"'[:-1]):
            assert any(name in shown for shown in names), name
        assert any("not utf-8 \\xff\\xfe.png" in shown for shown in names)
        page.locator(".open", has_text=HOSTILE[0]).click()
        assert HOSTILE[0] in page.locator("#detail-title").inner_text()
        assert page.locator("#detail img").first.get_attribute("src").startswith("data:image/webp")
        assert found.said == []


def test_rows_sort_filter_and_open_by_keyboard(browser, reports):
    with opened(browser, reports["detect"]) as found:
        page = found.page
        table = page.locator("[data-table='images']")
        status = table.locator("[role=status]")
        total = int(re.match(r"(\d+) of (\d+) rows", status.inner_text())[2])
        head = table.locator("th", has_text="log10 LR")
        head.locator("button").focus()
        for way, sign in (("descending", -1), ("ascending", 1)):
            page.keyboard.press("Enter")
            assert head.get_attribute("aria-sort") == way
            assert f"sorted by log10 LR, {way}" in status.inner_text()
            cells = table.locator("tbody tr td:nth-of-type(4)").all_inner_texts()
            values = [float(cell.replace("−", "-")) for cell in cells if cell != "–"]
            assert values == sorted(values, key=lambda value: sign * value)
            assert set(cells[len(values) :]) == {"–"}, "what is missing comes last"
        table.locator("select").first.select_option("not_examined")
        assert re.match(rf"1 of {total} rows", status.inner_text())
        table.locator("select").first.select_option("")
        table.locator("input").fill("BROKEN <B>")
        assert re.match(rf"1 of {total} rows", status.inner_text())
        assert "not an image" in table.locator("tbody").inner_text()
        table.locator("input").fill("")
        table.locator(".open").first.focus()
        page.keyboard.press("Enter")
        dialog = page.get_by_role("dialog")
        assert dialog.is_visible()
        first = dialog.locator("#detail-title").inner_text()
        page.keyboard.press("ArrowRight")
        assert dialog.locator("#detail-title").inner_text() != first
        page.keyboard.press("Escape")
        assert not dialog.is_visible()
        assert page.evaluate("document.activeElement.className") == "open"


def test_a_score_has_its_place_among_the_calibration(browser, reports):
    with opened(browser, reports["detect"]) as found:
        page = found.page
        page.locator("[data-table='images'] select").first.select_option("supports_generator")
        page.locator(".open").first.click()
        svg = page.locator("#detail svg")
        low, high, left, right = (
            float(svg.get_attribute(f"data-{name}")) for name in ("low", "high", "left", "right")
        )
        terms = page.locator("#detail dl.facts").first
        score = float(terms.locator("dd").first.inner_text().replace("−", "-"))
        place = float(re.match(r"M([\d.]+) ", svg.locator(".here").get_attribute("d"))[1])
        share = min(1, max(0, (score - low) / (high - low)))
        assert place == pytest.approx(left + share * (right - left), abs=0.1)


def test_what_an_image_went_through_is_told_in_its_panel(browser, tmp_path):
    run = synthetic_run(tmp_path, 1)
    told = {"condition": "jpeg:75", "p_condition": 0.25, "p_reference": 0.5}
    rows = list(run.rows())
    for one in (rows[0]["detection"], *rows[0]["attributions"]):
        one |= told
    path = write_report(replace(run, rows=lambda: iter(rows)))
    with opened(browser, path) as found:
        found.page.locator(".open").first.click()
        shown = found.page.locator("#detail").inner_text()
        assert "At the coding that was measured in it, about" in shown
        for label, value in (
            ("seems to have gone through", "jpeg:75"),
            ("p of its coding", "0.25"),
            ("p of being like the references", "0.5"),
        ):
            assert f"{label}\n{value}" in shown
        assert found.page.locator("#detail svg").count() == 1
        assert found.said == []


def test_a_ratio_at_its_bound_is_told_without_an_interval(browser, tmp_path):
    run = synthetic_run(tmp_path, 2)
    rows = list(run.rows())
    for row, at_bound in zip(rows, (True, False), strict=True):
        row["detection"] |= {"at_bound": at_bound, "log10_lr": 1.5, "log10_lr_low": 2.0}
        row["detection"]["reasons"] = [] if at_bound else ["unlike_generator"]
    path = write_report(replace(run, rows=lambda: iter(rows)))
    with opened(browser, path) as found:
        found.page.locator(".open").first.click()
        panels = [found.page.locator("#detail").inner_text()]
        found.page.keyboard.press("ArrowRight")
        panels.append(found.page.locator("#detail").inner_text())
    panels.sort(key=lambda text: "at its bound" not in text)
    assert "log10 likelihood ratio\n1.50, at its bound\n" in panels[0]
    assert "95 % without bounds" not in panels[0]
    unused = "; not to be used, since neither proposition is known to fit"
    assert f"log10 likelihood ratio\n1.50{unused}\n95 % without bounds\n2.00 to" in panels[1]


def test_the_first_screen_of_a_phone_has_name_counts_and_the_first_finding(browser, tmp_path):
    path = write_report(synthetic_run(tmp_path, 50))
    for width, height in ((390, 844), (1280, 900)):
        with opened(browser, path, viewport={"width": width, "height": height}) as found:
            for part in ("h1", ".lead", ".counts", "[aria-label='Claims by fingerprint'] tbody tr"):
                box = found.page.locator(part).first.bounding_box()
                assert box["y"] + box["height"] <= height, part


def test_heads_of_tables_are_repeated_on_every_sheet(browser, tmp_path):
    with opened(browser, write_report(synthetic_run(tmp_path, 5))) as found:
        buttons = found.page.locator(".windowed thead button")
        before = buttons.all_inner_texts()
        assert "log10 LR" in before
        found.page.evaluate("dispatchEvent(new Event('beforeprint'))")
        # Chromium repeats no head that holds a button.
        assert buttons.count() == 0 and found.page.locator("th", has_text="log10 LR").count() == 1
        found.page.evaluate("dispatchEvent(new Event('afterprint'))")
        assert buttons.all_inner_texts() == before


def test_the_theme_can_be_chosen(browser, reports):
    with opened(browser, reports["lineage"], color_scheme="light") as found:
        page = found.page
        background = "getComputedStyle(document.body).backgroundColor"
        toggle = page.locator("#theme")
        assert page.evaluate(background) == "rgb(255, 255, 255)"
        assert page.locator("figure img.on-dark").first.is_hidden()
        toggle.click()
        toggle.click()
        assert toggle.inner_text() == "Theme: dark"
        assert page.evaluate(background) == "rgb(21, 23, 26)"
        assert page.locator("figure img.on-light").first.is_hidden()
        assert page.locator("figure img.on-dark").first.is_visible()


def test_without_scripts_the_first_rows_are_there(browser, tmp_path):
    path = write_report(synthetic_run(tmp_path, 250))
    with opened(browser, path, java_script_enabled=False) as found:
        assert found.page.locator("[data-table='images'] tbody tr").count() == 100
        assert "The first 100 of 250 rows." in found.page.inner_text("main")
        assert not found.page.locator(".tools").first.is_visible()


@pytest.mark.slow
def test_ten_thousand_rows_are_all_there_and_a_hundred_at_a_time(browser, tmp_path):
    path = write_report(synthetic_run(tmp_path, 10_000, pictures=20))
    assert path.stat().st_size < 15 * 2**20
    with opened(browser, path) as found:
        page = found.page
        table = page.locator("[data-table='images']")
        assert table.locator("tbody tr").count() == 100
        assert "10,000 of 10,000 rows. Rows 1 to 100." in table.locator(".status").inner_text()
        table.get_by_role("button", name="Next rows").click()
        assert "Rows 101 to 200." in table.locator(".status").inner_text()
        table.locator("input").fill("9950")
        assert table.locator("tbody tr").count() == 1


def test_a_report_begins_with_the_generator_and_the_files_that_support_it(reports):
    page = reports["detect"].read_text("utf-8")
    first = page[: page.index("What was asked")]
    rows = json_rows(reports["detect"].parent)
    claimed = [row for row in rows if row["decision"] == "supports_generator"]
    assert claimed
    for name in {row["fingerprint"] for row in claimed}:
        mine = [row for row in claimed if row["fingerprint"] == name]
        best = max(mine, key=lambda row: row["log10_lr"])
        assert f'<th scope="row">{escape(name)}</th><td class="n">{len(mine)}</td>' in first
        ties = [row for row in mine if row["log10_lr"] == best["log10_lr"]]
        assert any(escape(Path(row["path"]).name) in first for row in ties)
        if len(mine) > 3:
            assert f"and {len(mine) - 3} more" in first


def test_a_report_without_claims_says_which_generator_nothing_supports(reports, tmp_path):
    lab = reports.lab
    arguments = (lab.single, lab.real, "-o", tmp_path / "o", "--previews", "none")
    with environment(FP_CACHE=lab.cache):
        assert fp("detect", *arguments, "--fpr", 0.1).code == 0
    page = (tmp_path / "o" / "report.html").read_text("utf-8")
    (name,) = {row["fingerprint"] for row in json_rows(tmp_path / "o")}
    assert f"carry the pattern of <b>{escape(name)}</b>" in page
    assert f"<p>For no file does the evidence point to {escape(name)}." in page
