"""Benchmarks with their peers in the same run: `make bench`, or `python -m benchmarks`."""
