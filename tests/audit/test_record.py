"""What is seen in one file: claims, storage and traces, each by itself."""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, PngImagePlugin
from synthetic import photograph
from wording import FORBIDDEN

from fp.audit.checks import CATEGORIES
from fp.audit.measuring import Measure
from fp.audit.record import FileRecord, look
from fp.fingerprint import look as public_look
from fp.images.degradations import Degradation
from fp.system.errors import ImageError

A1111 = (
    "a red cat, on a mat\nNegative prompt: blurry\n"
    "Steps: 20, Sampler: Euler a, Seed: 123, Model hash: 6ce0161689, Model: sd_v1-5, Size: 512x512"
)
COMFY = json.dumps(
    {
        "3": {"class_type": "KSampler", "inputs": {"seed": 5, "positive": ["6", 0]}},
        "4": {"class_type": "CheckpointLoaderSimple", "inputs": {"ckpt_name": "xl base.ckpt"}},
        "6": {"class_type": "CLIPTextEncode", "inputs": {"text": "a red  cat", "clip": ["4", 1]}},
        "9": {"class_type": "LoraLoader", "inputs": {"lora_name": "ink.safetensors"}},
    }
)
INVOKE = json.dumps({"model_weights": "sd-1.4", "image": {"seed": 7, "prompt": "a cat"}})
TERM = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"
XMP = f'<x xmlns:I="i" I:DigitalSourceType="{TERM}"/>'


def saved(path: Path, image: Image.Image, **how: object) -> Path:
    """Save a picture under a name."""
    image.save(path, **how)
    return path


def with_texts(path: Path, **texts: str) -> Path:
    """Save a photograph with PNG texts."""
    told = PngImagePlugin.PngInfo()
    for name, text in texts.items():
        told.add_text(name, text)
    return saved(path, Image.fromarray(photograph(1, 128)), pnginfo=told)


def seen(found: FileRecord) -> dict[str, str]:
    """Return the sentences by their code; one each."""
    told = {each.code: each.sentence for each in found.observations}
    assert len(told) == len(found.observations)
    return told


@pytest.mark.parametrize(
    ("texts", "form", "asked"),
    [
        (
            {"parameters": A1111},
            "AUTOMATIC1111",
            'seed 123; model sd_v1-5; prompt "a red cat, on a mat"',
        ),
        (
            {"prompt": COMFY},
            "ComfyUI",
            'seed 5; model xl base.ckpt, ink.safetensors; prompt "a red cat"',
        ),
        ({"sd-metadata": INVOKE}, "InvokeAI", 'seed 7; model sd-1.4; prompt "a cat"'),
        ({"Dream": '"a cat" -s 50 -S 42'}, "InvokeAI", 'seed 42; prompt "a cat"'),
    ],
)
def test_settings_of_generators_are_told_in_words_with_seed_model_and_prompt(
    tmp_path, texts, form, asked
):
    found = look(with_texts(tmp_path / "a b.png", **texts))
    sentence = seen(found)["request"]
    assert sentence == f"It tells what a generator was asked for in the form of {form}: {asked}."
    assert found.observations[0].code == "request"
    row = found.as_dict()
    assert row["form"] == form and row["seed"] in sentence and row["words"] in sentence
    assert all(name in sentence for name in row["models"])
    assert row["claimed"] == [claim.line for claim in found.claims] != []


def test_a_prompt_cannot_steer_a_terminal_and_is_cut(tmp_path):
    text = f"\x1b[2J {'long ' * 100}\nSteps: 1, Seed: 4, Model: \x1b[31mred"
    found = look(with_texts(tmp_path / "a.png", parameters=text))
    sentence = seen(found)["request"]
    assert sentence.isprintable() and "\\x1b[31mred" in sentence and "characters more" in sentence
    assert found.as_dict()["words"].isprintable() and found.request.words.startswith("\x1b")


def test_the_terms_of_iptc_are_put_into_words_and_others_are_left(tmp_path):
    found = seen(look(with_texts(tmp_path / "a.png", **{"XML:com.adobe.xmp": XMP})))
    assert found["source_type"] == f"XMP DigitalSourceType: {TERM} (a trained model drew it)"
    odd = XMP.replace("trainedAlgorithmicMedia", "somethingElse")
    found = seen(look(with_texts(tmp_path / "b.png", **{"XML:com.adobe.xmp": odd})))
    assert "source_type" not in found and found["claim"].endswith("/somethingElse")


def test_a_screenshot_is_one_by_its_own_word(tmp_path):
    assert "screenshot" in seen(look(with_texts(tmp_path / "a.png", Software="Screenshot 4.1")))
    assert "screenshot" not in seen(look(with_texts(tmp_path / "b.png", Software="GIMP")))


def test_a_file_that_says_nothing_is_told_so_and_none_else(tmp_path):
    silent, speaking = with_texts(tmp_path / "a.png"), with_texts(tmp_path / "b.png", Title="x")
    assert seen(look(silent))["no_claim"].startswith("It says nothing of its origin.")
    assert "no_claim" not in seen(look(speaking))


def test_a_jpeg_from_a_known_pipeline_is_told_with_its_compression(tmp_path):
    wide = Image.fromarray(photograph(3, 256)).resize((1200, 320))
    found = seen(look(saved(tmp_path / "a.jpg", wide, quality=85, progressive=True)))
    assert found["pipeline"].startswith("It is stored as files from X (Twitter), medium are;")
    assert found["compression"] == (
        "Compressed with loss: JPEG of quality 85 or so, colour 4:2:0, progressive; tables as most "
        "programs write them."
    )
    assert found["format"] == "JPEG of 1200 x 320 pixels, RGB, 8 bits a sample."
    other = seen(look(saved(tmp_path / "b.jpg", wide, quality=86, progressive=True)))
    assert "pipeline" not in other and "quality 86" in other["compression"]


