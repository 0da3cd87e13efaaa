"""DnCNN: what it computes, that folding and bfloat16 keep it, and that training can be resumed."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image
from safetensors.torch import load_file, save_file
from skimage import data

from fp.denoisers import training
from fp.denoisers.dncnn import DnCNN
from fp.denoisers.dncnn_network import ARCHITECTURES, Architecture, TrainableDnCNN
from fp.denoisers.dncnn_weights import SHIPPED, load_weights, save_weights
from fp.denoisers.optimiser import Optimiser, Rates, orthogonalised
from fp.denoisers.precision import best_precision
from fp.denoisers.psnr import evaluate, psnr
from fp.denoisers.residual import Denoiser, DenoiserIdentity
from fp.denoisers.training import draw_batch, export, train
from fp.denoisers.training_options import RECIPES, TrainingOptions
from fp.system.arrays import Floats
from fp.system.errors import DenoiserError, FormatError, InputError, IntegrityError, UsageError

SMALL = "dncnn-small"
TINY = Architecture(5, 8)

needs_weights = pytest.mark.skipif(
    not all((SHIPPED / f"{name}.json").is_file() for name in ARCHITECTURES),
    reason="the weights have not been trained yet",
)


@pytest.fixture(autouse=True)
def _one_thread() -> Any:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def astronaut_chw() -> Floats:
    image = data.astronaut()[40:168, 150:278]
    return np.ascontiguousarray(image.transpose(2, 0, 1) / np.float32(255))


@pytest.fixture(scope="module")
def smooth_chw() -> Floats:
    """Waves in 8 bits with noise of half a grey level: less than a camera has."""
    y, x = np.mgrid[0:128, 0:128] / 128
    waves = np.stack([128 + 50 * np.sin(2 * np.pi * (y + k * x)) for k in range(3)])
    grain = np.random.default_rng(1).normal(0, 0.5, waves.shape)
    return np.rint(waves + grain).astype(np.float32) / np.float32(255)


@pytest.fixture
def untrained(tmp_path: Path) -> Path:
    """Folder with weights of a network whose batch norm is far from the identity."""
    source = torch.Generator().manual_seed(3)
    network = TrainableDnCNN(Architecture(6, 16), source)
    for block in network.inner():
        norm = block.norm
        assert norm.running_mean is not None and norm.running_var is not None
        for tensor, low, high in [
            (norm.weight.data, 0.5, 2.0),
            (norm.bias.data, -0.3, 0.3),
            (norm.running_mean, -0.3, 0.3),
            (norm.running_var, 0.2, 3.0),
        ]:
            tensor.uniform_(low, high, generator=source)
    save_weights(network, "odd", tmp_path, {})
    return tmp_path


@pytest.fixture(scope="module")
def photographs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of eight smooth synthetic pictures."""
    folder = tmp_path_factory.mktemp("photographs")
    rng = np.random.default_rng(0)
    for i in range(8):
        coarse = Image.fromarray(rng.integers(0, 256, (5, 6, 3), np.uint8))
        coarse.resize((48, 40), Image.Resampling.BICUBIC).save(folder / f"{i}.png")
    return folder


def unfolded_noise(network: TrainableDnCNN, image_chw: Floats) -> Floats:
    with torch.inference_mode():
        return np.asarray(network(torch.from_numpy(image_chw)[None])[0].numpy())


def correlation(a: Floats, b: Floats) -> float:
    return float(np.corrcoef(a.ravel(), b.ravel())[0, 1])


def noisy(image_chw: Floats, sigma: float) -> Floats:
    noise = np.random.default_rng(1).standard_normal(image_chw.shape, np.float32)
    return image_chw + noise * np.float32(sigma / 255)


# The network


def test_parameter_count_is_the_hand_computed_one() -> None:
    network = TrainableDnCNN(ARCHITECTURES["dncnn"])
    # 3*64*9 at both ends, 15 kernels of 64*64*9, 15 batch norms with 64 scales and 64 shifts.
    by_hand = 2 * 1728 + 15 * 36864 + 15 * 128
    assert sum(p.numel() for p in network.parameters()) == by_hand == 558336
    convolutions = [m for m in network.modules() if isinstance(m, torch.nn.Conv2d)]
    assert len(convolutions) == 17
    assert all(c.bias is None for c in convolutions)


