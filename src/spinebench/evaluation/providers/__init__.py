"""The baselines: models that anyone can run offline, to know what an accuracy is worth.

They are asked through Inspect like any other model and see the messages only, never the target.
A new baseline is one file with a class that fits `Baseline` and one line in `api._BASELINES`.
"""
