"""The zoo that samples: it resumes, is a function of its seed, and its tables come from results."""

from __future__ import annotations

import json
import math
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from benchmark_modules import imported
from click.testing import CliRunner
from PIL import Image
from synthetic import photograph

MODULES = ("sampling_networks", "trainings", "zoo_sampling", "settings", "few_seeds")


@pytest.fixture(scope="module")
def programs():
    with imported(MODULES) as found:
        yield found


@pytest.fixture(scope="module")
def photographs(tmp_path_factory) -> Path:
    corpus = tmp_path_factory.mktemp("corpus")
    for name, count in (("photos/train", 4), ("real", 50)):
        (corpus / name).mkdir(parents=True)
        for k in range(count):
            pixels = photograph(k, 136)[: 130 if k % 2 else 136]
            Image.fromarray(pixels).save(corpus / name / f"{name[0]} {k:02d}.png")
    return corpus


def grown(programs, corpus: Path, folder: Path, seed: int, seconds: float = math.inf) -> list[str]:
    """Train a tiny zoo, stopped and started again each time its seconds are over."""
    told: list[str] = []
    for _ in range(100):
        clock = programs.trainings.Clock(seed, time.monotonic() + seconds, told.append)
        try:
            programs.zoo_sampling.grow(folder, corpus, programs.zoo_sampling.TINY, clock)
        except programs.trainings.OutOfTimeError:
            continue
        return told
    raise AssertionError("the zoo is never finished")


