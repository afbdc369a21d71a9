"""Papers as recipes: the parts, with the numbers that the paper used.

Each recipe takes a space and gives a searcher. `build` takes the name of a recipe or of a searcher.
"""

from __future__ import annotations

from collections.abc import Callable

from archwright.core.arch import Arch
from archwright.core.catalog import CATALOGUE, suggestion
from archwright.core.errors import UnknownNameError
from archwright.core.protocols import Searcher
from archwright.core.rng import derive
from archwright.search.bohb import Bohb, Tpe
from archwright.search.constrained import Limits
from archwright.search.evolution import Evolution
from archwright.search.explore import ProxyMoves, Score, explore, with_noise
from archwright.search.halving import Halving, Rung, halving
from archwright.search.hyperband import Hyperband
from archwright.search.in_order import InOrder, WarmStart
from archwright.search.local import LocalSearch
from archwright.search.nsga2 import Nsga2
from archwright.search.random import RandomSearch
from archwright.search.reinforce import Reinforce
from archwright.spaces.base import Space

__all__ = [
    "RECIPES",
    "atlas",
    "bohb",
    "bohb_nasbench",
    "build",
    "filter_and_train",
    "first_improvement",
    "hyperband",
    "hyperband_lce",
    "local_search",
    "move_proposal",
    "non_ageing_evolution",
    "nsga2",
    "random_search",
    "regularized_evolution",
    "reinforce",
    "reinforce_slow",
    "reinforce_teg",
    "tabnas",
    "teg_evolution",
    "training_free",
    "warmup",
    "wide_evolution",
]


def random_search(space: Space) -> RandomSearch:
    """Random search, Li and Talwalkar, arXiv:1902.07638: independent draws."""
    return RandomSearch(space)


def regularized_evolution(space: Space) -> Evolution:
    """Regularised evolution with 10 alive, of which 3 are drawn.

    ATLAS (arXiv:2403.10318, section 4.1.2) and NATS-Bench (its commands for the topology space) use these sizes;
    Real et al. (arXiv:1802.01548), for a far larger budget, 100 and 25.
    """
    return Evolution(space, population=10, sample=3)


def wide_evolution(space: Space) -> Evolution:
    """Regularised evolution, Real et al., arXiv:1802.01548, section 4: 100 alive, of which 25 are drawn."""
    return Evolution(space, population=100, sample=25)


def non_ageing_evolution(space: Space) -> Evolution:
    """The comparison of Real et al., arXiv:1802.01548: as `regularized_evolution`, but the worst dies."""
    return Evolution(space, population=10, sample=3, dies="worst")


def teg_evolution(space: Space) -> Evolution:
    """The evolution of TEG-NAS, arXiv:2108.11939, by its code: 256 alive, of which 64 are drawn, none twice."""
    return Evolution(space, population=256, sample=64, replacement=False)


def local_search(space: Space) -> LocalSearch:
    """Local search, White et al., arXiv:2005.02960, algorithm 1: all neighbours, restarts at local optima."""
    return LocalSearch(space)


def first_improvement(space: Space) -> LocalSearch:
    """Local search as in naszilla's `query_full_nbhd=False`: moves to the first neighbour that is better."""
    return LocalSearch(space, move="first")


def reinforce(space: Space) -> Reinforce:
    """REINFORCE as NATS-Bench's commands run it: Adam with learning rate 0.01, EMA baseline with momentum 0.9."""
    return Reinforce(space, lr=0.01)


def reinforce_slow(space: Space) -> Reinforce:
    """REINFORCE as the earlier commands of NAS-Bench-201 run it: as `reinforce`, with learning rate 0.001."""
    return Reinforce(space, lr=0.001)


def reinforce_teg(space: Space) -> Reinforce:
    """REINFORCE of TEG-NAS, arXiv:2108.11939, section 5.2.1: learning rate 0.04 on NAS-Bench-201, 500 steps.

    The text speaks of gradient descent; the code has Adam, and an EMA baseline with momentum 0.9. On DARTS the rate
    is 0.07.
    """
    return Reinforce(space, lr=0.04)


