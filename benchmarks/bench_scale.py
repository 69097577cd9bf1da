"""Ten times the images: time and memory of a whole build, four sources, pictures of squares.

    python benchmarks/bench_scale.py [--share 0.005] [--repeats 2] [--published] [--json]

Slices of 384 and films of 1,536 pixels, about 200 and 2,000 of them. `--published` builds at the
published scale instead, of 24 pixels, under both label rules, and sets the counts of `released`
beside the published ones.
"""

import argparse
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

from measured import Measured, run_measured
from small_folders import write_all

# Images by class as published: train.json and test.json of the public release together.
PUBLISHED = {
    "Subarticular Stenosis": 13742,
    "Foraminal stenosis": 8567,
    "Healthy": 5370,
    "Osteophytes": 4030,
    "Spinal Canal Stenosis": 2522,
    "cervical Lordosis": 1694,
    "Straight cervical vertebrae": 1637,
    "sigmoid cervical vertebrae": 965,
    "cervical Kyphosis": 486,
}


def build(folders: dict[str, Path], out: Path, *more: str) -> tuple[Measured, dict[str, Any]]:
    """A build by the command line, in a process of its own."""
    options = [word for name, path in folders.items() for word in (f"--{name}", str(path))]
    command = [sys.executable, "-m", "spinebench.cli.main", "bench", "build", *options]
    measured = run_measured([*command, "--out", str(out), "--json", *more])
    return measured, json.loads(measured.stdout)


def main() -> None:
    """Print a table, or JSON."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--share", type=float, default=0.005)
    parser.add_argument("--repeats", type=int, default=2)
    parser.add_argument("--published", action="store_true")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        if arguments.published:
            _published(Path(folder), as_json=arguments.json)
        else:
            _ten_times(Path(folder), arguments.share, arguments.repeats, as_json=arguments.json)


def _ten_times(folder: Path, share: float, repeats: int, *, as_json: bool) -> None:
    shares = (share, 10 * share)
    inputs = [
        write_all(folder / f"in{n}", share=s, slice_px=384, film_px=1536)
        for n, s in enumerate(shares)
    ]
    best: list[tuple[Measured, int]] = []
    for size, folders in enumerate(inputs):
        runs = [build(folders, folder / f"out{size}-{n}") for n in range(repeats)]
        fastest = min(runs, key=lambda run: run[0].wall_s)
        best.append((fastest[0], fastest[1]["counts"]["images"]))
    (one, few), (ten, many) = best
    figures = {
        "images": [few, many],
        "wall_s": [round(one.wall_s, 2), round(ten.wall_s, 2)],
        "cpu_s": [round(one.cpu_s, 2), round(ten.cpu_s, 2)],
        "peak_mb": [round(one.peak_mb), round(ten.peak_mb)],
        "time_per_image_ratio": round(ten.wall_s / many / (one.wall_s / few), 3),
        "time_ratio": round(ten.wall_s / one.wall_s, 2),
        "memory_ratio": round(ten.peak_mb / one.peak_mb, 3),
    }
    if as_json:
        print(json.dumps(figures))
        return
    print(f"{'images':>8} {'wall s':>8} {'CPU s':>8} {'peak MB':>8}")
    for measured, images in best:
        print(f"{images:8} {measured.wall_s:8.1f} {measured.cpu_s:8.1f} {measured.peak_mb:8.0f}")
    print(f"time x {figures['time_ratio']}, memory x {figures['memory_ratio']}")


def _published(folder: Path, *, as_json: bool) -> None:
    folders = write_all(folder / "in", share=1.0)
    result: dict[str, Any] = {}
    for rule in ("released", "graded"):
        measured, manifest = build(folders, folder / rule, "--labels", rule)
        counts = manifest["counts"]
        result[rule] = {
            "wall_s": round(measured.wall_s, 1),
            "peak_mb": round(measured.peak_mb),
            "images": counts["images"],
            "questions": counts["questions_by_task_and_split"],
            "by_class": counts["diagnosis_by_class"],
        }
    if as_json:
        print(json.dumps(result))
        return
    for rule, found in result.items():
        print(f"{rule}: {found['images']} images, {found['wall_s']} s, {found['peak_mb']} MB")
        print(f"  questions: {found['questions']}")
    print(f"{'class':30} {'published':>9} {'released/1':>10} {'graded/1':>9}")
    for name, number in result["released"]["by_class"].items():
        told = PUBLISHED.get(name, "-")
        print(f"{name:30} {told:>9} {number:10} {result['graded']['by_class'][name]:9}")


if __name__ == "__main__":
    main()
