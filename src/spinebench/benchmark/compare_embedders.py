"""Encoders side by side: the published table for one's own images, and what it lacks.

The published table gives, for four images of spondylolisthesis, the cosine with each disease of
the library, and chooses by eye. Here each encoder is also asked how pure its neighbourhoods are
(`retrieval`), how often its hardest distractor is true of the patient as well (`true_confusion`),
how much closer the truth is than the distractors (`margin`), and how well each encoder tells the
truth from the distractors that another one picked (`judged_by`).
"""

import csv
import hashlib
import tempfile
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spinebench.anatomy.diseases import CLASSES, DISEASES, HEALTHY
from spinebench.benchmark.bundle import Benchmark
from spinebench.benchmark.embed import DEFAULT_EMBEDDER, Embedder, load_embedder
from spinebench.benchmark.embed.cache import choose_cache
from spinebench.benchmark.embed.stage import embed_images
from spinebench.benchmark.embedder_measures import (
    Classed,
    centroid_choices,
    chance_of_same_class,
    is_diseased,
    nearest_classes,
)
from spinebench.benchmark.negatives import (
    LIBRARY_PER_DISEASE,
    NegativeRequest,
    Negatives,
    build_library,
    choose_negatives,
)
from spinebench.benchmark.similarity import BlockScores, check_aggregate
from spinebench.engine import Engine
from spinebench.errors import UsageError
from spinebench.statistics import (
    Interval,
    cluster_bootstrap_interval,
    cluster_interval,
    cluster_mean_interval,
)

NEIGHBOURS = (1, 5, 10)
_TRUE_GRADES = ("moderate", "severe", "ungraded")  # a finding that says: it is there
_PUBLISHED = "embedder_cosines.csv"


@dataclass(frozen=True, kw_only=True)
class CompareOptions:
    """What is compared, and on how many images."""

    embedders: tuple[str, ...] = ()  # beside the one the benchmark was built with
    disease: str = "Spondylolisthesis"  # of the images of the table
    images: int = 4  # in the table
    queries: int = 2000  # images that the measures are taken on, at most
    seed: int = 0


def compare_embedders(
    bench: Benchmark, options: CompareOptions, *, engine: Engine
) -> dict[str, Any]:
    """Tables and measures by encoder, ready for JSON.

    Measures are taken on a sample of the images by hash; the library and the neighbours are all of
    them. Intervals are by patient. Raises UsageError for a benchmark without two classes.
    """
    known = _classed(bench)
    with tempfile.TemporaryDirectory() as folder:
        encoders = _embed(bench, known, options, engine, Path(folder))
        base = next(iter(encoders.values()))
        queries = _sample(base, options)
        request = _request(bench, base)
        picks = {
            name: choose_negatives(images.vectors, request, seed=options.seed)
            for name, images in encoders.items()
        }
        judged = _judge(encoders, picks, request, queries, options.seed)
        rows = _rows_of_table(base, options)
        present = _present_by_patient(bench)
        return {
            "bench": str(bench.folder),
            "seed": options.seed,
            "images": len(base.image_ids),
            "queries": len(queries),
            "aggregate": request.aggregate,
            "disease": base.classes[rows[0]] if len(rows) else options.disease,
            "embedders": [
                {
                    "name": name,
                    "length": int(images.vectors.shape[1]),
                    "table": _table(images, request, rows, options.seed),
                    "retrieval": _retrieval(images, queries),
                    "true_confusion": _confusion(images, picks[name], queries, present),
                    "margin": _margin(images, request, picks[name], queries, options.seed),
                    "judged_by": judged[name],
                }
                for name, images in encoders.items()
            ],
            "random_distractors": {"judged_by": judged[None]},
            "published": published_table(),
        }


def published_table() -> dict[str, Any]:
    """The published cosines by encoder and image, in the order of DISEASES, with their source."""
    place = resources.files("spinebench").joinpath("data", "published", _PUBLISHED)
    lines = place.read_text("utf-8").splitlines()
    rows = list(csv.DictReader(line for line in lines if not line.startswith("#")))
    found: dict[tuple[str, int], dict[str, float]] = {}
    for row in rows:
        key = (row["encoder"], int(row["image"]))
        found.setdefault(key, {})[row["disease"]] = float(row["cosine"])
    return {
        "source": " ".join(line.removeprefix("#").strip() for line in lines if line[:1] == "#"),
        "table": [
            {
                "encoder": encoder,
                "image": image,
                "cosines": {name: cosines[name] for name in DISEASES},
            }
            for (encoder, image), cosines in found.items()
        ],
    }


def _classed(bench: Benchmark) -> dict[str, str]:
    """Class by image id, sorted: that of the image's question on diagnosis or alignment."""
    found: dict[str, str] = {}
    for question in bench.questions:
        is_class = question.task in ("diagnosis", "alignment") and question.disease in CLASSES
        if is_class and len(question.image_ids) == 1:
            found.setdefault(question.image_ids[0], question.disease)
    if len(set(found.values())) < 2:
        raise UsageError(f"{bench.folder} asks about fewer than two classes: nothing to compare")
    return dict(sorted(found.items()))