def tabnas(space: Space, limits: Limits, *, lr: float = 0.01, samples: int = 256) -> Reinforce:
    """TabNAS, arXiv:2204.07615, section 3: REINFORCE that rejects what breaks a limit, with the corrected gradient.

    The learning rate and the number of draws that estimate the share of valid architectures are not the paper's.
    """
    return Reinforce(space, lr=lr, valid=limits, samples=samples)


def training_free(space: Space, score: Score, *, explored: int = 900, seed: int = 0) -> InOrder:
    """Training-free search: the proxy alone decides, and what it likes best is trained once, to be known.

    ATLAS, arXiv:2403.10318, section 4.3 and table 11: regularised evolution explores `explored` architectures.
    """
    return InOrder(tuple(explore(space, score, explored, rng=derive(seed, "filter"))[:1]))


def filter_and_train(
    space: Space, score: Score, *, explored: int = 900, kept: int = 30, noise: float = 0.0, seed: int = 0
) -> InOrder:
    """Filtering, then full training of the best ones: the comparison "filtering + full training" of ATLAS.

    ATLAS, arXiv:2403.10318, table 11 and appendix E. `explored / kept` = M/K = 30 is the paper's; `noise` is the share
    of the `kept` that is replaced by random architectures (appendix E.2.1).
    """
    return InOrder(tuple(_filtered(space, score, explored, kept, noise, seed)))


def atlas(
    space: Space,
    score: Score,
    max_epochs: int,
    *,
    explored: int = 900,
    kept: int = 30,
    noise: float = 0.0,
    unit: int = 2,
    eta: int = 2,
    seed: int = 0,
) -> Halving:
    """ATLAS, arXiv:2403.10318, section 3: filtering by a proxy, refinement by successive halving.

    M/K = 30 and U = 2 are the paper's (appendix E.1), and eta "typically" halves (section 3.3). With a time budget
    `archwright fit` chooses these numbers; here they are given. The last candidate is trained to `max_epochs`.
    """
    candidates = tuple(_filtered(space, score, explored, kept, noise, seed))
    rungs = halving(candidates=max(1, len(candidates)), start=unit, eta=eta, cap=max_epochs)
    if rungs[-1].epochs < max_epochs:
        rungs = (*rungs, Rung(max_epochs, 1))
    return Halving(candidates, rungs)


def warmup(space: Space, score: Score, *, explored: int = 3000, founders: int = 10, seed: int = 0) -> WarmStart:
    """Zero-cost warmup: evolution whose first population is a proxy's best of a random sample.

    Abdelfattah et al., arXiv:2101.08134, section 5; evolution with the sizes of ATLAS (arXiv:2403.10318, table 11). How
    many are explored is ours.
    """
    best = explore(space, score, explored, rng=derive(seed, "filter"), by="random")
    return WarmStart(tuple(best[:founders]), regularized_evolution(space))


def move_proposal(space: Space, score: Score, *, moves: int = 10) -> Evolution:
    """Zero-cost move proposal: evolution in which a proxy chooses among `moves` mutations of a parent.

    Abdelfattah et al., arXiv:2101.08134, section 5; evolution with the sizes of ATLAS (arXiv:2403.10318, table 11). The
    number of moves is ours.
    """
    return Evolution(space, population=10, sample=3, mutate=ProxyMoves(space, score, moves))


def hyperband(space: Space, max_epochs: int | None = None, min_epochs: int = 1) -> Hyperband:
    """Hyperband, Li et al., arXiv:1603.06560, section 3: eta 3, and as many brackets as there is room for."""
    return Hyperband(space, max_epochs, min_epochs, eta=3)


