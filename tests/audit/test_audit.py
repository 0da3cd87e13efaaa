"""Confounds that are there are named, and folders that differ in nothing but origin raise none."""

from __future__ import annotations

import io
import re
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from project import PROJECT
from scipy.fft import dct, dctn
from scipy.stats import norm
from synthetic import Generator, photograph, save, write_generated, write_photographs

from fp.api.bank import audit_folders
from fp.audit.audit import audit
from fp.audit.checks import has_palette
from fp.audit.comparing import (
    area_interval,
    compare_categories,
    compare_numbers,
    wilson,
)
from fp.audit.duplicates import Look, equal_pairs, look_of, near_pairs
from fp.audit.findings import CODES, LEAST_AREA, severity_of
from fp.audit.measuring import Folder, Measure, Properties, measure_folder
from fp.audit.mixture import Split, dip_statistic, two_clusters
from fp.audit.preparation import matching
from fp.audit.traces import colours, flat_border, resampling_trace
from fp.denoisers.cache import ResidualCache
from fp.fingerprint.detection.banks import examine
from fp.fingerprint.detection.detection import DetectOptions
from fp.fingerprint.extraction.extraction import extract
from fp.fingerprint.extraction.options import ExtractOptions
from fp.fingerprint.model.fingerprint import Fingerprint
from fp.fingerprint.store.bank import read_bank, write_bank
from fp.images.compiled_jpeg_grid import count_vanishing
from fp.images.container import describe
from fp.images.crop import CropRule
from fp.images.degradations import Degradation
from fp.images.jpeg_grid import jpeg_grid, luminance_window
from fp.images.loading import load_image
from fp.images.pipelines import pipeline_of
from fp.system.errors import UsageError
from fp.system.folders import ImageFolder

PAGE = (PROJECT / "docs" / "audit.md").read_text("utf-8")
SIDE = 96


def textured(seed: int, side: int = SIDE) -> np.ndarray:
    """Draw a photograph with fine detail of several strengths, as a camera would."""
    rng = np.random.default_rng([5, seed])
    detail = rng.normal(0, rng.uniform(2, 14), (side, side, 1))
    detail += np.roll(detail, 1, 0) + np.roll(detail, 1, 1)
    return np.clip(photograph(seed, side) + detail, 0, 255).astype(np.uint8)


def jpeg(pixels: np.ndarray, quality: int = 85, **options: object) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", quality=quality, **options)
    return buffer.getvalue()


def decoded(content: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(content)).convert("RGB"))


def resized(pixels: np.ndarray, factor: float) -> np.ndarray:
    side = round(len(pixels) * factor)
    return np.asarray(Image.fromarray(pixels).resize((side, side), Image.Resampling.BICUBIC))


def folder_of(place: Path, pictures, first: int = 0) -> Path:
    """Write pixels as PNG, and bytes as they are."""
    place.mkdir(parents=True, exist_ok=True)
    for index, picture in enumerate(pictures, start=first):
        if isinstance(picture, bytes):
            (place / f"p {index:03d}.jpg").write_bytes(picture)
        else:
            Image.fromarray(picture).save(place / f"p {index:03d}.png")
    return place


def severities(found) -> dict[str, str]:
    return {finding.code: finding.severity for finding in found.findings}


@pytest.fixture(scope="module")
def clean(tmp_path_factory):
    """Two folders of photographs of one kind: nothing to find."""
    root = tmp_path_factory.mktemp("clean")
    folder_of(root / "a", map(textured, range(40)))
    folder_of(root / "b", map(textured, range(100, 140)), 100)
    return root


@pytest.fixture(scope="module")
def measured(clean):
    return tuple(measure_folder(clean / n, Measure(clean / n)) for n in "ab")


# What a file says


@pytest.mark.parametrize("quality", [1, 20, 49, 50, 75, 76, 92, 99, 100])
def test_the_quality_of_a_jpeg_is_found_exactly(quality):
    content = jpeg(photograph(0), quality)
    assert describe(Image.open(io.BytesIO(content)), content).quality == quality


