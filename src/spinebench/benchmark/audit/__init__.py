"""What is wrong with a benchmark: checks over a finished folder, however it came about.

`run.py` runs them, `registry.py` names them, one file holds each family. A new check is one
function that yields `AuditFinding`, one entry in `registry.CHECKS`, and its family's list.
"""