def hyperband_lce(space: Space, max_epochs: int | None = None, min_epochs: int = 1) -> Hyperband:
    """Hyperband as the code of NAS-Bench-x11 runs it: eta 3, trainings of 12 epochs at least."""
    least = min_epochs if max_epochs is None else max(min_epochs, min(12, max_epochs))
    return Hyperband(space, max_epochs, least, eta=3)


def bohb(space: Space, max_epochs: int | None = None, min_epochs: int = 1) -> Bohb:
    """BOHB, Falkner et al., arXiv:1807.01774, section 4: a third at random, 64 samples, factor 3, top 15 percent."""
    return Bohb(space, max_epochs, min_epochs)


def bohb_nasbench(space: Space, max_epochs: int | None = None, min_epochs: int = 1) -> Bohb:
    """BOHB as NAS-Bench-101 (arXiv:1902.09635, supplement) tuned it and NAS-Bench-201 took it over.

    None at random, 4 samples, bandwidth factor 3, smallest bandwidth 0.3; bandwidths as in the authors' code.
    """
    tpe = Tpe(space, random_fraction=0.0, samples=4, min_bandwidth=0.3, reference=True)
    return Bohb(space, max_epochs, min_epochs, tpe=tpe)


def nsga2(space: Space, smaller: tuple[str, ...] = ("params",), population: int = 20) -> Nsga2:
    """NSGA-II, Deb et al. 2002: crossover 0.9, one mutation per child on average; the population is ours."""
    return Nsga2(space, smaller, population)


#: Recipes that need nothing but a space.
_PLAIN: dict[str, Callable[[Space], Searcher]] = {
    "random": random_search,
    "evolution": regularized_evolution,
    "wide_evolution": wide_evolution,
    "non_ageing_evolution": non_ageing_evolution,
    "teg_evolution": teg_evolution,
    "local": local_search,
    "first_improvement": first_improvement,
    "reinforce": reinforce,
    "reinforce_slow": reinforce_slow,
    "reinforce_teg": reinforce_teg,
    "nsga2": nsga2,
}

#: Recipes that also take the most and the fewest epochs of a training.
_BY_EPOCHS: dict[str, Callable[[Space, int | None, int], Searcher]] = {
    "hyperband": hyperband,
    "hyperband_lce": hyperband_lce,
    "bohb": bohb,
    "bohb_nasbench": bohb_nasbench,
}

#: Every name that `build` knows. Names of searchers stand for their recipe with the sizes of the benchmarks' papers.
RECIPES: tuple[str, ...] = tuple(sorted({*_PLAIN, *_BY_EPOCHS}))


def _filtered(space: Space, score: Score, explored: int, kept: int, noise: float, seed: int) -> list[Arch]:
    """Return up to `kept` of the best of `explored` architectures, a share of them replaced by random ones."""
    top = explore(space, score, explored, rng=derive(seed, "filter"))[:kept]
    return with_noise(top, space, noise, rng=derive(seed, "noise"))


def build(name: str, space: Space, *, max_epochs: int | None = None, min_epochs: int = 1) -> Searcher:
    """Return the searcher of a recipe.

    Args:
        name: One of `RECIPES`.
        space: Where architectures come from.
        max_epochs: Epochs of a full training, for recipes that also train shorter. None means that there is one
            fidelity only.
        min_epochs: Epochs of the shortest training, for those recipes.

    Raises:
        UnknownNameError: if there is no such recipe; the message offers the nearest one.

    Example:
        >>> from archwright.spaces.tabular_mlp import frappe
        >>> build("bohb", frappe(), max_epochs=27).max_epochs
        27
    """
    if name in _BY_EPOCHS:
        return _BY_EPOCHS[name](space, max_epochs, min_epochs)
    if name in _PLAIN:
        return _PLAIN[name](space)
    if name in CATALOGUE["searcher"]:
        raise UnknownNameError(f"searcher {name!r} needs more than a space: build it in Python, see the documentation")
    raise UnknownNameError(f"no searcher {name!r}. {suggestion(name, RECIPES)}")