def test_the_container_tells_how_pixels_are_stored():
    def stored(pixels: Image.Image, kind: str, **options: object):
        buffer = io.BytesIO()
        pixels.save(buffer, kind, **options)
        return describe(Image.open(io.BytesIO(buffer.getvalue())), buffer.getvalue())

    rgb = Image.fromarray(photograph(0))
    assert stored(rgb, "PNG").compression == "lossless"
    assert stored(rgb, "WEBP", lossless=True).compression == "lossless"
    assert stored(rgb, "WEBP", quality=90).compression == "lossy WebP"
    frames = {"save_all": True, "append_images": [rgb.rotate(90)], "quality": 50}
    assert stored(rgb, "WEBP", **frames).compression == "lossy WebP"
    for subsampling in ("4:4:4", "4:2:2", "4:2:0"):
        assert stored(rgb, "JPEG", subsampling=subsampling).subsampling == subsampling
    assert stored(rgb.convert("L"), "JPEG").subsampling == "grey"
    assert stored(rgb.convert("RGBA"), "PNG").alpha
    assert stored(rgb.convert("P"), "PNG").palette
    assert stored(Image.fromarray(np.zeros((8, 8), np.uint16)), "PNG").bits == 16
    assert stored(rgb, "PNG", icc_profile=b"x" * 128).icc
    exif = Image.Exif()
    exif[0x010E] = "x"
    assert stored(rgb, "JPEG", exif=exif).exif
    assert not stored(rgb, "JPEG").exif


def test_progressive_coding_and_tables_are_told_apart():
    def stored(**options: object):
        content = jpeg(photograph(0), **options)
        return describe(Image.open(io.BytesIO(content)), content)

    assert stored(progressive=True).progressive and not stored().progressive
    assert stored().standard_tables
    other = stored(qtables=[[9] * 64, [9] * 64])
    assert not other.standard_tables and other.quality is not None


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_a_file_that_calls_itself_a_screenshot_is_told(kind):
    def stored(text: bytes) -> bool:
        exif = Image.Exif()
        exif[0x010F] = "a maker"
        exif.get_ifd(0x8769)[0x9286] = text
        buffer = io.BytesIO()
        Image.fromarray(photograph(0)).save(buffer, kind, exif=exif)
        content = buffer.getvalue()
        return describe(Image.open(io.BytesIO(content)), content).screenshot

    assert stored(b"ASCII\0\0\0Screenshot")
    assert not stored(b"ASCII\0\0\0a screen")


def test_a_pipeline_is_known_by_all_of_its_bytes():
    def looks_like(side: int = 1200, quality: int = 85, **options: object) -> str | None:
        content = jpeg(np.zeros((40, side, 3), np.uint8), quality, **options)
        stored = describe(Image.open(io.BytesIO(content)), content)
        return pipeline_of(stored, side, 40)

    assert looks_like(progressive=True) == "X (Twitter), medium"
    assert looks_like(1280, 87) == "Telegram"
    for other in (
        looks_like(),
        looks_like(1201, progressive=True),
        looks_like(quality=86, progressive=True),
        looks_like(progressive=True, subsampling=0),
        looks_like(progressive=True, qtables=[[9] * 64, [9] * 64]),
    ):
        assert other is None


@pytest.mark.corpus
def test_pictures_of_a_social_network_look_like_its_own_and_photographs_do_not(corpus):
    def named(folder: Path) -> list[str | None]:
        found = measure_folder(folder, Measure(folder)).images
        return [image.pipeline for image in found]

    social = named(corpus / "t2i" / "strangers" / "gpt_image_2_web")
    assert social.count("X (Twitter), medium") == 25
    assert not any(named(corpus / "t2i" / "real" / "web"))


# Traces in pixels


def test_a_border_is_measured_in_lines_of_one_colour():
    inside = textured(3, 80)
    assert flat_border(inside) == 0
    page = np.pad(inside, ((10, 10), (0, 20), (0, 0)), constant_values=250)
    assert flat_border(page) == pytest.approx(1 - 80 * 80 / (100 * 100))
    assert flat_border(decoded(jpeg(page, 90))[:, :96]) > 0.2  # a compressed one is not quite flat
    assert flat_border(np.full((40, 30, 3), 7, np.uint8)) == 1
    # Black next to white is two borders, and a line of two colours is none.
    halves = np.zeros((40, 40, 3), np.uint8)
    halves[:, 20:] = 255
    assert flat_border(halves) == 1
    halves[10, 5] = 99
    assert flat_border(halves) < 1


