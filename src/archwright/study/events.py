"""What a study records, in order."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from archwright.core.trial import Proposal, Trial

__all__ = ["Event", "Mark", "Proposed"]


@dataclass(frozen=True, slots=True)
class Proposed:
    """One answer of a searcher: (trial id, proposal) pairs. Recorded as one, since half of one breaks resuming."""

    items: tuple[tuple[int, Proposal], ...]


@dataclass(frozen=True, slots=True)
class Mark:
    """A small remark beside the trials (an incumbent, a phase): `data` is JSON, `at_s` seconds since the run began."""

    kind: str
    at_s: float
    data: Mapping[str, Any] = field(default_factory=dict)


Event = Proposed | Trial
