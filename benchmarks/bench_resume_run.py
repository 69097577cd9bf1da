"""Seconds from the start of a process to its first new call, when a run is continued.

    python benchmarks/bench_resume_run.py [--answered 7000] [--questions 8000]

The journal of the answers is written first, line by line as a run does; a server on this machine
notes when the first question arrives. Inspect's own `eval-retry` took 77 s for the same numbers.
"""

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

from spinebench.evaluation.journal import Heard, next_file, open_journal
from spinebench.evaluation.run_folder import JOURNAL, write_plan
from spinebench.evaluation.run_plan import describe_plan, plan_run

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.bench_evaluation import write_benchmark
from tests.evaluation.scripted_server import Received, Reply, scripted_server

_MODEL = "openai-api/local/x"


def write_run(bench: Path, out: Path, answered: int) -> None:
    """A run as it stands after a kill: a plan, and the journal of the first answers."""
    planned = plan_run(bench, _MODEL)
    write_plan(out, describe_plan(planned, out))
    with open_journal(next_file(out / JOURNAL)) as journal:
        for ask in planned.asks(answered):
            text = "The bodies are in line, the discs are even.\n" * 8 + "My final option: [A]"
            journal.write(
                Heard(
                    key=ask.key, question_id=ask.question.question_id, epoch=1,
                    letter_map=ask.letter_map, sent_sha256=("0" * 64,), text=text,
                    finish_reason="stop", input_tokens=900, output_tokens=90, seconds=2.0,
                )
            )  # fmt: skip


def measure(answered: int, questions: int) -> tuple[float, float]:
    """Wall seconds to the first call, and CPU seconds of the process until it is stopped there."""
    first = threading.Event()
    arrived: list[float] = []

    def reply(request: Received) -> Reply:
        if not first.is_set():
            arrived.append(time.monotonic())
            first.set()
        return Reply("My final option: [A]")

    with tempfile.TemporaryDirectory() as folder, scripted_server(reply) as server:
        bench, out = Path(folder) / "bench", Path(folder) / "run"
        write_benchmark(bench, questions)
        write_run(bench, out, answered)
        environment = {**os.environ, "LOCAL_API_KEY": "none", "LOCAL_BASE_URL": server.url}
        command = [sys.executable, "-m", "spinebench.cli.main", "eval", "resume", str(out)]
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        started = time.monotonic()
        child = subprocess.Popen(
            command, env=environment, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL
        )
        first.wait(600)
        child.kill()
        child.wait()
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return arrived[0] - started, cpu_s


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--answered", type=int, default=7000)
    parser.add_argument("--questions", type=int, default=8000)
    options = parser.parse_args()
    wall_s, cpu_s = measure(options.answered, options.questions)
    print("| answered | questions | first new call after | CPU until then |")
    print("| --- | --- | --- | --- |")
    print(f"| {options.answered} | {options.questions} | {wall_s:.1f} s | {cpu_s:.1f} s |")


if __name__ == "__main__":
    main()