def test_a_small_or_grey_picture_has_no_palette_and_the_whole_picture_counts(tmp_path):
    few = np.asarray(Image.fromarray(textured(5)).quantize(20, dither=0).convert("RGB"))
    inside = np.pad(few, ((160, 160), (160, 160), (0, 0)), "reflect")
    for name, pixels, expected in (
        ("few", few, True),
        ("small", few[:64, :64], False),
        ("grey", to_grey(few), False),
        ("large", inside, True),
        ("smooth corner", np.concatenate([np.zeros_like(few), textured(6)], 1), False),
    ):
        place = folder_of(tmp_path / name, [pixels])
        measure = Measure(place, CropRule(32, 32))  # the examined part has few colours in all
        (image,) = measure_folder(place, measure).images
        assert has_palette(image) == expected, name


def test_colours_are_counted_as_a_set_counts_them():
    pixels = textured(4)
    assert colours(pixels) == len({tuple(p) for p in pixels.reshape(-1, 3).tolist()})


@pytest.mark.parametrize("quality", [50, 75, 90, 95])
@pytest.mark.parametrize(("down", "right"), [(0, 0), (3, 5), (7, 1)])
def test_a_jpeg_grid_is_found_with_its_phase(quality, down, right):
    picture = decoded(jpeg(textured(quality, 160), quality))[down:, right:]
    grid = jpeg_grid(luminance_window(picture))
    assert grid.present
    assert (grid.row, grid.column) == ((-down) % 8, (-right) % 8)


def test_a_large_picture_keeps_the_phase_of_its_first_pixel():
    picture = np.tile(textured(1, 128), (6, 8, 1))[:700, :1000]
    grid = jpeg_grid(luminance_window(decoded(jpeg(picture))[2:, 6:]))
    assert (grid.present, grid.row, grid.column) == (True, 6, 2)


@pytest.mark.parametrize("side", [64, 96, 160])
def test_no_grid_is_found_where_there_was_no_jpeg(side):
    for seed in range(40):
        assert not jpeg_grid(luminance_window(textured(seed, side))).present
        assert not jpeg_grid(luminance_window(Generator(seed).draw(seed, side))).present
    flat = np.full((side, side, 3), 77, np.uint8)
    assert not jpeg_grid(luminance_window(flat)).present


@pytest.mark.parametrize("size", [(32, 32), (45, 71), (64, 33)])
def test_vanishing_coefficients_are_counted_as_a_plain_transform_counts_them(size):
    rng = np.random.default_rng(size)
    luminance = (20 * rng.standard_normal(size)).cumsum(axis=1).astype(np.float32)
    luminance = np.round(luminance / 8)  # many coefficients on either side of one half
    rows = np.array([1, 3, 5, 7])
    expected = np.zeros((8, 8), int)
    for top in range(size[0] - 7):
        for left in range(size[1] - 7):
            block = dctn(luminance[top : top + 8, left : left + 8].astype(float), norm="ortho")
            expected[top % 8, left % 8] += np.count_nonzero(np.abs(block[rows]) < 0.5)
    found = np.empty((8, 8), np.int64)
    basis = dct(np.eye(8, dtype=np.float32), norm="ortho", axis=0)
    count_vanishing(luminance, basis, rows, found)
    assert expected.min() > 0
    assert np.abs(found - expected).max() <= 1  # one may lie within rounding of one half


@pytest.mark.parametrize(("factor", "frequency"), [(1.25, 0.2), (1.5, 1 / 3), (1.1, 1 / 11)])
def test_enlarging_leaves_a_period(factor, frequency):
    found = [resampling_trace(luminance_window(resized(textured(s, 256), factor))) for s in (1, 2)]
    for period in found:
        assert period.present
        assert abs(period.frequency - frequency) < 0.01


def test_no_resampling_is_found_where_there_was_none():
    for seed in range(30):
        assert not resampling_trace(luminance_window(textured(seed, 160))).present
    assert not resampling_trace(np.zeros((80, 80), np.float32)).present
    assert not resampling_trace(np.zeros((20, 80), np.float32)).present


# Copies