def test_small_does_at_most_a_tenth_of_the_work() -> None:
    work = {}
    for name in (SMALL, "dncnn"):
        weights = (p for p in TrainableDnCNN(ARCHITECTURES[name]).parameters() if p.ndim == 4)
        work[name] = sum(weight.numel() for weight in weights)  # multiply-adds a pixel
    assert work["dncnn"] == 2 * 1728 + 15 * 36864
    assert work[SMALL] <= work["dncnn"] / 10


def test_deepening_changes_nothing_yet() -> None:
    network = TrainableDnCNN(Architecture(4, 8), torch.Generator().manual_seed(0)).train()
    image = torch.rand(4, 3, 24, 24, generator=torch.Generator().manual_seed(1))
    before = network(image)
    network.deepen(9, image)
    assert len(network.blocks) == 7
    assert network.architecture == Architecture(9, 8)
    torch.testing.assert_close(network(image), before, rtol=1e-3, atol=1e-5)


# The denoiser


def test_folded_equals_unfolded(untrained: Path, astronaut_chw: Floats) -> None:
    denoiser = DnCNN("odd", precision="float32", folder=untrained)
    reference = unfolded_noise(load_weights("odd", untrained).unfolded(), astronaut_chw)
    difference = np.abs(denoiser.noise(astronaut_chw) - reference).max()
    assert difference <= 1e-5 * np.abs(reference).max()


@pytest.mark.parametrize("size", [(1, 1), (1, 7), (5, 2), (33, 18)])
@pytest.mark.parametrize("precision", ["float32", "bfloat16-inner"])
def test_any_size_keeps_shape_and_type(
    untrained: Path, size: tuple[int, int], precision: str
) -> None:
    image = np.random.default_rng(0).random((3, *size), np.float32)
    image.setflags(write=False)
    noise = DnCNN("odd", precision=precision, folder=untrained).noise(image)
    assert noise.shape == image.shape
    assert noise.dtype == np.float32
    assert noise.flags.c_contiguous


def test_zero_padding_is_what_lies_outside(untrained: Path, astronaut_chw: Floats) -> None:
    """Far from the border a crop's noise is the whole image's; at the border it is not."""
    denoiser = DnCNN("odd", precision="float32", folder=untrained)
    whole = denoiser.noise(astronaut_chw)[:, 20:60, 20:60]
    crop = denoiser.noise(astronaut_chw[:, 20:60, 20:60])
    reach = 6
    inside = (slice(None), slice(reach, -reach), slice(reach, -reach))
    np.testing.assert_allclose(crop[inside], whole[inside], atol=1e-4 * np.abs(whole).max())
    assert np.abs(crop - whole).max() > 1e-2 * np.abs(whole).max()


def test_identity_tells_precision_and_weights(untrained: Path) -> None:
    exact = DnCNN("odd", precision="float32", folder=untrained)
    fast = DnCNN("odd", precision="bfloat16-inner", folder=untrained)
    assert isinstance(exact, Denoiser)
    sha256 = json.loads((untrained / "odd.json").read_text())["sha256"]
    assert exact.identity == DenoiserIdentity("odd", 1, precision="float32", weights_sha256=sha256)
    assert fast.identity.precision == "bfloat16-inner"
    assert exact.identity.digest != fast.identity.digest
    automatic = DnCNN("odd", folder=untrained)
    assert automatic.precision == best_precision(torch.device("cpu"))
    assert DnCNN("odd", device="auto", folder=untrained).noise(np.zeros((3, 4, 4), "f4")).any()


def test_unsuitable_arguments_are_refused(untrained: Path) -> None:
    denoiser = DnCNN("odd", folder=untrained)
    for shape in [(4, 8, 8), (8, 8), (3, 0, 8)]:
        with pytest.raises(DenoiserError, match=r"\(3, H, W\)"):
            denoiser.noise(np.zeros(shape, np.float32))
    with pytest.raises(DenoiserError, match="int8"):
        DnCNN("odd", precision="int8", folder=untrained)
    with pytest.raises(DenoiserError, match="toaster"):
        DnCNN("odd", device="toaster", folder=untrained)
    with pytest.raises(DenoiserError, match="even"):
        DnCNN("even", folder=untrained)


