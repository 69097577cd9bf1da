"""CPU of `run_evaluation` per item against a bare Inspect task on the same items.

    python benchmarks/bench_evaluation.py [--items 2000] [--repeats 3]
    python benchmarks/bench_evaluation.py --memory 20000 [--shard 5000]

Both ask the same questions with the same images of the same model, an in-process one that answers
at once, with the same log settings. The bare task is what one would write without spinebench:
message with text and image in the sample, `generate()`, and Inspect's own `choice`-like scorer
(a regular expression and a comparison). Each run is a process of its own; CPU is user + system
of the whole process less the same process with one item, which takes start and imports away.

`--memory` asks so many questions in one process, shard after shard, and shows the peak of resident
memory while each shard was asked: it must not grow with their number.
"""

import argparse
import io
import json
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import polars as pl
from PIL import Image as PillowImage

from spinebench.benchmark.bundle import EMBEDDING_SCHEMA
from spinebench.records import Finding, Image, Question, Reject, question_content_hash
from spinebench.tables import sha256_of_file, write_by_hash, write_frame, write_json, write_table

_CLASSES = (
    "Osteophytes",
    "Healthy",
    "Disc space narrowing",
    "Vertebral collapse",
    "Spondylolysthesis",
)


def write_benchmark(folder: Path, items: int) -> None:
    """A benchmark of `items` diagnosis questions on noise of 160 x 160 pixels (about 30 kB)."""
    images, questions = [], []
    for number in range(items):
        rng = np.random.default_rng([1, number])
        pixels = np.repeat(rng.integers(0, 256, (160, 160, 1), dtype=np.uint8), 3, axis=2)
        stream = io.BytesIO()
        PillowImage.fromarray(pixels).save(stream, "PNG", compress_level=1)
        path, digest = write_by_hash(folder / "images", stream.getvalue(), ".png")
        images.append(_image(number, f"images/{path}", digest))
        questions.append(_question(images[-1], number))
    empty = pl.DataFrame(schema={"image_id": pl.String, "vector": pl.List(pl.Float32)})
    write_frame(folder / "embeddings.parquet", empty, schema=EMBEDDING_SCHEMA)
    write_table(folder / "images.parquet", images, Image)
    write_table(folder / "questions.parquet", questions, Question)
    write_table(folder / "findings.parquet", [], Finding)
    write_table(folder / "rejects.parquet", [], Reject)
    terms = {"third_party_models": True, "name": "none", "url": "", "summary": ""}
    manifest = {
        "kind": "benchmark", "seed": 1, "embedder": "none", "sources": {"noise": {"terms": terms}},
        "tables": {p.name: sha256_of_file(p) for p in folder.glob("*.parquet")},
    }  # fmt: skip
    write_json(folder / "manifest.json", manifest)


def _image(number: int, path: str, digest: str) -> Image:
    return Image(
        image_id=f"noise:{number}", source="noise", path=path, patient_id=f"noise:{number // 4}",
        study_id="s", series_id="s", modality="XR", view="LAT", sequence=None, frame=None,
        instance_number=None, slice_position_mm=None, rows=160, cols=160, file_rows=160,
        file_cols=160, scale_x=1.0, scale_y=1.0, spacing_row_mm=None, spacing_col_mm=None,
        affine=None, original_sha256=digest, file_sha256=digest, pixel_sha256=digest,
        policy="none/1", age_years=None, sex=None, official_split=None,
    )  # fmt: skip


def _question(image: Image, number: int) -> Question:
    gold = ("ABCDE"[number % 5],)
    text = "Which of the listed conditions does this image of the spine show?"
    content = question_content_hash(
        text=text, options=_CLASSES, gold=gold, pixel_sha256=(image.pixel_sha256,)
    )
    return Question(
        question_id=f"diagnosis-noise-{number}@{content}", kind="mcq", task="diagnosis",
        source="noise", image_ids=(image.image_id,), text=text, options=_CLASSES, gold=gold,
        multiple=False, disease=_CLASSES[number % 5], levels=(), side=None, axis="LAT",
        template="t", negatives=(), similarities=(), split="test", patient_id=image.patient_id,
        finding_ids=(), rule="none/1",
    )  # fmt: skip


def run_spinebench(bench: Path, out: Path, items: int) -> None:
    """What `spinebench eval run` does, the predictions table and the scores included."""
    from spinebench.evaluation.run import run_evaluation

    manifest = run_evaluation(bench, "spinebench/random", out, limit=items)
    assert manifest["counts"]["diagnosis"]["answered"] == items


