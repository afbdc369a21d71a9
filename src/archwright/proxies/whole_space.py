"""ExpressFlow of every architecture of a width space at once, in NumPy, from one shared draw of weights."""

# Legend: h widths, L layers, n the largest width, C = 1 + probes columns, P prefixes (w_1 ... w_{l-1}).

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from archwright.core.errors import ProxyError, SpaceError
from archwright.core.rng import derive

if TYPE_CHECKING:
    from archwright.core.arch import Arch
    from archwright.spaces.tabular_mlp import TabularMlp

__all__ = ["LIMIT", "REFERENCE_EPS", "ROWS", "WholeSpace", "check_size"]

#: Architectures that are scored exactly; beyond, sample. 5e6 scores are 40 MB and, at widths to 512, a second.
LIMIT = 5_000_000
#: Multiply-adds of a whole space, about three seconds of one core: few widths and many layers cost more per score.
WORK_LIMIT = 10**12
#: Rows B of the all-ones batch. Source: ATLAS, App. D.1 (Table 7). Scales every score alike.
ROWS = 4
#: Source: the released code. Keeps the normalised weights finite; only with `reference=True`.
REFERENCE_EPS = 1e-6
#: Prefixes are gathered until there are this many: enough for full speed (measured 20 to 400), a few MB of state.
GATHER = 32
#: Columns of the first layer's weights that are drawn at once, so that 100,000 inputs need no large matrix.
DRAW_COLUMNS = 4096

Array = npt.NDArray[np.floating]


def check_size(space: TabularMlp) -> None:
    """Refuse a space too large to be scored whole.

    Raises:
        SpaceError: if the space has more than `LIMIT` architectures.
    """
    if space.size() > LIMIT:
        raise SpaceError(
            f"a space scored whole must have at most {LIMIT:,} architectures, but {space.name} has "
            f"{space.size():,}; use explore='sampled'"
        )


