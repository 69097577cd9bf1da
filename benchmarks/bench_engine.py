"""What a second worker is worth: the picture stage on one and two workers, local and Ray.

    python benchmarks/bench_engine.py [--patients 8] [--repeats 3] [--json]

Each run is a process of its own over the same phantom files (MR slices of 384 pixels, films of
1,400 to 3,000), interleaved with the others. Ray is started and its workers have imported the code
before the clock starts, as on a cluster that stands; local workers are started within the time. Two
plain processes that share the files by hand, without any engine, show what two cores of this
machine can give at all. The best of the repeats counts. All results must be the same bytes.
"""

import argparse
import hashlib
import importlib.util
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

RUNS = ("local 1", "by hand 2", "local 2", "ray 1", "ray 2")


PASSES = 4  # over the same files, each into a folder of its own


def picture_jobs(root: Path, out: Path, passes: int = PASSES) -> list[Any]:
    """Jobs of the build's picture stage for every image below root, large and small mixed."""
    from spinebench.benchmark.pictures import PictureJob
    from spinebench.sources.base import ImageRef

    files = sorted(p for p in root.rglob("*") if p.suffix in (".dcm", ".dicom"))
    files.sort(key=lambda path: hashlib.sha256(path.name.encode()).digest())
    jobs = []
    for path in files:
        relative = path.relative_to(root).as_posix()
        ref = ImageRef(
            image_id=f"x:{relative}", source="x", path=relative, patient_id="x:1", study_id="1",
            series_id="1", modality="MR", view=None, sequence=None, instance_number=None,
            official_split=None,
        )  # fmt: skip
        jobs += [PictureJob(root, ref, out / str(number)) for number in range(passes)]
    return jobs


def digest_of(results: list[Any]) -> str:
    """SHA-256 of the records, in order; they hold the hashes of the pictures' bytes."""
    return hashlib.sha256("\n".join(map(repr, results)).encode()).hexdigest()


def measure(kind: str, workers: int, root: Path) -> dict[str, Any]:
    """One timed pass in this process."""
    from spinebench.benchmark.pictures import read_picture
    from spinebench.engine import load_engine

    with tempfile.TemporaryDirectory() as folder:
        jobs = picture_jobs(root, Path(folder))
        if kind == "by hand":
            return _measure_by_hand(root, len(jobs))
        engine = load_engine(kind, workers)
        if kind == "ray":
            warm = picture_jobs(root, Path(folder) / "warm", 1)[: 8 * workers]
            list(engine.map(read_picture, warm, label="warm", shard=1))
        started = time.perf_counter()
        results = list(engine.map(read_picture, jobs, label=kind))
        seconds = time.perf_counter() - started
    return {"images": len(jobs), "seconds": seconds, "digest": digest_of(results)}


def _measure_by_hand(root: Path, images: int) -> dict[str, Any]:
    started = time.perf_counter()
    halves = [
        subprocess.Popen([sys.executable, __file__, "--half", str(half), "--root", str(root)])
        for half in (0, 1)
    ]
    if any(process.wait() for process in halves):
        raise SystemExit("a half failed")
    seconds = time.perf_counter() - started
    return {"images": images, "seconds": seconds, "digest": None}


def run_half(half: int, root: Path) -> None:
    """Every second job, in a plain loop."""
    from spinebench.benchmark.pictures import read_picture

    with tempfile.TemporaryDirectory() as folder:
        for job in picture_jobs(root, Path(folder))[half::2]:
            read_picture(job)


def run_child(command: list[str]) -> dict[str, Any]:
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def compare(root: Path, repeats: int) -> dict[str, dict[str, Any]]:
    """Best run of each kind, with all its times."""
    best: dict[str, dict[str, Any]] = {}
    have_ray = importlib.util.find_spec("ray") is not None
    for _ in range(repeats):
        for name in RUNS:
            kind, _, workers = name.rpartition(" ")
            if kind == "ray" and not have_ray:
                continue
            command = [sys.executable, __file__, "--kind", kind, "--workers", workers]
            found = run_child([*command, "--root", str(root)])
            times = [*best.get(name, {}).get("all_seconds", []), round(found["seconds"], 2)]
            if name not in best or found["seconds"] < best[name]["seconds"]:
                best[name] = found
            best[name]["all_seconds"] = times
    digests = {found["digest"] for found in best.values()} - {None}
    if len(digests) != 1:
        raise SystemExit("results differ between engines or numbers of workers")
    return best


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--patients", type=int, default=8)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--root", type=Path)
    parser.add_argument("--kind")
    parser.add_argument("--workers", type=int)
    parser.add_argument("--half", type=int)
    options = parser.parse_args()
    if options.half is not None:
        run_half(options.half, options.root)
    elif options.kind:
        print(json.dumps(measure(options.kind, options.workers, options.root)))
    else:
        report(options.patients, options.repeats, options.root, as_json=options.json)


def report(patients: int, repeats: int, root: Path | None, *, as_json: bool) -> None:
    """Write the files unless they are given, measure, print."""
    with tempfile.TemporaryDirectory() as folder:
        if root is None:
            root = Path(folder)
            write_files(root, patients)
        best = compare(root, repeats)
    ratios = {
        kind: best[f"{kind} 1"]["seconds"] / best[f"{kind} 2"]["seconds"] / 2
        for kind in ("local", "ray")
        if f"{kind} 1" in best
    }
    ratios["by hand"] = best["local 1"]["seconds"] / best["by hand 2"]["seconds"] / 2
    if as_json:
        print(json.dumps({"runs": best, "two_workers_of_twice_one": ratios}))
        return
    images = best["local 1"]["images"]
    print(f"{images} images, best of {repeats}; results identical")
    print(f"{'run':12} {'seconds':>8} {'images/s':>9} {'of twice one':>13} {'all':>6}")
    for name, found in best.items():
        kind, _, workers = name.rpartition(" ")
        ratio = f"{ratios[kind]:.2f}" if workers == "2" else ""
        rate = images / found["seconds"]
        print(f"{name:12} {found['seconds']:8.2f} {rate:9.1f} {ratio:>13} {found['all_seconds']}")


def write_files(root: Path, patients: int) -> None:
    from spinebench.engine import LocalEngine
    from spinebench.phantom.write import write_phantom

    for source in ("rsna", "vindr"):
        write_phantom(source, root / source, patients=patients, seed=0, engine=LocalEngine())


if __name__ == "__main__":
    main()
