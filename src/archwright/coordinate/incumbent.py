"""The best network so far: in memory, in the record, and on disk, always the same one."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable

import numpy as np

from archwright.coordinate.record import RunFolder, RunRecord
from archwright.core.errors import RunError
from archwright.data.metrics import score, value_of
from archwright.data.task import Task
from archwright.nets.frozen import FrozenNet
from archwright.nets.inputs import Inputs
from archwright.nets.link import predictions
from archwright.nets.model import Model
from archwright.nets.recipe import Recipe
from archwright.train.offers import Offer, offered, read_offer, write_known_score

__all__ = ["Incumbent"]

logger = logging.getLogger(__name__)


class Incumbent:
    """Keeps the best network that was validated, and replaces it only by a better one.

    `model.safetensors` is replaced in one step, so a reader finds the old network or the new one.

    Args:
        folder: The run's folder; offers are taken from its `offers`.
        record: Gets a line per incumbent.
        task: Gives schema and metric.
        recipe: Training settings, kept in the model file.
        now: Seconds on the run's clock.
    """

    def __init__(
        self,
        folder: RunFolder,
        record: RunRecord,
        *,
        task: Task,
        recipe: Recipe,
        now: Callable[[], float],
    ) -> None:
        self._folder, self._record, self._task = folder, record, task
        self._recipe, self._now = recipe, now
        self.score = -math.inf
        self.net: FrozenNet | None = None

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
            self.net, self.score = kept.net, float(kept.info["score"])
            write_known_score(self._folder.offers, self.score)
            return self._now() - began_s
        net = FrozenNet.constant(_constant_logits(self._task), inputs)
        self._accept(Offer(net, "", self._validated(net), 0.0), what="constant")
        return self._now() - began_s

    def poll(self) -> bool:
        """Take the best network that workers have offered; True if it is better than the incumbent.

        Raises:
            RunError: if the folder cannot be written (exit code 1).
        """
        paths = offered(self._folder.offers)
        taken = False
        for path in paths:
            try:
                offer = read_offer(path)
            except RunError as error:
                logger.warning("an offered network is not used: %s", error)
                continue
            if offer.score > self.score:
                self._accept(offer, what="network")
                taken = True
            break
        for path in paths:
            path.unlink(missing_ok=True)
        return taken

    @property
    def text(self) -> str:
        """The incumbent in words, for the progress line."""
        if not math.isfinite(self.score):
            return ""
        best = self._record.best
        name = "constant" if best is None or not best["widths"] else "-".join(map(str, best["widths"]))
        return f"{self._task.metric} {value_of(self._task.metric, self.score):.4f} ({name})"

    def _validated(self, net: FrozenNet) -> float:
        valid, task = self._task.valid, self._task
        predicted = predictions(task.kind, net.forward(valid.num, valid.cat))
        scale = net.inputs.target_std
        value = score(task.metric, valid.y, predicted, valid.weight, scale=scale)
        # A metric that is not defined on these rows (one class only) must not stop the run.
        return value if math.isfinite(value) else -math.inf

    def _kept(self) -> Model | None:
        """Return the model of earlier sessions; None if there is none, or it cannot be read."""
        if not self._folder.model.exists():
            return None
        try:
            return Model.load(self._folder.model)
        except RunError as error:
            self._record.warnings.append(f"the model file was damaged and is made anew: {error}")
            return None

    def _accept(self, offer: Offer, *, what: str) -> None:
        widths = list(offer.net.widths)
        info = {"score": offer.score, "metric": self._task.metric, "epochs": offer.epochs, "what": what}
        try:
            Model(offer.net, self._task.schema, offer.arch or None, self._recipe, info).save(self._folder.model)
        except RunError as error:
            raise RunError.of_system(str(error)) from None
        self.score, self.net = offer.score, offer.net
        write_known_score(self._folder.offers, offer.score)
        if math.isfinite(offer.score):
            # Else the metric is not defined on the validation rows, and JSON has no number for that.
            self._record.incumbents.append(
                {
                    "at_s": round(self._now(), 3),
                    "score": offer.score,
                    "metric_value": value_of(self._task.metric, offer.score),
                    "arch": offer.arch,
                    "widths": widths,
                    "epochs": offer.epochs,
                    "params": offer.net.n_params,
                    "what": what,
                }
            )
        self._folder.save(self._record)


def _constant_logits(task: Task) -> list[float]:
    """Return the outputs of the best constant network: the training rows' rate, shares or mean."""
    constant = np.clip(np.atleast_1d(task.constant()), 1e-6, None)
    if task.kind == "binary":
        rate = float(min(constant[0], 1 - 1e-6))
        return [math.log(rate / (1 - rate))]
    if task.kind == "classes":
        return [math.log(share) for share in constant]
    return [0.0]
