"""Language models from the recurrent cells of NAS-Bench-NLP."""

# Legend: B batch, T time, E embedding width, H width of a cell's states, V vocabulary.

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from archwright.core.arch import Arch
from archwright.data.shapes import TokenShape, require_shape
from archwright.nets.image_ops import Linear, require_counts
from archwright.nets.initialise import generator_from
from archwright.spaces.recipe import INPUTS, OPERATIONS, Cell

if TYPE_CHECKING:
    import numpy as np

    from archwright.spaces.nlp import NasBenchNlp

__all__ = ["LanguageModel", "RecurrentCell", "build"]

#: Codes of inputs in a recipe: the input, the first old hidden state, the first slot.
_X, _HIDDEN, _SLOT = 1, 2, 1 + len(INPUTS)

#: Bounds of the initial embeddings and of the initial weights of the decoder. Source: released code, `model.py`.
_BOUND = 0.1

#: New hidden states, of which the first is what a cell gives at this moment.
States = tuple[Tensor, ...]


class RecurrentCell(nn.Module):
    """A recipe as a recurrent layer.

    A linear operation is one matrix for the states it reads, with a bias, and one for the input `x`, if it reads
    that, which is applied to all moments at once, before time begins.

    Args:
        cell: The recipe.
        c_in: Width of the inputs.
        width: H, of all states and operations.
    """

    def __init__(self, cell: Cell, c_in: int, width: int) -> None:
        super().__init__()
        self.cell, self.width = cell, width
        #: For each slot that is linear: what applies to the input, and what to the states that it reads.
        self.inputs, self.states = nn.ModuleDict(), nn.ModuleDict()
        for slot, (op, *read) in enumerate(cell.slots):
            if OPERATIONS[op - 1] == "linear":
                n_states = sum(code > _X for code in read)
                self.states[str(slot)] = Linear(n_states * width, width)
                if _X in read:
                    self.inputs[str(slot)] = Linear(c_in, width, bias=False)

    def forward(self, x: Tensor, states: States | None = None) -> tuple[Tensor, States]:
        """Return the states of all moments [T, B, H], and all hidden states after the last one, each [B, H].

        Args:
            x: Inputs [T, B, c_in].
            states: Hidden states before the first moment; None for zeros.
        """
        if states is None:
            zeros = x.new_zeros(x.shape[1], self.width)
            states = (zeros,) * len(self.cell.hidden)
        from_x = {int(slot): linear(x).unbind(0) for slot, linear in self.inputs.items()}
        given = []
        for moment in range(x.shape[0]):
            states = self._step({slot: values[moment] for slot, values in from_x.items()}, states)
            given.append(states[0])
        return torch.stack(given), states

    def _step(self, from_x: dict[int, Tensor], states: States) -> States:
        """Return the next hidden states, where `from_x` is what the input adds to each linear slot, [B, H]."""
        values = dict(enumerate(states, start=_HIDDEN))
        for slot, (op, *read) in enumerate(self.cell.slots):
            operands = [values[code] for code in read if code > _X]
            if OPERATIONS[op - 1] == "linear":
                value = self.states[str(slot)](operands[0] if len(operands) == 1 else torch.cat(operands, dim=1))
                value = value + from_x[slot] if slot in from_x else value
            else:
                value = _applied(OPERATIONS[op - 1], operands)
            values[_SLOT + slot] = value
        return tuple(values[_SLOT + slot - 1] for slot in self.cell.hidden)


def _applied(operation: str, operands: Sequence[Tensor]) -> Tensor:
    match operation:
        case "activation_sigm":
            return torch.sigmoid(operands[0])
        case "activation_tanh":
            return torch.tanh(operands[0])
        case "activation_leaky_relu":
            return nn.functional.leaky_relu(operands[0])
        case "elementwise_sum":
            return operands[0] + operands[1]
        case "elementwise_prod":
            return operands[0] * operands[1]
    assert operation == "blend"
    gate, one, other = operands
    return gate * one + (1 - gate) * other


class Embedding(nn.Embedding):
    """A table of embeddings that waits for its initial values."""

    def reset_parameters(self) -> None:
        """Draw nothing: `initialise` does."""


