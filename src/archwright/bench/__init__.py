"""Benchmarks: what architectures reached when somebody trained them, in one format that opens at once."""