def test_the_grid_of_a_jpeg_says_what_the_file_hides(tmp_path):
    coded = Image.fromarray(Degradation("jpeg:75").apply(photograph(4, 256)))
    cut = coded.crop((3, 5, 250, 250))
    told = {
        "own": saved(tmp_path / "own.jpg", Image.fromarray(photograph(4, 256)), quality=75),
        "hidden": saved(tmp_path / "hidden.png", coded),
        "cut": saved(tmp_path / "cut.png", cut),
        "twice": saved(tmp_path / "twice.jpg", cut, quality=100, subsampling=0),
        "none": saved(tmp_path / "none.png", Image.fromarray(photograph(4, 256))),
    }
    found = {name: seen(look(path)) for name, path in told.items()}
    assert found["own"]["jpeg_grid"].endswith("as that of its own compression does.")
    assert found["hidden"]["jpeg_grid"].endswith("compressed before it was stored as it is now.")
    # Three columns and five rows are gone: the next blocks begin 5 and 3 pixels in.
    for name in ("cut", "twice"):
        assert "begins 5 pixels from the left and 3 from the top" in found[name]["jpeg_grid"]
        assert found[name]["jpeg_grid"].endswith("and cropped or moved after that.")
    assert "jpeg_grid" not in found["none"]
    hidden = seen(look(saved(tmp_path / "again.jpg", cut, quality=95, subsampling=0)))
    assert "moved" not in hidden.get("jpeg_grid", "")  # as docs/look.md says
    assert found["none"]["not_found"].startswith("No grid of 8 x 8 blocks")
    assert "grid" not in found["cut"]["not_found"]


def test_resizing_borders_palettes_and_missing_colour_are_told(tmp_path):
    image = Image.fromarray(photograph(5, 256))
    page = Image.new("RGB", (320, 320), "white")
    page.paste(image, (32, 32))
    larger = image.resize((400, 400), Image.Resampling.BICUBIC)
    told = {
        "resampling": saved(tmp_path / "a.png", larger),
        "flat_border": saved(tmp_path / "b.png", page),
        "few_colours": saved(tmp_path / "c.png", image.quantize(64)),
        "grey": saved(tmp_path / "d.png", image.convert("L")),
    }
    found = {code: seen(look(path)) for code, path in told.items()}
    for code in told:
        assert [name for name in told if name in found[code]] == [code]
    assert "1.56" in found["resampling"]["resampling"]
    assert found["flat_border"]["flat_border"].startswith("36 % of the area is a flat border")
    assert found["few_colours"]["format"].endswith("with a palette.")
    assert "converted" not in found["grey"] and "conversion" in found["few_colours"]


def test_the_audit_measures_the_same_of_the_whole_picture(tmp_path):
    path = with_texts(tmp_path / "a.png", parameters=A1111)
    assert look(path).properties.row() == Measure(tmp_path)(path).row()
    assert look(path).properties.tile is None and public_look is look


def test_a_damaged_file_is_one_sentence(tmp_path):
    file = io.BytesIO()
    Image.fromarray(photograph(1)).save(file, "PNG")
    (tmp_path / "half.png").write_bytes(file.getvalue()[:2000])
    with pytest.raises(ImageError, match=r"half\.png is (damaged|incomplete)"):
        look(tmp_path / "half.png")


@pytest.mark.parametrize("size", [(1, 1), (1, 300), (300, 2), (31, 33), (64, 64)])
@pytest.mark.parametrize("mode", ["RGB", "L", "1", "P"])
def test_small_and_flat_pictures_are_looked_at_and_fit_into_json(tmp_path, size, mode):
    found = look(saved(tmp_path / "a.png", Image.new(mode, size)))
    assert json.loads(json.dumps(found.as_dict(), allow_nan=False))["width"] == size[0]
    assert "100 % of the area" in seen(found)["flat_border"]
    assert f"{size[0]} x {size[1]} pixels" in seen(found)["format"]


def test_no_sentence_says_more_than_was_seen(tmp_path):
    image = Image.fromarray(photograph(5, 256)).resize((400, 400), Image.Resampling.BICUBIC)
    paths = [
        with_texts(tmp_path / "a.png", parameters=A1111, **{"XML:com.adobe.xmp": XMP}),
        saved(tmp_path / "b.webp", image, quality=70),
        saved(tmp_path / "c.jpg", image, quality=60),
        saved(tmp_path / "d.png", image.convert("L")),
        saved(tmp_path / "e.tif", Image.fromarray(np.full((64, 64, 3), 9, np.uint8))),
    ]
    for path in paths:
        found = look(path).observations
        assert {each.about for each in found} == {"claim", "storage", "pixels"}
        for each in found:
            assert not FORBIDDEN.search(each.sentence), each.sentence
            assert "photograph" not in each.sentence and "generated" not in each.sentence


def test_what_resizing_leaves_is_worded_as_the_audit_words_it():
    words = next(check.words for check in CATEGORIES if check.code == "resampling_period")
    assert words(0.25) == "4.0 pixels, as a factor of 0.80, 1.33 or 4.00 leaves it,"
