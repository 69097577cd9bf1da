"""Run folders, read and held against the benchmark they belong to."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from spinebench.benchmark.bundle import Benchmark
from spinebench.errors import DataError, UsageError
from spinebench.evaluation.breakdown import load_answers
from spinebench.evaluation.protocols import parse_protocol
from spinebench.evaluation.run_identity import differing_settings
from spinebench.records import Prediction
from spinebench.tables import read_frame, read_manifest, sha256_of_file

BASELINES = "spinebench/"


@dataclass(frozen=True, kw_only=True)
class LoadedRun:
    """One run folder, read and held against the benchmark."""

    folder: Path
    manifest: dict[str, Any]
    frame: pl.DataFrame  # predictions
    answers: pl.DataFrame  # score.build_answers, with `letter_map`

    @property
    def is_baseline(self) -> bool:
        """Whether it is one of the package's own simple models."""
        return str(self.manifest["model"]).startswith(BASELINES)

    @property
    def is_control(self) -> bool:
        """Whether no image was sent."""
        return parse_protocol(self.manifest["protocol"]).no_image

    @property
    def extractor(self) -> str | None:
        """Name of the model that read answers in which the rules found nothing, if one did."""
        kept = self.manifest.get("extractor")
        return kept["model"] if isinstance(kept, dict) else kept

    def is_control_of(self, other: "LoadedRun") -> bool:
        """Whether this is the other run over again, without the image."""
        own = parse_protocol(self.manifest["protocol"])
        return (
            own.no_image
            and own.name == f"{other.manifest['protocol']}+no-image"
            and self.manifest["model"] == other.manifest["model"]
            and not differing_settings(self.manifest, other.manifest)
        )


def load_run(folder: Path, bench: Benchmark, bench_sha256: str) -> LoadedRun:
    """Read a run folder. Raises UsageError if it was made on another benchmark."""
    manifest = read_manifest(folder, "run")
    found = manifest["benchmark"]["manifest_sha256"]
    if found != bench_sha256:
        raise UsageError(
            f"{folder} is a run on another benchmark: its manifest has SHA-256 {found[:12]}…, "
            f"that of {bench.folder} has {bench_sha256[:12]}…"
        )
    table = folder / "predictions.parquet"
    digest = sha256_of_file(table) if table.is_file() else "no such file"
    expected = manifest["tables"][table.name]
    if digest != expected:
        raise DataError(
            file=str(table), field="SHA-256", found=digest, expected=f"{expected} (manifest)"
        )
    frame = read_frame(table, Prediction)
    if not frame.height:
        raise DataError(file=str(table), found="no row", expected="predictions")
    answers = load_answers(bench.folder, table).with_columns(letter_map=frame["letter_map"])
    return LoadedRun(folder=folder, manifest=manifest, frame=frame, answers=answers)