class WholeSpace:
    """ExpressFlow scores of all widths^layers architectures; higher is better.

    With positive weights, zero biases and an all-ones input no ReLU clips, so the network is linear and
    - every layer's neuron saliency sums to B x F, with F the sum of the outputs (Euler): no backward pass;
    - the trajectory length of a layer is the norm of its Jacobian times the probes: more columns of the same pass;
    - if all architectures take the top left corners of the same matrices, scaled to their own He bound, the
      state after layer l depends on (w_1 ... w_{l-1}) only, and w_l merely selects its first rows.
    So the states form a tree, walked depth first; each matrix is added one block of columns at a time.
    Peak memory is a few MB beside the scores. 160,000 architectures take about 40 ms on one core.

    Args:
        space: Width space.
        d: Inputs of the first dense layer (fields x embedding width).
        n_outputs: Outputs of the head. Scales every score about alike.
        seed: Seed of the weights and probes; equal seeds give equal scores.
        probes: Gaussian directions of the trajectory length. The same ones for all architectures.
        reference: The released code's weights, normalised over the layers, instead of eq. 1.
        draws: Independent draws; scores are their geometric means.
        dtype: `float32` or `float64`. Deep wide spaces, which would overflow, use `float64` anyway.

    Raises:
        ProxyError: if a number is below one.

    Source: ATLAS, eq. 1 and 13, App. D.1, G.4. Differs: one draw shared by all architectures, which removes
    most of the noise between them; see `expressflow` for the reading of the trajectory length.

    Example:
        >>> from archwright.spaces.tabular_mlp import TabularMlp
        >>> space = TabularMlp((8, 16, 32), layers=2)
        >>> [space.widths_of(arch) for arch in WholeSpace(space, 10, seed=0).top(2)]
        [(32, 32), (32, 16)]
    """

    def __init__(
        self,
        space: TabularMlp,
        d: int,
        *,
        n_outputs: int = 1,
        seed: int,
        probes: int = 4,
        reference: bool = False,
        draws: int = 1,
        dtype: npt.DTypeLike = np.float32,
    ) -> None:
        counts = {"d": d, "n_outputs": n_outputs, "probes": probes, "draws": draws}
        for name, count in counts.items():
            if count < 1:
                raise ProxyError(f"{name} must be at least 1, but {count} was given")
        self.space, self.d, self.n_outputs, self.seed = space, d, n_outputs, seed
        self.probes, self.reference = probes, reference
        wide = _overflows(space, d=d, probes=probes)
        self.dtype = np.dtype(np.float64 if wide else dtype)
        self._draws = [self._draw(index) for index in range(draws)]
        self._scores: npt.NDArray[np.float64] | None = None

    def scores(self) -> npt.NDArray[np.float64]:
        """Return the score of every architecture [space.size()], in the order of `space.index`. Read-only; kept.

        Raises:
            SpaceError: if the space has more than `LIMIT` architectures, or is too deep and wide for `WORK_LIMIT`.
        """
        if self._scores is None:
            self._check_work()
            logs = sum(np.log(draw.walk(reference=self.reference)) for draw in self._draws[1:])
            scores = self._draws[0].walk(reference=self.reference)
            if len(self._draws) > 1:
                scores = np.exp((np.log(scores) + logs) / len(self._draws))
            scores.setflags(write=False)
            self._scores = scores
        return self._scores

    def score(self, arch: Arch) -> float:
        """Return one architecture's score, the same as in `scores()` up to rounding. Works in spaces of any size.

        Costs 0.05 ms at 4 x 128 and 0.3 ms at 4 x 512.

        Raises:
            ArchError: if the space does not contain `arch`.
        """
        widths = self.space.widths_of(arch)
        logs = [math.log(draw.one(widths, reference=self.reference)) for draw in self._draws]
        return math.exp(sum(logs) / len(logs))

    def top(self, k: int, *, mask: npt.NDArray[np.bool_] | None = None) -> list[Arch]:
        """Return the `k` best architectures (fewer if there are fewer), best first, equal ones by index.

        Args:
            k: How many.
            mask: Which may be chosen [space.size()]; all by default.

        Raises:
            SpaceError: as `scores`.
        """
        scores = self.scores()
        allowed = np.arange(scores.size) if mask is None else np.flatnonzero(mask)
        if 0 < k < allowed.size:
            least = np.partition(scores[allowed], -k)[-k]
            allowed = allowed[scores[allowed] >= least]
        # lexsort: the last key leads; the index decides among equals.
        order = np.lexsort((allowed, -scores[allowed]))[:k]
        return [self.space.at(int(index)) for index in allowed[order]]

    def weights(self, arch: Arch, *, draw: int = 0) -> list[Array]:
        """Return the weights [out, in] that `arch` is scored with, the head last, scaled to their He bounds.

        Raises:
            ArchError: if the space does not contain `arch`.
        """
        widths = self.space.widths_of(arch)
        return self._draws[draw].slices(self._first(draw)[: widths[0]], widths)

    def directions(self, *, draw: int = 0) -> Array:
        """Return the probe directions [probes, d] in the space of the first dense layer's input."""
        return derive(self.seed, "expressflow", draw, "probes").standard_normal((self.probes, self.d))

    def _check_work(self) -> None:
        check_size(self.space)
        prefixes = self.space.size() // len(self.space.widths)
        work = prefixes * self.space.widths[-1] ** 2 * (1 + self.probes) * len(self._draws)
        if work > WORK_LIMIT and self.space.layers > 1:
            raise SpaceError(
                f"a space scored whole must take at most {WORK_LIMIT:.0e} multiply-adds, but {self.space.name} with "
                f"{self.space.layers} layers up to {self.space.widths[-1]} wide takes {work:.0e}; use explore='sampled'"
            )

    def _draw(self, index: int) -> _Draw:
        widths, layers = self.space.widths, self.space.layers
        n = widths[-1]
        inputs = np.concatenate([np.ones((self.d, 1)), self.directions(draw=index).T], axis=1)
        state = np.zeros((n, inputs.shape[1]))
        rng = derive(self.seed, "expressflow", index, "first")
        for start in range(0, self.d, DRAW_COLUMNS):
            block = inputs[start : start + DRAW_COLUMNS]
            state += rng.random((n, len(block)), dtype=np.float32) @ block
        rng = derive(self.seed, "expressflow", index, "rest")
        hidden = [rng.random((n, n), dtype=np.float32).astype(self.dtype, copy=False) for _ in range(layers - 1)]
        head = rng.random((self.n_outputs, n), dtype=np.float32).astype(self.dtype, copy=False)
        return _Draw(widths, layers, (state * _he(self.d)).astype(self.dtype), hidden, head)

    def _first(self, draw: int) -> Array:
        rng = derive(self.seed, "expressflow", draw, "first")
        sizes = [min(DRAW_COLUMNS, self.d - start) for start in range(0, self.d, DRAW_COLUMNS)]
        blocks = [rng.random((self.space.widths[-1], size), dtype=np.float32) for size in sizes]
        return (np.concatenate(blocks, axis=1).astype(np.float64) * _he(self.d)).astype(self.dtype)