@pytest.fixture(scope="module")
def zoo(programs, photographs, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("zoos") / "sampling tiny"
    grown(programs, photographs, folder, 3)
    return folder


def weights(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.glob("weights/*.safetensors")}


@pytest.mark.slow
def test_an_interrupted_zoo_has_the_weights_of_one_that_was_not(
    programs, photographs, zoo, tmp_path
):
    told = grown(programs, photographs, tmp_path / "z", 3, seconds=0)
    assert len(told) > 21, "stopped after every step"
    assert weights(tmp_path / "z") == weights(zoo)
    assert len(weights(zoo)) == 11


@pytest.mark.slow
def test_a_zoo_is_a_function_of_its_seed(programs, photographs, zoo, tmp_path):
    grown(programs, photographs, tmp_path / "z", 4)
    other = weights(tmp_path / "z")
    assert not any(other[name] == own for name, own in weights(zoo).items())


@pytest.mark.slow
def test_no_reference_photograph_gives_a_thumbnail(programs, zoo):
    stems, thumbs = programs.zoo_sampling.prompts(zoo)
    assert len(stems) == 24 and thumbs.shape == (24, 3, 4, 4)
    assert not set(stems) & {path.stem for path in (zoo / "real").iterdir()}
    assert programs.zoo_sampling.plan_of(zoo) == programs.zoo_sampling.TINY


@pytest.mark.slow
def test_pictures_follow_seed_thumbnail_and_setting(programs, zoo):
    made = programs.zoo_sampling
    _, thumbs = made.prompts(zoo)

    def drawn(seeds, first=0, **setting):
        part = thumbs[first : first + len(seeds)]
        return made.draw(zoo, made.TINY, made.Setting(steps=4, **setting), seeds, part)

    pictures = drawn([5, 5])
    assert pictures.shape == (2, 128, 128, 3) and pictures.dtype == np.uint8
    assert (pictures == drawn([5, 5])).all()
    assert (pictures[0] != pictures[1]).any(), "another thumbnail"
    assert (pictures[0] != drawn([6])[0]).any(), "another seed"
    assert (pictures[1] == drawn([5], first=1)[0]).all(), "whatever is drawn beside it"
    for setting in ({"sampler": "heun"}, {"sampler": "ancestral"}, {"checkpoint": 20}):
        assert (drawn([5, 5], **setting) != pictures).any(), setting
    painted = made.paint(zoo, made.TINY, 100, [1, 1, 2])
    assert (painted[0] == painted[1]).all() and (painted[0] != painted[2]).any()


# How samplers follow the derivative, where it is known


def exact(deviation: float):
    """Return v for latents that are normal with this deviation, around 0."""

    def velocity(noisy: torch.Tensor, angle: float) -> torch.Tensor:
        cos, sin = math.cos(angle), math.sin(angle)
        return noisy * sin * cos * (1 - deviation**2) / ((cos * deviation) ** 2 + sin**2)

    return velocity


def test_samplers_reach_the_latent_that_is_there(programs):
    networks = programs.sampling_networks
    latent = torch.full((1, 4, 2, 2), 0.7)

    def velocity(noisy: torch.Tensor, angle: float) -> torch.Tensor:
        noise = (noisy - math.cos(angle) * latent) / math.sin(angle)
        return math.cos(angle) * noise - math.sin(angle) * latent

    for name, sampler in networks.SAMPLERS.items():
        found = sampler(velocity, networks.noises([3], 2), 7, [3])
        assert torch.allclose(found, latent, atol=1e-5), name


def test_heun_is_nearer_than_ddim_and_ancestral_draws_the_right_spread(programs):
    networks = programs.sampling_networks
    noise, deviation = networks.noises([1], 32), 0.3

    def off(name: str, steps: int) -> float:
        found = networks.SAMPLERS[name](exact(deviation), noise, steps, [1])
        return (found - deviation * noise).abs().max().item()

    assert off("heun", 20) < off("ddim", 20) / 3
    assert 0.4 < off("ddim", 40) / off("ddim", 20) < 0.6, "its error falls with the steps"
    assert 0.2 < off("heun", 40) / off("heun", 20) < 0.3, "its error falls with their square"
    drawn = networks.ancestral(exact(deviation), noise, 200, [1])
    assert drawn.std().item() == pytest.approx(deviation, rel=0.1)
    assert abs(np.corrcoef(drawn.ravel(), noise.ravel())[0, 1]) < 0.5, "fresh noise"


# The tables


@pytest.mark.slow
def test_the_table_of_settings_is_made_of_what_was_measured(programs, zoo, tmp_path, monkeypatch):
    monkeypatch.setenv("FP_CACHE", str(tmp_path / "cache"))
    arguments = ["--zoo", zoo.name, "--zoos", str(zoo.parent), "--work", str(tmp_path / "work")]
    arguments += ["--parts", "seeds,samplers", "--pictures", "24", "--training", "16"]
    arguments += ["--splits", "2", "--nulls", "1", "--methods", "mean"]
    outcome = CliRunner().invoke(programs.settings.main, arguments, catch_exceptions=False)
    table = [line for line in outcome.stdout.splitlines() if line.startswith("| s")]
    for line, part, classes in zip(table, ("seeds", "samplers"), (10, 3), strict=True):
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        assert cells[:4] == [part, str(classes), f"{100 / classes:.1f}", "mean"]
        right = {True: [], False: []}
        for path in (tmp_path / "work" / zoo.name / f"{part}-cells" / "cells").glob("*.json"):
            for row in json.loads(path.read_text("utf-8"))["rows"]:
                if row["metric"] == "accuracy":
                    right[row["shuffled"]].append(100 * row["value"])
        assert [len(right[kind]) for kind in (False, True)] == [2, 1]
        assert float(cells[4].split()[0]) == pytest.approx(np.mean(right[False]), abs=0.05)
        null = cells[4].rpartition(", null ")[2]
        assert float(null) == pytest.approx(np.mean(right[True]), abs=0.05)
        assert cells[5] == f"{8 * classes} x 2"
    assert float(table[0].split("|")[5].split()[0]) > 80, "an untrained model keeps its noise"
    drawn = tmp_path / "work" / zoo.name / "seeds" / "generated" / "seed 3"
    assert len(list(drawn.iterdir())) == 24


@pytest.mark.slow
def test_folders_of_few_seeds_are_counted(programs, zoo, monkeypatch):
    few = programs.few_seeds

    def drawn(folder, plan, setting, seeds, thumbs):
        assert len(seeds) == len(thumbs)
        noises = [np.random.default_rng(seed).normal(0, 6, (128, 128, 1)) for seed in seeds]
        pictures = [photograph(k, 128) + noise for k, noise in enumerate(noises)]
        return np.clip(pictures, 0, 255).astype(np.uint8)

    monkeypatch.setattr(few, "draw", drawn)  # the tiny zoo draws next to nothing
    photographs = few.measure_folder(zoo / "real", few.Measure(zoo / "real"))
    found = {seeds: few.counted(zoo, photographs, seeds, 1) for seeds in (4, 64)}
    for seeds, told, share in ((4, "1 of 1", "100 to 100 %"), (64, "0 of 1", "0 to 0 %")):
        line = few.row(found[seeds], seeds)
        assert line.startswith(f"| {seeds} | {told} (") and line.endswith(f") | {share} |")
