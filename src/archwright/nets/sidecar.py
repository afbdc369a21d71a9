"""The JSON beside an exported network: what a program needs that cannot read our schema from the file itself."""

from __future__ import annotations

import json
from pathlib import Path

from archwright.core.files import write_atomically
from archwright.nets.model import Model

__all__ = ["write_sidecar"]


def write_sidecar(model: Model, path: Path) -> Path:
    """Write what a program needs to prepare rows and to read predictions, as `PATH.json`.

    Raises:
        RunError: if the file cannot be written.
    """
    target = model.schema.target
    outputs = {
        "binary": "probability of classes[1] [B]",
        "classes": "probability of each class [B, K]",
        "real": "standardised value [B]: value * target.std + target.mean",
    }
    content = {
        "inputs": {"num": "float32 [B, M]", "cat": "int64 [B, C]"},
        "output": outputs[target.kind],
        "arch": model.arch,
        "widths": [list(member.widths) for member in model.net.members],
        "encoding": model.net.encoding,
        "network": model.net.inputs.to_json(),
        "schema": model.schema.to_json(),
        "info": model.info,
    }
    beside = path.with_name(f"{path.name}.json")
    write_atomically(beside, json.dumps(content, indent=1).encode())
    return beside
