"""Who may speak in the committee: the best networks of a run, each with its outputs on the validation rows."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from archwright.nets.committee import Committee, Net
from archwright.train.offers import Offer

__all__ = ["Choice", "Seats"]

#: Bytes that the members' weights and outputs may have together; a large table of categories, or many classes, leave
#: room for fewer.
MOST_BYTES = 256 * 2**20


@dataclass(frozen=True)
class Choice:
    """The members that answer best together, the best alone first, and their validation score."""

    members: tuple[Offer, ...]
    score: float

    def net(self) -> Net:
        """Return the network that they are."""
        nets = [member.net for member in self.members]
        return nets[0] if len(nets) == 1 else Committee(nets)


class Seats:
    """Keeps the best networks, one per architecture, and finds how many of them are best together.

    Args:
        most: Most members.
        score: Validation score of logits [B, n_outputs], higher is better; NaN where it is not defined.
    """

    def __init__(self, most: int, score: Callable[[npt.NDArray[np.float32]], float]) -> None:
        self._most, self._score = most, score
        self._taken: dict[str, Offer] = {}
        self._is_full = False

    @property
    def lowest(self) -> float:
        """The score that a network must beat to be seated; minus infinity while a seat is free."""
        return min(offer.score for offer in self._taken.values()) if self._is_full else -math.inf

    def take(self, offer: Offer) -> bool:
        """Seat `offer` if it is among the best; return whether it is."""
        before = self._taken.get(offer.arch)
        if before is not None and before.score >= offer.score:
            return False
        self._taken[offer.arch] = offer
        # Among equals the name decides, not who came first.
        ranked = sorted(self._taken.values(), key=lambda each: (-each.score, each.arch))
        kept: list[Offer] = []
        size = 0
        for each in ranked[: self._most]:
            size += each.logits.nbytes + sum(array.nbytes for array in each.net.arrays.values())
            if kept and size > MOST_BYTES:
                break
            kept.append(each)
        self._is_full = len(kept) == self._most or len(kept) < len(ranked)
        self._taken = {each.arch: each for each in kept}
        return offer.arch in self._taken

    def best(self) -> Choice | None:
        """Return the best one alone; None if nobody is seated."""
        first = next(iter(self._taken.values()), None)
        return None if first is None else Choice((first,), first.score)

    def together(self) -> Choice | None:
        """Return the n best ones that answer best together, n being the fewest that do.

        Only n is chosen by the validation rows, not who: of a few numbers the best is hardly better by chance,
        as it would be among all subsets.
        """
        best, total = self.best(), None
        for n, offer in enumerate(self._taken.values(), start=1):
            total = offer.logits.astype(np.float32) if total is None else total + offer.logits
            if best is None or n == 1:
                continue
            score = self._score(total / np.float32(n))
            if score > best.score:
                best = Choice(tuple(self._taken.values())[:n], score)
        return best
