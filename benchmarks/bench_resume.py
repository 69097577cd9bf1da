"""What a kill costs: `spinebench bench build`, killed with SIGKILL at random moments, run again.

    python benchmarks/bench_resume.py [--moments 10] [--workers 2] [--engine local] [--json]

The commands are the real ones. Each moment is a build of its own: killed after a random share of
the time that an undisturbed build takes, then run to its end. One more build is killed four times
in a row. Every folder must be the undisturbed one byte by byte. What was computed is counted by an
audit hook (a `sitecustomize.py` on the path of the command and, as they are spawned, of its
workers) that writes a line for each source image that the picture stage opens; an image in two
lines was computed twice. Allowed: one shard for each worker and kill.
"""

import argparse
import contextlib
import hashlib
import itertools
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import asdict, dataclass, replace
from pathlib import Path

_FUNCTIONS = ("read_picture", "embed_picture")
SPINEBENCH = Path(sys.executable).with_name("spinebench")

_HOOK = '''
import os
import sys

_LOG, _last = os.environ["BENCH_RESUME_LOG"], None


def _note(event, arguments):
    """A line for each image that a stage's function opens; some open one several times in a row."""
    global _last
    if event != "open" or not str(arguments[0]).endswith((".dcm", ".dicom", ".png")):
        return
    frame = sys._getframe()
    while frame is not None and frame.f_code.co_name not in ("read_picture", "embed_picture"):
        frame = frame.f_back
    if frame is None:
        return
    name, path = frame.f_code.co_name, str(arguments[0])
    line = name + " " + path
    # a picture is written by the one and read by the other
    if line != _last and path.endswith(".png") == (name == "embed_picture"):
        _last = line
        handle = os.open(_LOG, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        os.write(handle, (line + "\\n").encode())
        os.close(handle)


sys.addaudithook(_note)
'''


@dataclass(frozen=True)
class Kill:
    """One build that was killed, and what became of it."""

    kills: int
    moment: str  # share of the undisturbed build's time
    pictures: int  # computed up to the last kill
    pictures_twice: int  # in the end
    pictures_allowed: int  # twice
    vectors: int
    vectors_twice: int
    vectors_allowed: int
    identical: bool

    @property
    def held(self) -> bool:
        """Whether it went on as it should."""
        return (
            self.identical
            and self.pictures_twice <= self.pictures_allowed
            and self.vectors_twice <= self.vectors_allowed
        )


