"""A bank's p-values: rates hold over all of its fingerprints, and refuse what they cannot reach."""

from dataclasses import fields, replace

import numpy as np
import pytest
from golden_bank import full

from fp.fingerprint.decision.family import check_rate, family_of
from fp.fingerprint.decision.judge import Judge
from fp.fingerprint.decision.likelihood import certified_rate
from fp.fingerprint.decision.rows import Attribution, Detection, Evidence
from fp.fingerprint.model.calibration import Calibration
from fp.system.errors import UsageError


def member(name, real, generated, first=0):
    """Make a fingerprint whose reference images are numbered from `first`."""
    ids = [tuple(f"{k + start:064x}" for k in range(len(s))) for s, start in
           ((real, first), (generated, 10**6))]  # fmt: skip
    calibration = Calibration(np.array(real), np.array(generated), *ids, *ids, "test")
    return replace(full(name), calibration=calibration, null=None)


def bank(rng, n, size, shared=True, correlated=0.5):
    common = rng.normal(size=n)
    return tuple(
        member(
            f"g{k}",
            correlated * common + (1 - correlated) * rng.normal(size=n),
            rng.normal(3, 1, size=n),
            0 if shared else 1000 * k,
        )
        for k in range(size)
    )


def calibrated(members):
    return family_of([Judge(one) for one in members])


def test_one_fingerprint_stands_alone():
    family = calibrated(bank(np.random.default_rng(0), 40, 1))
    assert family.p(0.123, 5.0) == 0.123
    assert family.smallest_p == pytest.approx(1 / 41)
    assert family.certified(0.05) == pytest.approx(certified_rate(0.05, 40))


def test_shared_references_are_ranked_by_their_largest_evidence():
    members = bank(np.random.default_rng(1), 30, 4)
    family = calibrated(members)
    ratios = np.array([Judge(m).ratio.free_many(m.calibration.real) for m in members])
    np.testing.assert_allclose(family.largest, np.sort(ratios.max(axis=0)))
    for value in (-9.0, float(family.largest[3]), 0.0, 9.0):
        expected = (1 + np.count_nonzero(ratios.max(axis=0) >= value)) / 31
        assert family.p(0.5, value) == pytest.approx(expected)
    assert family.smallest_p == pytest.approx(1 / 31)


def test_other_references_share_the_rate():
    family = calibrated(bank(np.random.default_rng(2), 30, 4, shared=False))
    assert family.largest is None
    assert family.p(0.02, 9.0) == pytest.approx(0.08)
    assert family.p(0.5, 9.0) == 1.0
    assert family.smallest_p == pytest.approx(4 / 31)


def test_order_and_names_change_nothing():
    members = bank(np.random.default_rng(3), 25, 3)
    other = tuple(m.renamed(f"other {k}") for k, m in enumerate(members))[::-1]
    np.testing.assert_array_equal(calibrated(members).largest, calibrated(other).largest)


@pytest.mark.parametrize("shared", [True, False])
def test_claims_on_reference_images_keep_to_the_rate_over_the_bank(shared):
    claims = []
    for seed in range(150):
        rng = np.random.default_rng([4, seed])
        n, size = 60, 6
        common = rng.normal(size=n + 40)
        scores = np.stack([0.5 * common + 0.5 * rng.normal(size=n + 40) for _ in range(size)])
        members = tuple(
            member(f"g{k}", scores[k, :n], rng.normal(3, 1, n), 0 if shared else 1000 * k)
            for k in range(size)
        )
        judges = [Judge(one) for one in members]
        family = family_of(judges)
        p = np.array(
            [
                [
                    family.p(
                        (1 + np.count_nonzero(scores[k, :n] >= s)) / (n + 1),
                        judge.ratio.free(float(s)),
                    )
                    for s in scores[k, n:]
                ]
                for k, judge in enumerate(judges)
            ]
        )
        claims.append(np.mean(p.min(axis=0) <= 0.1))
    error = np.std(claims) / np.sqrt(len(claims))
    assert np.mean(claims) <= 0.1 + 3 * error
    if shared:
        assert np.mean(claims) > 0.05, "and wastes little of it"


def test_a_rate_out_of_reach_is_refused_with_the_arithmetic():
    rng = np.random.default_rng(5)
    with pytest.raises(UsageError, match=r"at least 19 reference images.* 1 / \(18 \+ 1\)"):
        check_rate(0.05, calibrated(bank(rng, 18, 1)))
    check_rate(0.05, calibrated(bank(rng, 19, 1)))
    check_rate(0.05, calibrated(bank(rng, 19, 7)))
    with pytest.raises(UsageError, match=r"at least 139 of them each.* 7 / \(30 \+ 1\)"):
        check_rate(0.05, calibrated(bank(rng, 30, 7, shared=False)))
    check_rate(0.05, calibrated(bank(rng, 139, 7, shared=False)))
    with pytest.raises(UsageError, match=r"0 < rate <= 0\.5"):
        check_rate(0.0, calibrated(bank(rng, 30, 1)))


@pytest.mark.parametrize("row", [Attribution, Detection])
def test_every_field_of_a_row_is_a_column_and_every_column_a_field(row):
    names = [field.name for field in fields(row)]
    assert sorted(row.columns) == sorted(names)
    assert {field.name for field in fields(Evidence)} <= set(names)
