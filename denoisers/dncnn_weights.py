"""Weights of a DnCNN on disk: tensors in safetensors, what they are in JSON.

The JSON file holds the shape of the network, the SHA-256 of the tensors' file, which is verified
at every load, and the options and photographs from which the weights were trained.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from fp.denoisers.dncnn_network import Architecture, TrainableDnCNN
from fp.system.errors import DenoiserError, FormatError, IntegrityError

FORMAT = "fp-dncnn-weights 1"

SHIPPED = Path(__file__).parent / "weights"
"""Folder of the weights that come with the package."""


@dataclass(frozen=True, eq=False)
class NetworkWeights:
    """Trained weights, verified.

    Parameters
    ----------
    name : str
        Name of the denoiser.
    architecture : Architecture
        Shape of the network.
    sha256 : str
        Hash of the file of tensors, in hexadecimal.
    tensors : dict of Tensor
        State of a `TrainableDnCNN`, float32.
    """

    name: str
    architecture: Architecture
    sha256: str
    tensors: dict[str, Tensor]

    def unfolded(self) -> TrainableDnCNN:
        """Return the network as it was trained, batch norm and all: the float32 reference."""
        network = TrainableDnCNN(self.architecture)
        network.load_state_dict(self.tensors)
        return network.eval()


def load_weights(name: str, folder: Path = SHIPPED) -> NetworkWeights:
    """Load ``<name>.safetensors`` and ``<name>.json`` of a folder and verify the checksum.

    `DenoiserError` if there are no such files, `IntegrityError` if the tensors are not those of the
    checksum, `FormatError` if the files are of another format.
    """
    described, path = folder / f"{name}.json", folder / f"{name}.safetensors"
    try:
        text, content = described.read_text(encoding="utf-8"), path.read_bytes()
    except FileNotFoundError as error:
        raise DenoiserError(
            f"Denoiser {name!r} has no weights ({error.filename} is missing); train it or install "
            "the package again."
        ) from None
    try:
        facts = json.loads(text)
        if facts["format"] != FORMAT:
            raise FormatError(f"{described} has format {facts['format']!r}, not {FORMAT!r}.")
        expected, shape = str(facts["sha256"]), Architecture(**facts["architecture"])
    except (ValueError, KeyError, TypeError) as error:
        if isinstance(error, FormatError):
            raise
        raise FormatError(f"{described} does not describe weights of a DnCNN.") from error
    found = hashlib.sha256(content).hexdigest()
    if found != expected:
        raise IntegrityError(
            f"{path} has SHA-256 {found[:12]}... where {described.name} says {expected[:12]}...; "
            "install the package again."
        )
    try:
        tensors = load(content)
    except SafetensorError as error:
        raise FormatError(f"{path} is not a safetensors file.") from error
    return NetworkWeights(name, shape, found, tensors)


def save_weights(
    network: TrainableDnCNN, name: str, folder: Path, provenance: dict[str, Any]
) -> Path:
    """Write ``<name>.safetensors`` and, with checksum, ``<name>.json``; return the first.

    The folder is made if need be; the provenance says how the weights were made, in JSON types.
    """
    folder.mkdir(parents=True, exist_ok=True)
    # Counters of batches serve training only.
    tensors = {n: t.contiguous() for n, t in network.state_dict().items() if t.dim() > 0}
    content = save(tensors)
    facts = {
        "format": FORMAT,
        "name": name,
        "architecture": asdict(network.architecture),
        "sha256": hashlib.sha256(content).hexdigest(),
        "parameters": sum(p.numel() for p in network.parameters()),
        **provenance,
    }
    path, described = folder / f"{name}.safetensors", folder / f"{name}.json"
    _replace(path, content)
    _replace(described, (json.dumps(facts, indent=2, sort_keys=True) + "\n").encode())
    return path


def _replace(path: Path, content: bytes) -> None:
    partial = path.with_name(path.name + ".part")
    partial.write_bytes(content)
    partial.replace(path)
