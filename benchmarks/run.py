"""All benchmarks, one after the other: `make bench`."""

import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent

for script, *options in (
    ("bench_build.py",),
    ("bench_negatives.py",),
    ("bench_scale.py",),
    ("bench_scale.py", "--published"),
    ("bench_engine.py",),
    ("bench_resume.py",),
    ("bench_evaluation.py",),
    ("bench_evaluation.py", "--memory", "20000"),
    ("bench_resume_run.py",),
    ("bench_scoring.py",),
):
    print(f"\n== {' '.join((script, *options))}", flush=True)
    subprocess.run([sys.executable, str(HERE / script), *options], check=True)
