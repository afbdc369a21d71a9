"""One session of a run, phase by phase: read, prepare, profile, filter, refine, finish."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Sequence
from contextlib import nullcontext, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from archwright.coordinate.cost import EpochCost, Timed
from archwright.coordinate.earlier import Earlier
from archwright.coordinate.filter import Filter, SampledFilter, WholeFilter
from archwright.coordinate.finish import Finisher
from archwright.coordinate.incumbent import Incumbent
from archwright.coordinate.options import SearchOptions, TaskOptions
from archwright.coordinate.plan import RATIO
from archwright.coordinate.profile import profile
from archwright.coordinate.progress import Watch
from archwright.coordinate.record import RunFolder, RunRecord
from archwright.coordinate.refine import Refinement
from archwright.coordinate.remote import evaluators
from archwright.coordinate.session import Session, cores
from archwright.coordinate.source import fingerprint, place_of, read_source, task_of
from archwright.coordinate.timely import Timely
from archwright.core.arch import Arch
from archwright.core.budget import Budget
from archwright.core.errors import DataError, RunError
from archwright.core.protocols import Executor
from archwright.data.metrics import METRICS, score, value_of
from archwright.data.tables import Table
from archwright.data.task import Task
from archwright.nets.inputs import Inputs
from archwright.nets.link import predictions
from archwright.nets.recipe import Recipe
from archwright.run.clock import Clock
from archwright.run.loop import run
from archwright.search.random import RandomSearch
from archwright.spaces.tabular_mlp import TabularMlp
from archwright.study.study import Study

__all__ = ["Job"]

logger = logging.getLogger(__name__)

#: Share of the budget that reading may take; a larger table is cut to the rows that were read by then.
READ_SHARE = 0.3
#: Largest space that is scored whole; beyond it the filter samples.
WHOLE_LIMIT = 2_000_000
#: Rows on which the driver times its own forward pass, to know what the test will take.
TIMED_ROWS = 2048
#: Seconds that a training must have left to be begun.
LEAST_S = 0.3
#: Seconds after the deadline at which even the report is left out.
LATE_S = 0.1
#: Rows of the table that are kept for the check of an export.
SAMPLE_ROWS = 256
#: How warnings call the result when it is no network.
_CONSTANT = "a constant prediction"


@dataclass
class Job:
    """One fit or resume.

    Args:
        folder: The run's folder.
        record: What is known of the run so far.
        options: How the table becomes a task.
        search: How the network is searched for.
        recipe: Training settings.
        space: The search space.
    """

    folder: RunFolder
    record: RunRecord
    options: TaskOptions
    search: SearchOptions
    recipe: Recipe
    space: TabularMlp

    def go(
        self,
        source: Any,
        target: str,
        *,
        budget_s: float,
        clock: Clock | None,
        finish: Sequence[Finisher],
        watch: Watch | None,
    ) -> RunRecord:
        """Run all phases inside `budget_s` and return the record; see `archwright.coordinate.fit`.

        Raises:
            DataError: if the table cannot be learned from, or is not the one that the run began with.
            RunError: if the folder cannot be written, or workers cannot be started (exit code 1).
            KeyboardInterrupt: if it comes before the table was read; later it ends the run cleanly.
        """
        workers = cores() if self.search.workers is None else self.search.workers
        session = Session(
            self.folder, self.record, budget_s=budget_s, clock=clock, workers=workers, finish=finish, watch=watch
        )
        status, task = "failed", None
        try:
            self._begin(source)
            task = self._task(session, source, target)
            try:
                self._search(session, task)
                status = "finished"
            except KeyboardInterrupt:
                status = "interrupted"
            self._finish(session, task, status)
        except KeyboardInterrupt:
            # Before the table was read there is nothing to keep; during the last steps everything is kept already.
            status = "interrupted"
            if task is None:
                raise
        finally:
            session.close()
            # After an error the disk may be full or gone: what is there stays, and the first error is the one told.
            with nullcontext() if status != "failed" else suppress(RunError):
                self._end(session, status, keep=task is not None)
        return self.record

    def _begin(self, source: Any) -> None:
        """Write down what is asked, so that a run can be continued from whatever moment it was killed at."""
        if not self.record.data:
            self.record.data = {"source": place_of(source), "options": self.options.to_json()}
            self.record.recipe = self.recipe.to_json()
            self.folder.save(self.record)

    def _task(self, session: Session, source: Any, target: str) -> Task:
        options, record = self.options, self.record
        with session.phase("read", planned_s=READ_SHARE * session.budget_s):
            table = self._table(session, source)
            test = None if options.test is None else read_source(options.test, limit_s=None, encoding=options.encoding)
        with session.phase("prepare"):
            task = task_of(table, target, options, test=test, seed=self.search.seed)
            session.sample = table.frame.head(SAMPLE_ROWS)
            record.data = {
                "source": place_of(source),
                "name": table.origin,
                "rows": len(table.frame),
                "columns": table.frame.shape[1],
                "truncated": table.truncated,
                "fingerprint": fingerprint(table),
                "options": options.to_json(),
            }
            record.warnings += [line for line in (*table.warnings, *task.warnings) if line not in record.warnings]
            record.task, record.schema = task.describe(), task.schema.to_json()
        return task

    def _table(self, session: Session, source: Any) -> Table:
        """Return the table; of a resumed run the very rows that it began with."""
        known = self.record.data
        if "fingerprint" not in known:
            return read_source(source, limit_s=READ_SHARE * session.budget_s, encoding=self.options.encoding)
        table = read_source(source, limit_s=None, encoding=self.options.encoding)
        if known["truncated"]:
            table = replace(table, frame=table.frame.head(known["rows"]), truncated=True)
        if fingerprint(table) != known["fingerprint"]:
            raise DataError(
                f"a run can be continued only on the table it began with, but {table.origin} has changed (it had "
                f"{known['rows']:,} rows and {known['columns']} columns): start a new run with `archwright fit`"
            )
        return table

    def _search(self, session: Session, task: Task) -> None:
        record, folder, space = self.record, self.folder, self.space
        with session.phase("encode"):
            for path in (folder.offers, folder.checkpoints):
                path.mkdir(exist_ok=True)
            if self.recipe == Recipe():
                # Settings that somebody chose stay as they are.
                self.recipe = self.recipe.sized(len(task.train.y))
            recipe = self.recipe
            inputs = Inputs.of(task, recipe)
            record.space = {
                "name": space.name,
                "layers": len(space.arities),
                "widths": list(space.widths),
                "size": space.size(),
            }
            record.recipe = recipe.to_json()
            session.incumbent = incumbent = Incumbent(
                folder,
                record,
                task=task,
                recipe=recipe,
                now=session.now,
                members=self.search.most_members,
                # Who counts trials wants the same result every time.
                eager=self.search.max_trials is None,
            )
            # What earlier sessions said of their result need not be true of this one's.
            record.warnings[:] = [line for line in record.warnings if _CONSTANT not in line]
            session.take_s = incumbent.begin(inputs)
            task.save_arrays(folder.arrays)
            session.time_test = lambda: _test_seconds(task, incumbent, session)
            session.test_s = session.time_test()
        if session.left_s() <= 0 or not session.trains:
            record.warnings.append(_too_short(session, fresh=session.number == 1))
            return
        n_inputs = inputs.n_fields * recipe.embedding
        cost = EpochCost(space, n_inputs, rows=min(len(task.train.y), recipe.batch * recipe.epoch_steps))
        cost.add([Timed(Arch.parse(arch), epoch_s) for arch, epoch_s in record.costs.get("timed", [])])
        self._train(session, task, inputs, cost)
        record.costs = {
            "timed": [[str(each.arch), each.epoch_s] for each in cost.timed],
            "rows": cost.rows,
            "n_inputs": n_inputs,
        }

    def _train(self, session: Session, task: Task, inputs: Inputs, cost: EpochCost) -> None:
        """Profile, filter and refine."""
        folder, search, space = self.folder, self.search, self.space
        made = evaluators(folder, space, inputs, self.recipe, task, device=search.device, inside=not session.pool)
        with session.phase("profile"):
            profile(
                session,
                made.profiling,
                space=space,
                cost=cost,
                seed=search.seed,
                # How far a starter gets depends on the clock; who counts trials wants the same result every time.
                starter=search.max_trials is None,
            )
            if session.left_s() <= 0:
                return
        earlier = Earlier.read(folder, session=session.number)
        if session.incumbent is not None:
            session.incumbent.hear(earlier.best(search.most_members), inputs)
        with (
            Study.open(folder.study, name="filter") as scores,
            Study.open(folder.study, name=f"refine-{session.number}") as trainings,
        ):
            executor = session.executor(made.training)
            if search.explore == "random":
                self._random(session, executor, trainings)
                return
            with session.phase("filter"):
                found = self._filter(inputs, scores, session)
            with session.phase("refine", planned_s=max(0.0, session.left_s())):
                cap = search.max_epochs or self.recipe.max_epochs
                refinement = Refinement(
                    session,
                    space=space,
                    filter=found,
                    cost=cost,
                    executor=executor,
                    study=trainings,
                    options=search,
                    cap=cap,
                    earlier=earlier,
                )
                refinement.walk()

    def _filter(self, inputs: Inputs, study: Study, session: Session) -> Filter:
        space, d, seed = self.space, inputs.n_fields * self.recipe.embedding, self.search.seed
        if self.search.explore == "whole" and space.size() <= WHOLE_LIMIT:
            return WholeFilter(space, d=d, n_outputs=inputs.n_outputs, seed=seed, study=study)
        if self.search.explore == "whole":
            self.record.warnings.append(
                f"the space has {space.size():,} architectures, more than {WHOLE_LIMIT:,}: it is sampled, not scored "
                "whole"
            )
        return SampledFilter(
            space, d=d, n_outputs=inputs.n_outputs, seed=seed, study=study, ratio=RATIO, clock=session.clock
        )

    def _random(self, session: Session, executor: Executor, study: Study) -> None:
        """The baseline: random architectures, each trained fully, until the time is up."""
        with session.phase("refine", planned_s=max(0.0, session.left_s())):

            def turn() -> bool:
                session.trained = len(study.history.ok())
                return session.turn("refine", "random search")

            limits = Budget(seconds=session.train_until_s, trials=self.search.max_trials)
            # A training that is begun in the last moment would only be cut.
            searcher = Timely(RandomSearch(self.space), lambda: session.left_s() > LEAST_S)
            run(searcher, executor, limits, seed=self.search.seed, study=study, stop=turn)
            session.turn("refine")

    def _finish(self, session: Session, task: Task, status: str) -> None:
        """Test, save and run the last steps; those that no longer fit are left out, and said."""
        record = self.record
        with session.phase("finish", planned_s=session.reserve_s):
            session.close()
            if session.incumbent is not None:
                session.incumbent.combine()
                self._say_constant(session)
                self._test(task, session.incumbent)
            record.status = record.sessions[-1]["status"] = status
            for step in session.finish:
                left_s = session.deadline_s - session.now()
                if left_s < (-LATE_S if step.rehearse else session.finish_s[step.name] / 2):
                    record.warnings.append(
                        f"there was no time left for the {step.name}: `archwright {step.name}` makes it"
                    )
                    continue
                record.sessions[-1]["used_s"] = round(session.used_s, 3)
                self.folder.save(record)
                step.run(self.folder, record, session.sample)

    def _say_constant(self, session: Session) -> None:
        """Say why the result is no network."""
        best, warnings = self.record.best, self.record.warnings
        if best is None or best["what"] != "constant" or any(_CONSTANT in line for line in warnings):
            return
        if session.trained:
            warnings.append(
                f"none of {session.trained} networks was better on the validation rows: the result is {_CONSTANT}"
            )
        else:
            warnings.append(
                f"{session.budget_s:g} s were not enough to train a network: the result is {_CONSTANT}; give more time"
            )

    def _test(self, task: Task, incumbent: Incumbent) -> None:
        if not task.has_test or incumbent.net is None:
            return
        test = task.open_test()
        predicted = predictions(task.kind, incumbent.net.forward(test.num, test.cat))
        scale = incumbent.net.inputs.target_std
        values = {
            name: value_of(name, score(name, test.y, predicted, test.weight, scale=scale))
            for name, metric in METRICS.items()
            if task.kind in metric.kinds
        }
        self.record.test = {name: value for name, value in values.items() if np.isfinite(value)}

    def _end(self, session: Session, status: str, *, keep: bool) -> None:
        """Write the record a last time and remove what only training needed."""
        shutil.rmtree(self.folder.arrays, ignore_errors=True)
        shutil.rmtree(self.folder.offers, ignore_errors=True)
        self.record.status = self.record.sessions[-1]["status"] = status
        self.record.sessions[-1]["used_s"] = round(session.used_s, 3)
        if keep:
            self.folder.save(self.record)
        elif session.number == 1:
            # Nothing was made: leave no folder that looks like a run.
            self.folder.record.unlink(missing_ok=True)
            _remove_if_empty(self.folder.path)


def _test_seconds(task: Task, incumbent: Incumbent, session: Session) -> float:
    """Return what testing the incumbent will take, judged by its forward pass on some validation rows."""
    if not task.has_test or incumbent.net is None:
        return 0.0
    valid = task.valid
    began_s = session.now()
    incumbent.net.forward(valid.num[:TIMED_ROWS], valid.cat[:TIMED_ROWS])
    return 2.0 * (session.now() - began_s) * task.n_test / max(1, min(TIMED_ROWS, len(valid.y)))


def _too_short(session: Session, *, fresh: bool) -> str:
    return (
        f"the budget of {session.budget_s:g} s was over before a network could be trained (reading and preparing took "
        f"{session.used_s:.1f} s, the last steps need {session.reserve_s:.1f} s): the result is "
        + (_CONSTANT if fresh else "what the sessions before had found")
    )


def _remove_if_empty(path: Path) -> None:
    try:
        path.rmdir()
    except OSError:
        logger.debug("%s is kept: it is not empty", path)
