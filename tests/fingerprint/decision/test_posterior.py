"""From ratios against references and against the rest to probabilities over a bank."""

from dataclasses import replace

import numpy as np
import pytest
from golden_bank import as_they_come

from fp.fingerprint.decision.posterior import NONE, is_one_bank, with_posterior
from fp.fingerprint.decision.rows import Attribution


def row(name, against_references, against_rest):
    return Attribution(
        path="a",
        fingerprint=name,
        method="auto",
        mu_r=0.0,
        mu_g=1.0,
        decision="inconclusive",
        log10_lr=against_references,
        log10_lr_rest=against_rest,
    )


def test_the_probabilities_are_those_of_the_page():
    found = with_posterior([row("a", 2.0, 1.0), row("b", 1.0, 0.0), row("c", -1.0, -1.0)])
    rest = np.array([10, 1, 0.1]) / 11.1
    odds = np.array([100, 10, 0.1]) * rest
    np.testing.assert_allclose(
        [each.posterior for each in found.rows], odds / (1 + odds.sum()), rtol=1e-12
    )
    assert found.candidates == ("a",)


def test_one_generator_and_nothing_said_is_even_odds():
    (found,) = with_posterior([row("a", 0.0, 0.0)]).rows
    assert found.posterior == pytest.approx(0.5)


def test_kin_share_and_strangers_are_none_of_these():
    kin = with_posterior([row("a", 2.0, 1.0), row("b", 2.0, 0.8), row("c", -2.0, -2.0)])
    assert kin.candidates == ("a", "b")
    photograph = with_posterior([row("a", -2.0, 0.5), row("b", -1.8, 0.4)])
    assert photograph.candidates == (NONE,)
    unclear = with_posterior([row("a", 0.0, 0.0), row("b", 0.0, 0.0)])
    assert unclear.candidates[0] == NONE and set(unclear.candidates) == {"a", "b", NONE}


def test_who_was_not_asked_has_no_probability():
    found = with_posterior([row("a", 2.0, 1.0), row("b", 3.0, None), row("c", None, None)])
    assert [each.posterior is None for each in found.rows] == [False, True, True]
    assert with_posterior([row("a", None, None), row("b", 1.0, None)]).candidates == ()


def test_only_what_was_learned_together_has_a_posterior():
    def member(name, peers):
        return replace(as_they_come(name), parameters={"peers": peers})

    both = [member("a", ["a", "b"]), member("b", ["a", "b"])]
    assert is_one_bank(both) and not is_one_bank(both[:1])
    assert not is_one_bank([*both, member("c", ["a", "b"])])
    assert not is_one_bank([both[0], replace(both[1], rest=None)])
