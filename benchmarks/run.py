"""All benchmarks, one after the other: `make bench`."""

import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent

for script in (
    "bench_build.py",
    "bench_negatives.py",
    "bench_engine.py",
    "bench_resume.py",
    "bench_evaluation.py",
):
    print(f"\n== {script}", flush=True)
    subprocess.run([sys.executable, str(HERE / script)], check=True)