def test_near_pairs_are_those_of_all_pairs():
    rng = np.random.default_rng(3)
    base = rng.integers(0, 256, 16 * 16, dtype=np.uint8).tobytes()
    hashes = [int(h) for h in rng.integers(0, 2**63, 40)]
    for start in hashes[:20]:  # with relatives that differ in 1 to 8 bits
        for bits in range(1, 9):
            other = start
            for bit in rng.choice(64, bits, replace=False):
                other ^= 1 << int(bit)
            hashes.append(other)
    looks = [Look(h, base) for h in hashes]
    expected = {
        (i, j)
        for i, j in combinations(range(len(looks)), 2)
        if (hashes[i] ^ hashes[j]).bit_count() <= 4
    }
    assert {(p.first, p.second) for p in near_pairs(looks)} == expected
    across = {(p.first, p.second) for p in near_pairs(looks[:30], looks[30:])}
    assert across == {(i, j - 30) for i, j in expected if i < 30 <= j}


def test_copies_look_alike_and_others_do_not():
    pictures = [textured(seed, 128) for seed in range(60)]
    copies = [resized(decoded(jpeg(p, 60)), 0.7) for p in pictures]
    pairs = near_pairs([look_of(p) for p in pictures], [look_of(c) for c in copies])
    assert all(pair.first == pair.second for pair in pairs)
    assert len(pairs) >= 50  # noise this strong turns a bit where neighbours are nearly equal
    assert near_pairs([look_of(np.full((32, 32, 3), grey, np.uint8)) for grey in range(9)]) == []


def test_thousands_of_copies_are_quick():
    pairs = equal_pairs(["a"] * 5000)
    assert len(pairs) == 4999
    assert {pair.first for pair in pairs} == {0}


# Comparisons


def test_intervals_agree_with_published_figures():
    low, high = wilson(81, 263)  # Newcombe 1998, table I
    assert (round(low, 4), round(high, 4)) == (0.2553, 0.3662)
    found = compare_categories([True] * 56 + [False] * 14, [True] * 48 + [False] * 32)
    # Newcombe 1998b, table II, method 10: 0.0524 to 0.3339 for a difference of 0.2.
    assert (round(2 * found.low - 1, 4), round(2 * found.high - 1, 4)) == (0.0524, 0.3339)


def test_the_area_is_that_of_mann_whitney_and_its_interval_covers():
    rng = np.random.default_rng(1)
    covered = 0
    truth = float(norm.cdf(1 / np.sqrt(2)))
    for _ in range(300):
        a, b = rng.normal(1, 1, 30), rng.normal(0, 1, 40)
        found = compare_numbers(a, b)
        assert found.auc == pytest.approx((a[:, None] > b).mean())
        covered += found.low <= truth <= found.high
    assert covered >= 270
    assert area_interval(1.0, 20, 20)[0] < 0.97


def test_equal_classes_give_uniform_p():
    rng = np.random.default_rng(2)
    numbers = [compare_numbers(rng.normal(size=30), rng.normal(size=30)).p for _ in range(300)]
    words = [compare_categories(*rng.choice(list("abcd"), (2, 30)).tolist()).p for _ in range(300)]
    assert abs(np.mean(np.array(numbers) < 0.1) - 0.1) < 0.06
    assert np.mean(np.array(words) < 0.1) < 0.15


@pytest.mark.parametrize("low", [0.5, 0.551, 0.601, 0.751])
def test_severity_follows_the_rule_of_the_page(low):
    expected = {0.5: "none", 0.551: "note", 0.601: "warning", 0.751: "serious"}[low]
    assert severity_of(low, 0.01, "serious") == expected
    assert severity_of(low, 0.06, "serious") == "none"
    assert severity_of(0.99, 0.01, "note") == "note"
    for name, least in LEAST_AREA.items():
        assert f"| {name} | {least:.2f} |" in PAGE


# Several generators in a folder


def test_the_dip_is_small_for_one_mode_and_large_for_two():
    rng = np.random.default_rng(0)
    shapes = (rng.random, rng.standard_normal, rng.standard_exponential)
    one = [dip_statistic(draw(200)) for draw in shapes]
    two = dip_statistic(np.concatenate([rng.normal(-4, 1, 100), rng.normal(4, 1, 100)]))
    assert max(one) < 0.05 < 0.12 < two
    assert dip_statistic(np.array([0.0] * 100 + [1.0] * 100)) == pytest.approx(0.25, abs=0.01)


