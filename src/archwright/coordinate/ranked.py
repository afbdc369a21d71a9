"""The outcome of a ranking: scores of architectures by proxies, ranks, and their table."""

# Legend: N architectures, P proxies.

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from archwright.core.arch import Arch
from archwright.core.catalog import suggestion
from archwright.core.errors import ProxyError
from archwright.core.files import replacing
from archwright.core.ranks import ranks
from archwright.core.trial import Result, Trial
from archwright.proxies.networks import SECONDS, failures

if TYPE_CHECKING:
    import pandas as pd

    from archwright.spaces.base import Space

__all__ = ["OVERALL", "Ranking", "left_out", "ranking_of"]

#: What the rank by all proxies together is called.
OVERALL = "overall"

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Ranking:
    """Architectures with the scores of several proxies.

    Args:
        space: Where they come from.
        archs: The N architectures that were scored.
        proxies: Names of the P proxies that gave any score.
        directions: Of each proxy: 1 where higher is better, -1 where lower is.
        values: Scores [N, P] with each proxy's own sign; NaN where there is none.
        seconds: What each score took [N, P]; NaN where there is none.
        build_s: What making the networks took [N]; NaN where it failed.
        errors: Of each architecture, why it lacks scores; empty where it lacks none.
        left_out: Proxies that gave no score at all, and why.
        wanted: Architectures that were to be scored; more than N after an interruption.
    """

    space: Space
    archs: tuple[Arch, ...]
    proxies: tuple[str, ...]
    directions: tuple[int, ...]
    values: Floats
    seconds: Floats
    build_s: Floats
    errors: tuple[str, ...]
    left_out: Mapping[str, str] = field(default_factory=dict)
    wanted: int = 0

    def __len__(self) -> int:
        return len(self.archs)

    @cached_property
    def ranks(self) -> Floats:
        """Rank of each architecture by each proxy [N, P]: 1 is the best, equals share the mean, failures the last."""
        columns = [ranks(self.values[:, k], higher_is_better=way > 0) for k, way in enumerate(self.directions)]
        return np.stack(columns, axis=1) if columns else np.empty((len(self), 0))

    @cached_property
    def overall(self) -> Floats:
        """Mean rank over all proxies [N]; lower is better."""
        return self.ranks.mean(axis=1) if self.proxies else np.full(len(self), np.nan)

    def order(self, by: str = OVERALL) -> npt.NDArray[np.int64]:
        """Return the places of the architectures, best first, equal ones as they were scored.

        Args:
            by: A proxy, or `"overall"`.

        Raises:
            ProxyError: if no such proxy gave scores.
        """
        if by == OVERALL:
            return np.argsort(self.overall, kind="stable")
        if by not in self.proxies:
            why = f": {self.left_out[by]}" if by in self.left_out else f". {suggestion(by, (*self.proxies, OVERALL))}"
            raise ProxyError(f"there are no ranks by {by!r}{why}")
        return np.argsort(self.ranks[:, self.proxies.index(by)], kind="stable")

    def top(self, n: int, by: str = OVERALL) -> list[Arch]:
        """Return the `n` best architectures, best first.

        Raises:
            ProxyError: if no such proxy gave scores.
        """
        return [self.archs[place] for place in self.order(by)[:n]]

    def frame(self) -> pd.DataFrame:
        """Return a row per architecture, best first.

        Columns: `arch` as the space's community writes it, `overall` (mean rank), a column of values per proxy,
        `rank:NAME`, `seconds:NAME`, `seconds:build`, and `error`.
        """
        import pandas as pd

        order = self.order()
        columns: dict[str, Any] = {"arch": [self.space.text(self.archs[place]) for place in order]}
        columns[OVERALL] = self.overall[order]
        columns |= {name: self.values[order, k] for k, name in enumerate(self.proxies)}
        columns |= {f"rank:{name}": self.ranks[order, k] for k, name in enumerate(self.proxies)}
        columns |= {f"{SECONDS}{name}": self.seconds[order, k] for k, name in enumerate(self.proxies)}
        columns[f"{SECONDS}build"] = self.build_s[order]
        columns["error"] = [self.errors[place] for place in order]
        return pd.DataFrame(columns)

    def write(self, folder: Path) -> tuple[Path, Path]:
        """Write `scores.csv` and `scores.parquet`; return their paths.

        Raises:
            RunError: if one cannot be written (exit code 1).
        """
        frame = self.frame()
        csv, parquet = folder / "scores.csv", folder / "scores.parquet"
        with replacing(csv) as beside:
            frame.to_csv(beside, index=False)
        with replacing(parquet) as beside:
            frame.to_parquet(beside, index=False)
        return csv, parquet


def left_out(trials: Sequence[Trial], proxies: Sequence[str]) -> dict[str, str]:
    """Return the proxies that gave no score in any trial, each with the reason that came most often."""
    found = {}
    for name in proxies:
        if any(name in trial.result.measures for trial in trials):
            continue
        why = Counter(_reason(trial.result, name) for trial in trials)
        why.pop("", None)
        found[name] = why.most_common(1)[0][0] if why else "it was not tried"
    return found


def ranking_of(
    trials: Sequence[Trial],
    archs: Sequence[Arch],
    space: Space,
    proxies: Sequence[str],
    directions: Mapping[str, int],
) -> Ranking:
    """Return the ranking that finished trials make, in the order of `archs`; the last of several of one counts."""
    found = {trial.proposal.arch: trial for trial in trials}
    scored = tuple(arch for arch in archs if arch in found)
    kept = [found[arch] for arch in scored]
    missing = left_out(kept, proxies)
    names = tuple(name for name in proxies if name not in missing)
    return Ranking(
        space,
        scored,
        names,
        tuple(directions[name] for name in names),
        _column(kept, names),
        _column(kept, [f"{SECONDS}{name}" for name in names]),
        _column(kept, [f"{SECONDS}build"])[:, 0],
        tuple(_error(trial.result, missing) for trial in kept),
        missing,
        len(archs),
    )


def _column(trials: Sequence[Trial], names: Sequence[str]) -> Floats:
    rows = [[trial.result.measures.get(name, np.nan) for name in names] for trial in trials]
    return np.array(rows, dtype=np.float64).reshape(len(trials), len(names))


def _reason(result: Result, name: str) -> str:
    """Return why a proxy failed: its own reason, or that of the whole evaluation; empty where nothing is said."""
    return failures(result).get(name, "" if result.measures else result.error)


def _error(result: Result, missing: Mapping[str, str]) -> str:
    """Return what is wrong with one evaluation, without what is said of proxies that are left out for all."""
    if not result.measures:
        return " ".join(result.error.split())
    return "; ".join(f"{name}: {reason}" for name, reason in failures(result).items() if name not in missing)
