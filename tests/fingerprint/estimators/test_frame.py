"""What stands at fixed places of the frame is found at any offset and reduction, or nowhere."""

import numpy as np
import pytest
from commands import fp, json_rows
from PIL import Image
from synthetic import photograph, save

from fp.denoisers.population import Reduction
from fp.fingerprint.decision.decision import p_real
from fp.fingerprint.estimators import frame
from fp.fingerprint.estimators.folds import Labelled
from fp.fingerprint.estimators.frame import Frame
from fp.fingerprint.learning.crossfit import learn_and_hold_out
from fp.fingerprint.model.calibration import Calibration
from fp.fingerprint.store.bank import read_bank
from fp.images.crop import CropRule

SIDE = 96


def noise(seed, side=SIDE):
    return np.random.default_rng([3, seed]).normal(0, 0.01, (3, side, side)).astype(np.float32)


def planted(side=SIDE):
    """Return what stands at fixed places of every picture."""
    return 0.5 * noise(10_000, side)


def resized(planes, side):
    return np.stack([np.asarray(Image.fromarray(p).resize((side, side), 3)) for p in planes])


def reduced(planes, side):
    """Return planes brought to a side, at the top left of other noise."""
    found = noise(20_000)
    found[:, :side, :side] += resized(planes, side)
    return found


@pytest.fixture(scope="module")
def learned():
    features = np.stack([Frame().features(noise(i) + planted()) for i in range(16)])
    return Frame().fit(features, np.ones(16, bool), np.arange(16)).pattern


def score(residual, pattern):
    return float(Frame().score(Frame().features(residual)[None], pattern)[0])


@pytest.mark.parametrize("offset", [(0, 0), (7, 50), (-13, 3)])
def test_a_pattern_is_found_at_any_offset(learned, offset):
    assert score(noise(100) + np.roll(planted(), offset, (1, 2)), learned) > 0.5


@pytest.mark.parametrize("side", [94, 81, 72, 61, 48])
def test_a_pattern_is_found_in_a_reduced_image(learned, side):
    assert score(reduced(2 * planted(), side), learned) > 0


def test_of_an_image_reduced_and_cropped_it_is_found_too(learned):
    assert score(np.roll(reduced(2 * planted(), 72), (-5, -9), (1, 2)), learned) > 0


def test_beyond_half_the_size_and_in_noise_nothing_is_found(learned):
    assert score(reduced(2 * planted(), 40), learned) == 0
    assert [score(noise(i), learned) for i in range(200, 220)] == [0.0] * 20


def test_flat_parts_have_a_score():
    flat = np.zeros((1, 1, 64, 64), np.float32)
    assert Frame().score(flat, flat[0]).tolist() == [0.0]
    assert Frame().score(flat, noise(0, 64)[:1]).tolist() == [0.0]


def test_the_score_is_the_largest_energy_over_all_scales_and_offsets(monkeypatch):
    monkeypatch.setattr(frame, "NOTHING", 1e-3)
    residual, pattern = noise(1, 16)[:1], noise(2, 16)[:1]
    energies = []
    for side in range(16, 7, -2):
        small = np.zeros((16, 16))
        part = resized(pattern, side)[0]
        small[:side, :side] = part - part.mean()
        centred = residual[0] - residual[0].mean()
        at = ((y, x) for y in range(16) for x in range(16))
        plane = np.array([(centred * np.roll(small, offset, (0, 1))).sum() for offset in at])
        energies.append(plane.max() ** 2 / np.square(plane).mean())
    found = Frame().score(residual[None], pattern)[0]
    assert found == pytest.approx(np.log10(max(energies) / 1e-3), rel=1e-5)


def test_the_calibration_is_that_of_a_maximum(monkeypatch):
    """Unseen photographs rank among those of the calibration as one of them."""
    monkeypatch.setattr(frame, "NOTHING", 1.0)  # so that noise has scores
    monkeypatch.setattr(frame, "_STEP", 16)
    features = [Frame().features(noise(i) + planted() * (i < 12)) for i in range(52)]
    labels = np.arange(52) < 12
    held = learn_and_hold_out(Frame(), np.stack(features), Labelled(labels, np.arange(52), 4, 0))
    names = tuple(map(str, range(52)))
    calibration = Calibration(
        held.scores[~labels],
        held.scores[labels],
        names[12:],
        names[:12],
        names[12:],
        names[:12],
        held.scheme,
    )
    ranks = [p_real(score(noise(i), held.fitted.pattern), calibration) for i in range(100, 160)]
    assert 0.35 < np.mean(ranks) < 0.65
    assert np.mean(np.array(ranks) <= 0.1) < 0.25