class Bench:
    """A folder with phantoms, and builds from them."""

    def __init__(self, folder: Path, workers: int, engine: str) -> None:
        self.folder, self.workers, self.engine = folder, workers, engine
        self.log = folder / "log"
        (folder / "hook").mkdir()
        (folder / "hook" / "sitecustomize.py").write_text(_HOOK, encoding="utf-8")
        self.environment = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join(
                [str(folder / "hook"), *filter(None, [os.environ.get("PYTHONPATH")])]
            ),
            "BENCH_RESUME_LOG": str(self.log),
            "SPINEBENCH_WORKERS": str(workers),
        }

    def write_phantoms(self, patients: int) -> None:
        """Slices that carry a mark, and about as many films, so that most files become pictures."""
        sizes = {"rsna": ["--labelled-only"], "vindr": ["--film-px", "700"]}
        for source, size in sizes.items():
            command = ["phantom", "write", str(self.folder / source), "--source", source, *size]
            self._run([*command, "--patients", str(patients)])

    def start(self, out: Path) -> subprocess.Popen[bytes]:
        command = ["bench", "build", "--out", str(out), "--seed", "1", "--engine", self.engine]
        command += ["--rsna", str(self.folder / "rsna"), "--vindr", str(self.folder / "vindr")]
        return subprocess.Popen(
            [SPINEBENCH, *command],
            env=self.environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def finish(self, out: Path) -> float:
        """Seconds of a build that is left alone."""
        started = time.perf_counter()
        process = self.start(out)
        if process.wait():
            raise SystemExit(f"{out.name}: the build ended with exit code {process.returncode}")
        return time.perf_counter() - started

    def kill_after(self, out: Path, seconds: float) -> bool:
        """Whether a build was killed; False if it had ended by then."""
        process = self.start(out)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(seconds)
            return False
        process.send_signal(signal.SIGKILL)
        process.wait()
        return True

    def computed(self, function: str) -> Counter[str]:
        """How often each image was computed by a stage's function since the last `forget`."""
        lines = self.log.read_text(encoding="utf-8").splitlines() if self.log.exists() else []
        return Counter(line for line in lines if line.startswith(f"{function} "))

    def forget(self) -> None:
        self.log.unlink(missing_ok=True)

    def _run(self, arguments: list[str]) -> None:
        subprocess.run(
            [SPINEBENCH, *arguments], check=True, env=self.environment, stdout=subprocess.DEVNULL
        )


def digests(folder: Path) -> dict[str, str]:
    """SHA-256 of every file below a folder."""
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def run_kills(bench: Bench, moments: int, seed: int) -> tuple[list[Kill], dict[str, float]]:
    """One line for each killed build, and facts of the undisturbed one."""
    undisturbed = bench.folder / "undisturbed"
    whole_s = bench.finish(undisturbed)
    expected, images = digests(undisturbed), len(bench.computed("read_picture"))
    rng = random.Random(seed)
    kills: list[Kill] = []
    for number in itertools.count():
        chain = len(kills) == moments
        plan = [0.3, 0.5, 0.6, 0.7] if chain else [rng.uniform(0.05, 0.98)]
        out = bench.folder / f"killed-{number}"
        kill = _run_plan(bench, out, plan, whole_s)
        same = digests(out) == expected and not list(bench.folder.glob(f"{out.name}.*"))
        shutil.rmtree(out)
        if kill.kills:  # else it had ended before its moment: another one
            kills.append(replace(kill, identical=same))
            if chain:
                break
    return kills, {"images": images, "seconds": whole_s}


def _run_plan(bench: Bench, out: Path, plan: list[float], whole_s: float) -> Kill:
    # what is compared is the build as it is
    from spinebench.benchmark import stages
    from spinebench.benchmark.embed import stage

    bench.forget()
    done: list[float] = []
    for share in plan:
        if not bench.kill_after(out, share * whole_s):
            break
        done.append(share)
    before = [sum(bench.computed(name).values()) for name in _FUNCTIONS]
    if not out.exists():
        bench.finish(out)
    counts = [bench.computed(name) for name in _FUNCTIONS]
    twice = [sum(count.values()) - len(count) for count in counts]
    words = ", ".join(f"{share:.2f}" for share in done)
    shards = len(done) * bench.workers
    return Kill(
        len(done), words,
        before[0], twice[0], shards * stages.PICTURES_PER_SHARD,
        before[1], twice[1], shards * stage._SHARD,
        identical=False,
    )  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--moments", type=int, default=10)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--engine", default="local")
    parser.add_argument("--patients", type=int, default=24)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(Path(folder), options.workers, options.engine)
        bench.write_phantoms(options.patients)
        kills, facts = run_kills(bench, options.moments, options.seed)
    if options.json:
        print(json.dumps({**facts, "kills": [asdict(kill) for kill in kills]}))
    else:
        _print_table(kills, facts, options.workers)
    if not all(kill.held for kill in kills):
        raise SystemExit("a killed build did not go on as it should")


def _print_table(kills: list[Kill], facts: dict[str, float], workers: int) -> None:
    print(f"{facts['images']} images in {facts['seconds']:.1f} s undisturbed; {workers} workers")
    print(f"{'':24} {'pictures':>26}  {'vectors':>26}")
    columns = f"{'computed':>8} {'twice':>8} {'allowed':>8}"
    print(f"{'killed at':24} {columns}  {columns}  same bytes")
    for kill in kills:
        same = "yes" if kill.identical else "NO"
        print(
            f"{kill.moment:24} {kill.pictures:8} {kill.pictures_twice:8} {kill.pictures_allowed:8}"
            f"  {kill.vectors:8} {kill.vectors_twice:8} {kill.vectors_allowed:8}  {same}"
        )


if __name__ == "__main__":
    main()
