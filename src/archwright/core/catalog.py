"""Names to code, loaded on demand. Nothing registers itself; plug-ins are entry points `archwright.KINDs`."""

from __future__ import annotations

import difflib
import sys
from collections.abc import Iterable
from importlib import import_module
from importlib.metadata import entry_points
from typing import Any

from archwright.core.errors import UnknownNameError

__all__ = ["CATALOGUE", "find", "name_of", "names", "require_known", "suggestion"]

#: kind -> name -> "module:attribute". The attribute is a class or a function.
CATALOGUE: dict[str, dict[str, str]] = {
    "space": {
        "tabular_mlp": "archwright.spaces.tabular_mlp:TabularMlp",
        "frappe": "archwright.spaces.tabular_mlp:frappe",
        "diabetes": "archwright.spaces.tabular_mlp:diabetes",
        "criteo": "archwright.spaces.tabular_mlp:criteo",
        "spikenas": "archwright.spaces.spikenas:SpikeNas",
        "nb101": "archwright.spaces.nb101:NasBench101",
        "nb1shot1_1": "archwright.spaces.nb1shot1:nb1shot1_1",
        "nb1shot1_2": "archwright.spaces.nb1shot1:nb1shot1_2",
        "nb1shot1_3": "archwright.spaces.nb1shot1:nb1shot1_3",
        "nb201": "archwright.spaces.nb201:NasBench201",
        "nats_sss": "archwright.spaces.nats_sss:NatsSizes",
        "transnas_micro": "archwright.spaces.transnas_micro:TransNasMicro",
        "transnas_macro": "archwright.spaces.transnas_macro:TransNasMacro",
        "nb_macro": "archwright.spaces.nb_macro:NasBenchMacro",
        "darts": "archwright.spaces.darts:Darts",
        "nds_enas": "archwright.spaces.nds_enas:NdsEnas",
        "enas_dvae": "archwright.spaces.enas_dvae:EnasDvae",
        "nlp": "archwright.spaces.nlp:NasBenchNlp",
        "asr": "archwright.spaces.asr:NasBenchAsr",
        "fbnet": "archwright.spaces.fbnet:FbNet",
        "graph": "archwright.spaces.nb_graph:NasBenchGraph",
        "graph_proteins": "archwright.spaces.nb_graph:proteins",
        "mr": "archwright.spaces.mr:NasBenchMr",
    },
    "searcher": {
        "random": "archwright.search.random:RandomSearch",
        "evolution": "archwright.search.evolution:Evolution",
        "halving": "archwright.search.halving:Halving",
        "local": "archwright.search.local:LocalSearch",
        "reinforce": "archwright.search.reinforce:Reinforce",
        "hyperband": "archwright.search.hyperband:Hyperband",
        "bohb": "archwright.search.bohb:Bohb",
        "nsga2": "archwright.search.nsga2:Nsga2",
        "constrained": "archwright.search.constrained:Constrained",
        "in_order": "archwright.search.in_order:InOrder",
        "warm_start": "archwright.search.in_order:WarmStart",
    },
    "executor": {
        "inline": "archwright.run.inline:InlineExecutor",
        "pool": "archwright.run.pool:PoolExecutor",
        "ray": "archwright.run.ray:RayExecutor",
        "simulated": "archwright.run.simulated:SimulatedExecutor",
    },
    "network": {
        "tabular_mlp": "archwright.nets.tabular:build",
        "nb101": "archwright.nets.nb101:build",
        "nb201": "archwright.nets.nb201:build",
        "nats_sss": "archwright.nets.nats_sss:build",
        "transnas_micro": "archwright.nets.transnas:build_micro",
        "transnas_macro": "archwright.nets.transnas:build_macro",
        "nb_macro": "archwright.nets.nb_macro:build",
        "nb1shot1_1": "archwright.nets.nb1shot1:build",
        "nb1shot1_2": "archwright.nets.nb1shot1:build",
        "nb1shot1_3": "archwright.nets.nb1shot1:build",
        "darts": "archwright.nets.darts:build",
        "nds_enas": "archwright.nets.nds_enas:build",
        "enas_dvae": "archwright.nets.enas_dvae:build",
        "fbnet": "archwright.nets.fbnet:build",
        "nlp": "archwright.nets.recurrent:build",
        "mr": "archwright.nets.mr:build",
    },
    "encoder": {
        "onehot": "archwright.encode.fixed:OneHot",
        "adjacency": "archwright.encode.adjacency:Adjacency",
        "adjacency_categorical": "archwright.encode.adjacency:AdjacencyCategorical",
        "adjacency_continuous": "archwright.encode.adjacency:AdjacencyContinuous",
        "path": "archwright.encode.path:Path",
        "path_categorical": "archwright.encode.path:PathCategorical",
        "path_continuous": "archwright.encode.path:PathContinuous",
    },
    "encoder_network": {
        "gates": "archwright.encode.gates:Gates",
        "ta_gates": "archwright.encode.gates:TaGates",
        "gcn": "archwright.encode.gcn:Gcn",
        "lstm": "archwright.encode.sequence:Lstm",
        "mlp": "archwright.encode.sequence:Mlp",
        "seminas": "archwright.encode.sequence:seminas",
    },
    "predictor": {
        "xgboost": "archwright.predict.trees:XgBoost",
        "lightgbm": "archwright.predict.trees:LightGbm",
        "random_forest": "archwright.predict.trees:RandomForest",
        "svr": "archwright.predict.svr:Svr",
        "gp": "archwright.predict.gp:GaussianProcess",
        "nasbowl": "archwright.predict.nasbowl:Nasbowl",
        "dngo": "archwright.predict.dngo:Dngo",
        "ngboost": "archwright.predict.ngboost:NgBoost",
        "sparse_gp": "archwright.predict.sparse_gp:SparseGaussianProcess",
        "bohamiann": "archwright.predict.bohamiann:Bohamiann",
        "bonas": "archwright.predict.bonas:Bonas",
        "nao": "archwright.predict.nao:Nao",
        "omni": "archwright.predict.omni:Omni",
        "ensemble": "archwright.predict.ensemble:Ensemble",
        "ta_gates": "archwright.predict.neural_names:ta_gates",
        "gates": "archwright.predict.neural_names:gates",
        "gcn": "archwright.predict.neural_names:gcn",
        "line_gcn": "archwright.predict.neural_names:line_gcn",
        "lstm": "archwright.predict.neural_names:lstm",
        "mlp": "archwright.predict.neural_names:mlp",
        "seminas": "archwright.predict.neural_names:seminas",
    },
    "proxy": {
        "expressflow": "archwright.proxies.expressflow:expressflow",
        "grad_norm": "archwright.proxies.saliency:grad_norm",
        "plain": "archwright.proxies.saliency:plain",
        "snip": "archwright.proxies.saliency:snip",
        "grasp": "archwright.proxies.saliency:grasp",
        "synflow": "archwright.proxies.saliency:synflow",
        "l2_norm": "archwright.proxies.saliency:l2_norm",
        "fisher": "archwright.proxies.fisher:fisher",
        "zen": "archwright.proxies.zen:zen",
        "zico": "archwright.proxies.zico:zico",
        "params": "archwright.proxies.size:params",
        "flops": "archwright.proxies.size:flops",
        "jacflow": "archwright.proxies.jacflow:jacflow",
        "jacov": "archwright.proxies.jacov:jacov",
        "nwot": "archwright.proxies.nwot:nwot",
        "epe_nas": "archwright.proxies.epe_nas:epe_nas",
        "knas": "archwright.proxies.knas:knas",
        "ntk_cond": "archwright.proxies.ntk:ntk_cond",
        "ntk_trace": "archwright.proxies.ntk:ntk_trace",
        "ntk_trace_appx": "archwright.proxies.ntk:ntk_trace_appx",
        "teg_kappa": "archwright.proxies.teg_kappa:teg_kappa",
        "teg_regions": "archwright.proxies.teg_regions:teg_regions",
        "teg_mse": "archwright.proxies.teg_mse:teg_mse",
    },
}


