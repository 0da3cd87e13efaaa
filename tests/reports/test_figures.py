"""What a figure shows is what it was given."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from golden_bank import full, small, together
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from scipy.cluster.hierarchy import linkage
from sklearn.isotonic import IsotonicRegression

from fp.fingerprint.decision.likelihood import fit
from fp.fingerprint.decision.rows import Detection
from fp.fingerprint.model.calibration import Calibration, NullControl
from fp.reports import figures
from fp.reports.drawing import in_both
from fp.reports.figures import (
    Curve,
    Interval,
    draw_calibration,
    draw_curves,
    draw_dendrogram,
    draw_fingerprint,
    draw_intervals,
    draw_map,
    draw_matrix,
    draw_null_control,
    draw_pattern,
    draw_ratios,
    draw_scores,
    draw_spectrum,
    draw_tippett,
    pattern_of,
    style,
)


@pytest.fixture
def axes():
    return Figure().add_subplot()


def calibration(n: int = 40) -> Calibration:
    rng = np.random.default_rng(1)
    names = tuple(map(str, range(n)))
    return Calibration(rng.normal(-2, 1, n), rng.normal(2, 1, n), *(names,) * 4, "held out")


def labels(axes) -> list[str]:
    return axes.get_legend_handles_labels()[1]


def test_a_planted_lattice_is_bright_where_it_repeats(axes):
    tile = np.random.default_rng(0).normal(size=(3, 4, 4)).astype(np.float32)
    assert draw_spectrum(axes, np.tile(tile, (1, 16, 16))) is axes
    (image,) = axes.images
    decibels = np.asarray(image.get_array())
    bright = np.argwhere(decibels > 0)
    assert len(bright) and (bright % 16 == 0).all()  # 64 points, so 1/4 is every 16th
    # The point of frequency 0 lies at 0, and that of -1/2 at -1/2.
    left, right, bottom, top = image.get_extent()
    width = (right - left) / 64
    assert left + width * 0.5 == pytest.approx(-0.5)
    assert left + width * 32.5 == pytest.approx(0)
    assert (bottom - top) / 64 == pytest.approx(width)


def test_a_detail_keeps_the_phase_and_its_contrast_is_three_deviations(axes):
    pattern = np.random.default_rng(0).normal(size=(3, 64, 96)).astype(np.float32)
    assert draw_pattern(axes, pattern) is axes
    (image,) = axes.images
    grey = pattern.mean(axis=0, dtype=np.float64)
    grey -= grey.mean()
    assert np.allclose(np.asarray(image.get_array()), grey[0:48, 16:64])
    assert image.get_clim() == pytest.approx((-3 * grey.std(), 3 * grey.std()))


def test_every_score_is_counted_and_exhibits_stand_at_their_scores(axes):
    given = calibration()
    assert draw_scores(axes, given, {"one": -1.5, "two": 9.0}) is axes
    counts = [patch.get_height() for patch in axes.patches if hasattr(patch, "get_height")]
    assert sum(counts) == given.real.size
    outline = axes.patches[-1].get_xy()
    assert outline[:, 1].max() > 0 and outline[:, 0].max() >= given.generated.max()
    points = [line.get_xdata()[0] for line in axes.lines]
    assert points == [-1.5, 9.0]
    assert {text.get_text() for text in axes.texts} == {"one", "two"}
    assert labels(axes) == ["40 reference images", "40 images of the generator", "exhibits"]


def test_the_null_control_shows_the_shuffles_and_the_observed(axes):
    shuffled = np.linspace(-1, 1, 200)
    assert draw_null_control(axes, NullControl(3.0, shuffled, 0)) is axes
    assert sum(patch.get_height() for patch in axes.patches) == 200
    at = [line.get_xdata()[0] for line in axes.lines]
    assert at == pytest.approx([np.quantile(shuffled, 0.99), 3.0])


def test_each_ratio_has_its_mark_and_one_at_its_bound_no_interval(axes):
    named = {"score": 0.0, "status": "examined"}
    rows = [
        Detection("a/one.png", decision="supports_generator", log10_lr=2.0, at_bound=True,
                  log10_lr_low=3.0, log10_lr_high=4.0, **named),
        Detection("a/two.png", decision="inconclusive", log10_lr=-0.5, at_bound=False,
                  log10_lr_low=-1.0, log10_lr_high=0.25, **named),
        Detection("a/rough.png", decision="inconclusive", log10_lr=1.0, at_bound=False,
                  reasons=("content_not_calibrated",), **named),
        Detection("a/text.txt", "not_examined", "not_examined"),
    ]  # fmt: skip
    assert draw_ratios(axes, rows) is axes
    drawn = [(list(line.get_xdata()), line.get_markerfacecolor()) for line in axes.lines]
    assert [places for places, _ in drawn[:3]] == [[2.0], [-1.0, 0.25], [-0.5]]
    assert drawn[0][1] == "none" and drawn[2][1] != "none"
    assert [text.get_text() for text in axes.get_yticklabels()] == ["one.png", "two.png"]
    assert labels(axes) == ["supports the generator", "inconclusive", "at its bound"]


def test_images_without_a_ratio_draw_nothing(axes):
    assert draw_ratios(axes, [Detection("a.txt", "not_examined", "not_examined")]) is axes
    assert not axes.get_yticklabels()


def test_tippetts_steps_are_the_shares_at_or_above_each_ratio(axes):
    real, generated = np.array([-2.0, -1.0, 0.5, -1.5]), np.array([0.1, 2.0])
    assert draw_tippett(axes, real, generated) is axes
    for line, values in zip(axes.lines, (real, generated), strict=False):
        at, share = line.get_xdata(), line.get_ydata()
        assert list(at[:-1]) == sorted(values) and share[-1] == 0
        for ratio, drawn in zip(at[:-1], share, strict=False):
            assert drawn == pytest.approx(100 * np.mean(values >= ratio))


def test_the_ratio_without_a_model_is_that_of_isotonic_regression(axes):
    given = calibration()
    given = replace(given, real=given.real.round(), generated=given.generated.round())  # ties
    draw_calibration(axes, given)
    scores = np.concatenate([given.real, given.generated])
    line = axes.lines[labels(axes).index("without a model")]
    share = dict(zip(line.get_xdata(), 1 / (1 + 10 ** -line.get_ydata()), strict=True))
    known = np.concatenate([np.zeros(given.real.size), np.ones(given.generated.size)])
    weights = np.where(known, 1 / given.generated.size, 1 / given.real.size)
    oracle = IsotonicRegression().fit(scores, known, sample_weight=weights)
    expected = {s: p for s, p in zip(scores, oracle.predict(scores), strict=True) if 0 < p < 1}
    assert expected and share == pytest.approx(expected)


def test_a_calibration_is_drawn_without_what_learns():
    code = (
        "import sys, numpy as np; from matplotlib.figure import Figure;"
        "from fp.fingerprint.model.calibration import Calibration;"
        "from fp.reports.figures import draw_calibration;"
        "names, scores = (tuple('abcdefgh'),) * 4, np.arange(8.0);"
        "known = Calibration(scores, scores + 4, *names, 'held out');"
        "draw_calibration(Figure().subplots(), known); print('sklearn' in sys.modules)"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert told.stdout == "False\n"


def test_the_ratio_that_is_used_is_drawn_within_its_bounds(axes):
    given = calibration()
    assert draw_calibration(axes, given) is axes
    ratio = fit(given)
    line = axes.lines[labels(axes).index("used, within its bounds")]
    assert line.get_ydata() == pytest.approx([ratio(float(s)) for s in line.get_xdata()])
    assert min(line.get_ydata()) >= ratio.lower and max(line.get_ydata()) <= ratio.upper


def test_a_matrix_has_every_number_in_its_place(axes):
    values = np.array([[1.4, np.nan], [50.0, 99.6]])
    assert draw_matrix(axes, values, ["a", "$b$"], ["c", "d"], ("rows", "columns")) is axes
    assert {t.get_position(): t.get_text() for t in axes.texts} == {
        (0, 0): "1", (1, 0): "–", (0, 1): "50", (1, 1): "100",
    }  # fmt: skip
    assert [label.get_text() for label in axes.get_yticklabels()] == ["a", r"\$b\$"]


def test_intervals_and_curves_end_where_they_should(axes):
    assert draw_intervals(axes, [("a", Interval(0.6, 0.5, 0.7))], {"chance": 0.5}, "AUC") is axes
    assert list(axes.lines[0].get_xdata()) == [0.5, 0.7]
    other = Figure().add_subplot()
    curve = Curve("m", *(np.array(v) for v in ([16.0, 32.0], [60, 70], [50, 65], [80, 75])))
    assert draw_curves(other, [curve], ("n", "%"), (45, 55)) is other
    (container,) = other.containers
    segments = np.array(container.lines[2][0].get_segments())
    assert segments[:, :, 1].tolist() == [[50, 80], [65, 75]]


def test_a_dendrogram_joins_at_its_heights_with_its_support(axes):
    points = np.array([[0.0], [0.1], [0.9], [1.0]])
    tree = linkage(points, "average")
    support = [0.9, 0.8, 0.4]
    assert draw_dendrogram(axes, tree, list("abcd"), support, {0: (0, 1)}, 0.5) is axes
    joined = [segment for c in axes.collections for segment in c.get_segments()]
    assert sorted(segment[:, 0].max() for segment in joined) == pytest.approx(sorted(tree[:, 2]))
    assert sorted(text.get_text() for text in axes.texts) == ["40", "80", "90"]
    bold = {t.get_text() for t in axes.get_yticklabels() if t.get_fontweight() == "bold"}
    assert bold == {"a", "b"}


def test_a_map_lies_over_its_picture_and_outlines_what_is_flagged(axes):
    image = np.full((40, 60, 3), 128, np.uint8)
    evidence = np.array([[-1.0, 2.0, np.nan], [0.0, 0.5, 1.0]])
    flagged = evidence > 1.5
    assert draw_map(axes, image, evidence, flagged=flagged) is axes
    below, above = axes.images
    assert tuple(below.get_extent()) == tuple(above.get_extent()) == (0, 60, 40, 0)
    assert above.get_clim() == (-2, 2)
    assert np.ma.getmaskarray(above.get_array()).tolist() == np.isnan(evidence).tolist()
    sides = {
        (tuple(map(float, line.get_xdata())), tuple(map(float, line.get_ydata())))
        for line in axes.lines
    }
    assert sides == {
        ((20, 40), (0, 0)), ((20, 40), (20, 20)), ((20, 20), (0, 20)), ((40, 40), (0, 20)),
    }  # fmt: skip
    with pytest.raises(ValueError, match="one shape"):
        draw_map(axes, image, evidence, flagged=flagged[:1])


def test_the_pattern_of_a_fingerprint_is_what_it_looks_for(axes):
    tile = full()
    found = pattern_of(tile, 20)
    assert found is not None and np.array_equal(found[:, :4, :8], tile.pattern)
    assert np.array_equal(found[:, 4:8, 8:16], tile.pattern)
    assert np.array_equal(pattern_of(small()), small().pattern)
    assert pattern_of(together()) is not None
    assert draw_fingerprint(axes, tile) is axes and len(axes.images) == 1


def test_each_theme_has_its_colours_and_gives_the_same_bytes_again():
    def drawn():
        axes = style.new_axes(7, 4)
        return draw_scores(axes, calibration(), {"one": 0.0}).get_figure()

    once, again = in_both(drawn), in_both(drawn)
    assert once == again and once["light"] != once["dark"]
    for theme, bright in (("light", False), ("dark", True)):
        with style.themed(theme):
            assert (sum(to_rgb(style.ink())) > 1.5) is bright
    assert style.ink() == figures.INK, "the reader's own settings are back"


def test_colours_can_be_told_apart_in_grey_or_by_shape():
    # Reference and generator are drawn filled and as an outline, and differ in lightness.
    grey = [np.dot(to_rgb(c), (0.2126, 0.7152, 0.0722)) for c in style.SERIES[:2]]
    assert abs(grey[0] - grey[1]) > 0.03
    assert len(set(style.SERIES)) == len(style.SERIES)