def _embed(
    bench: Benchmark,
    known: Mapping[str, str],
    options: CompareOptions,
    engine: Engine,
    folder: Path,
) -> dict[str, Classed]:
    """Images with the vectors of each encoder, by its name; the benchmark's own first."""
    images = [bench.images[image_id] for image_id in known]
    patients = [image.patient_id for image in images]

    def classed(vectors: NDArray[np.float32]) -> Classed:
        return Classed(list(known), patients, list(known.values()), vectors)

    found: dict[str, Classed] = {}
    stored = _stored_vectors(bench, list(known))
    if stored is not None:
        found[bench.manifest["embedder"]] = classed(stored)
    specs = options.embedders if found or options.embedders else (DEFAULT_EMBEDDER,)
    for number, spec in enumerate(specs):
        if spec in found:
            continue
        embedder: Embedder = load_embedder(spec)
        if embedder.name not in found:
            vectors = embed_images(
                images, bench.folder, embedder, engine,
                cache=choose_cache(embedder), out=folder / f"{number}.npy",
            )  # fmt: skip
            found[embedder.name] = classed(vectors)
    return found


def _stored_vectors(bench: Benchmark, image_ids: Sequence[str]) -> NDArray[np.float32] | None:
    if "embeddings.parquet" not in bench.manifest["tables"]:  # an imported benchmark has none
        return None
    ids, vectors = bench.embeddings()
    row_of = {image_id: row for row, image_id in enumerate(ids)}
    if not all(image_id in row_of for image_id in image_ids):
        return None
    return vectors[[row_of[image_id] for image_id in image_ids]]


def _request(bench: Benchmark, images: Classed) -> NegativeRequest:
    """As published, with the benchmark's own aggregate and size of the library."""
    return NegativeRequest.as_published(
        images.image_ids,
        images.classes,
        images.patient_ids,
        aggregate=check_aggregate(bench.manifest.get("aggregate", "max")),
        per_disease=bench.manifest.get("library_per_disease", LIBRARY_PER_DISEASE),
    )


def _by_hash(images: Classed, rows: Sequence[int], seed: int, count: int) -> NDArray[np.int64]:
    def place(row: int) -> bytes:
        return hashlib.sha256(f"compare\x1f{seed}\x1f{images.image_ids[row]}".encode()).digest()

    return np.array(sorted(sorted(rows, key=place)[:count]), dtype=np.int64)


def _sample(images: Classed, options: CompareOptions) -> NDArray[np.int64]:
    return _by_hash(images, range(len(images.image_ids)), options.seed, options.queries)


def _rows_of_table(images: Classed, options: CompareOptions) -> NDArray[np.int64]:
    rows = [row for row, name in enumerate(images.classes) if name == options.disease]
    if not rows:
        present = ", ".join(name for name in DISEASES if name in images.classes)
        raise UsageError(f"no image of {options.disease!r}; --disease may be: {present}")
    return _by_hash(images, rows, options.seed, options.images)


def _table(
    images: Classed, request: NegativeRequest, rows: NDArray[np.int64], seed: int
) -> list[dict[str, Any]]:
    """Cosine per disease of the chosen images; the image itself is left out, as published."""
    library = build_library(images.vectors, request, seed=seed)
    own = [np.flatnonzero(library.rows == row) for row in rows]
    barred = (
        np.concatenate(own).astype(np.int64),
        np.repeat(np.arange(len(rows)), [len(pages) for pages in own]),
    )
    block = np.asarray(images.vectors[rows])
    scores = BlockScores(library, block, barred, request.aggregate)
    exact = scores.exact(np.ones((len(DISEASES), len(rows)), np.bool_)).T
    return [
        {
            "image_id": images.image_ids[row],
            "cosines": {
                name: round(float(cosine), 6) if np.isfinite(cosine) else None
                for name, cosine in zip(DISEASES, cosines, strict=True)
            },
        }
        for row, cosines in zip(rows, exact, strict=True)
    ]


def _retrieval(images: Classed, queries: NDArray[np.int64]) -> dict[str, Any]:
    """Share of the k nearest images of other patients that are of the same disease."""
    diseased = queries[is_diseased(images, queries)]
    if not len(diseased):
        return {}
    codes = images.codes()[diseased]
    near = nearest_classes(images, diseased, max(NEIGHBOURS))
    patients = [images.patient_ids[row] for row in diseased]
    chance = float(chance_of_same_class(images, diseased).mean())
    found: dict[str, Any] = {}
    for k in NEIGHBOURS:
        shares = (near[:, :k] == codes[:, None]).sum(axis=1) / k
        by_class = {
            name: round(float(shares[codes == CLASSES.index(name)].mean()), 6)
            for name in DISEASES
            if (codes == CLASSES.index(name)).any()
        }
        interval = cluster_mean_interval(shares, patients)
        found[f"precision_at_{k}"] = {**_words(interval), "chance": round(chance, 6)}
        found[f"precision_at_{k}"]["by_disease"] = by_class
    return found