def _plugins(kind: str) -> dict[str, str]:
    return {point.name: point.value for point in entry_points(group=f"archwright.{kind}s")}


def names(kind: str) -> tuple[str, ...]:
    """Return every name of a kind (`space`, `searcher`, `executor`, `network`, `proxy`), plug-ins included, sorted.

    Raises:
        UnknownNameError: if there is no such kind.
    """
    return tuple(sorted(_entries(kind)))


def find(kind: str, name: str) -> Any:
    """Return the class or function that `name` stands for.

    Raises:
        UnknownNameError: if the catalogue has no such name; the message offers the nearest one.
    """
    place = CATALOGUE.get(kind, {}).get(name)
    if place is None:
        # Only now: asking for plug-ins reads the metadata of every installed package, milliseconds.
        place = _known(kind, name, _entries(kind))
    module, _, attribute = place.partition(":")
    return getattr(import_module(module), attribute)


def name_of(kind: str, thing: object) -> str | None:
    """Return the name by which `find` gives this very class or function; None if there is none. Nothing is loaded.

    Raises:
        UnknownNameError: if there is no such kind.
    """
    for name, place in sorted(_entries(kind).items()):
        module, _, attribute = place.partition(":")
        # The module of a class that is at hand has been loaded.
        if module in sys.modules and getattr(sys.modules[module], attribute, None) is thing:
            return name
    return None


def require_known(kind: str, given: Iterable[str]) -> None:
    """Accept names that `find` would find; nothing is loaded.

    Raises:
        UnknownNameError: if the catalogue has no such name; the message offers the nearest one.
    """
    entries = _entries(kind)
    for name in given:
        _known(kind, name, entries)


def _known(kind: str, name: str, entries: dict[str, str]) -> str:
    if name not in entries:
        raise UnknownNameError(f"no {kind} {name!r}. {suggestion(name, entries)}")
    return entries[name]


def _entries(kind: str) -> dict[str, str]:
    if kind not in CATALOGUE:
        raise UnknownNameError(f"no kind {kind!r} in the catalogue. {suggestion(kind, CATALOGUE)}")
    return _plugins(kind) | CATALOGUE[kind]


def suggestion(name: str, known: Iterable[str]) -> str:
    """Return the end of an error message about an unknown name: the nearest known one, or all of them."""
    known = sorted(known)
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    return f"Did you mean {near[0]!r}?" if near else f"There are: {', '.join(known)}"
