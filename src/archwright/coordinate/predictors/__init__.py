"""Comparisons of performance predictors on what benchmarks recorded, and searches with them."""
