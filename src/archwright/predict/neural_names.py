"""The neural predictors that have names: an encoder with the sizes and the training that a paper gives it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from archwright.core.errors import PredictorError
from archwright.encode.gates import Saliency
from archwright.predict.neural import NeuralPredictor, Training
from archwright.predict.presets import Which, preset
from archwright.spaces.base import Space

__all__ = ["NamedPredictor", "gates", "gcn", "line_gcn", "lstm", "mlp", "seminas", "ta_gates"]


@dataclass(frozen=True)
class NamedPredictor:
    """Makes neural predictors with one encoder, whose sizes and training are a preset's where nothing else is said.

    Args:
        encoder: Name of the encoder among the presets.
        on_edges: Whether it is only for spaces with operations on edges.
    """

    encoder: str
    on_edges: bool = False

    def __call__(
        self,
        space: Space,
        *,
        which: Which = "paper",
        settings: Mapping[str, Any] | None = None,
        head: Sequence[int] | None = None,
        training: Mapping[str, Any] | None = None,
        saliency: Saliency | None = None,
        on_epoch: Callable[[int, NeuralPredictor], None] | None = None,
    ) -> NeuralPredictor:
        """Return a predictor that is not fitted yet.

        Args:
            space: Space of the architectures.
            which: The preset: `paper`, or `code` as TA-GATES' authors released it.
            settings: Settings of the encoder that differ from the preset.
            head: Widths of the hidden layers of the head; by default the preset's.
            training: Fields of `Training` that differ from the preset; it has others for `loss` mse than for hinge.
            saliency: As of `NeuralPredictor`.
            on_epoch: As of `NeuralPredictor`.

        Raises:
            PredictorError: if there is no such preset, a setting is refused, or the space has no operations on edges
                and must have.
        """
        if self.on_edges and not hasattr(space, "cells"):
            raise PredictorError(
                f"a line graph needs operations on edges, but space {space.name!r} has them on nodes: use gcn"
            )
        made = preset(self.encoder, space, which, loss=dict(training or {}).get("loss", "hinge"))
        return NeuralPredictor(
            space,
            encoder=made["encoder"],
            settings=made["settings"] | dict(settings or {}),
            head=made["head"] if head is None else head,
            training=_changed(made["training"], training or {}),
            saliency=saliency,
            on_epoch=on_epoch,
        )


def _changed(training: Training, fields: Mapping[str, Any]) -> Training:
    """Return `training` with other values of some fields."""
    try:
        return replace(training, **fields)
    except TypeError as error:
        raise PredictorError(f"training must have fields of Training, but: {error}") from error


#: Flows of information there and back, by which operations' embeddings are updated. Source: TA-GATES (NeurIPS 2022).
ta_gates = NamedPredictor("ta_gates")

#: One flow of information from the inputs of a cell to its output. Source: GATES, arXiv:2004.01899.
gates = NamedPredictor("gates")

#: Graph convolutions with a global node. Operations on edges are read as the line graph, so that this is `line_gcn` in
#: such a space: the one graph of operations that it has. Source: BONAS, arXiv:1911.09336, section 3.1.
gcn = NamedPredictor("gcn")

#: The same, and only where operations are on edges: TA-GATES' baseline on NAS-Bench-201. Source: its appendix B.3.
line_gcn = NamedPredictor("line_gcn", on_edges=True)

#: An LSTM that reads one decision after another. Source: TA-GATES, appendix B.3.
lstm = NamedPredictor("lstm")

#: A perceptron on the decisions. Source: TA-GATES, appendix B.3.
mlp = NamedPredictor("mlp")

#: The encoder of SemiNAS, arXiv:2002.10389, trained on scores alone, as TA-GATES compares with it (appendix B.3). The
#: whole method, with a decoder and with architectures that have no score, is `nao` with `unlabelled`.
seminas = NamedPredictor("seminas")
