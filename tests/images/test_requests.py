"""What files tell of the seed and the prompt that their generator was asked for."""

from __future__ import annotations

import io
import json

import pytest
from PIL import Image, PngImagePlugin
from synthetic import photograph

from fp.images import metadata_blocks
from fp.images.claims import whole_texts
from fp.images.requests import Request, read_request

A1111 = (
    "a red cat, on a mat\nNegative prompt: blurry, Seed: 9\n"
    "Steps: 20, Sampler: Euler a, CFG scale: 7, Seed: 123, Size: 512x512"
)


def comfy(seed: object = 5, text: object = "a red cat", more: dict | None = None) -> str:
    return json.dumps(
        {
            "3": {"class_type": "KSampler", "inputs": {"seed": seed, "positive": ["6", 0]}},
            "6": {"class_type": "CLIPTextEncode", "inputs": {"text": text, "clip": ["4", 1]}},
            "7": {"class_type": "CLIPTextEncode", "inputs": {"text": "blurry", "clip": ["4", 1]}},
            **(more or {}),
        }
    )


def read(content: bytes) -> Request:
    return read_request(whole_texts(metadata_blocks.read(content)))


def png(**texts: str) -> bytes:
    told = PngImagePlugin.PngInfo()
    for name, text in texts.items():
        told.add_text(name, text)
    file = io.BytesIO()
    Image.fromarray(photograph(1)).save(file, "PNG", pnginfo=told)
    return file.getvalue()


def with_exif(kind: str, tag: int, text: str | bytes) -> bytes:
    exif = Image.Exif()
    (exif.get_ifd(0x8769) if tag == 0x9286 else exif)[tag] = text
    file = io.BytesIO()
    Image.fromarray(photograph(1)).save(file, kind, exif=exif)
    return file.getvalue()


@pytest.mark.parametrize(
    ("texts", "seed", "same", "other"),
    [
        ({"parameters": A1111}, "123", A1111.replace("123", "124"), A1111.replace("red", "blue")),
        ({"prompt": comfy()}, "5", comfy(6), comfy(text="a blue cat")),
        (
            {"invokeai_metadata": json.dumps({"seed": 7, "positive_prompt": "a cat"})},
            "7",
            json.dumps({"seed": 8, "positive_prompt": "a  cat\n"}),
            json.dumps({"seed": 7, "positive_prompt": "a dog"}),
        ),
        (
            {"sd-metadata": json.dumps({"image": {"seed": 7, "prompt": [{"prompt": "a cat"}]}})},
            "7",
            json.dumps({"image": {"seed": 8, "prompt": [{"prompt": "a cat"}]}}),
            json.dumps({"image": {"seed": 7, "prompt": [{"prompt": "a dog"}]}}),
        ),
        ({"Dream": '"a cat" -s 50 -S 42'}, "42", '"a cat" -s 50 -S 43', '"a dog" -s 50 -S 42'),
        (
            {"Comment": json.dumps({"prompt": "a cat", "seed": 99, "uc": "bad"})},
            "99",
            json.dumps({"prompt": "a cat", "seed": 98, "uc": "bad"}),
            json.dumps({"prompt": "a dog", "seed": 99, "uc": "bad"}),
        ),
    ],
)
def test_seed_and_prompt_of_each_program_are_told_apart(texts, seed, same, other):
    ((name, _),) = texts.items()
    found = read(png(**texts))
    assert found.seed == seed
    assert found.prompt is not None and len(found.prompt) == 16
    again, unlike = read(png(**{name: same})), read(png(**{name: other}))
    assert again.prompt == found.prompt and again.seed != found.seed
    assert unlike.prompt != found.prompt and unlike.seed == found.seed


def test_exif_of_jpeg_and_webp_is_read_as_png_text_is():
    comment = b"UNICODE\0" + A1111.encode("utf-16-be")
    wanted = read(png(parameters=A1111))
    assert read(with_exif("JPEG", 0x9286, comment)) == wanted
    # ComfyUI puts its graph into the tag of the camera's maker or model.
    graph = read(png(prompt=comfy()))
    assert read(with_exif("WEBP", 0x0110, f"prompt:{comfy()}")) == graph
    assert read(with_exif("WEBP", 0x010F, f"Prompt:{comfy()}")) == graph


def test_the_property_of_iptc_tells_a_prompt():
    packet = '<x xmlns:I="i"><I:AIPromptInformation>a cat</I:AIPromptInformation></x>'
    found = read(png(**{"XML:com.adobe.xmp": packet}))
    assert found.seed is None and found.prompt is not None


def test_a_text_of_another_node_is_followed_and_one_that_is_put_together_is_not_guessed():
    held = {"9": {"class_type": "String", "inputs": {"value": "a red cat"}}}
    assert read(png(prompt=comfy(text=["9", 0], more=held))) == read(png(prompt=comfy()))
    drawn = {"9": {"class_type": "Wildcards", "inputs": {"text": "a __colour__ cat", "line": 3}}}
    found = read(png(prompt=comfy(text=["9", 0], more=drawn)))
    assert found == Request("5", form="ComfyUI")


def test_a_fixed_seed_of_one_stage_hides_no_other():
    upscaler = {"8": {"class_type": "Upscale", "inputs": {"seed": 1}}}
    seeds = {read(png(prompt=comfy(s, more=upscaler))).seed for s in (5, 6)}
    assert seeds == {"1 5", "1 6"}


@pytest.mark.parametrize(
    "texts",
    [
        {},
        {"Comment": "Created with GIMP"},
        {"parameters": "a cat"},
        {"Dream": "a cat"},
        {"parameters": "\nSteps: " * 8000},
        {"prompt": "[" * 5000},
        {"prompt": "{" + '"a":{' * 5000},
        {"prompt": '{"3": {"class_type": 3, "inputs": []}}'},
        {"Comment": '{"seed": true}'},
        {"Comment": '{"seed": ' + "9" * 6000 + "}"},
    ],
)
def test_other_texts_and_hostile_ones_tell_nothing(texts):
    assert read(png(**texts)) == Request()


def test_a_graph_of_a_thousand_models_tells_a_few():
    loras = {
        str(number): {"class_type": "LoraLoader", "inputs": {"lora_name": f"a{number}"}}
        for number in range(100, 600)
    }
    assert read(png(prompt=comfy(more=loras))).models == tuple(f"a{n}" for n in range(100, 116))


def test_no_image_at_all_tells_nothing():
    assert read(b"") == read(b"parameters Steps: 1, Seed: 2") == Request()
