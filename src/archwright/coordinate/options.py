"""What a user may decide about a run; small frozen values that the run's record keeps for `resume`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Self

from archwright.core.errors import DataError, SpaceError, require_one_of

__all__ = ["EXPLORE", "MEMBERS", "SearchOptions", "TaskOptions"]

#: How candidates are found, the default first.
EXPLORE = ("whole", "sampled", "random")
#: Most networks that answer together. Sixteen random ones, trained fully, seed 0, test score of the best alone / of 4 /
#: of 8 together: adult AUC .9232 / .9250 / .9255, California housing RMSE 46,815 / 46,371 / 46,199.
MEMBERS = 8


class _Json:
    """To and from JSON values, for the dataclasses below."""

    __slots__ = ()

    def to_json(self) -> dict[str, Any]:
        """Return the options as JSON values."""
        return asdict(self)  # type: ignore[call-overload,no-any-return]

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Self:
        """Return the options that `to_json` wrote; unknown names are ignored."""
        known = {name.name for name in fields(cls)}  # type: ignore[arg-type]
        made = {key: tuple(value) if isinstance(value, list) else value for key, value in values.items()}
        return cls(**{key: value for key, value in made.items() if key in known})


@dataclass(frozen=True, slots=True)
class TaskOptions(_Json):
    """How a table becomes a task.

    Args:
        test: Path of a table that is the test split; None takes `test_fraction` of the rows.
        test_fraction: Share of the rows kept for the test, in [0, 1).
        valid_fraction: Share of the remaining rows for validation, in (0, 1).
        split_column: Column with values train, valid and test.
        group: Column whose equal values never fall on both sides of a split.
        ignore: Columns to leave out.
        weight: Column with row weights.
        positive: Label that is the positive class, against the rest.
        kind: `binary`, `classes` or `real`; None infers it from the target.
        metric: What validation maximises; None takes the kind's default.
        encoding: Text encoding of a CSV file; None tries UTF-8.
        balanced: Weight each class by the inverse of its share.
    """

    test: str | None = None
    test_fraction: float = 0.2
    valid_fraction: float = 0.2
    split_column: str | None = None
    group: str | None = None
    ignore: tuple[str, ...] = ()
    weight: str | None = None
    positive: str | None = None
    kind: str | None = None
    metric: str | None = None
    encoding: str | None = None
    balanced: bool = False

    def __post_init__(self) -> None:
        if not 0 <= self.test_fraction < 1:
            raise DataError(f"the test fraction must be in [0, 1), but {self.test_fraction} was given")
        if not 0 < self.valid_fraction < 1:
            raise DataError(f"the validation fraction must be in (0, 1), but {self.valid_fraction} was given")


@dataclass(frozen=True, slots=True)
class SearchOptions(_Json):
    """How the network is searched for.

    Args:
        explore: `whole` ranks every architecture, `sampled` explores by regularised evolution (the paper),
            `random` draws without a filter and trains each fully.
        space: Name of a space in the catalogue, or None for `layers` and `widths`.
        layers: Hidden layers, if no space is named.
        widths: Widths to choose from, if no space is named; None takes the twenty of ATLAS.
        preset: `default` or `atlas`, the training settings.
        unit: U, fewest epochs of a rung.
        eta: Of how many candidates one survives a rung; None takes 4, or the paper's 2 with its preset.
        workers: Worker processes; None takes one per core, 0 trains inside this process.
        device: `auto`, `cpu`, `cuda`, `cuda:1` or `mps`.
        seed: Seed of everything random.
        max_trials: Most trainings (each rung of each candidate counts); None leaves it to the clock.
        max_epochs: Most epochs for one architecture; None takes the recipe's.
        members: Most networks that may answer together; 1 wants a single network, None takes 8, or 1 with the paper's
            preset.

    Raises:
        SpaceError: if a value is out of its range.
    """

    explore: str = EXPLORE[0]
    space: str | None = None
    layers: int = 4
    widths: tuple[int, ...] | None = None
    preset: str = "default"
    unit: int = 2
    eta: int | None = None
    workers: int | None = None
    device: str = "auto"
    seed: int = 0
    max_trials: int | None = None
    max_epochs: int | None = None
    members: int | None = None

    def __post_init__(self) -> None:
        require_one_of(EXPLORE, SpaceError, explore=self.explore)
        if self.preset not in ("default", "atlas"):
            raise SpaceError(f"the preset must be default or atlas, but {self.preset!r} was given")
        if self.unit < 1 or self.survivor_of < 2:
            raise SpaceError(f"unit must be >= 1 and eta >= 2, but {self.unit} and {self.eta} were given")
        for name, most in (
            ("max trials", self.max_trials),
            ("max epochs", self.max_epochs),
            ("members", self.members),
        ):
            if most is not None and most < 1:
                raise SpaceError(f"{name} must be >= 1, but {most} was given")
        if self.workers is not None and self.workers < 0:
            raise SpaceError(f"workers must be >= 0, but {self.workers} was given")

    @property
    def survivor_of(self) -> int:
        """Of how many candidates one survives a rung."""
        return self.eta if self.eta is not None else 2 if self.preset == "atlas" else 4

    @property
    def most_members(self) -> int:
        """Most networks that may answer together."""
        return self.members if self.members is not None else 1 if self.preset == "atlas" else MEMBERS

    @property
    def ending(self) -> bool:
        """Whether the rungs' epochs count down from a full training, and not up from `unit` as in the paper."""
        return self.preset != "atlas"