def test_changed_weights_are_noticed(untrained: Path) -> None:
    path = untrained / "odd.safetensors"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    with pytest.raises(IntegrityError, match=r"odd\.safetensors"):
        DnCNN("odd", folder=untrained)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"format": "fp-dncnn-weights 99"}'])
def test_other_description_is_refused(untrained: Path, text: str) -> None:
    (untrained / "odd.json").write_text(text)
    with pytest.raises(FormatError, match=r"odd\.json"):
        load_weights("odd", untrained)


# The weights that ship


@needs_weights
@pytest.mark.parametrize("name", sorted(ARCHITECTURES))
class TestShipped:
    """Claims on the trained networks."""

    def test_has_the_announced_shape(self, name: str) -> None:
        weights = load_weights(name)
        assert weights.architecture == ARCHITECTURES[name]
        weights.unfolded()

    def test_was_trained_by_its_recipe(self, name: str) -> None:
        facts = json.loads((SHIPPED / f"{name}.json").read_text())
        assert TrainingOptions.from_json(json.dumps(facts["training"])) == RECIPES[name]
        assert facts["steps_done"] == RECIPES[name].steps

    def test_folded_equals_unfolded(self, name: str, astronaut_chw: Floats) -> None:
        denoiser = DnCNN(name, precision="float32")
        reference = unfolded_noise(denoiser.weights.unfolded(), astronaut_chw)
        difference = np.abs(denoiser.noise(astronaut_chw) - reference).max()
        assert difference <= 1e-5 * np.abs(reference).max()

    @pytest.mark.parametrize("picture", ["astronaut_chw", "smooth_chw"])
    def test_bfloat16_inside_keeps_the_residual(
        self, name: str, picture: str, request: pytest.FixtureRequest
    ) -> None:
        image = request.getfixturevalue(picture)
        exact, fast = (DnCNN(name, precision=p).noise(image) for p in ("float32", "bfloat16-inner"))
        assert correlation(exact, fast) > 0.95

    def test_removes_most_of_the_noise(self, name: str, astronaut_chw: Floats) -> None:
        image = noisy(astronaut_chw, 10)
        gain = psnr(image - DnCNN(name).noise(image), astronaut_chw) - psnr(image, astronaut_chw)
        assert gain > 6


# PSNR


class Oracle:
    """Takes all of the noise away but a tenth: PSNR rises by exactly 20 dB."""

    name = "oracle"
    identity = DenoiserIdentity("oracle", 1)

    def __init__(self, clean_chw: Floats) -> None:
        self.clean_chw = clean_chw

    def noise(self, image_chw: Floats) -> Floats:
        return np.asarray(0.9 * (image_chw - self.clean_chw), dtype=np.float32)


def test_psnr_of_known_error() -> None:
    a = np.full((3, 4, 4), 0.5, np.float32)
    assert psnr(a, a + np.float32(0.25)) == pytest.approx(20 * np.log10(4))
    assert psnr(a, a) == float("inf")


def test_evaluate_measures_whole_images_with_unclipped_noise(tmp_path: Path) -> None:
    # White pictures: if the noise were clipped, half of it would be missing.
    for i in range(3):
        Image.new("RGB", (150, 130), (255, 255, 255)).save(tmp_path / f"{i}.png")
    oracle = Oracle(np.ones((3, 130, 150), np.float32))
    rows = evaluate(oracle, tmp_path, (5.0, 15.0))
    for row, sigma in zip(rows, (5.0, 15.0), strict=True):
        assert (row.sigma, row.n) == (sigma, 3)
        assert row.mean == pytest.approx(20 - 20 * np.log10(sigma / 255), abs=0.05)
        assert row.low < row.mean < row.high
    assert rows == evaluate(oracle, tmp_path, (5.0, 15.0))
    assert rows != evaluate(oracle, tmp_path, (5.0, 15.0), seed=1)


