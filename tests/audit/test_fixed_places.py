"""A folder drawn from few seeds is told by its pixels, and what is no seed is not taken for one."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from synthetic import Generator, photograph

from fp.api.bank import audit_folders
from fp.audit.findings import AuditFinding
from fp.audit.fixed_places import Signs, shared, signs_of
from fp.denoisers import registry

SIDE = 128
PICTURES = 32


def noise(seed: int, strength: float = 6.0) -> np.ndarray:
    """Draw what an initial noise may leave in a picture: faint detail at fixed places."""
    return np.random.default_rng([3, seed]).normal(0, strength, (SIDE, SIDE, 1))


def drawn(picture: int, pattern: np.ndarray | float) -> np.ndarray:
    field = photograph(picture, SIDE).astype(float)
    return np.clip(np.rint(field + pattern), 0, 255).astype(np.uint8)


def folder_of(place: Path, pictures) -> Path:
    place.mkdir(parents=True)
    for number, pixels in enumerate(pictures):
        Image.fromarray(pixels).save(place / f"a {number:02d}.png")
    return place


def few_seeds(tmp_path: Path, pictures) -> AuditFinding | None:
    """Audit pictures against photographs; return what is said of their seeds."""
    real = folder_of(tmp_path / "r", (photograph(900 + k, SIDE) for k in range(8)))
    found = audit_folders(folder_of(tmp_path / "g", pictures), real)
    return next((each for each in found.findings if each.code == "few_seeds"), None)


@pytest.mark.parametrize(
    ("seeds", "severity"), [(1, "warning"), (4, "warning"), (PICTURES, "none")]
)
def test_a_folder_from_few_seeds_is_told(tmp_path, seeds, severity):
    found = few_seeds(tmp_path, (drawn(k, noise(k % seeds)) for k in range(PICTURES)))
    assert found.severity == severity, found.sentence
    if severity == "warning":
        assert found.value == 1
        assert f"{PICTURES} of {PICTURES} pictures" in found.sentence
        others = PICTURES // seeds - 1
        assert f"with {others}.0 others in the mean" in found.sentence
        assert len(found.examples) == 3
    else:
        assert found.value == 0
        assert "0 of 32 pictures share one with another." in found.sentence


def jpeg(pixels: np.ndarray) -> np.ndarray:
    held = io.BytesIO()
    Image.fromarray(pixels).save(held, "JPEG", quality=60)
    return np.asarray(Image.open(held))


def framed(pixels: np.ndarray) -> np.ndarray:
    """Put a picture on a white page with a black line around it, all as wide as it was."""
    page = pixels.copy()
    page[:40] = page[-40:] = 255
    page[:, :40] = page[:, -40:] = 255
    page[14:16] = 0
    return page


def padded(pixels: np.ndarray) -> np.ndarray:
    """Leave a pattern along the edges, as a network does that pads with zeros."""
    edge = noise(0, 20.0)
    edge[8:-8, 8:-8] = 0
    return np.clip(pixels + edge, 0, 255).astype(np.uint8)


NO_SEED = {
    "photographs": lambda k: photograph(k, SIDE),
    "a lattice": lambda k: Generator(1, 0.05).draw(k, SIDE),
    "a JPEG grid": lambda k: jpeg(photograph(k, SIDE)),
    "padding": lambda k: padded(photograph(k, SIDE)),
    "some look-alikes": lambda k: drawn(k, noise(0 if k < 6 else k)),
}


@pytest.mark.parametrize("name", NO_SEED)
def test_what_all_pictures_share_without_a_seed_is_none(tmp_path, name):
    found = few_seeds(tmp_path, map(NO_SEED[name], range(PICTURES)))
    assert found.severity == "none", found.sentence
    assert "others" not in found.sentence


def signs(pixels: np.ndarray) -> Signs | None:
    return signs_of(registry.get("wavelet")(pixels))


def test_pictures_of_another_size_or_with_a_frame_are_left_out(tmp_path):
    pictures = [drawn(k, noise(0)) for k in range(12)]
    assert few_seeds(tmp_path / "same", pictures).value == 1
    wide = [np.concatenate([p, p], 1) for p in pictures]
    found = few_seeds(tmp_path / "mixed", [*pictures, *wide[:4]])
    assert "12 of 12 pictures" in found.sentence
    found = few_seeds(tmp_path / "frames", [*pictures, *map(framed, pictures)])
    assert "12 of 12 pictures" in found.sentence


def test_small_or_few_or_flat_pictures_say_nothing(tmp_path):
    assert few_seeds(tmp_path / "few", (drawn(k, noise(0)) for k in range(7))) is None
    assert few_seeds(tmp_path / "small", (drawn(k, noise(0))[:80] for k in range(12))) is None
    assert signs(np.full((SIDE, SIDE, 3), 90, np.uint8)) is None
    assert signs(drawn(0, 0.0)[:96]).shape == (64, 96)


def test_signs_are_those_of_the_residual():
    residual = registry.get("wavelet")(drawn(1, noise(1)))
    found = signs_of(residual)
    expected = residual[:, 16:112, 16:112].mean(0).ravel()
    values = found.values()
    assert found.shape == (96, 96)
    assert set(np.unique(values)) == {-1, 0, 1}
    clear = np.abs(expected) > 0.25 / 255
    assert (np.sign(expected)[clear] == values[clear]).all() and not values[~clear].any()


def test_chance_links_next_to_nothing():
    rng = np.random.default_rng(8)
    found = []
    for _ in range(20):
        planes = rng.integers(0, 256, (24, 2, 64 * 64 // 8), np.uint8)
        found.append(shared([Signs((64, 64), each) for each in planes]).members.any())
    assert sum(found) <= 1


@pytest.mark.corpus
def test_pictures_of_glid_3_xl_are_linked_by_their_place_among_nine_of_a_prompt(corpus):
    def found(name):
        paths = sorted((corpus / "t2i" / "generated" / name).iterdir())
        pictures = [np.asarray(Image.open(path).convert("RGB")) for path in paths]
        places = np.array([int(path.stem.rpartition("_")[2]) % 9 for path in paths])
        return shared([signs(each) for each in pictures]), places

    glid, places = found("glid3xl")
    first, second = np.nonzero(glid.linked)
    assert glid.members.mean() > 0.8
    assert (places[first] == places[second]).mean() > 0.98, "a ninth by chance"
    assert found("ldm")[0].members.mean() < 0.1
