"""A finished benchmark folder, read.

manifest.json       what it was built from, by hash; versions, seed, counts (kind "benchmark")
images.parquet      records.Image; `path` is relative to this folder
findings.parquet    records.Finding of those images
questions.parquet   records.Question of all splits
rejects.parquet     records.Reject: what was not used, and why
embeddings.parquet  schema "embedding/1": image_id, vector (not in an import without them)
quality.parquet     records.Quality of those images (not in an import without it)
images/ab/ab12….png
"""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spinebench.errors import DataError, UsageError
from spinebench.records import Finding, Image, Quality, Question, Reject
from spinebench.tables import read_manifest, read_named_frame, read_table, sha256_of_file

EMBEDDING_SCHEMA = "embedding/1"


@dataclass(frozen=True)
class Benchmark:
    """A benchmark folder; tables are read when first asked for."""

    folder: Path
    manifest: dict[str, Any]

    @classmethod
    def load(cls, folder: Path, *, altered: bool = False) -> "Benchmark":
        """Open a folder. Raises UsageError if it is none, DataError if a table was altered.

        `altered` True lets altered tables pass, for an audit that tells of them
        (`altered_tables`).
        """
        folder = Path(folder)
        if not (folder / "manifest.json").is_file():
            found = "no such folder"
            if folder.is_dir():
                found = ", ".join(sorted(p.name for p in folder.iterdir())[:5]) or "an empty folder"
            raise UsageError(
                f"{folder} is not a benchmark: looked for manifest.json, found {found}"
            )
        manifest = read_manifest(folder, "benchmark")
        for name, expected in manifest["tables"].items():
            path = folder / name
            found = sha256_of_file(path) if path.is_file() else "no such file"
            if found != expected and not (altered and path.is_file()):
                raise DataError(
                    file=str(path), field="SHA-256", found=found, expected=f"{expected} (manifest)"
                )
        return cls(folder, manifest)

    def altered_tables(self) -> list[str]:
        """Tables whose bytes are not those that the manifest names."""
        return [
            name
            for name, expected in sorted(self.manifest["tables"].items())
            if sha256_of_file(self.folder / name) != expected
        ]

    @cached_property
    def images(self) -> dict[str, Image]:
        """Images by id."""
        table = read_table(self.folder / "images.parquet", Image)
        return {image.image_id: image for image in table}

    @cached_property
    def questions(self) -> list[Question]:
        """Questions of all splits and tasks, in the order of the table."""
        return read_table(self.folder / "questions.parquet", Question)

    @cached_property
    def findings(self) -> dict[str, Finding]:
        """Findings by id."""
        table = read_table(self.folder / "findings.parquet", Finding)
        return {finding.finding_id: finding for finding in table}

    @cached_property
    def rejects(self) -> list[Reject]:
        """The ledger's lines."""
        return read_table(self.folder / "rejects.parquet", Reject)

    @cached_property
    def quality(self) -> dict[str, Quality]:
        """Quality by image id; empty where it was not measured."""
        if "quality.parquet" not in self.manifest["tables"]:
            return {}
        table = read_table(self.folder / "quality.parquet", Quality)
        return {quality.image_id: quality for quality in table}

    def embeddings(self) -> tuple[list[str], NDArray[np.float32]]:
        """Image ids, and their vectors (images, length) in the same order."""
        frame = read_named_frame(self.folder / "embeddings.parquet", EMBEDDING_SCHEMA)
        ids = frame["image_id"].to_list()
        values: NDArray[np.float32] = frame["vector"].explode().to_numpy()
        return ids, values.reshape(len(ids), -1) if ids else np.zeros((0, 0), np.float32)

    def image_file(self, image_id: str) -> Path:
        """Path of an image's standard file. Raises DataError for a path that leaves the folder."""
        path = self.images[image_id].path
        if not (self.folder / path).resolve().is_relative_to(self.folder.resolve()):
            raise DataError(
                file=path, field="path", found="a path that leaves the benchmark's folder",
                expected="a path inside it",
            )  # fmt: skip
        return self.folder / path
