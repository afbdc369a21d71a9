"""`archwright search`: any space, any function that scores an architecture."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer import Option

if TYPE_CHECKING:
    from collections.abc import Callable

    from archwright.spaces.base import Space
    from archwright.study.study import Study

__all__ = ["EXAMPLE", "search"]

EXAMPLE = "Example: archwright search my-space.yaml --evaluate my_module:score --budget 200 --study search.db"


def search(
    space: Annotated[str, typer.Argument(help="A space by name, or a YAML file.", show_default=False)],
    evaluate: Annotated[
        str, Option(help="MODULE:FUNCTION that scores one architecture; higher is better.", show_default=False)
    ],
    budget: Annotated[str, Option(help="Evaluations in total (200), or time (10m).")] = "100",
    searcher: Annotated[str, Option(help="random, evolution, local, ...")] = "evolution",
    study: Annotated[
        Path | None, Option(help="File that keeps the record; the same command goes on with it.", show_default=False)
    ] = None,
    executor: Annotated[str, Option(help="inline, pool (worker processes) or ray (a cluster).")] = "inline",
    address: Annotated[str | None, Option(help="Of a running Ray cluster: HOST:PORT or auto.")] = None,
    workers: Annotated[int | None, Option(help="Evaluations at once; default one per core.")] = None,
    seed: Annotated[int, Option(help="Seed of everything random.")] = 0,
    json: Annotated[bool, Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Search a space for the architecture that your own function scores highest."""
    from archwright.cli.output import emit
    from archwright.coordinate.objective import search as run_search
    from archwright.coordinate.objective import space_of
    from archwright.study.study import Study

    function, found = _function(evaluate), space_of(space)
    with Study.open(study) as kept:
        run_search(
            found,
            function,
            budget,
            searcher=searcher,
            study=kept,
            executor=executor,
            workers=workers,
            address=address,
            seed=seed,
            stop=_told(kept),
        )
        emit(_sentences(kept, found), _summary(kept, found), json_output=json)


def _function(text: str) -> Callable[..., Any]:
    """Return the function that MODULE:FUNCTION names; modules of the working folder can be named too."""
    import sys
    from importlib import import_module

    from archwright.core.errors import RunError

    module, colon, name = text.partition(":")
    if not colon or not module or not name:
        raise RunError(f"an objective must be given as MODULE:FUNCTION, but {text!r} was given")
    sys.path.insert(0, str(Path.cwd()))
    try:
        function = getattr(import_module(module), name)
    except (ImportError, AttributeError) as error:
        raise RunError(f"there must be a function {name!r} in a module {module!r}, but: {error}") from None
    if not callable(function):
        raise RunError(f"{text} must be a function, but it is of type {type(function).__name__}")
    return function  # type: ignore[no-any-return]


def _told(study: Study) -> Callable[[], bool] | None:
    """Return what shows the progress on a terminal, asked at every turn of the loop; None where nobody is looking."""
    import os
    import sys

    if not sys.stderr.isatty() or os.environ.get("CI") or os.environ.get("TERM") == "dumb":
        return None

    def tell() -> bool:
        best = study.best()
        score = "" if best is None else f", best {best.result.score:.6g}"
        sys.stderr.write(f"\r\033[K{len(study.trials)} evaluations{score}")
        sys.stderr.flush()
        return False

    return tell


def _summary(study: Study, space: Space) -> dict[str, Any]:
    best = study.best()
    failed = sum(trial.result.score is None for trial in study.trials)
    value_of = getattr(space, "value", None)
    return {
        "space": space.name,
        "trials": len(study.trials),
        "failed": failed,
        "errors": sorted({trial.result.error for trial in study.trials if trial.result.error})[:5],
        "best": None
        if best is None
        else {
            "arch": str(best.proposal.arch),
            "text": space.text(best.proposal.arch),
            "value": None if value_of is None else value_of(best.proposal.arch),
            "score": best.result.score,
            "measures": dict(best.result.measures),
            "trial": best.id,
        },
    }


def _sentences(study: Study, space: Space) -> list[str]:
    told = _summary(study, space)
    best = told["best"]
    lines = [f"trials  {told['trials']}, {told['failed']} of them failed"]
    lines += [f"error   {error}" for error in told["errors"]]
    if best is None:
        return [*lines, "best    none: no evaluation gave a score"]
    lines += [f"best    {best['text']}", f"score   {best['score']:.6g}"]
    lines += [f"{name:<7} {value:.6g}" for name, value in best["measures"].items()]
    return lines
