"""From a published distribution to a benchmark folder; readers are loaded on demand, by kind."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from archwright.bench.home import bench_home
from archwright.bench.outcome import Outcome, Provenance
from archwright.bench.table import write_bench
from archwright.core.arch import Arch
from archwright.core.catalog import suggestion
from archwright.core.errors import ArchError, BenchError, UnknownNameError
from archwright.spaces.base import Space

__all__ = ["IMPORTERS", "Imported", "import_bench", "importer", "importer_names", "typed_options"]

#: kind -> "module:function"; the function is `read(path, **options) -> Imported`. Plug-ins are entry points
#: `archwright.importers`.
IMPORTERS: dict[str, str] = {
    "asr": "archwright.bench.importers.asr:read",
    "enas_dvae": "archwright.bench.importers.enas_dvae:read",
    "hw_nas": "archwright.bench.importers.hw_nas:read",
    "mr": "archwright.bench.importers.mr:read",
    "naslib": "archwright.bench.importers.naslib:read",
    "nats_bench": "archwright.bench.importers.nats_bench:read",
    "nb101": "archwright.bench.importers.nb101:read",
    "nb1shot1": "archwright.bench.importers.nb1shot1:read",
    "nb201": "archwright.bench.importers.nb201:read",
    "nb301": "archwright.bench.importers.nb301:read",
    "nb360": "archwright.bench.importers.nb360:read",
    "nb_graph": "archwright.bench.importers.nb_graph:read",
    "nb_macro": "archwright.bench.importers.nb_macro:read",
    "nb_tabular": "archwright.bench.importers.nb_tabular:read",
    "nlp": "archwright.bench.importers.nlp:read",
    "spikenas": "archwright.bench.importers.spikenas:read",
    "table": "archwright.bench.importers.plain:read",
    "transnas": "archwright.bench.importers.transnas:read",
}


@dataclass(frozen=True, eq=False)
class Imported:
    """What a reader found: the arguments of `write_bench`, except the folder."""

    name: str
    space: Space
    archs: Sequence[Arch] | npt.NDArray[np.integer]
    outcomes: Sequence[Outcome]
    provenance: Provenance
    measures: Mapping[str, npt.ArrayLike] = field(default_factory=dict)
    units: Mapping[str, str] = field(default_factory=dict)
    unique: bool = False


def importer_names() -> tuple[str, ...]:
    """Return every kind that can be imported, sorted."""
    return tuple(sorted(_known()))


def importer(kind: str) -> Callable[..., Imported]:
    """Return the reader of a kind.

    Raises:
        UnknownNameError: if there is none; the message offers the nearest kind.
    """
    known = _known()
    if kind not in known:
        raise UnknownNameError(f"no importer {kind!r}. {suggestion(kind, known)}")
    module, _, function = known[kind].partition(":")
    read: Callable[..., Imported] = getattr(import_module(module), function)
    return read


def import_bench(kind: str, path: str | Path, out: str | Path | None = None, **options: Any) -> Path:
    """Read a distribution, write it as a benchmark, and return the folder.

    Args:
        kind: A name of `importer_names()`.
        path: File or folder of the distribution.
        out: Folder to write; None takes the one where the benchmark is found by its name.
        options: What the reader takes besides the path; None counts as not given.

    Raises:
        UnknownNameError: if there is no such kind.
        BenchError: if the path does not exist, is not of that kind, or the reader has no such option.
    """
    read = importer(kind)
    given = {name: value for name, value in options.items() if value is not None}
    _require_options(kind, read, given)
    for option in inspect.signature(read).parameters.values():
        if option.name != "path" and option.default is option.empty and option.name not in given:
            raise BenchError(f"importer {kind!r} needs the option {option.name!r}")
    source = Path(path)
    if not source.exists():
        raise BenchError(f"{source} must be a file or folder to import, but it does not exist")
    try:
        found = read(source, **given)
    except (ArchError, BenchError) as error:
        # A space or a table knows what is wrong with a value, but not where it was read.
        if source.name in str(error) or error.exit_code != 2:
            raise
        raise BenchError(f"{source}: {error}") from error
    fields = {name: getattr(found, name) for name in found.__dataclass_fields__}
    return write_bench(bench_home() / found.name if out is None else out, **fields)


def typed_options(kind: str, texts: Mapping[str, str]) -> dict[str, Any]:
    """Return options of a reader, given as texts (on a command line), as the types that it declares.

    Sequences are separated by commas; a truth is `true` or `false`.

    Raises:
        UnknownNameError: if there is no such kind.
        BenchError: if the reader has no such option, or a text is not of its type.
    """
    read = importer(kind)
    _require_options(kind, read, texts)
    declared = inspect.signature(read).parameters
    return {name: _typed(name, text, str(declared[name].annotation)) for name, text in texts.items()}


def _require_options(kind: str, read: Callable[..., Imported], given: Iterable[str]) -> None:
    taken = [name for name in inspect.signature(read).parameters if name != "path"]
    for name in given:
        if name not in taken:
            raise BenchError(f"importer {kind!r} has no option {name!r}; it has {', '.join(taken) or 'none'}")


def _typed(name: str, text: str, declared: str) -> Any:
    """Return `text` as the type that an annotation such as `Sequence[int] | None` names."""
    if "Sequence" in declared or "tuple" in declared:
        parts = [part.strip() for part in text.split(",") if part.strip()]
        return tuple(_typed(name, part, "int" if "[int" in declared else "str") for part in parts)
    if "bool" in declared:
        if text.lower() not in ("true", "false"):
            raise BenchError(f"option {name!r} must be true or false, but {text!r} was given")
        return text.lower() == "true"
    for kind, make in (("int", int), ("float", float)):
        if kind in declared:
            try:
                return make(text)
            except ValueError:
                raise BenchError(f"option {name!r} must be a number, but {text!r} was given") from None
    return text


def _known() -> dict[str, str]:
    return {point.name: point.value for point in entry_points(group="archwright.importers")} | IMPORTERS
