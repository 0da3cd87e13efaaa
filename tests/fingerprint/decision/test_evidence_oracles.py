"""Cllr, Cllr_min and ELUB against numbers of the package lir 1.3.1.

``tests/data/lir-1.3.1.json`` holds what ``lir.metrics.cllr``, ``lir.metrics.cllr_min`` and
``lir.algorithms.bayeserror.elub`` gave for the ratios that `ratios` draws.
"""

import json

import numpy as np
import pytest
from project import DATA
from scipy.stats import norm

from fp.evaluation.statistics import cllr, cllr_min
from fp.fingerprint.decision.likelihood import empirical_bounds

GOLDEN = json.loads((DATA / "lir-1.3.1.json").read_text("utf-8"))


def ratios(case):
    """Return log10 ratios of both classes: normal quantiles in an order of integers."""
    n, m, apart = case["n_real"], case["n_generated"], case["separation"]
    real = norm.ppf((np.arange(n) * 37 % n + 0.5) / n)
    generated = norm.ppf((np.arange(m) * 23 % m + 0.5) / m) + apart
    scale = case["scale"] / np.log(10)
    return tuple(np.round(scale * (apart * x - apart**2 / 2), 6) for x in (real, generated))


@pytest.mark.parametrize("case", GOLDEN, ids=lambda case: f"{case['n_real']}-{case['separation']}")
def test_costs_are_those_of_lir(case):
    real, generated = ratios(case)
    ratio = np.concatenate([real, generated])
    labels = np.arange(ratio.size) >= real.size
    assert cllr(ratio, labels) == pytest.approx(case["cllr"], abs=1e-9)
    assert cllr_min(ratio, labels) == pytest.approx(case["cllr_min"], abs=1e-9)


@pytest.mark.parametrize("case", GOLDEN, ids=lambda case: f"{case['n_real']}-{case['separation']}")
def test_bounds_are_those_of_lir(case):
    # lir walks in steps of 0.01 and stops one step before the first failure.
    assert empirical_bounds(*ratios(case)) == pytest.approx(case["elub"], abs=0.0205)
