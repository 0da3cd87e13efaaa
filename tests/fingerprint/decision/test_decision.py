"""From scores to answers: conformal p-values, both rules, and what the data cannot support."""

import numpy as np
import pytest
from scipy.stats import kstest

from fp.fingerprint.decision.decision import decide, p_generated, p_real, verdict
from fp.fingerprint.model.calibration import Calibration


def calibration(real, generated):
    real, generated = np.asarray(real, dtype=float), np.asarray(generated, dtype=float)
    return Calibration(
        real,
        generated,
        tuple(f"r{i}" for i in range(real.size)),
        tuple(f"g{i}" for i in range(generated.size)),
        tuple(f"r{i}" for i in range(real.size)),
        tuple(f"g{i}" for i in range(generated.size)),
        "test",
    )


FOUR = calibration([0.0, 1.0, 2.0, 3.0], [10.0, 11.0, 12.0, 13.0])


@pytest.mark.parametrize(
    ("score", "under_h1", "under_h2"),
    [(-1.0, 1.0, 0.2), (2.0, 0.6, 0.2), (2.5, 0.4, 0.2), (5.0, 0.2, 0.2), (11.0, 0.2, 0.6)],
)
def test_p_values_count_by_hand(score, under_h1, under_h2):
    assert p_real(score, FOUR) == pytest.approx(under_h1)
    assert p_generated(score, FOUR) == pytest.approx(under_h2)


def test_p_values_of_exchangeable_scores_are_uniform():
    rng = np.random.default_rng(0)
    found = []
    for _ in range(400):
        scores = rng.normal(size=200)
        found.append(p_real(scores[0], calibration(scores[1:], [9.0])))
    assert kstest(found, "uniform").pvalue > 0.01


def test_nearest_mean_is_the_rule_of_the_paper():
    for score, expected in ((6.4, "supports_reference"), (6.6, "supports_generator")):
        answer = decide(score, FOUR, "nearest-mean", 0.05)
        assert answer.decision == expected
        assert answer.nearest_mean == ("generated" if "generator" in expected else "real")


@pytest.mark.parametrize(
    ("score", "decision", "reasons"),
    [
        (11.0, "supports_generator", ()),
        (2.0, "supports_reference", ()),
        (6.0, "inconclusive", ("fits_neither",)),
    ],
)
def test_conformal_rule(score, decision, reasons):
    answer = decide(score, FOUR, "conformal", 0.25)
    assert (answer.decision, answer.reasons) == (decision, reasons)


def test_overlapping_populations_are_inconclusive():
    answer = decide(1.5, calibration([0, 1, 2, 3], [1, 2, 3, 4]), "conformal", 0.2)
    assert (answer.decision, answer.reasons) == ("inconclusive", ("fits_both",))


@pytest.mark.parametrize("rule", ["conformal", "nearest-mean"])
def test_a_fingerprint_that_separates_nothing_says_nothing(rule):
    answer = decide(1.0, calibration([2.0, 3.0], [1.0, 2.0]), rule, 0.5)
    assert (answer.decision, answer.reasons) == ("inconclusive", ("no_separation",))


def test_claims_about_reference_images_keep_to_the_rate():
    rng = np.random.default_rng(1)
    claims = []
    for _ in range(300):
        scores = rng.normal(size=120)
        found = calibration(scores[:100], rng.normal(3.0, 1.0, size=100))
        answers = [decide(s, found, "conformal", 0.05).decision for s in scores[100:]]
        claims.append(np.mean([a == "supports_generator" for a in answers]))
    error = np.std(claims) / np.sqrt(len(claims))
    assert np.mean(claims) <= 0.05 + 3 * error


def test_calibration_refuses_what_is_no_calibration():
    with pytest.raises(ValueError, match="at least one score of class generated"):
        calibration([1.0], [])
    with pytest.raises(ValueError, match="class real is not finite"):
        calibration([np.nan], [1.0])
    with pytest.raises(ValueError, match="real_sha256 has 0 entries for 1 scores"):
        Calibration(np.ones(1), np.ones(1), (), ("g",), ("r",), ("g",), "test")


def test_an_image_unlike_the_references_is_not_supported_as_one():
    sides = {"separates": True, "generated_nearer": False, "weak": False}
    for like, decision in ((True, "supports_reference"), (False, "inconclusive")):
        found = verdict(
            "conformal", **sides, against_h1=False, against_h2=True, like_reference=like
        )
        assert found.decision == decision
        assert found.reasons == (() if like else ("unlike_reference",))
    # The paper's rule asks nothing of the kind.
    paper = verdict(
        "nearest-mean", **sides, against_h1=False, against_h2=True, like_reference=False
    )
    assert paper.decision == "supports_reference"
