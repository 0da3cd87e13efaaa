"""What an embedded C2PA manifest store claims, where the package ``c2pa-python`` is installed.

Nothing is fetched: no remote manifest, no revocation list. Whether a signer is to be trusted is not
asked either, so a valid signature says that the store was not changed since somebody signed it.
"""

from __future__ import annotations

import importlib
import io
import json
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

OFFLINE = {
    "verify": {
        "remote_manifest_fetch": False,
        "ocsp_fetch": False,
        "verify_trust": False,
        "verify_timestamp_trust": False,
    }
}
"""Settings of the library."""

_MOST_ACTIONS = 8


def read_store(content: bytes, kind: str, size: int) -> Iterator[tuple[str, str]]:
    """Yield names and texts of a manifest store, first that there is one."""
    library = _library()
    if library is None:
        yield "manifest store", f"{size} bytes, not read: c2pa-python is not installed"
        return
    try:
        context = library.Context(library.Settings.from_dict(OFFLINE))
        with library.Reader(kind, io.BytesIO(content), context=context) as reader:
            told = json.loads(reader.json())
        active = told["manifests"][told["active_manifest"]]
        found = list(_claims(told, active))
    except Exception as error:  # hostile bytes make the library raise anything
        yield "manifest store", f"{size} bytes, not readable: {error}"
        return
    yield "manifest store", f"{size} bytes"
    yield from found


@lru_cache(maxsize=1)
def _library() -> Any:
    try:
        return importlib.import_module("c2pa")
    except Exception:  # not installed, or its native part does not load here
        return None


def _claims(told: dict[str, Any], active: dict[str, Any]) -> Iterator[tuple[str, str]]:
    yield "validation", str(told.get("validation_state", "not stated"))
    for generator in active.get("claim_generator_info", [])[:_MOST_ACTIONS]:
        yield "claim generator", f"{generator.get('name', '')} {generator.get('version', '')}"
    signature = active.get("signature_info") or {}
    if signature.get("issuer"):
        yield "signature by", str(signature["issuer"])
    if signature.get("time"):
        yield "signature time", str(signature["time"])
    for assertion in active.get("assertions", []):
        if not str(assertion.get("label", "")).startswith("c2pa.actions"):
            continue
        for action in assertion["data"].get("actions", [])[:_MOST_ACTIONS]:
            agent = action.get("softwareAgent", "")
            agent = agent.get("name", "") if isinstance(agent, dict) else agent
            yield "action", f"{action.get('action', '')} {agent}"
            if action.get("digitalSourceType"):
                yield "DigitalSourceType", str(action["digitalSourceType"])
