"""Asking models the questions of a benchmark, and measuring what they answer."""
