"""Readers of the distributions in which benchmarks are published, one file each."""