def test_evaluate_of_an_empty_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds no image"):
        evaluate(Oracle(np.ones((3, 1, 1), np.float32)), tmp_path)


# The optimiser


def test_orthogonal_step_evens_out_singular_values() -> None:
    source = torch.Generator().manual_seed(0)
    matrix = torch.randn(8, 72, generator=source) * torch.logspace(0, 1, 8)[:, None]
    u, _, v = torch.linalg.svd(matrix, full_matrices=False)
    result = orthogonalised(matrix)
    values = torch.linalg.svdvals(result)
    assert values.min() > 0.5 and values.max() < 1.3
    assert torch.diagonal(u.T @ result @ v.T).min() > 0.5


def test_adam_agrees_with_torch() -> None:
    ours, theirs = (torch.tensor([1.0, -2.0, 3.0], requires_grad=True) for _ in range(2))
    rates = Rates(adam=0.1, clip=1e9)
    optimiser = Optimiser(rates, frozenset())
    reference = torch.optim.Adam([theirs], lr=0.1, betas=rates.betas)
    for _ in range(5):
        for x in (ours, theirs):
            x.grad = None
            torch.autograd.backward((x**4).sum())
        optimiser.step({"x": ours}, 1.0)
        reference.step()
    torch.testing.assert_close(ours, theirs)


# Training

OPTIONS = TrainingOptions(
    "tiny",
    TINY,
    steps=12,
    growth=((0, 3), (5, 5)),
    batch=2,
    patch=16,
    warmup=2,
    decay=4,
    kept_statistics=2,
)


class Killed(Exception):
    """Stands for the end of the process."""


def train_with_kills(
    photographs: Path, folder: Path, at: tuple[int, ...], options: TrainingOptions = OPTIONS
) -> dict[str, torch.Tensor]:
    def die(progress: training.Progress) -> None:
        if progress.step in pending:
            pending.remove(progress.step)
            raise Killed

    pending = list(at)
    for _ in at:
        with pytest.raises(Killed):
            train(options, photographs, folder, die, checkpoint_seconds=0, report_steps=1)
    return train(options, photographs, folder).state_dict()


def test_resumed_training_gives_the_same_weights(photographs: Path, tmp_path: Path) -> None:
    whole = train_with_kills(photographs, tmp_path / "whole", ())
    # Killed before and after the network grows, in the decay and with kept statistics.
    pieces = train_with_kills(photographs, tmp_path / "pieces", (2, 5, 6, 9, 12))
    assert whole.keys() == pieces.keys()
    assert all(torch.equal(whole[name], pieces[name]) for name in whole)
    other = train_with_kills(photographs, tmp_path / "other", (), replace(OPTIONS, seed=1))
    assert not torch.equal(whole["last.weight"], other["last.weight"])


def test_end_may_change_while_no_step_has_felt_it(photographs: Path, tmp_path: Path) -> None:
    longer = replace(OPTIONS, steps=16, decay=8)
    whole = train_with_kills(photographs, tmp_path / "longer", (), longer)

    def stop(progress: training.Progress) -> None:
        if progress.step == 7:
            raise Killed

    with pytest.raises(Killed):
        train(OPTIONS, photographs, tmp_path / "w", stop, checkpoint_seconds=0, report_steps=1)
    resumed = train(longer, photographs, tmp_path / "w").state_dict()
    assert all(torch.equal(whole[name], resumed[name]) for name in whole)
    with pytest.raises(UsageError, match="steps"):
        train(OPTIONS, photographs, tmp_path / "w")


def test_rates_rise_stay_and_fall_through_their_bends() -> None:
    straight = replace(OPTIONS, steps=100, warmup=10, decay=40)
    shares = [straight.share_at(step) for step in (0, 9, 30, 60, 80, 99)]
    np.testing.assert_allclose(shares, [0.1, 1, 1, 1, 0.5, 0.025])
    bent = replace(straight, steps=120, decay=60, bends=((80, 0.5),))
    shares = [bent.share_at(step) for step in (0, 30, 60, 70, 80, 100, 119)]
    np.testing.assert_allclose(shares, [0.1, 1, 1, 0.75, 0.5, 0.25, 0.0125])
    assert TrainingOptions.from_json(bent.as_json()) == bent
    with pytest.raises(UsageError, match="bends"):
        replace(straight, bends=((50, 0.5),))


