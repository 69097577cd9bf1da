"""Benchmarks as others read them, and back: one file for each format."""
