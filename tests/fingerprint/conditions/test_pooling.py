"""Probabilities of conditions, and what several experts say together."""

import numpy as np
import pytest
from scipy.special import softmax

from fp.fingerprint.conditions.gate import fit_temperature
from fp.fingerprint.conditions.pooling import pooled
from fp.fingerprint.model.ladder import LADDER, possible


def plain(ratios, shares):
    """Join ratios as the equation is written."""
    odds = 10.0 ** np.array(ratios)
    chance = float(np.sum(np.array(shares) * odds / (1 + odds)))
    return np.log10(chance / (1 - chance))


def test_ratios_are_joined_as_probabilities():
    rng = np.random.default_rng(1)
    for count in (2, 3, 6):
        ratios, shares = rng.normal(size=count), rng.dirichlet(np.ones(count))
        found = float(pooled(ratios, shares))
        assert found == pytest.approx(plain(ratios, shares))
        assert min(ratios) <= found <= max(ratios)
        assert found == pytest.approx(-float(pooled(-ratios, shares)))  # neither class is favoured
    many = rng.normal(size=(3, 50))
    together = pooled(list(many), (0.5, 0.3, 0.2))
    np.testing.assert_allclose(together, [plain(column, (0.5, 0.3, 0.2)) for column in many.T])


def test_one_expert_is_heard_as_it_is():
    for ratio in (-3.7, 0.1, 41.3):
        assert float(pooled([ratio], [1.0])) == ratio


def test_an_improbable_condition_moves_the_probability_by_its_share_at_most():
    alone = plain([-0.5], [1.0])
    for sure in (2.0, 20.0, 300.0):
        found = float(pooled([-0.5, sure], [0.96, 0.04]))
        assert alone < found < 0
        chances = [1 / (1 + 10.0**-ratio) for ratio in (found, alone)]
        assert chances[0] - chances[1] < 0.04
    assert np.isfinite(float(pooled([-300.0, 300.0], [0.5, 0.5])))


@pytest.mark.parametrize("temperature", [1.5, 4.0, 20.0])
def test_the_temperature_makes_probabilities_true(temperature):
    """Labels are drawn by the probabilities; misfits say them too surely by a known factor."""
    rng = np.random.default_rng(2)
    logits = 2 * rng.normal(size=(6000, 4))
    chances = softmax(logits, axis=1)
    label = (rng.random(6000)[:, None] > chances.cumsum(axis=1)).sum(axis=1)
    fewest = np.bincount(label, minlength=4).min()
    misfits = np.stack([-2 * temperature * logits[label == k][:fewest] for k in range(4)])
    found = fit_temperature(misfits)
    assert found == pytest.approx(temperature, rel=0.08)

    def told(at):
        return softmax(-misfits / (2 * at), axis=-1)

    sure = told(found).max(axis=-1)
    right = told(found).argmax(axis=-1) == np.arange(4)[:, None]
    assert sure.mean() == pytest.approx(right.mean(), abs=0.02)
    assert told(1.0).max(axis=-1).mean() > right.mean() + 0.05


def test_the_temperature_never_makes_surer():
    rng = np.random.default_rng(3)
    misfits = np.stack([np.where(np.arange(3) == k, 0.0, 1.0) for k in range(3)])[:, None]
    assert fit_temperature(misfits + 0.01 * rng.random((3, 40, 3))) == pytest.approx(1, abs=0.01)


@pytest.mark.parametrize(
    ("factor", "names"),
    [
        (0.8, ("resize:0.75", "jpeg:75+resize:0.5", "jpeg:75+resize:0.75")),
        (0.6, ("resize:0.5", "jpeg:75+resize:0.5")),
        (1.4, ("resize:1.5", "jpeg:75+resize:1.5")),
        (0.9, LADDER),  # between nothing and a rung
        (1.0, LADDER),
        (3.0, LADDER),
    ],
)
def test_a_factor_leaves_the_rungs_that_stand_for_it(factor, names):
    found = possible(LADDER, factor)
    assert [c for c, can in zip(LADDER, found, strict=True) if can] == list(names)


def test_without_such_a_rung_every_condition_is_possible():
    for ladder in (("none", "jpeg:75"), ("none", "resize:0.5+jpeg:75", "blur:1")):
        assert possible(ladder, 0.7).all()