def plain_gap(ordered, total):
    """Compute half the largest gap between steps and the chords below, chord by chord."""
    steps = np.arange(ordered.size)
    lowest = steps.astype(float)
    for a in range(ordered.size):
        for b in range(a + 1, ordered.size):
            inside = np.arange(a, b)
            chord = a + (b - a) * (ordered[inside] - ordered[a]) / (ordered[b] - ordered[a])
            lowest[inside] = np.minimum(lowest[inside], chord)
    return (steps + 1 - lowest).max() / total / 2


@pytest.mark.parametrize("seed", range(6))
def test_the_dip_is_the_smallest_gap_over_all_modes(seed):
    rng = np.random.default_rng(seed)
    sample = np.sort(rng.normal(3 * (rng.random(23) < 0.5), 1))
    mirrored = -sample[::-1]
    modes = range(sample.size)
    expected = min(
        max(plain_gap(sample[: m + 1], 23), plain_gap(mirrored[: 23 - m], 23)) for m in modes
    )
    assert dip_statistic(rng.permutation(sample)) == pytest.approx(expected, rel=1e-12)


@pytest.mark.slow
def test_one_population_is_not_split_whatever_its_shape():
    rng = np.random.default_rng(7)
    shapes = [rng.standard_normal, lambda size: rng.standard_t(3, size), rng.standard_exponential]
    found = [two_clusters(shapes[k % 3]((60, 40)) * np.linspace(3, 1, 40)).p for k in range(30)]
    assert np.mean(np.array(found) <= 0.05) <= 0.1
    strengths = rng.uniform(0.2, 2, (80, 1)) * rng.standard_normal(40) + rng.normal(size=(80, 40))
    assert two_clusters(strengths).p > 0.05


def test_two_generators_in_a_folder_are_told(tmp_path):
    strong = [Generator(seed, 0.05) for seed in (0, 1)]
    mixed = [strong[k % 2].draw(k, SIDE) for k in range(80)]
    single = [strong[0].draw(k, SIDE) for k in range(80)]
    folder = folder_of(tmp_path / "r", map(textured, range(40)))
    real = measure_folder(folder, Measure(folder))
    for pictures, expected in ((mixed, "warning"), (single, "none")):
        place = folder_of(tmp_path / expected, pictures)
        found = audit(measure_folder(place, Measure(place)), real)
        assert severities(found)["mixed_generators"] == expected


def test_a_large_folder_is_sampled(measured, monkeypatch):
    sizes = []

    def noted(tiles):
        sizes.append(len(tiles))
        return Split(1.0, 0.0, 0.5, np.zeros(len(tiles), dtype=bool))

    monkeypatch.setattr("fp.audit.audit.two_clusters", noted)
    for repeats in (1, 2, 10, 30):
        audit(Folder(measured[0].images * repeats), measured[1])
    assert sizes == [80, 400, 400], "of 40, 80, 400 and 1,200 images"


# The whole audit


def test_equal_folders_raise_nothing(measured):
    found = audit(*measured)
    assert not found.at_least("note"), [f.sentence for f in found.at_least("note")]
    assert (found.n_generated, found.n_real, found.skipped) == (40, 40, ())


def changed(clean, place, change):
    """Return the audit of a changed first folder against the second."""
    pictures = [load_image(path).rgb_hwc for path in sorted((clean / "a").iterdir())]
    return audit_folders(folder_of(place, map(change, pictures)), clean / "b")


def to_grey(pixels):
    return np.repeat(pixels[..., 1:2], 3, axis=2)


