"""Images per second of the picture stage against the bare libraries, and peak memory of both.

Bare: for each file pydicom decodes, one lookup table maps to 8 bits, Pillow resizes to
the policy's long side and encodes PNG at the policy's level: the least that anybody must do.
Ours, twice: the standard image stored by hash, which is the like of it; and the whole picture
stage `read_picture`, which also hashes the original, places it and embeds. Each runs in a process
of its own on the same files, interleaved, best of `--repeats`.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np


def bare(path: Path, out: Path) -> None:
    """Decode, one lookup, resize, encode, write."""
    from PIL import Image
    from pydicom import dcmread

    from spinebench.imaging.standard import DEFAULT_POLICY

    pixels = dcmread(path).pixel_array
    low, high = int(pixels.min()), int(pixels.max())
    lut = np.clip((np.arange(high + 1) - low) * (255 / max(high - low, 1)), 0, 255)
    grey = Image.fromarray(lut.astype(np.uint8)[pixels])
    scale = min(1, DEFAULT_POLICY.long_side_px / max(grey.size))
    size = (round(grey.width * scale), round(grey.height * scale))
    if size != grey.size:
        grey = grey.resize(size, Image.Resampling.LANCZOS)
    grey.convert("RGB").save(
        out / f"{path.stem}.png", compress_level=DEFAULT_POLICY.png_compress_level
    )


def standard(path: Path, out: Path) -> None:
    """Our reading, display policy, encoding and storing by hash, without the rest."""
    from spinebench.imaging.read import read_image
    from spinebench.imaging.standard import encode, standardise
    from spinebench.tables import write_by_hash

    write_by_hash(out, encode(standardise(read_image(path)[0])), ".png")


def ours(path: Path, out: Path, root: Path) -> None:
    """The worker's function of the build."""
    from spinebench.benchmark.embed import DEFAULT_EMBEDDER
    from spinebench.benchmark.pictures import Picture, PictureJob, read_picture
    from spinebench.sources.base import ImageRef

    ref = ImageRef(
        image_id=f"x:{path.name}", source="x", path=path.relative_to(root).as_posix(),
        patient_id="x:1", study_id="1", series_id="1", modality="MR", view=None, sequence=None,
        instance_number=None, official_split=None,
    )  # fmt: skip
    assert isinstance(read_picture(PictureJob(root, ref, out, DEFAULT_EMBEDDER)), Picture)


def measure(kind: str, root: Path) -> dict[str, float]:
    """One timed pass over all files, in this process, after one warm-up file."""
    files = sorted(p for p in root.rglob("*") if p.suffix in (".dcm", ".dicom"))
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder)

        def run(path: Path) -> None:
            if kind == "bare":
                bare(path, out)
            elif kind == "standard":
                standard(path, out)
            else:
                ours(path, out, root)

        run(files[0])
        started = time.process_time()
        for path in files:
            run(path)
        seconds = time.process_time() - started
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"files": len(files), "cpu_s": seconds, "peak_mb": peak_mb}


def main() -> None:
    """Print the table; with `--kind`, be the measured process."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--kind", choices=["bare", "standard", "full"])
    parser.add_argument("--root", type=Path)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--patients", type=int, default=4)
    arguments = parser.parse_args()
    if arguments.kind:
        print(json.dumps(measure(arguments.kind, arguments.root)))
        return
    from spinebench.engine import LocalEngine
    from spinebench.phantom.write import write_phantom

    print(f"{'files':28} {'run':22} {'images/CPU-s':>12} {'ratio to bare':>13} {'peak MB':>8}")
    with tempfile.TemporaryDirectory() as folder:
        for source in ("rsna", "vindr"):
            root = Path(folder) / source
            write_phantom(source, root, patients=arguments.patients, seed=0, engine=LocalEngine())
            _print_rows(source, root, arguments.repeats)


def _print_rows(source: str, root: Path, repeats: int) -> None:
    best: dict[str, dict[str, float]] = {}
    for _ in range(repeats):
        for kind in ("bare", "standard", "full"):
            command = [sys.executable, __file__, "--kind", kind, "--root", str(root)]
            found = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
            if kind not in best or found["cpu_s"] < best[kind]["cpu_s"]:
                best[kind] = found
    words = {
        "bare": "bare libraries",
        "standard": "standard image only",
        "full": "whole picture stage",
    }
    for kind, found in best.items():
        rate = found["files"] / found["cpu_s"]
        ratio = found["cpu_s"] / best["bare"]["cpu_s"]
        files = f"{found['files']} of phantom {source}"
        print(f"{files:28} {words[kind]:22} {rate:12.1f} {ratio:13.2f} {found['peak_mb']:8.0f}")


if __name__ == "__main__":
    main()
