"""The researcher's loop: a space, a searcher, an evaluator, a budget. No network is trained here."""

from archwright import Budget, find
from archwright.proxies.evaluator import ExpressFlowEvaluator
from archwright.proxies.whole_space import WholeSpace
from archwright.run.inline import InlineExecutor
from archwright.run.loop import run


def main() -> None:
    """Compare evolution and random search with the true optimum of a proxy over 160,000 architectures."""
    space = find("space", "frappe")()
    evaluator = ExpressFlowEvaluator(space, 100, seed=0)
    best = WholeSpace(space, 100, seed=0).scores().max()
    for name in ("random", "evolution"):
        searcher = find("searcher", name)(space)
        study = run(searcher, InlineExecutor(evaluator), Budget(trials=300), seed=0)
        found = study.best()
        assert found is not None
        widths = "-".join(map(str, space.widths_of(found.proposal.arch)))
        print(f"{name:<10} 300 of {space.size():,} scored: {widths}, {found.result.score / best:.1%} of the best score")


if __name__ == "__main__":
    main()