class LanguageModel(nn.Module):
    """Embeddings, recurrent layers of one cell, and a decoder that predicts the next token at each moment.

    Args:
        cell: The recipe of the cell.
        shape: The vocabulary; sequences may have any length.
        embedding: E.
        hidden: Width of all layers, but of the last one if tied.
        layers: Number of recurrent layers.
        tied: Whether the decoder's weights are the embeddings, so that the last layer is E wide.
    """

    def __init__(
        self,
        cell: Cell,
        shape: TokenShape,
        *,
        embedding: int = 400,
        hidden: int = 600,
        layers: int = 3,
        tied: bool = True,
    ) -> None:
        super().__init__()
        self.embedding = Embedding(shape.vocabulary, embedding)
        widths = [embedding, *(hidden,) * (layers - 1), embedding if tied else hidden]
        self.layers = nn.ModuleList(RecurrentCell(cell, c_in, width) for c_in, width in itertools.pairwise(widths))
        self.decoder = Linear(widths[-1], shape.vocabulary)
        if tied:
            self.decoder.weight = self.embedding.weight

    def forward(self, tokens: Tensor) -> Tensor:
        """Return logits of the next token at each moment [B, T, V] for tokens [B, T]."""
        logits: Tensor = self.decoder(self.features(tokens))
        return logits

    def features(self, tokens: Tensor) -> Tensor:
        """Return what the decoder reads [B, T, E], or [B, T, H] if it is not tied."""
        return self.unrolled(tokens)[0]

    def unrolled(self, tokens: Tensor, states: Sequence[States] | None = None) -> tuple[Tensor, list[States]]:
        """Return `features` and the hidden states of each layer after the last token, for the text that follows.

        Args:
            tokens: [B, T].
            states: Hidden states of each layer before the first token; None for zeros.
        """
        x, after = self.embedding(tokens.T), []
        for number, layer in enumerate(self.layers):
            x, last = layer(x, None if states is None else states[number])
            after.append(last)
        return x.transpose(0, 1), after

    def start(self, *, rng: np.random.Generator) -> None:
        """Draw all parameters anew, as the benchmark does.

        Uniform: those of a layer within +-1/sqrt(its width), embeddings and the decoder's weights within +-0.1. The
        decoder's biases are zero.
        """
        generator = generator_from(rng)
        with torch.no_grad():
            for layer in self.layers:
                assert isinstance(layer, RecurrentCell)
                bound = 1 / math.sqrt(layer.width)
                for param in layer.parameters():
                    param.uniform_(-bound, bound, generator=generator)
            self.embedding.weight.uniform_(-_BOUND, _BOUND, generator=generator)
            if self.decoder.weight is not self.embedding.weight:
                self.decoder.weight.uniform_(-_BOUND, _BOUND, generator=generator)
            self.decoder.bias.zero_()


def build(
    arch: Arch,
    space: NasBenchNlp,
    shape: TokenShape,
    *,
    rng: np.random.Generator,
    batchnorm: bool = True,
    embedding: int = 400,
    hidden: int = 600,
    layers: int = 3,
    tied: bool = True,
) -> LanguageModel:
    """Return the language model of a recurrent cell, freshly initialised as the benchmark does (`LanguageModel.start`).

    `forward(tokens)` gives logits [B, T, V] for tokens [B, T]. The defaults are the benchmark's network, and the
    number of parameters is the one it records; its vocabularies are 33,278 words of WikiText-2 and 10,000 of the
    Penn Treebank.

    Args:
        arch: The cell.
        space: Its space.
        shape: Vocabulary and length of sequences, the latter for counting only.
        rng: Draws the initial parameters.
        batchnorm: There is none here, with either value.
        embedding: Width of the embeddings.
        hidden: Width of the recurrent layers, but of the last one if tied.
        layers: Number of recurrent layers.
        tied: Whether the decoder's weights are the embeddings, so that the last layer is as wide as these.

    Raises:
        ShapeError: if `shape` is not one of tokens.
        SpaceError: if a size is not positive.
        ArchError: if `arch` is not in `space`.

    Source: arXiv:2006.07116 (NAS-Bench-NLP), section 3, and its released code. Differs: there is no dropout, of
    inputs, states or weights, which belongs to training.
    """
    shape = require_shape(shape, TokenShape, space=space.name)
    require_counts(space.name, embedding=embedding, hidden=hidden, layers=layers)
    cell = space.cell(arch)
    model = LanguageModel(cell, shape, embedding=embedding, hidden=hidden, layers=layers, tied=tied)
    model.start(rng=rng)
    return model
