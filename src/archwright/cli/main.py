"""The command line. Parses, calls, prints; no logic."""

from __future__ import annotations

import os
import sys

# One thread: worker processes give the parallelism, and oversubscription costs up to 20x.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import typer

from archwright.cli import bench, export, fit, predict, predictors, rank, report, resume, search, show
from archwright.core.errors import NasError

__all__ = ["app", "main"]

app = typer.Typer(
    name="archwright",
    help="Neural architecture search that keeps its time budget.",
    epilog="Example: archwright fit data.csv --target y --budget 60s",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.command(epilog=fit.EXAMPLE)(fit.fit)
app.command(epilog=resume.EXAMPLE)(resume.resume)
app.command(epilog=predict.EXAMPLE)(predict.predict)
app.command(epilog=export.EXAMPLE)(export.export)
app.command(epilog=report.EXAMPLE)(report.report)
app.command(epilog=show.EXAMPLE)(show.show)
app.command(epilog=search.EXAMPLE)(search.search)
app.command(epilog=rank.EXAMPLE)(rank.rank)
app.add_typer(bench.app)
app.add_typer(predictors.app)


def _version(wanted: bool) -> None:
    if wanted:
        from archwright import __version__

        print(f"archwright {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: bool = typer.Option(False, "--version", callback=_version, is_eager=True, help="Print the version."),
) -> None:
    """Neural architecture search that keeps its time budget."""


def main() -> None:
    """Run the command line; exit 0, 1 (the system failed), 2 (the input is at fault) or 130 (Ctrl-C)."""
    try:
        app()
    except NasError as error:
        _leave(str(error), error.exit_code)
    except KeyboardInterrupt:
        _leave("interrupted", 130)
    except BrokenPipeError:
        # The reader of our output went away (`| head`): not our failure.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
    except MemoryError:
        _leave("out of memory: give a smaller table, or fewer columns with --ignore", 1)
    except OSError as error:
        _leave(f"{error.strerror or error}{f': {error.filename}' if error.filename else ''}", 1)


def _leave(message: str, code: int) -> None:
    print(f"archwright: {' '.join(message.split())}", file=sys.stderr)
    sys.exit(code)


if __name__ == "__main__":
    main()