class _Draw:
    """One draw of shared matrices, entries uniform in [0, 1): the He bound is applied per slice.

    Args:
        widths: Sorted widths.
        layers: L.
        state: State after the first layer [n, C]: the all-ones input's column, then the probes'.
        hidden: Matrices [n, n] of layers 2 ... L.
        head: Matrix [n_outputs, n].
    """

    def __init__(self, widths: tuple[int, ...], layers: int, state: Array, hidden: list[Array], head: Array) -> None:
        self.layers, self.state, self.hidden, self.head = layers, state, hidden, head
        dtype = state.dtype
        self.k = np.array(widths, dtype)[:, None]
        self.edges = (0, *widths)
        self.he = [_he(width) for width in widths]
        self.prefix = (np.arange(widths[-1])[None] < np.array(widths)[:, None]).astype(dtype)
        self.out = self.prefix * head.sum(0) * np.array(self.he, dtype)[:, None]

    def walk(self, *, reference: bool) -> npt.NDArray[np.float64]:
        """Return the scores of the whole space, flat, the first layer's width most significant."""
        h = len(self.he)
        scores = np.empty((1,) + (h,) * self.layers)
        zero = np.zeros(1, self.state.dtype)
        self._descend(
            1, np.ascontiguousarray(self.state.T)[:, :, None], zero, zero, scores, scale=1.0, reference=reference
        )
        return scores.reshape(-1)

    def _descend(
        self, level: int, T: Array, num: Array, den: Array, scores: Array, *, scale: float, reference: bool
    ) -> None:
        """Fill `scores` [P, h, ..., h] from the state scale * T [C, n, P] after `level` layers.

        `num` and `den` [P] are the sums of K / length and of 1 / length over the layers above.
        """
        squares = T[1] * T[1]
        for column in T[2:]:
            squares += column * column
        lengths = np.sqrt(self.prefix @ squares) * T.dtype.type(scale)  # [h, P]
        inverse = 1 / (lengths + T.dtype.type(REFERENCE_EPS if reference else 0.0))
        num, den = num + self.k * inverse, den + inverse
        if level == self.layers:
            total = (self.out @ T[0]) * T.dtype.type(ROWS * scale)
            scores[...] = (total * (num / den if reference else num)).T
        elif T.shape[2] < GATHER and level + 1 < self.layers:
            self._gathered(level, T, num, den, scores, reference=reference)
        else:
            self._one_by_one(level, T, num, den, scores, reference=reference)

    def _gathered(self, level: int, T: Array, num: Array, den: Array, scores: Array, *, reference: bool) -> None:
        """Go on with all widths of this layer side by side: P * h prefixes. `scores` is contiguous here."""
        C, n, P = T.shape
        h = len(self.he)
        children = np.empty((C, n, P, h), T.dtype)
        for k, child in enumerate(self._partial_sums(level, T)):
            np.multiply(child, T.dtype.type(self.he[k]), out=children[..., k])
        num, den = num.T.reshape(-1), den.T.reshape(-1)
        below = scores.reshape((P * h, *scores.shape[2:]))
        self._descend(level + 1, children.reshape(C, n, P * h), num, den, below, scale=1.0, reference=reference)

    def _one_by_one(self, level: int, T: Array, num: Array, den: Array, scores: Array, *, reference: bool) -> None:
        """Go on with one width of this layer after the other; a leaf's state is scaled afterwards, as one number."""
        leaf = level + 1 == self.layers
        for k, child in enumerate(self._partial_sums(level, T)):
            scale = self.he[k] if leaf else 1.0
            state = child if leaf else child * T.dtype.type(self.he[k])
            self._descend(level + 1, state, num[k], den[k], scores[:, k], scale=scale, reference=reference)

    def _partial_sums(self, level: int, T: Array) -> Iterator[Array]:
        """Yield W[:, :w] @ T[:, :w] [C, n, P] for each width w, in one buffer that grows by a block of columns."""
        W, total, block = self.hidden[level - 1], np.zeros_like(T), np.empty_like(T)
        for a, b in pairwise(self.edges):
            np.matmul(W[:, a:b], T[:, a:b], out=block)
            total += block
            yield total

    def one(self, widths: tuple[int, ...], *, reference: bool) -> float:
        """Return the score of one architecture."""
        T = self.state[: widths[0]]
        states = [T]
        for W, fan_in, width in zip(self.hidden, widths, widths[1:], strict=False):
            T = (W[:width, :fan_in] @ T) * T.dtype.type(_he(fan_in))
            states.append(T)
        eps = REFERENCE_EPS if reference else 0.0
        inverse = [1 / (math.sqrt(float(np.vdot(T[:, 1:], T[:, 1:]))) + eps) for T in states]
        weight = sum(k * i for k, i in zip(widths, inverse, strict=True)) / (sum(inverse) if reference else 1.0)
        total = float((self.head[:, : widths[-1]] @ T[:, 0]).sum()) * _he(widths[-1])
        return ROWS * total * weight

    def slices(self, first: Array, widths: tuple[int, ...]) -> list[Array]:
        """Return one architecture's matrices, given those of the first layer."""
        sizes = pairwise(widths)
        inner = [W[:out, :fan] * _he(fan) for W, (fan, out) in zip(self.hidden, sizes, strict=True)]
        return [first, *inner, self.head[:, : widths[-1]] * _he(widths[-1])]


def _he(fan_in: int) -> float:
    """Bound of the uniform He initialisation, He et al. 2015, eq. 10."""
    return math.sqrt(6 / fan_in)


def _overflows(space: TabularMlp, *, d: int, probes: int) -> bool:
    """Whether squared lengths could pass float32's 3e38: |W| has mean sqrt(1.5 / fan_in), so a layer grows by that."""
    n: int = space.widths[-1]
    last = n * n * probes * 1e4  # the leaf is squared before it is scaled, and one probe may be long
    return math.log10(1.5 * d) + space.layers * math.log10(1.5 * n) + math.log10(last) > 37
