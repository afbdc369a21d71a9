"""A table in, the best network inside the time budget out."""

from __future__ import annotations

from collections.abc import Sequence

from archwright.coordinate.finish import Finisher
from archwright.coordinate.job import Job
from archwright.coordinate.options import SearchOptions, TaskOptions
from archwright.coordinate.progress import Watch
from archwright.coordinate.record import RunFolder, RunRecord
from archwright.coordinate.setting import machine, versions
from archwright.core.catalog import find
from archwright.core.errors import RunError, SpaceError
from archwright.nets.recipe import Recipe
from archwright.run.clock import Clock
from archwright.spaces.tabular_mlp import TabularMlp, frappe

__all__ = ["fit", "resume"]


def fit(
    source: object,
    target: str,
    *,
    budget_s: float,
    clock: Clock | None = None,
    folder: RunFolder,
    task: TaskOptions | None = None,
    search: SearchOptions | None = None,
    recipe: Recipe | None = None,
    finish: Sequence[Finisher] = (),
    watch: Watch | None = None,
) -> RunRecord:
    """Search, train and save the best network for a table; return the run's record.

    Everything happens inside `budget_s`: reading, profiling, filtering, training, testing, saving and `finish`.
    The best network so far is in `folder.model` from the moment the table is read. Ctrl-C ends the run early and
    cleanly, with the status `interrupted`.

    Args:
        source: Whatever `read_table` takes, or a `Table`.
        target: Column to predict.
        budget_s: Seconds from the clock's zero to the end.
        clock: Reads zero at the start; by default now.
        folder: An empty run folder.
        task: How the table becomes a task.
        search: How the network is searched for.
        recipe: Training settings; by default those of `search.preset`.
        finish: Last steps inside the time, most important first.
        watch: Told where the run stands.

    Raises:
        DataError: if the table cannot be learned from.
        SpaceError: if the search options make no space.
        RunError: if the folder cannot be written, or workers cannot be started (exit code 1).
    """
    task, search = task or TaskOptions(), search or SearchOptions()
    record = RunRecord(settings=search.to_json() | {"target": target}, versions=versions(), hardware=machine())
    if recipe is None:
        recipe = Recipe.atlas() if search.preset == "atlas" else Recipe()
    return Job(folder, record, task, search, recipe, _space(search)).go(
        source, target, budget_s=budget_s, clock=clock, finish=finish, watch=watch
    )


def resume(
    folder: RunFolder,
    *,
    budget_s: float,
    table: object = None,
    clock: Clock | None = None,
    workers: int | None = None,
    finish: Sequence[Finisher] = (),
    watch: Watch | None = None,
) -> RunRecord:
    """Continue a run with `budget_s` further seconds; return its record.

    Scores, trained networks and timings are reused, and the incumbent never gets worse.

    Args:
        folder: The run's folder.
        budget_s: Seconds from the clock's zero to the end of this session.
        table: The same table, if it cannot be read from where it was.
        clock: Reads zero at the start; by default now.
        workers: Worker processes; by default as before.
        finish: Last steps inside the time, most important first.
        watch: Told where the run stands.

    Raises:
        RunError: if the folder is no run or is damaged.
        DataError: if the table is not the one of the run.
    """
    record = folder.load()
    if not record.data.get("options"):
        raise RunError(f"{folder.path} ended before its table was read: start it again with `archwright fit`")
    record.close_killed()
    source = record.data["source"] if table is None else table
    if source is None:
        raise RunError(f"the table of {folder.path} came from memory: give it again (--data FILE)")
    # Exports show the network of the session that made them: the files stay, the record forgets them.
    record.exports = {}
    search = SearchOptions.from_json(record.settings | ({} if workers is None else {"workers": workers}))
    task, recipe = TaskOptions.from_json(record.data["options"]), Recipe.from_json(record.recipe)
    return Job(folder, record, task, search, recipe, _space(search)).go(
        source, record.settings["target"], budget_s=budget_s, clock=clock, finish=finish, watch=watch
    )


def _space(search: SearchOptions) -> TabularMlp:
    if search.space is None:
        return TabularMlp(search.widths or frappe().widths, layers=search.layers)
    if search.widths is not None:
        raise SpaceError("a space is either named (--space) or given by --layers and --widths, but both were given")
    made = find("space", search.space)()
    if not isinstance(made, TabularMlp):
        raise SpaceError(f"a table needs a space of tabular networks, but {search.space!r} is none")
    return made