def test_checkpoint_of_another_training_is_refused(photographs: Path, tmp_path: Path) -> None:
    train(OPTIONS, photographs, tmp_path / "w")
    with pytest.raises(UsageError, match="batch"):
        train(replace(OPTIONS, batch=3), photographs, tmp_path / "w")
    others = tmp_path / "others"
    others.mkdir()
    Image.new("RGB", (32, 32)).save(others / "0.png")
    with pytest.raises(IntegrityError, match="other photographs"):
        train(OPTIONS, others, tmp_path / "w")
    checkpoint = tmp_path / "w" / "checkpoint.safetensors"
    save_file(load_file(checkpoint), checkpoint)
    with pytest.raises(FormatError, match="checkpoint"):
        train(OPTIONS, photographs, tmp_path / "w")


def test_exported_weights_are_the_trained_ones(photographs: Path, tmp_path: Path) -> None:
    trained = train(OPTIONS, photographs, tmp_path / "w")
    export(tmp_path / "w", tmp_path / "weights")
    loaded = load_weights("tiny", tmp_path / "weights").unfolded()
    assert all(
        torch.equal(a, b) for a, b in zip(trained.parameters(), loaded.parameters(), strict=True)
    )
    facts = json.loads((tmp_path / "weights" / "tiny.json").read_text())
    assert TrainingOptions.from_json(json.dumps(facts["training"])) == OPTIONS
    assert facts["steps_done"] == OPTIONS.steps
    with pytest.raises(InputError, match="no checkpoint"):
        export(tmp_path, tmp_path / "weights")


def test_training_learns(photographs: Path, tmp_path: Path) -> None:
    losses: list[float] = []
    options = TrainingOptions("tiny", TINY, 120, batch=4, patch=24, warmup=10, decay=60)
    train(
        options,
        photographs,
        tmp_path,
        lambda progress: losses.append(progress.loss),
        report_steps=20,
    )
    assert len(losses) == 6
    # Answering "no noise" costs 3 * 24^2 * E[sigma^2] / 2 = 1.44.
    assert losses[-1] < 0.5 * (3 * 24**2 / 2) * (5**2 + 5 * 15 + 15**2) / 3 / 255**2


def test_batches_follow_from_seed_and_step() -> None:
    rng = np.random.default_rng(0)
    images: list[NDArray[np.uint8]] = [rng.integers(0, 256, (40, 30, 3), np.uint8)]
    options = replace(OPTIONS, batch=200, patch=16)
    patches, noise = draw_batch(images, options, 3)
    again, _ = draw_batch(images, options, 3)
    other, _ = draw_batch(images, options, 4)
    assert torch.equal(patches, again)
    assert not torch.equal(patches, other)
    spread = noise.std((1, 2, 3)) * 255
    assert 4.5 < spread.min() < 6 and 14 < spread.max() < 16.5
    clean = (patches - noise).mul(255)
    # What remains without the noise is whole grey levels of the photograph.
    torch.testing.assert_close(clean, clean.round(), atol=1e-3, rtol=0)
    # Noise is not clipped at black or white.
    assert patches.min() < 0 and patches.max() > 1


@pytest.mark.parametrize(
    "growth", [((1, 3), (2, 5)), ((0, 3), (2, 4)), ((0, 5), (1, 3), (2, 5)), ((0, 3), (0, 2))]
)
def test_impossible_growth_is_refused(growth: tuple[tuple[int, int], ...]) -> None:
    with pytest.raises(UsageError, match="growth"):
        replace(OPTIONS, growth=growth)


def test_impossible_options_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="at least 1"):
        replace(OPTIONS, steps=0)
    with pytest.raises(UsageError, match="int8"):
        replace(OPTIONS, inner="int8")
    with pytest.raises(InputError, match="16 pixels"):
        train(OPTIONS, tmp_path, tmp_path / "w")
