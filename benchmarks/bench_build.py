"""Images per second of the picture stage against the bare libraries, both cores busy.

Bare: for each file pydicom decodes, one lookup table maps to 8 bits, Pillow resizes to
the policy's long side and encodes PNG at the policy's level: the least that anybody must do.
Ours, twice: the standard image stored by hash, which is the like of it; and the whole picture
stage `read_picture`, which also hashes the original, measures its quality and places it. Each run
is two processes of one thread over halves of the same files, interleaved with the others, best of
`--repeats`. Films are phantoms of 3000 x 3000 pixels in 16 bits, slices phantoms of 384 x 384.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

PROCESSES = 2
FILM_PX = 3000


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
    from spinebench.benchmark.pictures import Picture, PictureJob, read_picture
    from spinebench.sources.base import ImageRef

    ref = ImageRef(
        image_id=f"x:{path.name}", source="x", path=path.relative_to(root).as_posix(),
        patient_id="x:1", study_id="1", series_id="1", modality="MR", view=None, sequence=None,
        instance_number=None, official_split=None,
    )  # fmt: skip
    assert isinstance(read_picture(PictureJob(root, ref, out)), Picture)


def measure(kind: str, root: Path, part: int) -> dict[str, float]:
    """One timed pass over a share of the files, in this process, after one warm-up file."""
    files = sorted(p for p in root.rglob("*") if p.suffix in (".dcm", ".dicom"))[part::PROCESSES]
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
        print("ready", flush=True)
        sys.stdin.readline()  # all start together
        started, started_cpu = time.monotonic(), time.process_time()
        for path in files:
            run(path)
        wall_s, cpu_s = time.monotonic() - started, time.process_time() - started_cpu
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"files": len(files), "wall_s": wall_s, "cpu_s": cpu_s, "peak_mb": peak_mb}


def run_together(kind: str, root: Path) -> dict[str, float]:
    """A pass over all files by two processes; wall time is the slower one's."""
    threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
    running = [
        subprocess.Popen(
            [sys.executable, __file__, "--kind", kind, "--root", str(root), "--part", str(part)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=os.environ | threads,
        )
        for part in range(PROCESSES)
    ]  # fmt: skip
    for process in running:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in running:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    found = [json.loads(process.communicate()[0]) for process in running]
    return {
        "files": sum(each["files"] for each in found),
        "wall_s": max(each["wall_s"] for each in found),
        "cpu_s": sum(each["cpu_s"] for each in found),
        "peak_mb": max(each["peak_mb"] for each in found),
    }


def write_films(root: Path, films: int) -> None:
    """Phantom films mirrored to 3000 x 3000, stretched to 16 bits, with noise in the new bits."""
    from pydicom import dcmread

    from spinebench.engine import LocalEngine
    from spinebench.phantom.write import write_phantom
    from spinebench.phantom.write_dicom import DIGITAL_XRAY_STORAGE, write_dicom
    from spinebench.phantom.write_options import PhantomOptions

    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "vindr"
        options = PhantomOptions(film_px=FILM_PX)
        write_phantom(
            "vindr", source, patients=films // 2, seed=0, engine=LocalEngine(), options=options
        )
        for number, path in enumerate(sorted(source.rglob("*.dicom"))[:films]):
            film = dcmread(path)
            pixels = film.pixel_array
            missing = [(0, FILM_PX - side) for side in pixels.shape]
            pixels = np.pad(pixels, missing, mode="symmetric").astype(np.uint32)
            pixels <<= 16 - film.BitsStored
            rng = np.random.default_rng(number)
            pixels += rng.integers(0, 1 << (16 - film.BitsStored), pixels.shape, dtype=np.uint32)
            tags = {
                "PatientID": str(number), "StudyInstanceUID": str(number), "Modality": "DX",
                "SeriesInstanceUID": str(number), "SOPInstanceUID": f"1.2.{number}",
            }  # fmt: skip
            write_dicom(
                root / f"{number}.dicom", pixels.astype(np.uint16), tags,
                sop_class=DIGITAL_XRAY_STORAGE, bits_stored=16,
                photometric=film.PhotometricInterpretation,
            )  # fmt: skip


def main() -> None:
    """Print the table, or JSON; with `--kind`, be a measured process."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--kind", choices=["bare", "standard", "full"])
    parser.add_argument("--root", type=Path)
    parser.add_argument("--part", type=int, default=0)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--patients", type=int, default=4)
    parser.add_argument("--films", type=int, default=12)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    if arguments.kind:
        print(json.dumps(measure(arguments.kind, arguments.root, arguments.part)))
        return
    from spinebench.engine import LocalEngine
    from spinebench.phantom.write import write_phantom

    with tempfile.TemporaryDirectory() as folder:
        slices, films = Path(folder) / "slices", Path(folder) / "films"
        write_phantom("rsna", slices, patients=arguments.patients, seed=0, engine=LocalEngine())
        write_films(films, arguments.films)
        found = {
            "slices 384 x 384": _best(slices, arguments.repeats),
            f"films {FILM_PX} x {FILM_PX}, 16 bits": _best(films, arguments.repeats),
        }
    if arguments.json:
        print(json.dumps(found))
        return
    header = ("images/s", "rate to bare", "by CPU", "peak MB")
    print(f"{'files':28} {'run':22} " + " ".join(f"{word:>12}" for word in header))
    for files, best in found.items():
        _print_rows(files, best)


def _best(root: Path, repeats: int) -> dict[str, dict[str, float]]:
    best: dict[str, dict[str, float]] = {}
    for _ in range(repeats):
        for kind in ("bare", "standard", "full"):
            found = run_together(kind, root)
            if kind not in best:
                best[kind] = found
            for clock in ("wall_s", "cpu_s"):
                best[kind][clock] = min(best[kind][clock], found[clock])
    return best


def _print_rows(files: str, best: dict[str, dict[str, float]]) -> None:
    words = {
        "bare": "bare libraries",
        "standard": "standard image only",
        "full": "whole picture stage",
    }
    for kind, found in best.items():
        rate = found["files"] / found["wall_s"]
        by_wall = best["bare"]["wall_s"] / found["wall_s"]
        by_cpu = best["bare"]["cpu_s"] / found["cpu_s"]
        what = f"{found['files']:.0f} {files}"
        print(
            f"{what:28} {words[kind]:22} {rate:12.1f} {by_wall:12.2f} {by_cpu:12.2f}"
            f" {found['peak_mb']:12.0f}"
        )


if __name__ == "__main__":
    main()