CONFOUNDS = {
    "JPEG": (jpeg, {"compression": "serious", "jpeg_grid": "serious", "format": "note"}),
    "JPEG made PNG": (
        lambda p: decoded(jpeg(p)),
        {"jpeg_grid": "serious", "compression": "none", "format": "none"},
    ),
    "enlarged": (
        lambda p: resized(np.tile(p, (2, 2, 1)), 1.25)[:SIDE, :SIDE],
        {"size": "none", "resampling_period": "warning", "jpeg_grid": "none"},
    ),
    "smaller": (lambda p: p[:64, :64], {"size": "warning", "aspect_ratio": "none"}),
    "cut": (lambda p: p[:64], {"size": "warning", "aspect_ratio": "note"}),
    "grey": (to_grey, {"grey": "serious", "colourfulness": "note", "compression": "none"}),
    "framed": (
        lambda p: np.pad(p[:88], ((4, 4), (0, 0), (0, 0)), constant_values=255),
        {"flat_border": "warning", "size": "none", "few_colours": "none"},
    ),
    "palette": (
        lambda p: np.asarray(Image.fromarray(p).quantize(200, dither=0).convert("RGB")),
        {"few_colours": "serious", "colour_mode": "none", "flat_border": "none"},
    ),
    "dark": (lambda p: (p // 2).astype(np.uint8), {"brightness": "note", "jpeg_grid": "none"}),
}


@pytest.mark.parametrize("name", CONFOUNDS)
def test_a_confound_is_named(clean, tmp_path, name):
    change, expected = CONFOUNDS[name]
    found = severities(changed(clean, tmp_path / "changed", change))
    assert {code: found[code] for code in expected} == expected


def test_the_phase_and_quality_of_jpegs_are_compared(tmp_path):
    pictures = [textured(seed, 104) for seed in range(60)]
    a = folder_of(tmp_path / "a", [decoded(jpeg(p))[3:99, 3:99] for p in pictures[:30]])
    b = folder_of(tmp_path / "b", [decoded(jpeg(p))[:96, :96] for p in pictures[30:]])
    found = severities(audit_folders(a, b))
    assert (found["grid_phase"], found["jpeg_grid"]) == ("warning", "none")
    a = folder_of(tmp_path / "c", [jpeg(p, 90) for p in pictures[:30]])
    b = folder_of(tmp_path / "d", [jpeg(p, 70, subsampling=0) for p in pictures[30:]])
    found = severities(audit_folders(a, b))
    assert (found["jpeg_quality"], found["compression"]) == ("serious", "none")
    assert found["chroma_subsampling"] == "warning"


def test_copies_are_counted_where_they_are(clean, tmp_path):
    pictures = [textured(seed) for seed in range(200, 230)]
    a = folder_of(tmp_path / "a", [*pictures, pictures[0]])
    b = folder_of(tmp_path / "b", [pictures[1], *map(textured, range(300, 330))])
    test = folder_of(tmp_path / "t", [pictures[2], decoded(jpeg(pictures[3], 80)), textured(999)])
    found = {f.code: f for f in audit_folders(a, b, test).findings}
    for code, severity in (
        ("duplicates_within", "note"),
        ("duplicates_across", "serious"),
        ("duplicates_test", "serious"),
        ("near_duplicates_test", "warning"),
        ("near_duplicates_across", "none"),
    ):
        assert found[code].severity == severity, code
        assert found[code].value == (severity != "none")
    assert found["duplicates_test"].examples == (f"{a}/p 002.png = {test}/p 000.png",)
    assert found["near_duplicates_test"].examples == (f"{a}/p 003.png = {test}/p 001.png",)


def test_what_is_asked_about_is_compared_with_the_calibration_images(clean, tmp_path):
    asked = tmp_path / "asked"
    folder_of(asked, [jpeg(textured(900 + n), 80) for n in range(5)])
    Image.fromarray(textured(910)).save(asked / "z.png")
    Image.fromarray(textured(911, SIDE + 32)).save(asked / "zz.png")
    tweet = jpeg(np.pad(textured(912), ((0, 0), (0, 1200 - SIDE), (0, 0))), progressive=True)
    (asked / "zzz.jpg").write_bytes(tweet)
    measured = [
        measure_folder(place, Measure(place)) for place in (clean / "a", clean / "b", asked)
    ]
    found = {f.code: f for f in audit(*measured[:2], measured[2:]).findings}
    assert found["test_compression"].severity == "warning"
    assert "6 of 8 are stored as JPEG, as no image" in found["test_compression"].sentence
    assert found["test_grid"].value == 5
    assert (found["test_size"].severity, found["test_size"].value) == ("note", 2)
    assert (found["test_border"].severity, found["test_border"].value) == ("warning", 1)
    assert "1 of 8 are stored as those of X (Twitter), medium" in found["test_pipeline"].sentence
    # Of images like those of the two folders nothing is said, nor without any.
    like = {f.code: f.severity for f in audit(*measured[:2], measured[1:2]).findings}
    assert {like[code] for code in like if code.startswith("test_")} == {"none"}
    assert "test_size" not in {f.code for f in audit(*measured[:2]).findings}


@pytest.mark.parametrize("size", [1, 4, 8, 16])
def test_small_folders_do_not_cry_wolf(clean, tmp_path, size):
    for seed in range(5):
        rng = np.random.default_rng([size, seed])
        names = [sorted((clean / n).iterdir()) for n in "ab"]
        pools = [[names[k][i] for i in rng.choice(40, size, replace=False)] for k in (0, 1)]
        cut = [rng.random() < 0.3 for _ in range(2 * size)]
        for k, pool in enumerate(pools):
            pictures = [load_image(path).rgb_hwc for path in pool]
            mixed = [jpeg(p) if cut[k * size + i] else p for i, p in enumerate(pictures)]
            folder_of(tmp_path / f"{seed}{k}", mixed)
        found = audit_folders(tmp_path / f"{seed}0", tmp_path / f"{seed}1")
        assert {f.code for f in found.at_least("note")} <= {"few_images"}
        assert severities(found)["few_images"] == "note"


@pytest.mark.slow
def test_neither_names_nor_order_nor_jobs_change_what_is_found(clean, tmp_path):
    for k, path in enumerate(sorted((clean / "a").iterdir(), reverse=True)):
        (tmp_path / "x").mkdir(exist_ok=True)
        (tmp_path / "x" / f"{k:03d}.png").write_bytes(path.read_bytes())
    one = audit_folders(clean / "a", clean / "b")
    two = audit_folders(tmp_path / "x", clean / "b", jobs=2)
    assert [(f.code, f.value, f.p, f.sentence) for f in one.findings] == [
        (f.code, f.value, f.p, f.sentence) for f in two.findings
    ]


def test_the_page_explains_every_code_and_no_other():
    named = re.findall(r"^\| `(\w+)` \| (\w+) \|", PAGE, re.MULTILINE)
    assert dict(named) == {code: kind.cap for code, kind in CODES.items()}
    assert len(named) == len(CODES)


# Matching


@pytest.fixture(scope="module")
def no_generator(tmp_path_factory):
    """One kind of photographs, saved as JPEG in one class and as PNG in the other."""
    root = tmp_path_factory.mktemp("pair")
    folder_of(root / "jpeg", [jpeg(textured(s), 75) for s in range(40)])
    folder_of(root / "png", map(textured, range(40, 80)), 40)
    return root


def found_of(root: Path, **options: object):
    asked = ExtractOptions(method="spectrum", folds=5, denoiser="wavelet", null=19, **options)
    return extract(root / "jpeg", root / "png", "none", asked, ResidualCache(root.parent / "cache"))


def test_matching_takes_away_what_is_no_generator(no_generator):
    apart, alike = found_of(no_generator), found_of(no_generator, match="lowest")
    assert apart.fingerprint.null.observed > 2
    assert alike.fingerprint.null.observed < 0.5 * apart.fingerprint.null.observed
    assert {"compression", "jpeg_grid"} <= {f.code for f in apart.audit.at_least("serious")}
    assert not alike.audit.at_least("serious")
    left = {f.code: f for f in alike.audit.at_least("warning")}
    assert "compressed once more" in left["compression"].sentence
    assert alike.fingerprint.preparation == "jpeg:75"
    stored = {found["code"]: found for found in apart.fingerprint.parameters["audit"]}
    assert stored["compression"]["severity"] == "serious"
    assert str(no_generator) not in str(stored)


def test_detection_prepares_images_as_extraction_did(no_generator, tmp_path):
    found = found_of(no_generator, match="jpeg:60", audit=False)
    assert found.audit is None
    assert "audit" not in found.fingerprint.parameters
    write_bank(tmp_path / "f.h5", [found.fingerprint])
    (member,) = read_bank(tmp_path / "f.h5")
    assert member.preparation == "jpeg:60"
    image = load_image(no_generator / "png" / "p 045.png")
    raw = Degradation("jpeg:60").apply(member.crop.apply(image.rgb_hwc))
    save(raw, tmp_path / "raw.png")
    unprepared = Fingerprint(**{**vars(member), "preparation": "none"})
    score = examine(image, [member], DetectOptions()).detection.score
    by_hand = examine(load_image(tmp_path / "raw.png"), [unprepared], DetectOptions())
    other = examine(image, [unprepared], DetectOptions()).detection.score
    assert score == by_hand.detection.score != other
    both = examine(image, [member, unprepared.renamed("other")], DetectOptions())
    assert {row.score for row in both.attributions} == {score, other}


def matched(*folders) -> str:
    return matching([ImageFolder.at(folder) for folder in folders])


def test_the_quality_to_match_is_the_lowest_but_for_outliers(tmp_path):
    a = folder_of(tmp_path / "a", [jpeg(photograph(s), 30 if s == 0 else 80) for s in range(30)])
    b = folder_of(tmp_path / "b", [jpeg(photograph(s), 92) for s in range(30)])
    c = folder_of(tmp_path / "c", [photograph(s) for s in range(3)])
    assert matched(a, b) == "jpeg:80"
    assert matched(b, c) == "jpeg:92"
    assert matched(c, c) == "jpeg:90"
    full = [jpeg(photograph(s), 85, subsampling=2 if s == 0 else 0) for s in range(30)]
    e = folder_of(tmp_path / "e", full)
    assert (matched(e, c), matched(e, b)) == ("jpeg444:85", "jpeg:85")
    told = {f.code: f for f in audit_folders(e, c).findings}["compression"]
    assert told.advice.endswith("re-encodes both alike, here by jpeg444:85")
    d = tmp_path / "d"
    d.mkdir()
    for seed in range(12):
        Image.fromarray(photograph(seed)).save(d / f"{seed}.webp", quality=70)
    found = re.fullmatch(r"webp:(\d+)(\+jpeg:80)?", matched(a, d))
    assert found and found[2] and 55 <= int(found[1]) <= 80
    assert matched(c, d) == f"webp:{found[1]}"


def test_each_step_says_how_it_was_measured(tmp_path):
    a = folder_of(tmp_path / "a", [jpeg(photograph(s), 80 + s % 2) for s in range(10)])
    b = tmp_path / "b"
    b.mkdir()
    for seed in range(12):
        Image.fromarray(photograph(seed)).save(b / f"{seed}.webp", quality=70)
    found = audit_folders(a, b)
    webp, coded = found.steps
    assert coded.text == "jpeg:80"
    assert coded.basis == "10 JPEGs, nine tenths from quality 80 to 81 by their tables"
    assert re.fullmatch(
        r"12 lossy WebPs, nine tenths from quality \d+ to \d+ by their quantisers", webp.basis
    )
    assert f"classes would be re-encoded by {webp.text} ({webp.basis}), then" in found.matching
    c, d = (folder_of(tmp_path / name, map(photograph, range(3))) for name in "cd")
    (only,) = audit_folders(c, d).steps
    assert (only.text, only.basis) == ("jpeg:90", "no file says that it lost anything")


def test_a_preparation_that_is_none_is_refused():
    with pytest.raises(UsageError, match="Unknown degradation 'gouache'"):
        ExtractOptions(match="gouache:3")


# Real images


@pytest.mark.slow
@pytest.mark.corpus
def test_the_corpus_raises_no_warning_and_mixed_generators_do(corpus, tmp_path):
    def measured(*names: str, count: int = 64) -> tuple[Properties, ...]:
        images: list[Properties] = []
        for k, name in enumerate(names):
            links = tmp_path / f"{len(list(tmp_path.iterdir()))}"
            links.mkdir()
            for path in sorted((corpus / name).iterdir())[k * count : (k + 1) * count]:
                (links / f"{k}{path.name}").write_bytes(path.read_bytes())
            images += measure_folder(links, Measure(links)).images
        return tuple(images)

    real = Folder(measured("real"))
    one, two = (measured(f"generated/{name}") for name in ("tae_flux2", "w2x_photo"))
    for images in (one, two):
        found = audit(Folder(images), real)
        assert not found.at_least("warning"), [f.sentence for f in found.at_least("warning")]
        content = {"brightness", "sharpness", "clipping", "colourfulness"}
        assert {f.code for f in found.at_least("note")} <= content
    later = measured("generated/tae_flux2", "generated/w2x_photo")
    assert severities(audit(Folder(later), real))["mixed_generators"] == "warning"


def test_the_laboratory_of_other_tests_raises_no_warning(tmp_path):
    write_photographs(tmp_path / "r", 24)
    write_generated(tmp_path / "g", 24)
    found = audit_folders(tmp_path / "g", tmp_path / "r")
    assert not found.at_least("warning"), [f.sentence for f in found.at_least("warning")]