def _present_by_patient(bench: Benchmark) -> dict[str, set[str]]:
    """Diseases that a patient has by the findings on any image that the benchmark holds."""
    present: dict[str, set[str]] = defaultdict(set)
    for finding in bench.findings.values():
        image = bench.images.get(finding.image_id)  # None: that image is not asked about
        is_there = finding.disease in DISEASES and finding.grade in _TRUE_GRADES
        if image is not None and finding.disease is not None and is_there:
            present[image.patient_id].add(finding.disease)
    return present


def _confusion(
    images: Classed,
    picks: Sequence[Negatives],
    queries: NDArray[np.int64],
    present: Mapping[str, set[str]],
) -> dict[str, Any]:
    """How often the nearest different disease is one that the patient has as well."""
    diseased = queries[is_diseased(images, queries)]
    patients = [images.patient_ids[row] for row in diseased]
    hits, chance = [], []
    for row, patient in zip(diseased, patients, strict=True):
        others = present.get(patient, set()) - {images.classes[row]}
        hits.append(picks[row].diseases[0] in others)
        chance.append(len(others) / (len(DISEASES) - 1))
    return {
        **_words(cluster_interval(hits, patients)),
        "chance": round(float(np.mean(chance)), 6) if chance else None,
    }


def _margin(
    images: Classed,
    request: NegativeRequest,
    picks: Sequence[Negatives],
    queries: NDArray[np.int64],
    seed: int,
) -> dict[str, Any]:
    """Cosine with the truth (library images of other patients) less that of the hardest distractor.

    Below zero: the distractor looks more like the image than its own disease does.
    """
    diseased = queries[is_diseased(images, queries)]
    library = build_library(images.vectors, request, seed=seed)
    of_patient: dict[str, list[int]] = defaultdict(list)
    for page, row in enumerate(library.rows.tolist()):
        of_patient[request.patient_ids[row]].append(page)
    margins: list[float] = []
    patients: list[str] = []
    for start in range(0, len(diseased), 1024):
        rows = diseased[start : start + 1024]
        own = [of_patient.get(images.patient_ids[row], []) for row in rows]
        barred = (
            np.array([page for pages in own for page in pages], dtype=np.int64),
            np.repeat(np.arange(len(rows)), [len(pages) for pages in own]),
        )
        truth = np.zeros((len(DISEASES), len(rows)), np.bool_)
        truth[images.codes()[rows], np.arange(len(rows))] = True
        scores = BlockScores(library, np.asarray(images.vectors[rows]), barred, request.aggregate)
        for row, cosine in zip(rows, scores.exact(truth).max(axis=0), strict=True):
            hardest = picks[row].similarities[0]
            if hardest is not None and np.isfinite(cosine):
                margins.append(float(cosine) - hardest)
                patients.append(images.patient_ids[row])
    return _words(cluster_bootstrap_interval(margins, patients, seed=seed))


def _judge(
    encoders: Mapping[str, Classed],
    picks: Mapping[str, Sequence[Negatives]],
    request: NegativeRequest,
    queries: NDArray[np.int64],
    seed: int,
) -> dict[str | None, dict[str, Any]]:
    """For each picker (None: distractors at random) the accuracy of each judge on its options."""
    everything: dict[str | None, Sequence[Negatives]] = {None: _at_random(request, seed)}
    everything.update(picks)
    judged: dict[str | None, dict[str, Any]] = {}
    for picker, negatives in everything.items():
        options = [
            list(dict.fromkeys([request.diseases[row], HEALTHY, *negatives[row].diseases]))
            for row in queries
        ]
        judged[picker] = {}
        for judge, images in encoders.items():
            choices = centroid_choices(images, queries, options)
            made = [(row, *c) for row, c in zip(queries, choices, strict=True) if c is not None]
            interval = cluster_interval(
                [choice == request.diseases[row] for row, choice, _ in made],
                [request.patient_ids[row] for row, _, _ in made],
            )
            chance = float(np.mean([1 / among for _, _, among in made])) if made else None
            judged[picker][judge] = {
                **_words(interval),
                "chance": None if chance is None else round(chance, 6),
                "n": len(made),
            }
    return judged


def _at_random(request: NegativeRequest, seed: int) -> list[Negatives]:
    """As many distractors drawn by hash: of an empty library all are drawn."""
    empty = replace(request, library_mask=np.zeros_like(request.library_mask))
    nothing = np.zeros((len(request.image_ids), 1), np.float32)
    return choose_negatives(nothing, empty, seed=seed)


def _words(interval: Interval) -> dict[str, float | None]:
    return {
        name: None if value is None else round(float(value), 6)
        for name, value in interval._asdict().items()
    }
