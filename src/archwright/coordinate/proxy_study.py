"""What a study of proxies is: scores of sampled architectures against what benchmarks know; and its folder."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt

from archwright.coordinate.experiment import Case, joined_cases
from archwright.coordinate.kept import PlanFolder
from archwright.coordinate.proxy_scores import joined, read_scores
from archwright.core.catalog import suggestion
from archwright.core.errors import BenchError, RunError, UnknownNameError
from archwright.core.rng import derive

if TYPE_CHECKING:
    import pandas as pd

    from archwright.bench.table import Bench
    from archwright.nets.initialise import Scheme

__all__ = ["Group", "Inputs", "ProxyStudy", "StudyFolder", "known_rows", "sampled_rows"]

FORMAT = 1

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Inputs:
    """What the networks of a study are and see.

    Args:
        data: Source of images or a table; empty means Gaussian noise and labels drawn at random.
        target: Column to predict, where the source is a table.
        batch: Inputs of a batch.
        size: Options of the network's builder, as `("channels", 16)`.
        balanced: Whether a batch has as many inputs of each class.
        init: Scheme weights are drawn: a name of `archwright.nets.initialise`.
        weights: Whether the networks of a seed share one draw of weights, and are scored together.
    """

    data: str = ""
    target: str = ""
    batch: int = 64
    size: tuple[tuple[str, int | float | bool], ...] = ()
    balanced: bool = False
    init: Scheme = "torch"
    weights: Literal["shared", "own"] = "own"


@dataclass(frozen=True, slots=True)
class Group:
    """What is scored together: one benchmark's architectures on one source of data.

    Args:
        bench: Name of the benchmark. `folder`: where it is.
        data: Source of the data; of a foreign table, its value in the column `dataset`.
        cases: Names of the outcomes that the scores are compared with.
    """

    bench: str
    folder: str
    data: str
    cases: tuple[str, ...]

    @property
    def name(self) -> str:
        """Name of its files."""
        # A source may be a path; a part of its hash is a name on every system.
        mark = hashlib.blake2b(self.data.encode(), digest_size=4).hexdigest()
        return f"{self.bench}.{mark}" if self.data else self.bench


@dataclass(frozen=True, slots=True)
class ProxyStudy:
    """Every proxy scores the same sample of every benchmark with every seed.

    Args:
        cases: Outcomes to compare with.
        proxies: Who scores; `all` alone means every column of a foreign table that is not read yet.
        seeds: Scorings of each architecture, with seeds 0, 1, ...: of the weights and of the batch.
        sample: Architectures of each benchmark; None means all. A larger sample holds the smaller one.
        inputs: What the networks are and see.
        sources: Source of the data of single outcomes, by name of the case, where it differs from `inputs.data`.
        origin: File of foreign scores; empty where they are computed here.
        lower: Proxies of which a lower score is better, beside those of the catalogue that say so themselves.
    """

    cases: tuple[Case, ...]
    proxies: tuple[str, ...]
    seeds: int
    sample: int | None
    inputs: Inputs = Inputs()
    sources: tuple[tuple[str, str], ...] = ()
    origin: str = ""
    lower: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.seeds < 1 or (self.sample is not None and self.sample < 1):
            raise RunError(
                f"a study needs one seed and one architecture or more, but {self.seeds} seeds and a sample of "
                f"{self.sample} were given"
            )
        if not self.cases or not self.proxies:
            raise RunError(
                f"a study needs an outcome and a proxy, but {len(self.cases)} outcomes and {len(self.proxies)} proxies "
                "were given"
            )
        for name in self.lower:
            if name not in self.proxies and self.proxies != ("all",):
                raise UnknownNameError(f"the study has no proxy {name!r}. {suggestion(name, self.proxies)}")

    def groups(self) -> tuple[Group, ...]:
        """Return what is scored together, in the order of the cases."""
        source_of = dict(self.sources)
        found: dict[tuple[str, str, str], list[str]] = {}
        for case in self.cases:
            key = (case.bench, case.folder, source_of.get(case.name, self.inputs.data))
            found.setdefault(key, []).append(case.name)
        return tuple(Group(*key, cases=tuple(names)) for key, names in found.items())

    def inputs_of(self, group: Group) -> Inputs:
        """Return what the networks of a group see."""
        return replace(self.inputs, data=group.data)

    def to_json(self) -> dict[str, Any]:
        """Return this as JSON values."""
        return {"format": FORMAT, **asdict(self)}

    @classmethod
    def from_json(cls, said: dict[str, Any]) -> ProxyStudy:
        """Return what `to_json` made."""
        inputs = dict(said["inputs"])
        inputs["size"] = tuple((name, value) for name, value in inputs["size"])
        return cls(
            tuple(Case(**case) for case in said["cases"]),
            tuple(said["proxies"]),
            said["seeds"],
            said["sample"],
            Inputs(**inputs),
            tuple((name, source) for name, source in said["sources"]),
            said["origin"],
            tuple(said["lower"]),
        )

    def joined(self, wanted: ProxyStudy) -> ProxyStudy:
        """Return this study with the cases, proxies, seeds and the larger sample of `wanted` as well.

        Raises:
            RunError: if the two cannot be compared: other networks or data, or other benchmarks under the same names.
        """
        if (wanted.inputs, wanted.origin) != (self.inputs, self.origin):
            raise RunError(
                f"a study has one kind of networks and data for all, here {_said(self)}, but {_said(wanted)} was "
                "given; choose another folder with --out"
            )
        cases = joined_cases(self.cases, wanted.cases, lambda _, case: f"{case.name} is not the one of this study")
        sources = dict(self.sources)
        for name, source in wanted.sources:
            if sources.setdefault(name, source) != source:
                raise RunError(
                    f"{name} is studied on {sources[name]} here, but {source} was given; choose another folder with "
                    "--out"
                )
        return replace(
            self,
            cases=cases,
            proxies=tuple(dict.fromkeys((*self.proxies, *wanted.proxies))),
            seeds=max(self.seeds, wanted.seeds),
            sample=None if None in (self.sample, wanted.sample) else max(self.sample or 0, wanted.sample or 0),
            sources=tuple(sources.items()),
            lower=tuple(dict.fromkeys((*self.lower, *wanted.lower))),
        )


class StudyFolder(PlanFolder[ProxyStudy]):
    """The files of a study.

    `study.json` says what it is, `batches/` holds what the networks see, `scores/GROUP.parquet` holds scores, `parts/`
    those that were computed since that file was written.
    """

    __slots__ = ()

    command = "archwright bench proxies"
    format = FORMAT
    inner = ("parts", "scores", "batches")
    advice = "; give a benchmark with --bench"

    @staticmethod
    def plan(said: dict[str, Any]) -> ProxyStudy:
        """Return the study of JSON values."""
        return ProxyStudy.from_json(said)

    @property
    def parts(self) -> Path:
        """Folder of scores that are not gathered yet."""
        return self.path / "parts"

    def scores(self, group: Group) -> Path:
        """Return the file of the scores of a group."""
        return self.path / "scores" / f"{group.name}.parquet"

    def batch(self, group: Group, seed: int) -> Path:
        """Return the file of the batch that a group is scored on with a seed."""
        return self.path / "batches" / f"{group.name}@{seed}.npz"

    def parts_of(self, group: Group) -> list[Path]:
        """Return the files of scores that are not gathered yet."""
        start = f"{group.name}@"
        return sorted(path for path in self.parts.glob("*.parquet") if path.name.startswith(start))

    def part(self, group: Group, mark: str) -> Path:
        """Return the file for some scores; `mark` tells it from others."""
        return self.parts / f"{group.name}@{mark}.parquet"

    def read(self, group: Group) -> pd.DataFrame:
        """Return the scores of a group that are there.

        Raises:
            RunError: if a file is damaged.
        """
        files = [path for path in (self.scores(group), *self.parts_of(group)) if path.exists()]
        return joined(read_scores(path) for path in files)


def known_rows(bench: Bench, cases: Sequence[Case]) -> Ints:
    """Return the rows [N] of which at least one of the cases knows something."""
    known = np.zeros(len(bench), dtype=np.bool_)
    for outcome, split in _columns(cases):
        known |= ~np.isnan(bench.values(outcome, slice(None), split=split))
    return np.flatnonzero(known)


def sampled_rows(bench: Bench, cases: Sequence[Case], sample: int | None) -> Ints:
    """Return the rows [N] of the sample, ascending; all known ones where there are not more.

    Raises:
        BenchError: if the benchmark knows nothing there.
    """
    known = known_rows(bench, cases)
    if not len(known):
        raise BenchError(f"benchmark {bench.name!r} has no values for {', '.join(case.outcome for case in cases)}")
    if sample is None or sample >= len(known):
        return known
    # The first rows of one order, so that a larger sample holds a smaller one.
    order = derive(0, "sample", bench.name, len(bench)).permutation(len(bench))
    is_known = np.zeros(len(bench), dtype=np.bool_)
    is_known[known] = True
    return np.sort(order[is_known[order]][:sample])


def _columns(cases: Sequence[Case]) -> Iterator[tuple[str, str]]:
    """Yield outcome and split of what scores are compared with."""
    for case in cases:
        yield case.outcome, case.searched
        yield case.report, case.split


_WEIGHTS = {"own": "drawn for each network", "shared": "one draw for all networks"}


def _said(study: ProxyStudy) -> str:
    if study.origin:
        return f"scores of {study.origin}"
    inputs = study.inputs
    size = "".join(f", {name} {value}" for name, value in inputs.size)
    weights = f"{inputs.init} weights, {_WEIGHTS[inputs.weights]}"
    return f"batches of {inputs.batch} from {inputs.data or 'noise'}, {weights}{size}"
