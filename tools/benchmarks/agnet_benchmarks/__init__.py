"""The command ``benchmarks``."""
