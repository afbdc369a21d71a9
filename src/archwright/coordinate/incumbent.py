"""The best network so far: in memory, in the record, and on disk, always the same one."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from archwright.coordinate.record import RunFolder, RunRecord, named
from archwright.coordinate.seats import Choice, Seats
from archwright.core.arch import Arch
from archwright.core.errors import RunError
from archwright.data.metrics import ranking_score, value_of
from archwright.data.task import Task
from archwright.nets.committee import Net
from archwright.nets.frozen import FrozenNet
from archwright.nets.inputs import Inputs
from archwright.nets.link import predictions
from archwright.nets.model import Model
from archwright.nets.recipe import Recipe
from archwright.train.offers import (
    Known,
    Offer,
    checkpoint_path,
    offered,
    read_checkpoint,
    read_offer,
    write_known,
)

__all__ = ["Incumbent"]

logger = logging.getLogger(__name__)


class Incumbent:
    """Keeps the best network that was validated, and replaces it only by a better one.

    That network is one that a worker offered, or several of them that answer together (`Seats`). `model.safetensors`
    is replaced in one step, so a reader finds the old network or the new one.

    Args:
        folder: The run's folder; offers are taken from its `offers`.
        record: Gets a line per incumbent.
        task: Gives schema and metric.
        recipe: Training settings, kept in the model file.
        now: Seconds on the run's clock.
        members: Most networks that may answer together.
        eager: Whether `poll` also looks who is better together. Who is seated at some moment depends on the clock;
            without it, the result depends only on who is seated when `combine` is called.
    """

    def __init__(
        self,
        folder: RunFolder,
        record: RunRecord,
        *,
        task: Task,
        recipe: Recipe,
        now: Callable[[], float],
        members: int = 1,
        eager: bool = True,
    ) -> None:
        self._folder, self._record, self._task = folder, record, task
        self._recipe, self._now, self._eager = recipe, now, eager
        self._seats = Seats(members, self._score_of)
        self.score = -math.inf
        self.net: Net | None = None
        #: Seconds that the last `poll` or `combine` took which took a network.
        self.took_s = 0.0

    def begin(self, inputs: Inputs) -> float:
        """Start with the constant prediction, or with the network of the sessions before.

        Returns:
            Seconds that it took: about what taking an offered network will take.

        Raises:
            RunError: if the folder cannot be written (exit code 1).
        """
        began_s = self._now()
        kept = self._kept()
        if kept is not None:
            self._go_on(kept, inputs)
            return self._now() - began_s
        if self._record.best is not None:
            # The model file is gone, but not what it was made of.
            self._seat(_archs(self._record.best), inputs)
            if self._take(self._seats.together()):
                return self._now() - began_s
        net = FrozenNet.constant(_constant_logits(self._task), inputs)
        valid = self._task.valid
        logits = net.forward(valid.num, valid.cat)
        score = self._score_of(logits)
        # A metric that is not defined on these rows (one class only) must not stop the run.
        score = score if math.isfinite(score) else -math.inf
        self._accept(Choice((Offer(net, "", score, 0.0, logits),), score), what="constant")
        return self._now() - began_s

    def poll(self) -> bool:
        """Take what workers have offered; True if there is a new incumbent.

        Raises:
            RunError: if the folder cannot be written (exit code 1).
        """
        began_s, changed, best = self._now(), False, None
        paths = offered(self._folder.offers)
        for path in paths:
            try:
                offer = read_offer(path)
            except RunError as error:
                logger.warning("an offered network is not used: %s", error)
                continue
            changed |= self._seats.take(offer)
            best = offer if best is None or offer.score > best.score else best
        for path in paths:
            path.unlink(missing_ok=True)
        if best is None:
            return False
        choice = self._seats.together() if changed and self._eager else None
        taken = self._take(choice) or self._take(Choice((best,), best.score))
        if changed and not taken:
            self._tell_workers()
        if taken:
            self.took_s = self._now() - began_s
        return taken

    def combine(self) -> bool:
        """Take what workers have offered and look who is better together; True if there is a new incumbent.

        Raises:
            RunError: if the folder cannot be written (exit code 1).
        """
        taken = self.poll()
        return self._take(self._seats.together()) or taken

    def hear(self, archs: Iterable[Arch], inputs: Inputs) -> None:
        """Seat further networks of earlier sessions, those that were not good enough to be members then."""
        self._seat(archs, inputs)
        self._tell_workers()

    @property
    def text(self) -> str:
        """The incumbent in words, for the progress line."""
        if not math.isfinite(self.score):
            return ""
        return f"{self._task.metric} {value_of(self._task.metric, self.score):.4f} ({named(self._record.best)})"

    def _score_of(self, logits: npt.NDArray[np.float32]) -> float:
        valid, task = self._task.valid, self._task
        predicted = predictions(task.kind, logits)
        # As the workers score: who is better together is compared with who is better alone.
        return ranking_score(task.metric, valid.y, predicted, valid.weight, scale=task.schema.target.std)

    def _kept(self) -> Model | None:
        """Return the model of earlier sessions; None if there is none, or it cannot be read."""
        if not self._folder.model.exists():
            return None
        try:
            return Model.load(self._folder.model)
        except RunError as error:
            self._record.warnings.append(f"the model file was damaged and is made anew: {error}")
            return None

    def _go_on(self, kept: Model, inputs: Inputs) -> None:
        """Take the model of earlier sessions as it is."""
        self.net, self.score = kept.net, float(kept.info["score"])
        self._seat(_archs(kept.info), inputs)
        self._tell_workers()
        best = self._record.best
        if best is None or best["score"] < self.score:
            # Killed between the two writes, of the model and of the record.
            self._note(kept)
            self._folder.save(self._record)

    def _seat(self, archs: Iterable[Arch], inputs: Inputs) -> None:
        """Seat networks of earlier sessions, with the outputs that their checkpoints hold."""
        for arch in archs:
            path = checkpoint_path(self._folder.checkpoints, arch)
            try:
                offer = read_checkpoint(path, arch=str(arch), inputs=inputs)
            except RunError as error:
                # The very first network has none: it is made to have one at all, and not trained further.
                logger.info("a network of the sessions before stays in the model only: %s", error)
                continue
            if len(offer.logits) == len(self._task.valid.y):
                self._seats.take(offer)

    def _take(self, choice: Choice | None) -> bool:
        """Make `choice` the incumbent if it is better; return whether it is."""
        if choice is None or not choice.score > self.score:
            return False
        self._accept(choice, what="network" if len(choice.members) == 1 else "committee")
        return True

    def _accept(self, choice: Choice, *, what: str) -> None:
        first, net = choice.members[0], choice.net()
        members = [_line(member) for member in choice.members if member.arch]
        info = {"score": choice.score, "metric": self._task.metric, "epochs": first.epochs, "what": what}
        try:
            model = Model(net, self._task.schema, first.arch or None, self._recipe, info | {"members": members})
            model.save(self._folder.model)
        except RunError as error:
            raise RunError.of_system(str(error)) from None
        self.score, self.net = choice.score, net
        self._tell_workers()
        self._note(model)
        self._folder.save(self._record)

    def _note(self, model: Model) -> None:
        """Add a line to the record's incumbents."""
        info, net = model.info, model.net
        if not math.isfinite(info["score"]):
            # The metric is not defined on the validation rows, and JSON has no number for that.
            return
        self._record.incumbents.append(
            {
                "at_s": round(self._now(), 3),
                "score": info["score"],
                "metric_value": value_of(self._task.metric, info["score"]),
                "arch": model.arch or "",
                "widths": list(net.widths),
                "epochs": info["epochs"],
                "params": net.n_params,
                "what": info["what"],
                "members": info["members"],
            }
        )

    def _tell_workers(self) -> None:
        write_known(self._folder.offers, Known(self.score, self._seats.lowest))


def _archs(best: Mapping[str, Any]) -> list[Arch]:
    return [Arch.parse(str(member["arch"])) for member in best.get("members", ())]


def _line(member: Offer) -> dict[str, Any]:
    widths = list(member.net.widths)
    return {"arch": member.arch, "widths": widths, "score": member.score, "epochs": member.epochs}


def _constant_logits(task: Task) -> list[float]:
    """Return the outputs of the best constant network: the training rows' rate, shares or mean."""
    constant = np.clip(np.atleast_1d(task.constant()), 1e-6, None)
    if task.kind == "binary":
        rate = float(min(constant[0], 1 - 1e-6))
        return [math.log(rate / (1 - rate))]
    if task.kind == "classes":
        return [math.log(share) for share in constant]
    return [0.0]
