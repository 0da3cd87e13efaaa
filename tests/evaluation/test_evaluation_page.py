"""The page of an evaluation: accuracy first, intervals that can be, pictures of every protocol."""

from __future__ import annotations

import json
import re

import pytest

from fp.evaluation.cells import Row
from fp.evaluation.configuration import default_text, read_configuration
from fp.evaluation.dataset import Dataset, Member
from fp.evaluation.page import page
from fp.evaluation.running import Evaluation
from fp.evaluation.summary import comparisons, figures_of, with_means
from fp.images.crop import CropRule


def row(**changes: object) -> Row:
    told = {
        "protocol": "sample_size",
        "method": "auto",
        "denoiser": "wavelet",
        "generator": "one",
        "training": 32,
        "seed": 0,
        "trained_on": "none",
        "condition": "none",
        "shuffled": False,
        "metric": "accuracy",
        "value": 0.9,
        "n": 40,
    }
    return Row(**told | changes)


def written(tmp_path, *rows: Row) -> str:
    names = list(dict.fromkeys(r.generator for r in rows))
    data = Dataset(
        tuple(Member(name, tmp_path, ()) for name in ("real", *names)), (), (), CropRule(64, 64)
    )
    found = Evaluation(rows, (), (), (), data, len(rows), len(rows))
    configuration = read_configuration(default_text())
    means = with_means(rows)
    compared = comparisons(means, configuration.compare)
    return "".join(page(found, figures_of(means), compared, configuration, "A note."))


def headline(text: str) -> list[list[str]]:
    first = text.split("What was looked at")[0]
    return [
        re.findall(r"<td[^>]*>(?:<b>)?([^<]*)", line)
        for line in re.findall(r"<tr>(<th scope=\"row\">.*?)</tr>", first)
    ]


def rows_of(text: str) -> list[dict[str, object]]:
    head = json.loads(text.split("data-head>")[1].split("</script>")[0])
    found = json.loads(text.split("data-rows>")[1].split("</script>")[0])
    return [dict(zip(head["fields"], each, strict=True)) for each in found]


def test_one_generator_and_one_split_have_an_accuracy_and_no_interval(tmp_path):
    text = written(tmp_path, row(value=0.875))
    assert headline(text) == [["one", "32", "87.5", "–", "–", "–", "40", "1", "sample_size"]]
    (told,) = rows_of(text)
    assert (told["value"], told["low"], told["high"]) == (87.5, None, None)


def test_an_interval_stays_between_0_and_100_per_cent(tmp_path):
    rows = [row(seed=n, value=v) for n, v in enumerate((0.86, 1.0))]
    costs = [row(seed=n, value=v, metric="cllr") for n, v in enumerate((0.5, 1.5))]
    text = written(tmp_path, *rows, *costs)
    ((_, _, value, low, high, *_),) = headline(text)
    assert (value, high) == ("93.0", "100.0") and 0 <= float(low) < 93
    told = {each["metric"]: each for each in rows_of(text)}
    assert told["cllr"]["high"] > 5, "a cost has no upper end"
    assert told["cllr"]["low"] == 0


def test_of_several_generators_the_mean_comes_first_and_of_one_protocol_its_only_one(tmp_path):
    rows = [row(generator=name, value=v) for name, v in (("one", 0.8), ("two", 0.9))]
    told = headline(written(tmp_path, *rows, row(protocol="compression", value=0.7)))
    assert {(line[0], line[2], line[-1]) for line in told} == {
        ("one", "70.0", "compression"),
        ("(mean)", "85.0", "sample_size"),
    }


@pytest.mark.parametrize("metric", ["accuracy", "not attributed"])
def test_no_section_of_figures_is_empty(tmp_path, metric):
    text = written(tmp_path, row(metric=metric))
    section = text.split('<h2 id="figures">')[1].split("<h2")[0]
    assert ("<img" in section) is (metric == "accuracy")
    assert ("Nothing of this protocol is drawn" in section) is (metric != "accuracy")
    assert ("No protocol of this evaluation measures an accuracy" in text) is (metric != "accuracy")
