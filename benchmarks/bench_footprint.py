"""What one image costs a build: CPU, memory of the process that drives it, bytes on disk.

    python benchmarks/bench_footprint.py [--patients 40] [--share 0.2] [--json]

Figures for the estimate in `docs/scaling.md`. A real build, in one process, of phantoms: MR slices
of 384 pixels that carry a mark, films of 1,400 to 3,000 pixels. CPU is that of each stage that an
engine spreads over workers, and of all the rest, which stays in one process. Memory is what
`tracemalloc` counts while a source is read and while the finished tables are loaded as records:
what grows with the images, without the interpreter and the libraries. *Driver* is the process that
hands out the shards and does the rest: what it takes for each image more, from two builds with two
workers of four sources with tiny pictures (`small_folders`), the second three times the first.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
import tracemalloc
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from spinebench.engine import LocalEngine

SIZES: dict[str, dict[str, Any]] = {"rsna": {"all_slices": False}, "vindr": {}}


class StageClock(LocalEngine):
    """One worker; CPU seconds by stage."""

    def __init__(self) -> None:
        super().__init__(1)
        self.seconds: Counter[str] = Counter()

    def map(self, function: Any, items: Any, *, label: str, **options: Any) -> Iterator[Any]:
        stage = "headers" if "headers" in label else label
        results = super().map(function, items, label=label, **options)
        while True:
            started = time.process_time()
            try:
                result = next(results)
            except StopIteration:
                return
            finally:
                self.seconds[stage] += time.process_time() - started
            yield result


def held_by(make: Callable[[], Any]) -> tuple[Any, int, int]:
    """What `make` gives, the bytes that it holds, and the most that making it took."""
    tracemalloc.start()
    made = make()
    held, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return made, held, most


def measure(source: str, folder: Path, patients: int) -> dict[str, float]:
    """Figures per image of one source."""
    from spinebench.phantom.write import write_phantom
    from spinebench.phantom.write_options import PhantomOptions
    from spinebench.sources.registry import SOURCES

    root, out = folder / source, folder / f"{source}-bench"
    options = PhantomOptions(**SIZES[source])
    for place, number in ((folder / f"{source}-small", 1), (root, patients)):
        write_phantom(source, place, patients=number, seed=0, engine=LocalEngine(), options=options)
    _time_build(source, folder / f"{source}-small", folder / f"{source}-warm")
    seconds, images = _time_build(source, root, out)
    read = partial(SOURCES[source].read, root, LocalEngine(1))
    reading, held, most = held_by(read)
    return {
        "images": float(images),
        **{f"CPU ms, {stage}": 1000 * spent / images for stage, spent in seconds.items()},
        "memory, source as read": held / len(reading.images),
        "memory, reading it, most": most / len(reading.images),
        **_measure_folder(out),
    }


def _time_build(source: str, root: Path, out: Path) -> tuple[dict[str, float], int]:
    from spinebench.benchmark.build import BuildOptions, build_benchmark

    clock, started = StageClock(), time.process_time()
    manifest = build_benchmark({source: root}, out, options=BuildOptions(), engine=clock)
    rest = time.process_time() - started - sum(clock.seconds.values())
    return {**clock.seconds, "all the rest": rest}, manifest["counts"]["images"]


def _measure_folder(bench: Path) -> dict[str, float]:
    """Bytes per image of a finished benchmark, as records and on disk."""
    from spinebench.benchmark.bundle import Benchmark

    number = len(Benchmark.load(bench).images)
    found: dict[str, float] = {}
    for name in ("images", "findings", "questions"):
        fresh = Benchmark.load(bench)
        found[f"memory, {name}"] = held_by(partial(getattr, fresh, name))[1] / number
    for path in sorted(bench.glob("*.parquet")):
        found[f"disk, {path.name}"] = path.stat().st_size / number
    pictures = [path.stat().st_size for path in (bench / "images").rglob("*.png")]
    return found | {"disk, pictures": sum(pictures) / number}


def measure_driver(folder: Path, share: float) -> dict[str, float]:
    """Bytes and CPU ms of the driving process for each image more."""
    from small_folders import write_all

    found = []
    for size in (share, 3 * share):  # small builds peak in what does not grow
        write_all(folder / f"in-{size}", share=size)
        command = [sys.executable, __file__, "--driver", str(folder / f"in-{size}")]
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
        found.append(json.loads(done.stdout.splitlines()[-1]))
    few, many = found
    more = many["images"] - few["images"]
    return {
        "images": float(many["images"]),
        "CPU ms, driver": 1000 * (many["cpu_s"] - few["cpu_s"]) / more,
        "memory, driver": (many["peak"] - few["peak"]) / more,
        "memory, driver, in all": float(many["peak"]),
    }


def run_driver(root: Path) -> None:
    """A build with two workers; prints what this process took."""
    from spinebench.benchmark.build import BuildOptions, build_benchmark

    folders = {name: root / name for name in ("rsna", "vindr", "buu", "csxa")}
    started = time.process_time()
    manifest = build_benchmark(
        folders, root / "bench", options=BuildOptions(), engine=LocalEngine(2)
    )
    figures = {
        "images": manifest["counts"]["images"],
        "cpu_s": time.process_time() - started,
        "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
    }
    print(json.dumps(figures))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--patients", type=int, default=40)
    parser.add_argument("--share", type=float, default=0.2)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--driver", type=Path)
    options = parser.parse_args()
    if options.driver:
        run_driver(options.driver)
        return
    with tempfile.TemporaryDirectory() as folder:
        found = {source: measure(source, Path(folder), options.patients) for source in SIZES}
        found["four tiny"] = measure_driver(Path(folder), options.share)
    if options.json:
        print(json.dumps(found))
        return
    print(f"{'per image (bytes, but for CPU)':32} " + " ".join(f"{name:>10}" for name in found))
    for row in dict.fromkeys(name for figures in found.values() for name in figures):
        cells = (f"{figures.get(row, 0):10,.1f}" for figures in found.values())
        print(f"{row:32} " + " ".join(cells))


if __name__ == "__main__":
    main()
