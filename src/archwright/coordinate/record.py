"""What a run folder holds, and how it is read and written without ever being half-written."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from archwright.core.errors import RunError
from archwright.core.files import write_atomically

__all__ = ["Phase", "RunFolder", "RunRecord", "named"]

FORMAT = 1


@dataclass(slots=True)
class Phase:
    """One phase of one session: planned and used seconds, and when it began on the run's clock."""

    session: int
    name: str
    planned_s: float | None
    used_s: float | None
    began_s: float


@dataclass(slots=True)
class RunRecord:
    """Everything about a run that is not a trial or a weight. `run.json` is this, as JSON.

    Seconds named `at_s` or `began_s` are on the run's clock: total seconds of budget used, all sessions together.

    Args:
        status: `running`, `finished`, `interrupted` or `failed`.
        data: `source`, `rows`, `columns`, `fingerprint` and the `options` that a resume needs.
        task: `kind`, `metric`, `target`, `classes`, `train_rows`, `valid_rows`, `test_rows`, ...
        schema: The table's schema, as `Schema.to_json()` gives it.
        space: `name`, `layers`, `widths`, `size`.
        recipe: Training settings, as `Recipe.to_json()` gives them.
        settings: `seed`, `explore`, `unit`, `eta`, `workers`, `device`, ...
        sessions: One per fit or resume: `budget_s`, `used_s`, `started` (ISO time), `status`.
        phases: Planned and used seconds per phase.
        plans: Each plan that was made: `at_s`, `score`, `rungs` ((epochs, alive), ...), `seconds`, `why`.
        costs: What is known of training time: `timed` (architecture and seconds per epoch), `rows`, `n_inputs`.
        incumbents: Each best-so-far network: `at_s`, `score`, `arch`, `widths`, `epochs`, `params`, `what` (`constant`,
            `network` or `committee`), `members`. Of a committee, `arch`, `widths` and `epochs` are those of the best
            one alone.
        test: Metrics on the test split, by name; None where there is none, or before the end.
        exports: Format -> `path`, `max_difference`, ...
        hardware: Processor, cores, memory. `versions`: Python and packages.
        warnings: Lines that the user should have seen.
    """

    format: int = FORMAT
    status: str = "running"
    data: dict[str, Any] = field(default_factory=dict)
    task: dict[str, Any] = field(default_factory=dict)
    schema: dict[str, Any] = field(default_factory=dict)
    space: dict[str, Any] = field(default_factory=dict)
    recipe: dict[str, Any] = field(default_factory=dict)
    settings: dict[str, Any] = field(default_factory=dict)
    sessions: list[dict[str, Any]] = field(default_factory=list)
    phases: list[Phase] = field(default_factory=list)
    plans: list[dict[str, Any]] = field(default_factory=list)
    costs: dict[str, Any] = field(default_factory=dict)
    incumbents: list[dict[str, Any]] = field(default_factory=list)
    test: dict[str, float] | None = None
    exports: dict[str, Any] = field(default_factory=dict)
    hardware: dict[str, Any] = field(default_factory=dict)
    versions: dict[str, Any] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)

    @property
    def best(self) -> dict[str, Any] | None:
        """The last incumbent; None before there is one."""
        return self.incumbents[-1] if self.incumbents else None

    @property
    def used_s(self) -> float:
        """Seconds used by all sessions together."""
        return float(sum(session.get("used_s") or 0.0 for session in self.sessions))

    def close_killed(self) -> None:
        """Give the last session an end if it was killed before it could write one: the last moment it wrote of."""
        if not self.sessions or self.sessions[-1]["used_s"] is not None:
            return
        noted = [each["at_s"] for each in (*self.incumbents, *self.plans)] + [phase.began_s for phase in self.phases]
        self.sessions[-1] |= {"used_s": max(0.0, max(noted, default=0.0) - self.used_s), "status": "killed"}

    def to_json(self) -> dict[str, Any]:
        """Return the record as JSON values."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> RunRecord:
        """Return the record that `to_json` wrote.

        Raises:
            RunError: if it was written by a newer version, or is no record.
        """
        if not isinstance(values, Mapping) or not isinstance(values.get("format"), int):
            raise RunError("run.json must be a run's record, but it holds something else")
        if values["format"] > FORMAT:
            raise RunError(
                f"run.json must have format {FORMAT} or older, but has {values['format']}: use a newer archwright"
            )
        known = {name.name for name in fields(cls)}
        record = cls(**{key: value for key, value in values.items() if key in known})
        record.phases = [Phase(**phase) for phase in values.get("phases", [])]
        return record


@dataclass(frozen=True, slots=True)
class RunFolder:
    """The files of one run.

    `study.db` holds trials, `run.json` the record, `model.safetensors` the best network so far with its
    preprocessing, `report.html` the page. `checkpoints` and `offers` belong to training; `arrays` holds the
    encoded table while a run is going on, and is removed at its end.
    """

    path: Path

    @property
    def study(self) -> Path:
        """The trial store."""
        return self.path / "study.db"

    @property
    def record(self) -> Path:
        """The run's record."""
        return self.path / "run.json"

    @property
    def model(self) -> Path:
        """The best network so far."""
        return self.path / "model.safetensors"

    @property
    def report(self) -> Path:
        """The HTML page."""
        return self.path / "report.html"

    @property
    def checkpoints(self) -> Path:
        """One file per architecture trained."""
        return self.path / "checkpoints"

    @property
    def offers(self) -> Path:
        """Networks that workers offer as the next incumbent."""
        return self.path / "offers"

    @property
    def arrays(self) -> Path:
        """The encoded table."""
        return self.path / "arrays"

    def load(self) -> RunRecord:
        """Return the record.

        Raises:
            RunError: if the folder is no run, or its record is damaged.
        """
        if not self.path.is_dir():
            raise RunError(f"a run folder must exist, but there is no folder {self.path}")
        try:
            values = json.loads(self.record.read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise RunError(f"a run folder must hold run.json, but {self.path} does not: is it a run folder?") from None
        except (OSError, ValueError) as error:
            raise RunError(f"{self.record} must be readable JSON, but it is damaged ({error})") from None
        return RunRecord.from_json(values)

    def save(self, record: RunRecord) -> None:
        """Write the record; a reader sees the old one or the new one, never a part.

        Raises:
            RunError: if the folder cannot be written (exit code 1).
        """
        content = json.dumps(record.to_json(), indent=1, allow_nan=False).encode()
        write_atomically(self.record, content, durable=True)


def named(best: Mapping[str, Any] | None) -> str:
    """Return what an incumbent is, in few words: `constant`, `128-64`, or `128-64 and 3 others`."""
    if best is None or best["what"] == "constant":
        return "constant"
    name = "-".join(map(str, best["widths"])) or str(best["arch"]) or "linear model"
    others = len(best.get("members") or ()) - 1
    return name if others < 1 else f"{name} and {others} other{'s' if others > 1 else ''}"
