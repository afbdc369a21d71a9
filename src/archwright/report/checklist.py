"""The best-practice checklist for NAS, answered from what a run recorded.

Source: Lindauer and Hutter, Best Practices for Scientific Research on Neural Architecture Search,
    arXiv:1909.02453; ATLAS (App. B) answers a checklist for its paper. Differs: it is filled for one run, so
    what only a comparison of several runs can answer is `not applicable` or `no`, and says why.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from archwright.coordinate.options import SearchOptions
from archwright.coordinate.record import RunRecord
from archwright.report import text
from archwright.report.view import RunView

__all__ = ["Answer", "checklist"]

YES, NO, NOT_APPLICABLE = "yes", "no", "not applicable"


@dataclass(frozen=True, slots=True)
class Answer:
    """One question of one section, answered `yes`, `no` or `not applicable`, with this run's evidence."""

    section: str
    question: str
    answer: str
    evidence: str


def checklist(view: RunView) -> list[Answer]:
    """Return all questions in the order of the source."""
    record = view.record
    return [*_release(record), *_comparison(view), *_reporting(view)]


def _known(value: object, fact: str, missing: str) -> tuple[str, str]:
    return (YES, fact) if value else (NO, missing)


def _search(record: RunRecord) -> dict[str, Any]:
    """Return the settings of the search, also those that were left to their defaults."""
    chosen = SearchOptions.from_json(record.settings)
    found = {name: getattr(chosen, name) for name in ("explore", "unit", "workers", "max_trials", "max_epochs")}
    return found | {"eta": chosen.survivor_of, "members": chosen.most_members}


def _release(record: RunRecord) -> list[Answer]:
    section = "Releasing code"
    code = record.versions.get("archwright")
    seed = record.settings.get("seed")
    is_random = record.settings.get("explore") == "random"
    shipped = _known(code, f"archwright {code}, Apache-2.0.", "The version of the code was not recorded.")
    space = record.space
    recipe = _facts(record.recipe)
    search = _facts(_search(record))
    return [
        Answer(section, "Code of the training pipeline of the final network", *shipped),
        Answer(
            section,
            "Code and description of the search space",
            *_known(
                space,
                f"{space.get('name')}: {space.get('layers')} layers, widths {_list(space.get('widths'))}; "
                f"{text.count(space.get('size'))} architectures.",
                "The run ended before its space was recorded.",
            ),
        ),
        Answer(
            section,
            "Hyperparameters of the final training, and seeds",
            *_known(record.recipe and seed is not None, f"Seed {seed}. {recipe}.", "They were not recorded."),
        ),
        Answer(
            section,
            "Code of the search method",
            *(
                _known(code, "Random search with full training, in the version above.", "Version not recorded.")
                if is_random
                else _known(code, "ATLAS (filter, refine, coordinate), in the version above.", "Version not recorded.")
            ),
        ),
        Answer(
            section,
            "Hyperparameters of the search method, and seeds",
            *_known(seed is not None, f"Seed {seed}. {search}.", "The seed was not recorded."),
        ),
    ]


def _comparison(view: RunView) -> list[Answer]:
    record, section = view.record, "Comparing methods"
    single = "This run compares no methods: it applies one to one table."
    is_random = record.settings.get("explore") == "random"
    n = len(record.incumbents)
    baseline = (
        (YES, "This run is itself the random-search baseline (explore = random).")
        if is_random
        else (NO, "No random search was run beside this one. Run archwright fit again with --explore random.")
    )
    return [
        Answer(section, "Same data, split, space and training code for all methods", NOT_APPLICABLE, single),
        Answer(section, "Same evaluation protocol, with a test split kept apart", *_protocol(record)),
        Answer(section, "Confounding factors (hardware, versions, time) under control", *_confounders(record)),
        Answer(section, "Ablation studies", NOT_APPLICABLE, single),
        Answer(
            section,
            "Performance over time",
            *_known(n > 0, f"Drawn above: {n} best-so-far networks with their times.", "There is no network yet."),
        ),
        Answer(section, "Comparison with random search", *baseline),
        Answer(
            section,
            "Several runs with different seeds",
            NO,
            f"One run, seed {record.settings.get('seed', 'unknown')}. One run does not show the spread over seeds.",
        ),
        Answer(
            section,
            "Tabular or surrogate benchmark",
            NOT_APPLICABLE,
            "Every score comes from training on the user's own table.",
        ),
    ]


def _protocol(record: RunRecord) -> tuple[str, str]:
    task = record.task
    if not task:
        return NO, "The run ended before the table was split."
    rows = ", ".join(
        f"{text.count(task[f'{part}_rows'])} {name}"
        for part, name in (("train", "training"), ("valid", "validation"), ("test", "test"))
        if task.get(f"{part}_rows")
    )
    if not task.get("test_rows"):
        return NO, f"Rows: {rows}. There is no test split, and validation scores of a chosen network are optimistic."
    if record.test is None:
        return NO, f"Rows: {rows}. The test split was not evaluated."
    times = len([session for session in record.sessions if session.get("status") != "failed"])
    once = "opened once, at the end" if times <= 1 else f"opened at the end of each of {times} sessions"
    return (YES if times <= 1 else NO), f"Rows: {rows}. Networks are chosen on validation; the test split was {once}."


def _confounders(record: RunRecord) -> tuple[str, str]:
    if not record.hardware or not record.versions:
        return NO, "Hardware or versions were not recorded."
    cores, workers = record.hardware.get("cores"), record.settings.get("workers")
    workers_said = "one per core" if workers is None else str(workers)
    return (
        YES,
        f"{record.hardware.get('processor')}, {cores} cores, workers: {workers_said}, one thread each; "
        "all versions below. Load by other programs is not recorded.",
    )


def _reporting(view: RunView) -> list[Answer]:
    record, section = view.record, "Reporting details"
    sessions = len(record.sessions)
    compute = sum(candidate.cost_s for candidate in view.candidates)
    time_said = (
        f"{text.duration(record.used_s)} from the start of the process to its end, everything included, "
        f"in {sessions} session{'s' if sessions != 1 else ''}; {text.duration(compute)} of worker time in training."
    )
    truncated = record.data.get("truncated")
    details = "Data, schema, settings, plans, versions and hardware are on this page and in run.json."
    return [
        Answer(
            section,
            "How hyperparameters were tuned, and what that took",
            NO,
            "Training settings are the preset's, fixed before the run; no time of this run went into tuning them, and "
            "what their choice took is not part of this record.",
        ),
        Answer(
            section,
            "Time of the whole method, from end to end",
            *_known(record.used_s > 0, time_said, "The run has not ended: its time is not known yet."),
        ),
        Answer(section, "Total compute and kind of hardware", *_compute(record, compute)),
        Answer(
            section,
            "All details of the experimental setup",
            *(
                (NO, f"{details} But the table was cut while reading, at a row that depends on the machine's speed.")
                if truncated
                else (YES, details)
            ),
        ),
    ]


def _compute(record: RunRecord, compute: float) -> tuple[str, str]:
    if not record.hardware:
        return NO, "The hardware was not recorded."
    memory = record.hardware.get("memory_gb")
    device = record.settings.get("device", "auto")
    return (
        YES,
        f"{text.duration(compute)} of training on {record.hardware.get('processor')}"
        + (f", {memory:g} GB of memory" if isinstance(memory, int | float) else "")
        + f", device setting {device!r}.",
    )


def _facts(values: dict[str, Any]) -> str:
    return ", ".join(f"{key.replace('_', ' ')} {_list(value)}" for key, value in values.items() if value is not None)


def _list(value: object) -> str:
    return " ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
