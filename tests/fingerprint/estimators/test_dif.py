"""DIF: the network is the published one, the loss is the stated one, and the pattern is found."""

from __future__ import annotations

import itertools
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from safetensors import safe_open
from safetensors.numpy import save_file
from sklearn.metrics import roc_auc_score

from fp.fingerprint.estimators.dif_optimisation import (
    DifOptions,
    DifResult,
    optimise,
    plateau,
    separation_loss,
)
from fp.fingerprint.estimators.unet import draw_network, sides_fit
from fp.system.errors import FormatError, FpError, InputError, UsageError

FloatArray = NDArray[np.float32]
BoolArray = NDArray[np.bool_]
SIDE = 32


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


def planted(
    count: int, seed: int, *, strength: float = 0.25, side: int = SIDE
) -> tuple[FloatArray, BoolArray]:
    """Draw noise of both classes in turn; the generated carry one 8-pixel grid.

    An exact copy of the grid would correlate with them at about `strength`.
    """
    tile = np.random.default_rng(7).standard_normal((3, 8, 8))
    tile = (tile - tile.mean()) / tile.std()
    grid = np.tile(tile, (1, side // 8, side // 8))
    labels = np.arange(count) % 2 == 1
    noise = np.random.default_rng(seed).standard_normal((count, 3, side, side))
    return (noise + strength * labels[:, None, None, None] * grid).astype(np.float32), labels


def separation(result: DifResult, residuals: FloatArray, labels: BoolArray) -> float:
    """AUC of the correlations, whichever sign the pattern has."""
    rows = residuals.reshape(len(residuals), -1)
    auc = float(roc_auc_score(labels, rows @ result.pattern.ravel()))
    return max(auc, 1.0 - auc)


def few(count: int = 12, **changes: Any) -> tuple[FloatArray, BoolArray, DifOptions]:
    options: dict[str, Any] = {"steps": 6, "batch": 8, "mode": "reference"}
    return *planted(count, seed=1), DifOptions(**(options | changes))


# The network


def test_network_has_the_parameters_of_the_published_one() -> None:
    network = draw_network(torch.Generator())
    assert sum(parameter.numel() for parameter in network.parameters()) == 3_705_667
    assert network.training
    assert not list(network.buffers()), "batch statistics only"


def test_layout_changes_neither_pattern_nor_gradient() -> None:
    # In float64: in float32 the rounding of batch norm over few pixels hides what a test is for.
    inputs = torch.rand(
        (1, 16, 32, 48), generator=torch.Generator().manual_seed(1), dtype=torch.float64
    )
    results = []
    for layout in (torch.contiguous_format, torch.channels_last):
        network = draw_network(torch.Generator().manual_seed(2)).double()
        network.to(memory_format=layout)  # type: ignore[call-overload]
        output = network(inputs.to(memory_format=layout))
        (output * torch.linspace(-1, 1, 48)).sum().backward()
        results.append([output.detach(), *(weight.grad for weight in network.parameters())])
    assert results[0][0].shape == (1, 3, 32, 48)
    assert results[0][0].abs().max() < 1
    for plain, fast in zip(*results, strict=True):
        torch.testing.assert_close(fast, plain, rtol=1e-8, atol=1e-8)


def test_weights_are_uniform_within_the_bound_of_their_fan_in() -> None:
    network = draw_network(torch.Generator().manual_seed(3))
    weight = network.get_parameter("middle.0.weight").detach()
    bound = 1 / math.sqrt(256 * 9)
    assert weight.abs().max() <= bound
    assert weight.std() == pytest.approx(bound / math.sqrt(3), rel=0.01)


@pytest.mark.parametrize(
    ("sides", "fits"),
    [((32, 32), True), ((16, 32), True), ((16, 16), False), ((32, 40), False), ((0, 32), False)],
)
def test_sides(sides: tuple[int, int], fits: bool) -> None:
    assert sides_fit(sides) is fits


# The loss


def test_loss_is_the_mean_over_pairs_of_what_each_pays() -> None:
    rng = np.random.default_rng(4)
    correlations = rng.normal(0, 0.02, 20)
    generated = rng.random(20) < 0.5
    margin = 0.015
    paid = []
    for k in range(10):
        distance = abs(correlations[k] - correlations[k + 10])
        same = generated[k] == generated[k + 10]
        paid.append(distance if same else max(0.0, margin - distance))
    assert {0.0} < set(paid), "the margin is reached by some pair, not by all"
    loss = separation_loss(torch.tensor(correlations), torch.tensor(generated), margin)
    assert loss.item() == pytest.approx(np.mean(paid) / margin, rel=1e-12)


def test_first_loss_is_that_of_the_first_pattern() -> None:
    # With ema = 0 the fingerprint after one step is the pattern that the step scored.
    residuals, labels, options = few(count=6, batch=6, steps=1, ema=0.0)
    result = optimise(residuals, labels, options)
    rows = residuals.reshape(6, -1).astype(np.float64)
    rows -= rows.mean(axis=1, keepdims=True)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    rho = rows @ result.pattern.ravel()
    margin = 4.4 / math.sqrt(3 * SIDE * SIDE)

    def pays(i: int, j: int) -> float:
        distance = abs(rho[i] - rho[j])
        return distance if labels[i] == labels[j] else max(0.0, margin - distance)

    # The order is the optimisation's own, so look among all of them.
    losses = [
        np.mean([pays(i, j) for i, j in zip(order[:3], order[3:], strict=True)]) / margin
        for order in itertools.permutations(range(6))
    ]
    assert np.abs(np.array(losses) - result.history[0]).min() < 1e-5


def test_margin_is_the_published_one_at_256() -> None:
    assert DifOptions().margin_at(256, 256) == pytest.approx(0.01, rel=0.01)
    assert DifOptions().margin_at(64, 64) == pytest.approx(4 * DifOptions().margin_at(256, 256))
    assert DifOptions(margin=0.5).margin_at(64, 64) == 0.5


# The pattern


@pytest.mark.parametrize("mode", ["fast", "reference"])
def test_planted_pattern_is_found(mode: str) -> None:
    options = DifOptions(steps=40, seed=1, mode=mode)  # type: ignore[arg-type]
    result = optimise(*planted(128, seed=1), options)
    assert result.pattern.shape == (3, SIDE, SIDE)
    assert result.pattern.dtype == np.float32
    assert abs(result.pattern.sum()) < 1e-3
    assert np.linalg.norm(result.pattern) == pytest.approx(1, abs=1e-6)
    assert separation(result, *planted(200, seed=2)) > 0.95
    assert np.mean(result.history[-8:]) < 0.7 * np.mean(result.history[:8])


def test_shuffled_labels_find_nothing() -> None:
    residuals, labels = planted(128, seed=1)
    # Half of each class in either: no label of the two says anything about the plant.
    shuffled = np.arange(128) % 4 < 2
    assert np.mean(labels[shuffled]) == np.mean(labels[~shuffled]) == 0.5
    result = optimise(residuals, shuffled, DifOptions(steps=40, seed=1))
    held_out, _ = planted(400, seed=2)
    assert separation(result, held_out, np.arange(400) % 4 < 2) < 0.6
    # Against the true labels the null is wider: any pattern that the network draws lies on a
    # lattice, and so does the plant.
    assert separation(result, *planted(400, seed=2)) < 0.9


def test_scale_of_residuals_and_names_of_classes_do_not_matter() -> None:
    residuals, labels, options = few(steps=3)
    expected = optimise(residuals, labels, options).pattern
    np.testing.assert_array_equal(optimise(4 * residuals, labels, options).pattern, expected)
    np.testing.assert_array_equal(optimise(residuals, ~labels, options).pattern, expected)


def test_every_option_of_a_step_takes_part_in_it() -> None:
    residuals, labels, options = few(steps=3)
    expected = optimise(residuals, labels, options).pattern
    changes: list[dict[str, Any]] = [
        {"batch": 6},
        {"learning_rate": 1e-3},
        {"weight_decay": 0.02},
        {"ema": 0.5},
        {"input_noise": 0.01},
        {"input_scale": 0.2},
        {"margin": 0.03},
        {"seed": 1},
    ]
    for change in changes:
        changed = optimise(residuals, labels, few(steps=3, **change)[2]).pattern
        assert not np.array_equal(changed, expected), change


def test_fewer_residuals_than_a_batch_and_an_odd_number_of_them() -> None:
    residuals, labels, options = few(count=7, batch=64, steps=2)
    assert optimise(residuals, labels, options).steps_run == 2


# Determinism and resumption


def test_reference_mode_gives_the_same_bits_twice() -> None:
    residuals, labels, options = few(seed=5)
    first = optimise(residuals, labels, options)
    torch.set_num_threads(2)
    with torch.random.fork_rng():
        torch.manual_seed(99)
        second = optimise(residuals, labels, options)
    np.testing.assert_array_equal(first.pattern, second.pattern)
    np.testing.assert_array_equal(first.history, second.history)
    other = optimise(residuals, labels, few(seed=6)[2])
    assert not np.array_equal(first.pattern, other.pattern)


@pytest.mark.parametrize("mode", ["fast", "reference"])
def test_resumed_run_equals_an_undisturbed_one(tmp_path: Path, mode: str) -> None:
    residuals, labels, options = few(mode=mode, checkpoint_every=2)
    whole = optimise(residuals, labels, options)
    path = tmp_path / "run.safetensors"

    class PowerCut(Exception):
        pass

    def cut(step: int, total: int, loss: float) -> None:
        if step == 5:
            raise PowerCut

    with pytest.raises(PowerCut):
        optimise(residuals, labels, options, progress=cut, checkpoint=path)
    assert [entry.name for entry in tmp_path.iterdir()] == [path.name]
    steps: list[int] = []
    resumed = optimise(
        residuals,
        labels,
        options,
        progress=lambda step, total, loss: steps.append(step),
        checkpoint=path,
    )
    assert steps == [5, 6]
    assert resumed.steps_run == 6
    np.testing.assert_array_equal(resumed.pattern, whole.pattern)
    np.testing.assert_array_equal(resumed.history, whole.history)


def test_finished_checkpoint_answers_at_once_and_can_go_on(tmp_path: Path) -> None:
    residuals, labels, options = few()
    path = tmp_path / "run.safetensors"
    finished = optimise(residuals, labels, options, checkpoint=path)
    again = optimise(
        residuals, labels, options, progress=lambda *_: pytest.fail("a step"), checkpoint=path
    )
    np.testing.assert_array_equal(again.pattern, finished.pattern)
    with safe_open(path, framework="numpy") as file:
        assert again.seconds > float(file.metadata()["seconds"]) > 0
    longer = few(steps=8)[2]
    np.testing.assert_array_equal(
        optimise(residuals, labels, longer, checkpoint=path).pattern,
        optimise(residuals, labels, longer).pattern,
    )
    with pytest.raises(InputError, match="has 8 steps, more than the 6 asked for"):
        optimise(residuals, labels, options, checkpoint=path)


def test_checkpoint_of_another_extraction_is_refused(tmp_path: Path) -> None:
    residuals, labels, options = few(steps=1)
    path = tmp_path / "run.safetensors"
    optimise(residuals, labels, options, checkpoint=path)
    with safe_open(path, framework="numpy") as file:
        assert file.metadata()["format"] == "fp-dif-checkpoint"
    with pytest.raises(InputError, match=r"differs in learning_rate, seed"):
        optimise(residuals, labels, few(seed=1, learning_rate=0.1)[2], checkpoint=path)
    for other, others_labels in ((residuals + residuals[0], labels), (residuals, labels[::-1])):
        with pytest.raises(InputError, match="differs in residuals and labels"):
            optimise(other, others_labels, options, checkpoint=path)


def test_file_that_is_no_checkpoint_is_refused(tmp_path: Path) -> None:
    residuals, labels, options = few()
    text, tensors = tmp_path / "notes.txt", tmp_path / "weights.safetensors"
    text.write_text("not a checkpoint")
    save_file({"weights": np.zeros(3)}, tensors)
    for path in (text, tensors):
        content = path.read_bytes()
        with pytest.raises(FormatError, match=f"{path.name}.*remove it"):
            optimise(residuals, labels, options, checkpoint=path)
        assert path.read_bytes() == content


# What it leaves alone


def test_residuals_may_be_a_read_only_map_and_stay_as_they_are(tmp_path: Path) -> None:
    residuals, labels, options = few(steps=2)
    path = tmp_path / "residuals.npy"
    np.save(path, residuals)
    mapped = np.load(path, mmap_mode="r")
    labels.flags.writeable = False
    expected = optimise(residuals.copy(), labels, options).pattern
    np.testing.assert_array_equal(optimise(mapped, labels, options).pattern, expected)
    np.testing.assert_array_equal(mapped, residuals)
    np.testing.assert_array_equal(residuals, planted(12, seed=1)[0])


@pytest.mark.parametrize("mode", ["fast", "reference"])
def test_state_of_torch_stays_as_it_was(mode: str) -> None:
    residuals, labels, options = few(steps=1, mode=mode)

    def state() -> tuple[object, ...]:
        return (
            torch.get_rng_state().numpy().tobytes(),
            torch.are_deterministic_algorithms_enabled(),
            torch.get_num_threads(),
            torch.is_grad_enabled(),
            torch.is_inference_mode_enabled(),
            torch.is_autocast_enabled("cpu"),
        )

    def fail(step: int, total: int, loss: float) -> None:
        raise RuntimeError("stop")

    torch.set_num_threads(2 if mode == "reference" else 1)
    for surroundings in (torch.enable_grad(), torch.no_grad(), torch.inference_mode()):
        with surroundings:
            before = state()
            optimise(residuals, labels, options)
            with pytest.raises(RuntimeError, match="stop"):
                optimise(residuals, labels, options, progress=fail)
            assert state() == before


def test_callers_autocast_does_not_reach_reference_mode() -> None:
    residuals, labels, options = few(steps=2)
    expected = optimise(residuals, labels, options).pattern
    with torch.autocast("cpu", dtype=torch.bfloat16):
        np.testing.assert_array_equal(optimise(residuals, labels, options).pattern, expected)


# When it stops, and what it says


def test_plateau_compares_the_last_steps_with_those_before() -> None:
    assert not plateau([1.0, 1.0, 0.9, 0.9], 2, ceiling=2.0)
    assert plateau([1.0, 1.0, 1.0, 0.95], 2, ceiling=2.0)
    assert plateau([5.0, 1.0, 1.0, 0.9, 0.9, 0.9, 0.9], 2, ceiling=2.0), "only the last ones count"
    assert not plateau([1.0, 1.0, 1.0], 2, ceiling=2.0), "too short to say"
    assert not plateau([1.0] * 100, None, ceiling=2.0)
    assert not plateau([1.0] * 100, 2, ceiling=1.0), "the plateau before anything is found"


def test_patience_ends_a_run_that_has_found_what_there_is() -> None:
    options = DifOptions(steps=150, batch=8, patience=8)
    result = optimise(*planted(16, seed=1, strength=1.0), options)
    assert result.stopped_early
    assert 16 <= result.steps_run < 150
    assert len(result.history) == result.steps_run
    assert np.mean(result.history[-8:]) < 0.25


def test_patience_does_not_end_a_run_that_has_found_nothing_yet() -> None:
    # A step too short to fit anything: the loss stays where it is.
    residuals, labels, options = few(steps=10, patience=3, learning_rate=1e-12)
    result = optimise(residuals, labels, options)
    assert result.steps_run == 10
    assert not result.stopped_early


def test_progress_sees_every_step_and_its_loss() -> None:
    residuals, labels, options = few(steps=3)
    seen: list[tuple[int, int, float]] = []
    result = optimise(residuals, labels, options, progress=lambda *step: seen.append(step))
    assert [(step, total) for step, total, _ in seen] == [(1, 3), (2, 3), (3, 3)]
    np.testing.assert_array_equal(np.array([loss for *_, loss in seen], np.float32), result.history)
    assert result.history.dtype == np.float32
    assert not result.stopped_early
    assert result.seconds > 0


# What it refuses


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ((4, 3, 40, 32), "32x40 pixels .* multiples of 16"),
        ((4, 3, 16, 16), "more than 16x16"),
        ((4, 1, 32, 32), r"\(4, 1, 32, 32\) but must have \(N, 3, H, W\)"),
        ((4, 3, 32), r"must have \(N, 3, H, W\)"),
    ],
)
def test_residuals_of_a_wrong_shape_are_refused(shape: tuple[int, ...], message: str) -> None:
    labels = np.arange(4) % 2 == 0
    with pytest.raises(InputError, match=message) as caught:
        optimise(np.zeros(shape, np.float32), labels)
    assert isinstance(caught.value, ValueError)