def test_references_that_carry_it_elsewhere_count_against_a_claim():
    shifted = [np.roll(planted(), (i, 2 * i), (1, 2)) for i in range(20)]
    residuals = [noise(i) + planted() for i in range(12)]
    residuals += [noise(100 + i) + shifted[i] for i in range(20)]
    features = np.stack([Frame().features(residual) for residual in residuals])
    labels = np.arange(32) < 12
    held = learn_and_hold_out(Frame(), features, Labelled(labels, np.arange(32), 4, 0))
    assert (held.scores[~labels] > 0.5).all()


def test_the_time_of_a_large_image_is_that_of_its_corner():
    large = noise(0, 608)
    assert Frame().features(large).shape == (1, 512, 512)
    assert Frame().features(large[:, :96, :64]).shape == (1, 96, 64)


def draw(seed, side=128):
    """Draw a photograph, with grey levels at fixed places of it."""
    grain = np.random.default_rng(5).normal(0, 2.5, (192, 192, 1))[:side, :side]
    return np.clip(np.rint(photograph(seed, side) + grain), 0, 255).astype(np.uint8)


@pytest.mark.slow
def test_it_goes_from_folders_to_answers(tmp_path):
    side = 128
    for folder in ("made by it", "real", "asked/made", "asked/real"):
        (tmp_path / folder).mkdir(parents=True)
    for i in range(20):
        save(draw(i), tmp_path / "made by it" / f"picture {i}.png")
        save(photograph(100 + i, side), tmp_path / "real" / f"photo {i}.png")
    (tmp_path / "made by it" / "picture 20.png").write_bytes(b"no image")
    for i in range(200, 206):
        made = draw(i, 192)[16:, 24:] if i % 2 else draw(i)
        save(made, tmp_path / "asked/made" / f"a {i}.png")
        save(photograph(i + 100, side), tmp_path / "asked/real" / f"b {i}.png")
    Image.fromarray(draw(300, 192)).resize((144, 144), 3).save(tmp_path / "asked/made/reduced.png")
    Image.fromarray(draw(301)).save(tmp_path / "asked/made/coded.jpg", quality=80)
    Image.fromarray(photograph(401, side)).save(tmp_path / "asked/real/b coded.jpg", quality=80)
    bank, given = tmp_path / "g.h5", ("--method", "frame", "--folds", 4, "--jobs", 1)
    folders = ("--generated", tmp_path / "made by it", "--real", tmp_path / "real")
    outcome = fp("extract", *folders, *given, "--size", "128x128", "-o", bank)
    assert outcome.code == 3 and "picture 20.png is no image" in outcome.err
    assert fp("bank", "verify", bank).code == 0
    (found,) = read_bank(bank)
    assert found.method == "frame" and found.pattern.shape == (1, 128, 128)
    assert not found.calibration.real.any() and (found.calibration.generated == 1).all()
    outcome = fp("detect", bank, tmp_path / "asked", "-o", tmp_path / "d", "--jobs", 1)
    assert outcome.code == 0, outcome.err
    rows = json_rows(tmp_path / "d")
    named = {row["path"].rpartition("/")[2]: row for row in rows}
    assert len(named) == 15
    for name, row in named.items():
        claimed = row["decision"] == "supports_generator"
        assert claimed == (not name.startswith("b ")), (name, row["score"], row["reasons"])
    # No calibration image was a JPEG: that takes back what is said for the reference, and no claim.
    assert "coding_not_calibrated" not in named["coded.jpg"]["reasons"]
    assert named["b coded.jpg"]["decision"] == "inconclusive"
    assert "coding_not_calibrated" in named["b coded.jpg"]["reasons"]


@pytest.mark.slow
def test_a_picture_of_half_the_size_is_found_among_real_ones(corpus):
    """Two of the held-out pictures carry the pattern at half the size, as if reduced from 1024."""
    pictures = sorted((corpus / "t2i/generated/gpt_image_1").glob("*.webp"))
    photographs = sorted((corpus / "t2i/real/kodak").glob("*.webp"))
    reduction = Reduction("wavelet", CropRule(256, 256))
    residual = reduction.residual()

    def features(path):
        with Image.open(path) as image:
            return Frame().features(residual(reduction.part(np.asarray(image.convert("RGB")))))

    pattern = np.mean([features(path) for path in pictures[:16]], axis=0)
    asked = np.stack([features(path) for path in pictures[16:] + photographs])
    scores = Frame().score(asked, pattern)
    assert (scores[:24] > 0).all()
    assert not scores[24:].any()
