"""`archwright predict`: a finished run, or one still going on, applied to new rows."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from typer import Option

__all__ = ["EXAMPLE", "predict"]

EXAMPLE = "Example: archwright predict my-run new.csv --out predictions.csv"


def predict(
    run: Annotated[Path, typer.Argument(help="Run folder, or a model.safetensors file.", show_default=False)],
    table: Annotated[str, typer.Argument(help="Rows to predict, as for `fit`.", show_default=False)],
    out: Annotated[Path | None, Option(help="CSV or Parquet file to write; default: CSV to the screen.")] = None,
    json: Annotated[bool, Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Predict with the best network of a run; needs no torch."""
    from archwright.cli.output import emit
    from archwright.coordinate.predictions import prediction_frame, write_frame
    from archwright.coordinate.record import RunFolder
    from archwright.data.tables import read_table
    from archwright.nets.model import Model

    model = Model.load(RunFolder(run).model if run.is_dir() or not run.suffix else run)
    frame = prediction_frame(model, read_table(table).frame)
    if out is not None:
        write_frame(frame, out)
        emit([f"{len(frame)} predictions in {out}"], {"rows": len(frame), "out": str(out)}, json_output=json)
    elif json:
        emit([], {"rows": len(frame), "predictions": frame.to_dict(orient="list")}, json_output=True)
    else:
        print(frame.to_csv(index=False), end="")
