"""What a run read, did and wrote, in a form that anyone can check later.

docs/manifest.md states the form: one JSON object, sealed by its own hash and chained to the
manifests that it replaced, and beside it a list of all inputs, a line each.
"""

from __future__ import annotations

from fp.manifest.entry import Entry, canonical, chain_faults, seal
from fp.manifest.inputs import InputFile, Source, list_inputs
from fp.manifest.run import Invocation, Manifest, read_manifest
from fp.manifest.verification import Difference, verify_manifest
from fp.manifest.writing import Recorder, listing_of, manifest_of

__all__ = [
    "Difference",
    "Entry",
    "InputFile",
    "Invocation",
    "Manifest",
    "Recorder",
    "Source",
    "canonical",
    "chain_faults",
    "list_inputs",
    "listing_of",
    "manifest_of",
    "read_manifest",
    "seal",
    "verify_manifest",
]
