"""Findings to questions: label rules, splits, hard negatives, wordings, and the finished folder."""
