"""Sizes and training of neural predictors as TA-GATES gives them: in its paper, and in its released configurations."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from typing import Any, Literal, get_args

from archwright.core.catalog import find, suggestion
from archwright.core.errors import PredictorError
from archwright.encode.batch import n_cells
from archwright.encode.gates import layers_needed
from archwright.predict.neural import Training
from archwright.spaces.base import Space

__all__ = ["ENCODERS", "Which", "preset"]

#: `paper`: TA-GATES, appendix B. `code`: the configurations that its authors released, where they differ.
Which = Literal["paper", "code"]

Settings = dict[str, Any]

#: Encoders that there are presets for. `line_gcn` is the name of `gcn` where operations are on edges.
ENCODERS = ("gates", "gcn", "line_gcn", "lstm", "mlp", "seminas", "ta_gates")

#: Layers of GATES, TA-GATES and GCN. Source: appendix B.3.
_LAYERS = {"nb101": 5, "nb201": 5, "darts": 5, "nds_enas": 6}

#: What is TA-GATES' own. Table 1 is the row of beta in table A10 (0.1, 0.5, 1.0), and, on NB301, of T = 4 in table A7
#: and of masked updates in table A9. T on NB101: the row of s = 1 in table A8 is that of T = 3 in table A7. Of ENAS the
#: paper says nothing: T and the mask are the code's, beta is that of the other space of two cells.
_TA_PAPER: dict[str, Settings] = {
    "nb101": {"steps": 3, "symmetry": "add", "beta": 0.1, "mask_fixed": False},
    "nb201": {"steps": 3, "symmetry": "add", "beta": 0.5, "mask_fixed": False},
    "darts": {"steps": 4, "symmetry": "add", "beta": 1.0, "mask_fixed": True},
    "nds_enas": {"steps": 2, "symmetry": "add", "beta": 1.0, "mask_fixed": True},
}

#: Other spaces: saliencies need a network, which not every space has.
_TA_ELSEWHERE: Settings = {"steps": 3, "symmetry": "none", "beta": 0.5, "mask_fixed": False}

#: Source: aw_nas, examples/research/tagates/cfgs, and the defaults of its embedders.
_TA_CODE: dict[str, Settings] = {
    "nb101": {"detach": True},
    "nb201": {
        "widths": [128] * 3,
        "steps": 4,
        "symmetry": "concat",
        "mask_fixed": True,
        "detach": True,
        "contact": "message",
        "skips": "layer",
    },
    "darts": {"detach": True},
    "nds_enas": {"symmetry": "concat", "detach": True},
}

#: Source: aw_nas, examples/research/gates (NB101), and examples/nasbench (NB201): no skip is told apart.
_GATES_CODE: dict[str, Settings] = {"nb101": {"widths": [128] * 4}, "nb201": {"skips": "operation"}}

#: Source: aw_nas, the line graph embedder of NB201.
_GCN_CODE: dict[str, Settings] = {"nb201": {"pool": "mean"}}

_CODE = {"ta_gates": _TA_CODE, "gates": _GATES_CODE, "gcn": _GCN_CODE, "line_gcn": _GCN_CODE}

#: Hidden layers of the head. The paper has "an MLP"; these are the code's.
_HEADS = {"nb201": (300,) * 5}

#: Training with squared error. Source: appendix B.2.
_SQUARED_PAPER: dict[str, Settings] = {
    "nb101": {"lr": 1e-4},
    "nb201": {"epochs": 500},
    "darts": {"lr": 1e-4},
    "nds_enas": {},
}
#: Training with either loss, and with squared error, where the code has something else: on every space, and on one.
_EVERY_CODE: Settings = {"dropout": 0.1}
_TRAINING_CODE: dict[str, Settings] = {"darts": {"batch": 128}, "nds_enas": {"batch": 128}}
_SQUARED_CODE: dict[str, Settings] = {"nb101": {"lr": 1e-3}, "nb201": {"epochs": 200}}


def preset(
    encoder: str, space: Space | str, which: Which = "paper", *, loss: Literal["hinge", "mse"] = "hinge"
) -> Settings:
    """Return keyword settings of `NeuralPredictor`: encoder, settings, head and training.

    NAS-Bench-101, NAS-Bench-201, DARTS (NAS-Bench-301) and the ENAS space of NDS have settings of their own. Other
    spaces of one cell have the widths of NAS-Bench-101, of several cells those of DARTS, with as many layers as their
    longest path needs, and TA-GATES breaks no symmetry there.

    Args:
        encoder: One of `ENCODERS`.
        space: Space, or its name in the catalogue.
        which: `paper`, or `code`: training as in the configuration of the space, and sizes where there is one of the
            encoder; the rest is the paper's.
        loss: What it is trained on: the order of the scores, or their values.

    Raises:
        PredictorError: if there is no preset of that encoder, or none that is called `which`.
        UnknownNameError: if there is no such space.

    Example:
        >>> preset("gates", "nb201")["settings"]
        {'embedding': 48, 'widths': [128, 128, 128, 128, 128]}

    Source: TA-GATES (NeurIPS 2022), appendix B.2 and B.3, tables A7 to A10. Differs: of the seven saliencies that the
    configurations for NAS-Bench-101, -201 and ENAS read, five are described in the paper, and are here.
    """
    if encoder not in ENCODERS:
        raise PredictorError(f"no preset for the encoder {encoder!r}. {suggestion(encoder, ENCODERS)}")
    if which not in get_args(Which):
        raise PredictorError(f"a preset must be one of {', '.join(get_args(Which))}, but {which!r} was given")
    known: Space = find("space", space)() if isinstance(space, str) else space
    training: Settings = {"loss": loss} | (_SQUARED_PAPER.get(known.name, {}) if loss == "mse" else {})
    head = _HEADS.get(known.name, (200,))
    settings = _SETTINGS[encoder](known)
    if which == "code":
        settings |= deepcopy(_CODE.get(encoder, {}).get(known.name, {}))
        training |= _EVERY_CODE | _TRAINING_CODE.get(known.name, {})
        training |= _SQUARED_CODE.get(known.name, {}) if loss == "mse" else {}
        training |= {"epochs": 80} if (encoder, known.name) == ("gates", "nb101") else {}
    name = "gcn" if encoder == "line_gcn" else encoder
    return {"encoder": name, "settings": settings, "head": head, "training": Training(**training)}


def _is_small(space: Space) -> bool:
    """Return whether the encoders are the narrow ones, of spaces whose architectures have several cells."""
    return n_cells(space) > 1


def _graph(space: Space) -> Settings:
    """Return the sizes of GATES and GCN."""
    layers = _LAYERS.get(space.name) or max(2, layers_needed(space))
    return (
        {"embedding": 32, "widths": [64] * layers} if _is_small(space) else {"embedding": 48, "widths": [128] * layers}
    )


def _ta_gates(space: Space) -> Settings:
    own = _TA_PAPER.get(space.name, _TA_ELSEWHERE)
    return _graph(space) | {"convert": 64 if _is_small(space) else 128, "scale": 0.1} | own


def _lstm(space: Space) -> Settings:
    return {"embedding": 48, "hidden": 128} if _is_small(space) else {"embedding": 100, "hidden": 100}


def _mlp(space: Space) -> Settings:
    widths = [128, 128, 128, 32] if _is_small(space) else [512, 2048, 2048, 512]
    return {"widths": widths, "reads": "categorical"}


def _seminas(space: Space) -> Settings:
    return {"embedding": 48, "hidden": 96}


_SETTINGS: dict[str, Callable[[Space], Settings]] = {
    "gates": _graph,
    "gcn": _graph,
    "line_gcn": _graph,
    "lstm": _lstm,
    "mlp": _mlp,
    "seminas": _seminas,
    "ta_gates": _ta_gates,
}
