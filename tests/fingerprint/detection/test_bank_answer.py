"""What a bank says of a picture as a whole: one fingerprint's words, and never those of several."""

from dataclasses import replace
from itertools import permutations

import pytest
from golden_bank import small

from fp.fingerprint.decision.judge import Judge
from fp.fingerprint.decision.rows import Attribution
from fp.fingerprint.detection.detection import over_bank, rank, voices_of

SCORED = Attribution(
    path="a.png",
    fingerprint="A",
    method="tile",
    score=0.0,
    mu_r=-1.0,
    mu_g=1.0,
    p_real=0.5,
    p_bank=0.5,
    p_generated=0.01,
    log10_lr=-0.5,
    decision="supports_reference",
)
JUDGE = Judge(small())


def no(name, **told):
    return replace(SCORED, fingerprint=name, **told)


def cannot_tell(name, *reasons, p_real=0.5, **told):
    told |= {"decision": "inconclusive", "reasons": reasons, "p_real": p_real}
    return replace(SCORED, fingerprint=name, **told)


def claim(name, **told):
    told = {"p_real": 0.01, "p_generated": 0.5, **told}
    return replace(SCORED, fingerprint=name, decision="supports_generator", **told)


def too_small(name):
    figures = {"score": None, "p_real": None, "p_bank": None, "p_generated": None, "log10_lr": None}
    told = {"decision": "not_examined", "reasons": ("too_small",)}
    return replace(SCORED, fingerprint=name, **figures, **told)


def asked(*rows):
    """Return fingerprint, decision and reasons of the answer, whatever the order of the bank."""
    answers = set()
    for order in permutations(rows):
        ranked = sorted(order, key=rank)
        found = over_bank(ranked[0], voices_of(ranked), JUDGE, "conformal")
        answers.add((found.fingerprint, found.decision, found.reasons))
    (answer,) = answers
    return answer


def test_reasons_of_several_fingerprints_are_not_joined():
    found = asked(
        cannot_tell("A", "fits_both", p_real=0.06),
        cannot_tell("B", "coding_not_calibrated"),
        cannot_tell("C", "unlike_reference", "weak_fingerprint", p_real=0.3),
        no("D", p_real=0.02),
    )
    assert found == ("A", "inconclusive", ("fits_both",))


def test_what_all_say_is_said():
    rows = [cannot_tell(name, "content_not_calibrated") for name in "ABC"]
    assert asked(*rows) == ("A", "inconclusive", ("content_not_calibrated",))


@pytest.mark.parametrize("posterior", [None, 0.7])
def test_who_cannot_tell_is_named_before_who_says_no(posterior):
    rows = (no("A", p_real=0.01, posterior=posterior), cannot_tell("B", "coding_not_calibrated"))
    assert asked(*rows) == ("B", "inconclusive", ("coding_not_calibrated",))


def test_all_that_say_no_make_a_no():
    assert asked(no("A"), no("B", reasons=("few_sources",)), no("C", p_real=0.1)) == (
        "C",
        "supports_reference",
        (),
    )


def test_a_picture_too_small_for_one_is_not_denied():
    rows = no("A", reasons=("few_sources",)), too_small("B")
    assert asked(*rows) == ("A", "inconclusive", ("too_small", "few_sources"))
    assert asked(claim("A"), too_small("B")) == ("A", "supports_generator", ())
    undecided = cannot_tell("A", "fits_both"), too_small("B")
    assert asked(*undecided) == ("A", "inconclusive", ("fits_both",))


def test_a_claim_stands_beside_who_cannot_tell():
    assert asked(claim("A"), cannot_tell("B", "unlike_reference"), no("C")) == (
        "A",
        "supports_generator",
        (),
    )


@pytest.mark.parametrize("other", [no, lambda name, **told: cannot_tell(name, "fits_both", **told)])
def test_a_claim_is_taken_back_where_another_is_more_probable(other):
    found = asked(claim("A", posterior=0.2), other("B", posterior=0.7))
    assert found[1] == "inconclusive"
    assert "nearer_to_another" in found[2]
    assert asked(claim("A", posterior=0.7), other("B", posterior=0.2))[1] == "supports_generator"
