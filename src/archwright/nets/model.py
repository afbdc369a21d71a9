"""A network with everything needed to predict from a table: what `model.safetensors` holds."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import numpy.typing as npt

from archwright.core.errors import NasError, RunError
from archwright.data.schema import Schema
from archwright.nets.committee import Net, stored_net
from archwright.nets.inputs import Inputs
from archwright.nets.link import predictions
from archwright.nets.recipe import Recipe
from archwright.nets.storage import read_arrays, write_arrays

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Model"]

#: 2: a model may have several members.
_FORMAT = 2


class Model:
    """A trained network and the schema of its table. Needs no torch.

    Args:
        net: The network, or several that answer together.
        schema: Turns raw columns into fields, and outputs into labels.
        arch: Text of the architecture, of the best one alone where there are several; None for the constant
            predictor.
        recipe: How it was trained.
        info: Further JSON values (score, epochs, versions...).
    """

    def __init__(
        self,
        net: Net,
        schema: Schema,
        arch: str | None = None,
        recipe: Recipe | None = None,
        info: Mapping[str, Any] | None = None,
    ) -> None:
        self.net = net
        self.schema = schema
        self.arch = arch
        self.recipe = recipe or Recipe()
        self.info: dict[str, Any] = dict(info or {})

    def save(self, path: Path | str) -> None:
        """Write one safetensors file that holds everything, in one step and durably.

        Raises:
            RunError: if the file cannot be written.
        """
        meta = {
            "format": _FORMAT,
            "inputs": self.net.inputs.to_json(),
            "members": [[member.widths, member.encoding] for member in self.net.members],
            "schema": self.schema.to_json(),
            "arch": self.arch,
            "recipe": self.recipe.to_json(),
            "info": self.info,
        }
        write_arrays(Path(path), self.net.arrays, meta, durable=True)

    @classmethod
    def load(cls, path: Path | str) -> Self:
        """Return the model that `save` wrote.

        Raises:
            RunError: if the file is missing, damaged, or of a format this version does not know.
        """
        stored = read_arrays(Path(path))
        meta = stored.meta
        if meta.get("format") != _FORMAT:
            raise RunError(f"{path} must be a model of format {_FORMAT}, but has {meta.get('format')!r}")
        try:
            net = stored_net(stored.arrays, Inputs.from_json(meta["inputs"]), meta["members"])
            schema, recipe = Schema.from_json(meta["schema"]), Recipe.from_json(meta["recipe"])
            return cls(net, schema, meta["arch"], recipe, meta["info"])
        except (KeyError, TypeError, ValueError, NasError) as error:
            raise RunError(f"{path} is damaged: {type(error).__name__} {error}") from error

    def predict_values(self, frame: pd.DataFrame) -> npt.NDArray[np.float64]:
        """Return probabilities of the positive class [N] or of each class [N, K], or values in units [N].

        Raises:
            DataError: if a column that the schema needs is missing.
        """
        values = self._predictions(frame)
        target = self.schema.target
        return values * target.std + target.mean if target.kind == "real" else values

    def predict(self, frame: pd.DataFrame) -> npt.NDArray[Any]:
        """Return labels as the training table had them, or values in the target's units [N].

        Raises:
            DataError: if a column that the schema needs is missing.
        """
        return self.schema.target.decode(self._predictions(frame))

    def _predictions(self, frame: pd.DataFrame) -> npt.NDArray[np.float64]:
        encoded = self.schema.encode(frame)
        return predictions(self.schema.target.kind, self.net.forward(encoded.num, encoded.cat))