def run_bare(bench: Path, out: Path, items: int) -> None:
    """A task as one writes it without spinebench."""
    import re

    import inspect_ai
    from inspect_ai.dataset import MemoryDataset, Sample
    from inspect_ai.model import ChatMessageUser, ContentImage, ContentText
    from inspect_ai.scorer import (
        CORRECT,
        INCORRECT,
        Score,
        Scorer,
        Target,
        accuracy,
        scorer,
        stderr,
    )
    from inspect_ai.solver import TaskState, generate

    from spinebench.benchmark.bundle import Benchmark
    from spinebench.evaluation.prompts import load_prompt
    from spinebench.evaluation.select import select_questions

    @scorer(metrics=[accuracy(), stderr()])
    def letter() -> Scorer:
        async def score(state: TaskState, target: Target) -> Score:
            found = re.findall(r"My final option: \[([A-E])\]", state.output.completion)
            right = bool(found) and found[-1] == target.text
            return Score(value=CORRECT if right else INCORRECT, answer=found[-1] if found else None)

        return score

    benchmark = Benchmark.load(bench)
    prompt = load_prompt("released", "diagnosis")
    samples = [
        Sample(
            id=q.question_id,
            input=[
                ChatMessageUser(
                    content=[
                        ContentText(text=prompt.render(q.text, q.lettered)[0]),
                        ContentImage(image=str(benchmark.image_file(q.image_ids[0]).resolve())),
                    ]
                )
            ],
            target=list(q.gold),
            metadata={"source": q.source, "patient_id": q.patient_id},
        )
        for q in select_questions(benchmark, "diagnosis", "test")[:items]
    ]
    logs = inspect_ai.eval(
        inspect_ai.Task(dataset=MemoryDataset(samples), solver=generate(), scorer=letter()),
        model="spinebench/random", log_dir=str(out / "logs"), display="none", log_images=False,
        log_model_api=False, log_realtime=False, log_header_only=True, acp_server=False,
        ctl_server=False, max_retries=5,
    )  # fmt: skip
    assert logs[0].status == "success"


def run_shards(bench: str, out: str, shard: str) -> None:
    """Ask everything in shards; prints the peak of memory during each, in MB, as JSON."""
    import os
    import threading
    import time

    from spinebench.evaluation import run as run_module

    run_module.SHARD = int(shard)
    peaks: dict[int, float] = {}
    page_mb = os.sysconf("SC_PAGE_SIZE") / 1e6

    def look() -> None:
        while True:
            number = len(list((Path(out) / "run" / "journal").glob("*.jsonl")))
            resident = int(Path("/proc/self/statm").read_text().split()[1]) * page_mb
            peaks[number] = max(peaks.get(number, 0.0), resident)
            time.sleep(0.1)

    threading.Thread(target=look, daemon=True).start()
    manifest = run_module.run_evaluation(Path(bench), "spinebench/random", Path(out) / "run")
    assert manifest["complete"]
    print(json.dumps([peaks[number] for number in sorted(peaks) if number]))


def show_memory(items: int, shard: int) -> None:
    """Table of the peaks by shard."""
    with tempfile.TemporaryDirectory() as folder:
        write_benchmark(Path(folder) / "bench", items)
        command = [
            sys.executable, __file__, "--shards", f"{folder}/bench", folder, str(shard),
        ]  # fmt: skip
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(done.stderr)
    print(f"| shard of {shard} | peak memory, of {items} questions |\n| --- | --- |")
    for number, peak in enumerate(json.loads(done.stdout.splitlines()[-1]), start=1):
        print(f"| {number} | {peak:.0f} MB |")


def measure(kind: str, bench: Path, items: int) -> tuple[float, float]:
    """CPU seconds and peak memory in MB of one process."""
    with tempfile.TemporaryDirectory() as out:
        command = [sys.executable, __file__, "--child", kind, str(bench), out, str(items)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(done.stderr)
    cpu_s, peak_mb = json.loads(done.stdout.splitlines()[-1])
    return cpu_s, peak_mb


def run_child(kind: str, bench: str, out: str, items: str) -> None:
    {"spinebench": run_spinebench, "bare": run_bare}[kind](Path(bench), Path(out), int(items))
    usage = resource.getrusage(resource.RUSAGE_SELF)
    print(json.dumps([usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024]))


def compare(items: int, repeats: int) -> list[dict[str, float | str]]:
    """Median over interleaved repeats: CPU per item and peak memory, ours last."""
    found: dict[str, list[tuple[float, float]]] = {"bare": [], "spinebench": []}
    with tempfile.TemporaryDirectory() as folder:
        bench = Path(folder) / "bench"
        write_benchmark(bench, items)
        for _ in range(repeats):
            for kind, runs in found.items():
                start_s, _ = measure(kind, bench, 1)
                cpu_s, peak_mb = measure(kind, bench, items)
                runs.append(((cpu_s - start_s) / (items - 1) * 1000, peak_mb))
    return [
        {
            "what": kind,
            "cpu_ms_per_item": float(np.median([cpu for cpu, _ in runs])),
            "peak_mb": float(np.median([peak for _, peak in runs])),
        }
        for kind, runs in found.items()
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--items", type=int, default=2000)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--memory", type=int, metavar="ITEMS")
    parser.add_argument("--shard", type=int, default=5000)
    options = parser.parse_args()
    if options.memory:
        show_memory(options.memory, options.shard)
        return
    rows = compare(options.items, options.repeats)
    ratio = float(rows[1]["cpu_ms_per_item"]) / float(rows[0]["cpu_ms_per_item"])
    if options.json:
        print(json.dumps({"items": options.items, "rows": rows, "cpu_ratio": ratio}))
        return
    print(
        f"| evaluation of {options.items} items | CPU per item | peak memory |\n| --- | --- | --- |"
    )
    for row, name in zip(rows, ("bare Inspect task", "spinebench eval run"), strict=True):
        print(f"| {name} | {row['cpu_ms_per_item']:.2f} ms | {row['peak_mb']:.0f} MB |")
    print(f"| ratio | {ratio:.2f} | |")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--child"]:
        run_child(*sys.argv[2:])
    elif sys.argv[1:2] == ["--shards"]:
        run_shards(*sys.argv[2:])
    else:
        main()
