"""Computes the scores of a study that are missing, on several processes; may be killed anywhere."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from archwright.coordinate.chunks import Chunk, as_result, in_pool, inline, only_one
from archwright.coordinate.contest import Progress
from archwright.coordinate.proxy_inputs import draw_inputs, make_evaluator
from archwright.coordinate.proxy_scores import Score, foreign, read_scores, table_of, write_scores
from archwright.coordinate.proxy_study import Group, Inputs, ProxyStudy, StudyFolder, sampled_rows
from archwright.coordinate.rank_inputs import load_inputs, save_inputs
from archwright.coordinate.simulate import opened
from archwright.core.errors import BenchError, RunError
from archwright.core.rng import derive
from archwright.core.trial import Proposal, Result
from archwright.proxies.networks import SECONDS, NetworkProxies, failures

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["ChunkEvaluator", "import_scores", "score_study"]

#: A process gets about so many seconds of work at a time; what it has not written down is lost when it is killed.
_CHUNK_S = 2.0
#: Architectures that it gets at most, however quick they are.
_MOST = 512
#: Parts that may pile up before they are gathered into the file of their group.
_PARTS = 64


@dataclass(slots=True)
class _Work:
    """Rows of one group that lack the scores of the same proxies with one seed."""

    group: Group
    place: int
    seed: int
    names: tuple[str, ...]
    left: list[int]
    row_s: float | None = None

    def take(self, jobs: int) -> list[int]:
        """Return the rows of the next chunk: one to time it, then about as many as fill its time."""
        fair = -(-len(self.left) // jobs)
        n = 1 if self.row_s is None else max(1, min(fair, _MOST, int(_CHUNK_S / max(self.row_s, 1e-6))))
        taken, self.left[:n] = self.left[:n], []
        return taken


#: Some work and some of its rows.
_Rows = tuple[_Work, list[int]]


@dataclass(frozen=True)
class ChunkEvaluator:
    """Scores whole chunks where a pool expects evaluations: the "architecture" is (group, seed, proxies, row, ...).

    Args:
        folder: Of the study.
        study: What is done; groups and sets of proxies are numbered in its order.
        sets: Sets of proxies that some rows lack.
    """

    folder: Path
    study: ProxyStudy
    sets: tuple[tuple[str, ...], ...]

    def evaluate(self, proposal: Proposal, *, rng: object, limit_s: float | None = None) -> Result:
        """Return the number of rows as the score and their seconds as the cost; they are in a file by then."""
        place, seed, names, *rows = proposal.arch.genes
        group = self.study.groups()[place]
        folder, names_of = StudyFolder(self.folder), self.sets[names]
        return as_result(lambda: _score(folder, self.study, group, seed, names_of, rows), len(rows))


@dataclass
class _Session:
    """The state of one session."""

    folder: StudyFolder
    study: ProxyStudy
    jobs: int
    watch: Callable[[Progress], None]
    work: list[_Work] = field(default_factory=list)
    done: int = 0
    wanted: int = 0

    @property
    def sets(self) -> tuple[tuple[str, ...], ...]:
        """Sets of proxies that some rows lack."""
        return tuple(dict.fromkeys(work.names for work in self.work))

    def todo(self) -> Iterator[Chunk[_Rows]]:
        """Yield chunks until nothing is left."""
        sets = self.sets
        for work in self.work:
            while work.left:
                rows = work.take(self.jobs)
                numbers = (work.place, work.seed, sets.index(work.names), *rows)
                yield Chunk((work, rows), f"scoring {work.group.bench}", numbers)

    def do(self, chunk: Chunk[_Rows]) -> None:
        """Do a chunk in this process."""
        work, rows = chunk.what
        _score(self.folder, self.study, work.group, work.seed, work.names, rows)

    def note(self, chunk: Chunk[_Rows], took_s: float) -> None:
        """Take note of a finished chunk."""
        work, rows = chunk.what
        work.row_s = took_s / len(rows)
        self.done += len(rows)
        if len(self.folder.parts_of(work.group)) >= _PARTS:
            _gather(self.folder, work.group)
        self.watch(Progress(self.done, self.wanted, f"{work.group.bench}, seed {work.seed}"))


def score_study(
    path: Path, wanted: ProxyStudy, *, jobs: int = 1, watch: Callable[[Progress], None] | None = None
) -> ProxyStudy:
    """Compute the scores of a study that are not there yet, and return it with all that its folder holds.

    No architecture is scored twice by the same proxy with the same seed, also not where the proxy was not defined.
    `wanted` may add seeds, proxies, cases and a larger sample to a study that is there.

    Args:
        path: Folder of the study; made if it is not there.
        wanted: What shall be there in the end.
        jobs: Processes, of one thread each. With one, all is done in this process.
        watch: Told after every chunk: architectures scored, each counted once per seed.

    Raises:
        RunError: if the folder holds something else, another study, or a damaged file; or scoring fails.
        NasError: if a benchmark, the data or the networks cannot be had.
    """
    if jobs < 1:
        raise RunError(f"a study needs at least one worker, but {jobs} were given")
    folder = StudyFolder(path)
    folder.joined(wanted)
    _refuse_early(folder, wanted)
    with only_one(folder.path, folder.lock):
        study = folder.joined(wanted)
        folder.write(study)
        _save_batches(folder, study)
        for leftover in folder.parts.glob(".*.tmp"):
            leftover.unlink(missing_ok=True)
        session = _Session(folder, study, jobs, watch or (lambda progress: None))
        for place, group in enumerate(study.groups()):
            session.work += _missing(session, place, group)
        session.watch(Progress(session.done, session.wanted, ""))
        try:
            if jobs == 1:
                inline(session.todo(), session.do, session.note)
            elif session.work:
                evaluator = ChunkEvaluator(path, study, session.sets)
                in_pool(session.todo(), evaluator, session.note, jobs=jobs, preload=("torch",))
        finally:
            for group in study.groups():
                _gather(folder, group)
    return study


def _refuse_early(folder: StudyFolder, study: ProxyStudy) -> None:
    """Refuse what cannot be made before anything is written."""
    for group in study.groups():
        inputs, bench = study.inputs_of(group), opened(group.folder)
        (arch,) = bench.archs([0])
        path = folder.batch(group, 0)
        drawn = load_inputs(path, {}) if path.exists() else draw_inputs(bench.space, arch, inputs, seed=0)
        make_evaluator(drawn, bench.space, inputs, study.proxies, seed=0).network(arch)


def _save_batches(folder: StudyFolder, study: ProxyStudy) -> None:
    """Draw the batches that are not there; those that are stay, so that a study never changes its data."""
    for group in study.groups():
        bench = opened(group.folder)
        (arch,) = bench.archs([0])
        for seed in range(study.seeds):
            if not (path := folder.batch(group, seed)).exists():
                save_inputs(path, draw_inputs(bench.space, arch, study.inputs_of(group), seed=seed))


def import_scores(path: Path, wanted: ProxyStudy, table: Path) -> ProxyStudy:
    """Put the scores of a table that was made elsewhere into a study's folder, and return the study.

    Its proxies and seeds are those of the table; `wanted.proxies` says which columns, of which the first must be
    there. Scores that the folder holds from the same table are replaced.

    Raises:
        RunError: if the folder holds something else or another study.
        BenchError: if the table does not fit the benchmark, see `foreign`.
    """
    folder = StudyFolder(path)
    benches = sorted({case.folder for case in wanted.cases})
    if len(benches) > 1:
        raise BenchError(f"a table of scores belongs to one benchmark, but {table} was given with {', '.join(benches)}")
    found = foreign(table, opened(benches[0]), proxies=[name for name in wanted.proxies if name != "all"])
    outcomes = {case.name: case.outcome for case in wanted.cases}
    sources = tuple((name, _dataset_of(outcome, found.datasets, table)) for name, outcome in outcomes.items())
    n_seeds = max(int(part["seed"].max()) + 1 for part in found.parts.values())
    study = ProxyStudy(
        wanted.cases,
        found.proxies,
        n_seeds,
        None,
        sources=sources if found.datasets else (),
        origin=str(table),
        lower=wanted.lower,
    )
    if folder.record.exists() and folder.load().origin != study.origin:
        raise RunError(f"{path} holds another study; choose another folder with --out")
    if not folder.record.exists():
        folder.joined(study)
    with only_one(folder.path, folder.lock):
        folder.write(study)
        for group in study.groups():
            write_scores(folder.scores(group), found.parts[group.data])
    return study


def _dataset_of(outcome: str, datasets: Sequence[str], table: Path) -> str:
    """Return the data set of the table that an outcome belongs to: `cifar10` for `cifar10` and `cifar10-e12`."""
    fitting = [name for name in datasets if outcome == name or outcome.startswith(f"{name}-")]
    if datasets and not fitting:
        from archwright.core.catalog import suggestion

        raise BenchError(
            f"{table} has no scores for outcome {outcome!r} in its column dataset. {suggestion(outcome, datasets)}"
        )
    return max(fitting, key=len, default="")


def _missing(session: _Session, place: int, group: Group) -> list[_Work]:
    """Return what a group lacks, and count what is there."""
    study = session.study
    cases = [case for case in study.cases if case.name in group.cases]
    rows = sampled_rows(opened(group.folder), cases, study.sample).tolist()
    there: dict[tuple[int, int], set[str]] = {}
    scores = _gather(session.folder, group)
    for seed, row, name in zip(scores["seed"].tolist(), scores["row"].tolist(), scores["proxy"].tolist(), strict=True):
        there.setdefault((seed, row), set()).add(name)
    found: dict[tuple[int, tuple[str, ...]], list[int]] = {}
    for seed in range(study.seeds):
        for row in rows:
            has = there.get((seed, row), set())
            names = tuple(name for name in study.proxies if name not in has)
            if names:
                found.setdefault((seed, names), []).append(row)
    session.wanted += study.seeds * len(rows)
    session.done += study.seeds * len(rows) - sum(map(len, found.values()))
    # An order of its own, so that what is there of an unfinished study is a sample as well.
    for (seed, _), left in found.items():
        derive(seed, "order", group.name).shuffle(left)
    return [_Work(group, place, seed, names, left) for (seed, names), left in found.items()]


def _score(
    folder: StudyFolder, study: ProxyStudy, group: Group, seed: int, names: Sequence[str], rows: Sequence[int]
) -> None:
    """Score some rows and write a part file."""
    bench = opened(group.folder)
    evaluator = _evaluator(folder.batch(group, seed), group.folder, study.inputs_of(group), seed, tuple(names))
    scores: list[Score] = []
    archs = bench.archs(rows)
    evaluator.expect(archs)
    for row, arch in zip(rows, archs, strict=True):
        # The evaluator draws from its own seed; nothing may depend on who scores what when.
        result = evaluator.evaluate(Proposal(arch), rng=derive(seed, "score", row))
        scores += _scores_of(result, names, seed=seed, row=row, arch=bench.space.text(arch))
    mark = hashlib.blake2b(repr((seed, tuple(names), tuple(rows))).encode(), digest_size=8).hexdigest()
    write_scores(folder.part(group, mark), table_of(scores))


def _scores_of(result: Result, names: Sequence[str], *, seed: int, row: int, arch: str) -> Iterator[Score]:
    failed = failures(result)
    for name in names:
        value = result.measures.get(name, float("nan"))
        seconds = result.measures.get(f"{SECONDS}{name}", float("nan"))
        error = "" if name in result.measures else failed.get(name, result.error or "no value, and no reason given")
        yield Score(seed, row, arch, name, value, seconds, error)


@lru_cache(maxsize=2)
def _evaluator(batch: Path, bench: str, inputs: Inputs, seed: int, names: tuple[str, ...]) -> NetworkProxies:
    return make_evaluator(load_inputs(batch, {}), opened(bench).space, inputs, names, seed=seed)


def _gather(folder: StudyFolder, group: Group) -> pd.DataFrame:
    """Put what is in parts into the file of the group; return all its scores."""
    parts, whole = folder.parts_of(group), folder.scores(group)
    if not parts:
        return read_scores(whole) if whole.exists() else table_of(())
    scores = folder.read(group)
    write_scores(whole, scores)
    for part in parts:
        part.unlink(missing_ok=True)
    return scores
