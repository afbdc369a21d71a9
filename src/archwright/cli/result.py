"""The end of a run: what is done inside its time, and what is printed after it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from archwright.cli.output import emit, note

if TYPE_CHECKING:
    from archwright.coordinate.finish import Finisher
    from archwright.coordinate.record import RunFolder, RunRecord

__all__ = ["finishers", "found", "show_result"]


def finishers(export: str | None) -> tuple[Finisher, ...]:
    """Return the last steps of a run, most important first: the export asked for, then the report.

    Raises:
        ExportError: for a format that cannot be written inside a run.
        MissingExtraError: if the export's packages are not installed.
    """
    from archwright.coordinate.exporting import check_format, exporter
    from archwright.coordinate.finish import Finisher
    from archwright.report.html import write_report

    steps = []
    if export is not None:
        check_format(export)
        steps.append(Finisher("export", exporter(export), expected_s=1.2))
    steps.append(Finisher("report", lambda folder, record, sample: write_report(folder), expected_s=0.5, rehearse=True))
    return tuple(steps)


def show_result(folder: RunFolder, record: RunRecord, *, json_output: bool) -> None:
    """Print what a run found, where it is and how long it took.

    Raises:
        KeyboardInterrupt: if the run was interrupted, after printing.
    """
    for warning in record.warnings:
        note(f"note: {warning}")
    emit(_sentences(folder, record), _summary(folder, record), json_output=json_output)
    if record.status == "interrupted":
        raise KeyboardInterrupt


def _summary(folder: RunFolder, record: RunRecord) -> dict[str, Any]:
    session = record.sessions[-1]
    return {
        "run": str(folder.path),
        "status": record.status,
        "task": record.task,
        "best": record.best,
        "test": record.test,
        "budget_s": session["budget_s"],
        "used_s": session["used_s"],
        "model": str(folder.model),
        "report": str(folder.report) if folder.report.exists() else None,
        "exports": record.exports,
        "warnings": record.warnings,
    }


def _sentences(folder: RunFolder, record: RunRecord) -> list[str]:
    session = record.sessions[-1]
    lines = found(record)
    lines.append(f"time    {session['used_s']:.1f} s of {session['budget_s']:g} s")
    lines.append(f"model   {folder.model}")
    lines += [f"{name:<7} {made['path']}" for name, made in record.exports.items()]
    if folder.report.exists():
        lines.append(f"report  {folder.report}")
    return lines


def found(record: RunRecord) -> list[str]:
    """Return what a run found, and how it did in the test, in a line each."""
    lines = [_network_sentence(record)]
    if record.test:
        values = ", ".join(f"{name} {value:.4f}" for name, value in record.test.items())
        lines.append(f"test    {values} on {record.task['test_rows']:,} rows")
    return lines


def _network_sentence(record: RunRecord) -> str:
    best, task = record.best, record.task
    if best is None and record.task:
        return f"result  a constant prediction (its validation {task['metric']} is not defined)"
    if best is None:
        return "result  nothing: the run ended before the table was read"
    if best["what"] == "constant":
        return f"result  a constant prediction (validation {task['metric']} {best['metric_value']:.4f})"
    valid = f"validation {task['metric']} {best['metric_value']:.4f}"
    if best["what"] == "committee":
        return f"result  {len(best['members'])} networks together, {valid}; the best alone: {_alone(best)}"
    return f"result  network {_alone(best)}, {valid}"


def _alone(best: dict[str, Any]) -> str:
    return f"{'-'.join(map(str, best['widths']))}, {best['epochs']:.3g} epochs"
