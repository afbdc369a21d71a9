"""Benchmarks: what architectures reached when somebody trained them, in one format that opens at once."""

from archwright.bench.evaluator import TableEvaluator, load
from archwright.bench.importing import import_bench
from archwright.bench.table import Bench, Outcome, Provenance, write_bench

__all__ = ["Bench", "Outcome", "Provenance", "TableEvaluator", "import_bench", "load", "write_bench"]