def test_residuals_without_a_direction_are_refused() -> None:
    residuals, labels, options = few()
    for value, what in ((0.5, "constant"), (np.nan, "not finite"), (np.inf, "not finite")):
        spoilt = residuals.copy()
        spoilt[3] = value
        with pytest.raises(InputError, match=f"residual 3 is {what}; leave its image out"):
            optimise(spoilt, labels, options)
    with pytest.raises(InputError, match="uint8 but must be floating point"):
        optimise(residuals.astype(np.uint8), labels, options)


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (np.ones(12, bool), "all 12 residuals are of one class"),
        (np.zeros(12, bool), "all 12 residuals are of one class"),
        (np.arange(11) % 2 == 0, r"shape \(11,\) but must be one bool for each of the 12"),
        (np.arange(12) % 2, "labels are int64"),
    ],
)
def test_labels_that_do_not_fit_are_refused(labels: BoolArray, message: str) -> None:
    residuals, _, options = few()
    with pytest.raises(InputError, match=message):
        optimise(residuals, labels, options)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("steps", 0),
        ("batch", 7),
        ("learning_rate", 0.0),
        ("weight_decay", -0.1),
        ("ema", 1.0),
        ("input_noise", -1.0),
        ("input_scale", 0.0),
        ("margin", 0.0),
        ("seed", -1),
        ("mode", "quick"),
        ("device", "tpu"),
        ("patience", 0),
        ("checkpoint_every", 0),
    ],
)
def test_options_outside_their_range_are_refused(name: str, value: Any) -> None:
    with pytest.raises(UsageError, match=f"{name} is {value!r} but must be") as caught:
        DifOptions(**{name: value})
    assert isinstance(caught.value, FpError)
