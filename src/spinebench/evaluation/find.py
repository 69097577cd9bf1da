"""From a run folder back to the benchmark it was asked from. Light: does not import Inspect."""

import os
from collections.abc import Sequence
from pathlib import Path

from spinebench.errors import UsageError
from spinebench.tables import read_manifest, sha256_of_file


def relative_benchmark(bench: Path, out: Path) -> str:
    """Path of the benchmark as seen from the run folder: both can be moved together."""
    return Path(os.path.relpath(bench.resolve(), out.resolve())).as_posix()


def find_benchmark(runs: Sequence[Path]) -> Path:
    """Benchmark folder of these runs, by the path kept in them and its hash.

    Raises UsageError if it is no longer there, was built anew, or is not the same for all.
    """
    found: dict[Path, str] = {}
    for run in runs:
        kept = read_manifest(run, "run")["benchmark"]
        folder = Path(os.path.normpath(run.resolve() / kept["path"]))
        manifest = folder / "manifest.json"
        if not manifest.is_file() or sha256_of_file(manifest) != kept["manifest_sha256"]:
            state = "another benchmark is" if manifest.is_file() else "no benchmark is"
            raise UsageError(f"{run}: {state} at {folder}; say where it is with --bench DIR")
        found[folder] = kept["manifest_sha256"]
    if len(set(found.values())) != 1:
        names = ", ".join(str(folder) for folder in found) or "none"
        raise UsageError(f"runs of one benchmark are needed, found {names}")
    return next(iter(found))
