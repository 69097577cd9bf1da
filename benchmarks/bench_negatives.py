"""Hard negatives at the published scale against one float32 BLAS product of that size.

    python benchmarks/bench_negatives.py [--images 40263] [--length 768] [--repeats 5]

Bare: the cosines of all images with all library images, one call of the BLAS, nothing done with
them. Ours: `choose_negatives`, from vectors to option texts: the library drawn, the same product in
blocks, the maximum per disease, near-ties and stored values in float64, distractors picked. Each
run is a process of its own with the same threads; wall time, interleaved, the median of ratios.
Vectors lie around one direction as embeddings of like images do; `--spread` says how closely.
"""

import argparse
import json
import resource
import statistics
import subprocess
import sys
import time

import numpy as np

LIBRARY = 200


def some_vectors(images: int, length: int, spread: float) -> np.ndarray:
    rng = np.random.default_rng(0)
    vectors = np.empty((images, length), np.float32)
    centre = rng.standard_normal((1, length), dtype=np.float32)
    for start in range(0, images, 1024):  # in blocks: nothing hides the peak of what is measured
        block = vectors[start : start + 1024]
        rng.standard_normal(out=block, dtype=np.float32)
        block *= spread
        block += centre
        block /= np.linalg.norm(block, axis=1, keepdims=True)
    return vectors


def measure(kind: str, images: int, length: int, spread: float) -> tuple[float, float]:
    """Seconds and the memory in MB that came on top of the vectors."""
    from spinebench.anatomy.diseases import CLASSES, DISEASES
    from spinebench.benchmark.negatives import NegativeRequest, choose_negatives

    vectors = some_vectors(images, length, spread)
    names = [CLASSES[n % len(CLASSES)] for n in range(images)]
    ids = [f"source:image/{n}.dcm" for n in range(images)]
    pages = vectors[: LIBRARY * len(DISEASES)].copy()
    np.matmul(pages[:512], pages[:512].T)  # threads start
    before_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    started = time.perf_counter()
    if kind == "bare":
        cosines = vectors @ pages.T
        assert cosines.shape == (images, len(pages))
    else:
        request = NegativeRequest.as_published(ids, names, ids, aggregate=check(kind))
        assert len(choose_negatives(vectors, request, seed=0)) == images
    seconds = time.perf_counter() - started
    return seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024 - before_mb


def check(kind: str):  # type: ignore[no-untyped-def]  # the package's own Literal
    from spinebench.benchmark.similarity import check_aggregate

    return check_aggregate(kind)


def main() -> None:
    """Print the table; with `--kind`, be the measured process."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kind", choices=["bare", "max", "mean", "top5"])
    parser.add_argument("--images", type=int, default=40_263)
    parser.add_argument("--length", type=int, default=768)
    parser.add_argument("--spread", type=float, default=0.3)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    sizes = (options.images, options.length, options.spread)
    if options.kind:
        print(json.dumps(measure(options.kind, *sizes)))
        return
    found: dict[str, list[tuple[float, float]]] = {"bare": [], "max": [], "mean": [], "top5": []}
    arguments = [
        f"--{name}={value}"
        for name, value in zip(("images", "length", "spread"), sizes, strict=True)
    ]
    for _ in range(options.repeats):
        for kind, runs in found.items():
            command = [sys.executable, __file__, "--kind", kind, *arguments]
            done = subprocess.run(command, check=True, capture_output=True, text=True)
            runs.append(tuple(json.loads(done.stdout)))
    ratios = {
        kind: statistics.median(
            own[0] / bare[0] for own, bare in zip(runs, found["bare"], strict=True)
        )
        for kind, runs in found.items()
    }
    if options.json:
        print(json.dumps({"images": options.images, "length": options.length, "ratios": ratios}))
        return
    words = {
        "bare": "one float32 product",
        "max": "negatives, max",
        "mean": "negatives, mean",
        "top5": "negatives, top5",
    }
    print(f"{options.images} x {LIBRARY * 11} x {options.length}")
    print(f"{'run':22} {'seconds':>8} {'ratio':>6} {'more MB':>8}")
    for kind, runs in found.items():
        seconds = statistics.median(run[0] for run in runs)
        more_mb = statistics.median(run[1] for run in runs)
        print(f"{words[kind]:22} {seconds:8.2f} {ratios[kind]:6.2f} {more_mb:8.0f}")


if __name__ == "__main__":
    main()
