"""Kill a run at random moments and count which questions are asked twice.

    python benchmarks/bench_kill.py [--kills 50] [--questions 2000] [--processes 1] [--seed 0]

A server on this machine answers like a model, after 50 ms, and counts what it is asked. The run is
a process of its own that gets SIGKILL at a random moment: four times of five within 1.5 s after its
first question, else at any time from its start on. It is then continued, and killed again. In the
end it is left to finish. What must hold: no question whose answer stood in the journal at a kill is
ever asked again, and at most the calls on their way at each kill, plus one, are asked twice.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from spinebench.evaluation.journal import read_journal

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.bench_evaluation import write_benchmark
from tests.evaluation.scripted_server import Received, Reply, scripted_server

CONNECTIONS = 8
_LATENCY_S = 0.05
_CHILD = """
import sys
from pathlib import Path
from spinebench.evaluation.run import run_evaluation
if __name__ == "__main__":
    run_evaluation(Path(sys.argv[1]), "openai-api/local/x", Path(sys.argv[2]),
                   max_connections=int(sys.argv[3]), processes=int(sys.argv[4]))
"""


@dataclass
class Asked:
    """What the server was asked."""

    counts: Counter[str] = field(default_factory=Counter)  # by the image's hash
    first: threading.Event = field(default_factory=threading.Event)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def reply(self, request: Received) -> Reply:
        """Answer A, later."""
        with self.lock:
            self.counts[request.image_sha256[0]] += 1
        self.first.set()
        time.sleep(_LATENCY_S)
        return Reply("My final option: [A]")


@dataclass(frozen=True)
class Result:
    """What came of all kills."""

    kills: int
    during_questions: int  # kills after the first question of their process
    recorded_asked_again: int  # must be 0
    most_on_their_way: int  # of any kill
    asked_twice: int
    questions: int
    torn_lines: int
    answered: int


def run_kills(folder: Path, *, kills: int, questions: int, processes: int, seed: int) -> Result:
    """Kill, continue, kill again, and let the last one finish."""
    write_benchmark(folder / "bench", questions)
    (folder / "child.py").write_text(_CHILD)
    out, asked, generator = folder / "run", Asked(), np.random.default_rng(seed)
    again = most = during = 0
    with scripted_server(asked.reply) as server:
        environment = {**os.environ, "LOCAL_API_KEY": "none", "LOCAL_BASE_URL": server.url}
        command = [
            sys.executable, str(folder / "child.py"), str(folder / "bench"), str(out),
            str(CONNECTIONS), str(processes),
        ]  # fmt: skip
        recorded: dict[str, int] = {}  # image, and how often it had been asked when recorded
        for number in range(kills):
            asked.first.clear()
            child = subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL)
            if generator.random() < 0.8:
                asked.first.wait(120)
                time.sleep(generator.uniform(0, 1.5))
            else:
                time.sleep(generator.uniform(0, 3.0))
            child.kill()
            child.wait()
            during += asked.first.is_set()
            time.sleep(0.6)  # workers end with their parent; the server ends its answers
            counts = Counter(asked.counts)
            again += sum(counts[image] > times for image, times in recorded.items())
            stored = {h.sent_sha256[0] for h in read_journal(out / "journal").heard if not h.error}
            recorded = {image: counts[image] for image in stored}
            most = max(most, sum(image not in stored for image in counts))
            print(f"kill {number + 1}: {len(stored)} recorded", file=sys.stderr)
        subprocess.run(command, env=environment, stderr=subprocess.DEVNULL, check=True)
    again += sum(asked.counts[image] > times for image, times in recorded.items())
    manifest = json.loads((out / "manifest.json").read_text())
    return Result(
        kills=kills,
        during_questions=during,
        recorded_asked_again=again,
        most_on_their_way=most,
        asked_twice=sum(asked.counts.values()) - len(asked.counts),
        questions=questions,
        torn_lines=manifest["journal"]["torn_lines"],
        answered=manifest["counts"]["diagnosis"]["answered"],
    )


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--questions", type=int, default=2000)
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        found = run_kills(
            Path(folder), kills=options.kills, questions=options.questions,
            processes=options.processes, seed=options.seed,
        )  # fmt: skip
    print(
        f"| kills | while it asked | recorded answers asked again | most on their way at a kill |"
        f" asked twice in all | torn lines | answered in the end |\n"
        f"| --- | --- | --- | --- | --- | --- | --- |\n"
        f"| {found.kills} | {found.during_questions} | {found.recorded_asked_again} |"
        f" {found.most_on_their_way} | {found.asked_twice} | {found.torn_lines} |"
        f" {found.answered} of {found.questions} |"
    )
    if found.recorded_asked_again or found.answered != found.questions:
        raise SystemExit("an answer was lost, or asked for again")


if __name__ == "__main__":
    main()
