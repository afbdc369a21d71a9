"""What a user may decide about a ranking, and the folder that keeps one."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from archwright.coordinate.kept import read_record
from archwright.core.catalog import names, require_known
from archwright.core.errors import RunError
from archwright.core.files import write_atomically

if TYPE_CHECKING:
    from archwright.nets.initialise import Scheme

__all__ = ["RankFolder", "RankOptions", "as_settings", "default_folder", "proxy_names"]

FORMAT = 1


@dataclass(frozen=True, slots=True)
class RankOptions:
    """How architectures are scored.

    Args:
        proxies: Names of the catalogue.
        sample: Architectures to score; None scores all of the space.
        batch: Images or rows of a batch.
        balanced: Draw equally many of each class.
        repeats: Networks and batches per architecture; scores are means over them.
        size: Sizes of the networks by name, `(("channels", 16), ("cells", 5))`; empty takes the space's full networks.
        init: How parameters are drawn.
        seed: Of everything random.
        weights: Whether the networks share one draw of weights.

    Raises:
        RunError: if a number is below one, or no proxy is named.
        UnknownNameError: if there is no such proxy.
    """

    proxies: tuple[str, ...]
    sample: int | None = 1000
    batch: int = 64
    balanced: bool = False
    repeats: int = 1
    size: tuple[tuple[str, int | float | bool], ...] = ()
    init: Scheme = "torch"
    seed: int = 0
    weights: Literal["shared", "own"] = "own"

    def __post_init__(self) -> None:
        for name in ("sample", "batch", "repeats"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise RunError(f"a ranking needs a {name} of one or more, but {value} was given")
        if not self.proxies:
            raise RunError("a ranking needs a proxy or more, but none was named")
        require_known("proxy", self.proxies)


def proxy_names(given: str | Sequence[str]) -> tuple[str, ...]:
    """Return the proxies that `"all"`, `"a,b"` or a sequence of names means, each once."""
    if isinstance(given, str):
        if given.strip() == "all":
            return names("proxy")
        given = [part.strip() for part in given.split(",") if part.strip()]
    return tuple(dict.fromkeys(given))


def default_folder(space: str) -> Path:
    """Return `archwright-runs/rank-SPACE-DATE-TIME`."""
    name = re.sub(r"[^A-Za-z0-9_.-]+", "-", Path(space).stem).strip("-.") or "space"
    return Path("archwright-runs") / f"rank-{name}-{datetime.now():%Y%m%d-%H%M%S}"


@dataclass(frozen=True, slots=True)
class RankFolder:
    """The files of a ranking.

    `ranking.json` says what it is, `inputs.npz` holds what the networks see and which architectures are scored,
    `study.db` the scores as they come; `scores.csv`, `scores.parquet` and `ranking.html` are made at the end.
    """

    path: Path

    @property
    def record(self) -> Path:
        """Settings, data and state."""
        return self.path / "ranking.json"

    @property
    def inputs(self) -> Path:
        """Batches and architectures."""
        return self.path / "inputs.npz"

    @property
    def study(self) -> Path:
        """The store."""
        return self.path / "study.db"

    @property
    def page(self) -> Path:
        """The report."""
        return self.path / "ranking.html"

    @property
    def lock(self) -> Path:
        """Held by the process that scores."""
        return self.path / ".lock"

    def exists(self) -> bool:
        """Return whether the folder holds a ranking."""
        return self.record.exists() and self.inputs.exists()

    def load(self) -> dict[str, Any]:
        """Return the record.

        Raises:
            RunError: if there is none, or it is damaged.
        """
        missing = f"{self.path} must be the folder of `archwright rank`, but holds no ranking"
        said = read_record(self.record, dict, format=FORMAT, missing=missing)
        # Before there was a choice each network had its own.
        said.get("settings", {}).setdefault("weights", "own")
        return said

    def save(self, record: Mapping[str, Any]) -> None:
        """Write the record in one step.

        Raises:
            RunError: if it cannot be written (exit code 1).
        """
        write_atomically(self.record, json.dumps({"format": FORMAT, **record}, indent=1).encode())

    def forget_scores(self) -> None:
        """Remove the store: where no proxy gave a score there is nothing to go on with."""
        for path in (self.study, *self.path.glob(f"{self.study.name}-*")):
            path.unlink(missing_ok=True)

    def require_same(self, settings: Mapping[str, Any]) -> dict[str, Any]:
        """Return the record of the ranking that is here, which must have these settings.

        Raises:
            RunError: if it has others; the message names the first.
        """
        said = self.load()
        before = said["settings"]
        for key, value in json.loads(json.dumps(settings)).items():
            if before.get(key) != value:
                raise RunError(
                    f"{self.path} holds a ranking with another {key} ({_short(before.get(key))}, now {_short(value)}); "
                    "continue it with its own settings, or choose another folder with --out"
                )
        return said

    def require_free(self) -> None:
        """Refuse a folder that holds something else.

        Raises:
            RunError: if it is a file, or holds other files.
        """
        if self.path.exists() and not self.path.is_dir():
            raise RunError(f"a ranking needs a folder, but {self.path} is a file: choose another with --out")
        ours = {self.lock, self.inputs, self.study, self.record}
        if self.path.exists() and any(path not in ours for path in self.path.iterdir()):
            raise RunError(f"a new ranking needs a new or empty folder, but {self.path} holds other files")


def as_settings(options: RankOptions) -> dict[str, Any]:
    """Return the options as JSON values."""
    said = asdict(options)
    said["size"] = dict(options.size)
    return said


def _short(value: object) -> str:
    words = json.dumps(value)
    return words if len(words) <= 60 else f"{words[:57]}..."
