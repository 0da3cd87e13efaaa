"""A generator's request as its file tells it: seed, prompt, and names of its models.

Programs write it into PNG texts, EXIF or XMP. Anyone can change or remove it, so it groups images
and labels fingerprints, and no score sees it.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from fp.images.claims import Claim

_SEEDS = ("seed", "noise_seed")
_PROMPTS = ("prompt", "positive_prompt")
_ENCODED = ("text", "text_g", "text_l", "clip_l", "t5xxl", "prompt")
_MODELS = ("model", "model_name", "base_model", "model_weights")
_MOST_MODELS = 16
_LOADED = ("ckpt_name", "unet_name", "lora_name", "model_name")  # by nodes of ComfyUI

# The text of AUTOMATIC1111: the prompt, perhaps a negative one, then a line of settings.
_SETTINGS = re.compile(r"(?:^|\n)(Steps: .*)$", re.DOTALL)
_SEED = re.compile(r"\bSeed: (\d{1,20})\b")
_MODEL = re.compile(r"\bModel: ([^,\n]{1,200})")
_NEGATIVE = "\nNegative prompt:"

# The text of early InvokeAI: the prompt in quotation marks, then switches, of which -S is the seed.
_DREAM = re.compile(r"\s-S ?(\d{1,20})\b")

# ComfyUI writes its graph into EXIF tags that are meant for other things.
_IN_EXIF = re.compile(r"^prompt:\s*(?=\{)", re.IGNORECASE)


@dataclass(frozen=True)
class Request:
    """What a file says that its generator was asked for.

    Parameters
    ----------
    seed : str or None
        The seed; of several stages, all of their seeds. None where the file tells none.
    prompt : str or None
        The first 16 hexadecimal digits of the SHA-256 of the prompt, its white space made alike;
        None where the file tells none, or only parts of one.
    words : str or None
        The prompt itself, its white space made alike. It may hold any other character.
    models : tuple of str
        Names of models, as they stand there; 16 at most.
    form : str or None
        The program whose way of writing it is; others write so too.
    """

    seed: str | None = None
    prompt: str | None = None
    words: str | None = None
    models: tuple[str, ...] = ()
    form: str | None = None


def read_request(texts: Iterable[Claim]) -> Request:
    """Return what the texts of a file tell of the request.

    Each part is the first that is found. Read are the texts of AUTOMATIC1111, ComfyUI, InvokeAI,
    NovelAI and Fooocus, wherever `fp.images.claims` looks for texts, and ``AIPromptInformation`` in
    XMP.
    """
    found = Request()
    for told in texts:
        known = {name: value for name, value in vars(found).items() if value}
        found = Request(**vars(_read(told.name, told.text)) | known)
    return found


def _read(name: str, text: str) -> Request:
    name, text = name.strip().lower(), text.strip("\0 \t\r\n")
    if name == "aipromptinformation":
        return _request(None, text)
    if name == "dream":
        prompt, _, switches = text.rpartition('"')
        dream = _DREAM.search(switches)
        prompt = prompt.removeprefix('"')
        return _request(dream[1] if dream else None, prompt, form="InvokeAI")
    text = _IN_EXIF.sub("", text)
    if text.startswith("{"):
        return _of_json(name, text)
    settings = _SETTINGS.search(text)
    if settings and (seed := _SEED.search(settings[1])):
        prompt = text[: settings.start()].split(_NEGATIVE)[0]
        return _request(seed[1], prompt, _MODEL.findall(settings[1]), "AUTOMATIC1111")
    return Request()


def _of_json(name: str, text: str) -> Request:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return Request()
    if not isinstance(found, dict):
        return Request()
    graph = {key: node for key, node in found.items() if _is_node(node)}
    if graph:
        seeds = " ".join(sorted(set(_seeds(graph)))) or None
        return _request(seeds, _encoded(graph), _loaded(graph), "ComfyUI")
    # A list of settings, or one inside it: "image" of early InvokeAI, "sui_image_params" of Swarm.
    several = (found, *(each for each in found.values() if isinstance(each, dict)))
    for settings in several:
        seed, prompt = _first(settings, _SEEDS), _first(settings, _PROMPTS)
        if seed is not None or prompt is not None:
            form = "InvokeAI" if name in ("invokeai_metadata", "sd-metadata") else None
            return _request(_digits(seed), prompt, _named(several), form)
    return Request()


def _is_node(node: object) -> bool:
    return (
        isinstance(node, dict)
        and isinstance(node.get("class_type"), str)
        and isinstance(node.get("inputs"), dict)
    )


def _seeds(graph: Mapping[str, Any]) -> Iterator[str]:
    for node in graph.values():
        seed = _digits(_first(node["inputs"], _SEEDS))
        if seed is not None:
            yield seed


def _loaded(graph: Mapping[str, Any]) -> list[str]:
    """Return the names of the models that a graph of ComfyUI loads."""
    inputs = [node["inputs"].get(name) for node in graph.values() for name in _LOADED]
    return [name for name in inputs if isinstance(name, str)]


def _named(several: Iterable[Mapping[str, Any]]) -> list[str]:
    """Return the names of models in lists of settings. Some say more of a model than its name."""
    found = [settings.get(name) for settings in several for name in _MODELS]
    return [name for name in found if isinstance(name, str)]


def _encoded(graph: Mapping[str, Any]) -> str | None:
    """Return all texts that a graph of ComfyUI encodes, the negative ones among them.

    None where there is none, or a text is put together by other nodes: what these read (a line of
    a file, a word drawn at random) does not stand in the graph.
    """
    texts = []
    for node in graph.values():
        if "TextEncode" not in node["class_type"]:
            continue
        for name, value in node["inputs"].items():
            if name in _ENCODED:
                text = _literal(value, graph)
                if text is None:
                    return None
                texts.append(text)
    return "\n".join(sorted(texts)) or None


def _literal(value: object, graph: Mapping[str, Any]) -> str | None:
    """Return a text in a node, or in a linked one of nothing else."""
    if isinstance(value, str):
        return value
    if isinstance(value, list) and value and str(value[0]) in graph:
        held = list(graph[str(value[0])]["inputs"].values())
        if len(held) == 1 and isinstance(held[0], str):
            return held[0]
    return None


def _first(settings: Mapping[str, Any], names: tuple[str, ...]) -> object:
    return next((settings[name] for name in names if settings.get(name) is not None), None)


def _digits(seed: object) -> str | None:
    text = str(seed)
    return text if text.isascii() and text.isdigit() and len(text) <= 20 else None


def _request(
    seed: str | None, prompt: object, models: Iterable[str] = (), form: str | None = None
) -> Request:
    if isinstance(prompt, list):  # early InvokeAI: prompts with their weights
        prompt = json.dumps(prompt)
    words = " ".join(prompt.split()) if isinstance(prompt, str) else ""
    if seed is None and not words:
        return Request()
    digest = hashlib.sha256(words.encode("utf-8", "replace")).hexdigest()[:16]
    return Request(
        seed=seed,
        prompt=digest if words else None,
        words=words or None,
        models=tuple(dict.fromkeys(models))[:_MOST_MODELS],
        form=form,
    )
