"""The four public layouts with as many rows as published, and tiny pictures of noise.

Not phantoms: nothing in the pixels shows anything. Row counts, empty cells, the number of levels
on a slice and the mixture of grades and lesions follow the published counts, so that the size of a
build is that of the real one. `share` scales the number of patients.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image

from spinebench.phantom.csxa_workbook import HEADERS, write_workbook
from spinebench.phantom.write_dicom import DIGITAL_XRAY_STORAGE, MR_IMAGE_STORAGE, write_dicom
from spinebench.phantom.write_options import write_rows
from spinebench.sources.rsna_tables import LEVELS, load_conditions
from spinebench.sources.vindr_tables import COLUMNS as VINDR_COLUMNS

STUDIES = 1975
_SIDE = 24  # pixels
_SAG, _AX = (0, 1, 0, 0, 0, -1), (1, 0, 0, 0, 1, 0)
# grades of train.csv: Normal/Mild, Moderate, Severe, empty, of 9,875 cells each
_GRADES = {
    "Spinal Canal Stenosis": (8664, 736, 470, 5),
    "Left Neural Foraminal Narrowing": (7672, 1794, 399, 10),
    "Right Neural Foraminal Narrowing": (7685, 1770, 380, 40),
    "Left Subarticular Stenosis": (6864, 1835, 913, 263),
    "Right Subarticular Stenosis": (6869, 1825, 927, 254),
}
_WORDS = ("Normal/Mild", "Moderate", "Severe", "")
# How the five levels of a side or a canal share slices, with how often: packed so that the slices
# with 1, 2, 3, 4, 5 levels are those counted (foramen 2763, 2232, 1511, 960, 816; canal 300, 310,
# 231, 138, 1541).
_PATTERNS = ((5,), (4, 1), (3, 2), (2, 2, 1), (1, 1, 1, 1, 1))
_FORAMINAL = (816, 960, 1511, 360, 288)
_CANAL = (1541, 138, 231, 39, 25)
_SAME_AXIAL_SLICE = 5459 / 9606  # both sides of a level on one slice
# rows of annotations/train.csv by lesion; images 8,389, of them 4,260 without finding
_LESIONS = {
    "Osteophytes": 12556,
    "Disc space narrowing": 924,
    "Other lesions": 446,
    "Surgical implant": 429,
    "Foraminal stenosis": 387,
    "Spondylolysthesis": 280,
    "Vertebral collapse": 268,
}
_FILMS = {"train": (8389, 4260), "test": (2077, 1055)}  # films, of them normal (test: as in train)
_BUU_PAIRS, _BUU_SLIPS = 400, (464 + 194 + 61 + 69) / 3600
_CSXA_FILMS, _CSXA_ROWS, _CSXA_HEALTHY = 4963, 4999, 181
# lordotic, straight, sigmoid 1 and 2, kyphotic: the published class counts
_CURVES = (1694, 1637, 483, 482, 486)


def write_all(
    root: Path, *, share: float, seed: int = 0, slice_px: int = _SIDE, film_px: int = _SIDE
) -> dict[str, Path]:
    """Write the four folders; returns them by source name. Sizes are multiples of 24 pixels."""
    folders = {name: root / name for name in ("rsna", "vindr", "buu", "csxa")}
    write_rsna(folders["rsna"], round(STUDIES * share), np.random.default_rng([seed, 1]), slice_px)
    write_vindr(folders["vindr"], share, np.random.default_rng([seed, 2]), film_px)
    write_buu(
        folders["buu"], max(round(_BUU_PAIRS * share), 4), np.random.default_rng([seed, 3]), film_px
    )
    write_csxa(folders["csxa"], share, np.random.default_rng([seed, 4]), film_px)
    return folders


def noise(rng: np.random.Generator, side_px: int) -> np.ndarray:
    """A picture of 24 x 24 squares of noise, (side, side) of 12 bits."""
    squares = rng.integers(0, 4096, (_SIDE, _SIDE), dtype=np.uint16)
    return np.kron(squares, np.ones((side_px // _SIDE,) * 2, np.uint16))


def write_rsna(root: Path, studies: int, rng: np.random.Generator, side_px: int) -> None:
    """Every labelled slice, and the three tables."""
    conditions = load_conditions()
    grades, points, series = [], [], []
    for number in range(studies):
        study = str(4_003_000 + 1_000 * number)
        row = {
            condition.column(level): _WORDS[rng.choice(4, p=np.array(_GRADES[name]) / 9875)]
            for name, condition in conditions.items()
            for level in LEVELS
        }
        grades.append([study, *row.values()])
        for place, description in enumerate(("Sagittal T2/STIR", "Sagittal T1", "Axial T2"), 1):
            series.append((study, f"{study}{place}", description))
        for place, slices in _labelled_slices(study, row, rng):
            points += [(study, f"{study}{place}", *point) for point in slices]
    columns = [c.column(level) for c in conditions.values() for level in LEVELS]
    write_rows(root / "train.csv", ["study_id", *columns], grades)
    header = ["study_id", "series_id", "instance_number", "condition", "level", "x", "y"]
    write_rows(root / "train_label_coordinates.csv", header, points)
    names = ["study_id", "series_id", "series_description"]
    write_rows(root / "train_series_descriptions.csv", names, series)
    looks = {point[1]: point[1][-1] for point in points}
    for study, one_series, instance, condition, *_ in {(p[0], p[1], p[2], p[3]) for p in points}:
        axial = looks[one_series] == "3"
        side = 18.0 if condition.startswith("Left") else -18.0
        path = root / f"train_images/{study}/{one_series}/{instance}.dcm"
        tags = {
            "PatientID": study,
            "StudyInstanceUID": study,
            "SeriesInstanceUID": f"{study}.{one_series}",
            "SOPInstanceUID": f"{study}.{one_series}.{instance}",
            "Modality": "MR",
            "InstanceNumber": instance,
            "ImagePositionPatient": [-7, -7, float(instance)]
            if axial
            else [0 if condition.startswith("Spinal") else side, -7, 7],
            "ImageOrientationPatient": list(_AX if axial else _SAG),
            "PixelSpacing": [0.6, 0.6],
        }
        write_dicom(path, noise(rng, side_px), tags, sop_class=MR_IMAGE_STORAGE, bits_stored=12)


def _labelled_slices(
    study: str, row: dict[str, str], rng: np.random.Generator
) -> Iterator[tuple[int, list[tuple[int, str, str, float, float]]]]:
    """(series, points) of a study: the cells that are filled, spread over slices as published."""
    instance = 0
    for condition, place, weights in (
        ("Spinal Canal Stenosis", 1, _CANAL),
        ("Left Neural Foraminal Narrowing", 2, _FORAMINAL),
        ("Right Neural Foraminal Narrowing", 2, _FORAMINAL),
    ):
        levels = list(LEVELS)
        pattern = _PATTERNS[rng.choice(5, p=np.array(weights) / sum(weights))]
        for size in rng.permutation(pattern):
            instance += 1
            shown, levels = levels[:size], levels[size:]
            yield (
                place,
                [
                    (instance, condition, level, 12.0, 2.0 + 4 * LEVELS.index(level))
                    for level in shown
                    if row[_column(condition, level)]
                ],
            )
    for level in LEVELS:
        instance += 1
        for side, x_px in (("Left", 16.0), ("Right", 8.0)):
            condition = f"{side} Subarticular Stenosis"
            if row[_column(condition, level)]:
                yield 3, [(instance, condition, level, x_px, 12.0)]
            if side == "Left" and rng.random() >= _SAME_AXIAL_SLICE:
                instance += 1


def _column(condition: str, level: str) -> str:
    return load_conditions()[condition].column(level)


def write_vindr(root: Path, share: float, rng: np.random.Generator, side_px: int) -> None:
    """Both tables and their films, two films a study."""
    weights = np.array(list(_LESIONS.values()), float)
    for split, (films, normal) in _FILMS.items():
        films, normal = round(films * share), round(normal * share)
        rows_left = round(sum(_LESIONS.values()) * share * (films / round(8389 * share)))
        rows: list[tuple[str, ...]] = []
        for number in range(films):
            study, image = f"{split[0]}{number // 2:031x}", f"{split[0]}1{number:030x}"
            names = (study, f"{split[0]}2{number:030x}", image, f"rad{number % 3 + 1}")
            if number < normal:
                rows.append((*names, "No finding", "", "", "", ""))
            else:
                # one kind for most films, as osteophytes come in numbers; more kinds on some
                kinds = rng.choice(
                    len(weights), size=1 + int(rng.random() < 0.12), p=weights / weights.sum()
                )
                count = max(1, round(rows_left / max(films - number, 1)))
                rows_left -= count
                for box in range(count):
                    lesion = list(_LESIONS)[int(kinds[box % len(kinds)])]
                    rows.append((*names, lesion, "2.5", "2.5", "9.5", f"{8 + box % 12}.25"))
            tags = {
                "PatientID": study,
                "StudyInstanceUID": study,
                "SeriesInstanceUID": names[1],
                "SOPInstanceUID": image,
                "Modality": "DX",
                "InstanceNumber": 1,
                "ViewPosition": "AP" if number % 2 else "LL",
            }
            path = root / f"{split}_images/{image}.dicom"
            write_dicom(
                path, noise(rng, side_px), tags, sop_class=DIGITAL_XRAY_STORAGE, bits_stored=12
            )
        write_rows(root / f"annotations/{split}.csv", VINDR_COLUMNS, rows)


def write_buu(root: Path, pairs: int, rng: np.random.Generator, side_px: int) -> None:
    """AP and LA films with a table each, in the form of the first release."""
    for number in range(1, pairs + 1):
        for folder, digit, plates, codes in (("AP", 0, 10, (1, 2)), ("LA", 1, 11, (3, 4))):
            stem = f"{number:04d}-{'FM'[number % 2]}-{30 + number % 50:03d}Y{digit}"
            code = np.zeros(plates, int)
            if rng.random() < _BUU_SLIPS:
                code[2 * int(rng.integers(5 if folder == "LA" else 4)) + 1] = rng.choice(codes)
            rows = [f"4.5,{2 * n + 1}.5,18.5,{2 * n + 1}.75,{code[n]}" for n in range(plates)]
            path = root / folder / f"{stem}.jpg"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray((noise(rng, side_px) >> 4).astype(np.uint8)).save(path, quality=95)
            path.with_suffix(".csv").write_text("\n".join(rows) + "\n")


def write_csxa(root: Path, share: float, rng: np.random.Generator, side_px: int) -> None:
    """The sheet and the films; landmarks are left out."""
    films, rows = round(_CSXA_FILMS * share), []
    chances = np.array(_CURVES) / sum(_CURVES)
    for number in range(1, round(_CSXA_ROWS * share) + 1):
        healthy = rng.random() < _CSXA_HEALTHY / _CSXA_ROWS
        curve = 1 + int(rng.choice(5, p=chances))
        rows.append((number, 1 + number % 2, 30 + number % 50, 0.15, 2 if healthy else 1, curve))
        if number <= films:
            path = root / f"datasets-PNG/{number:04d}{number % 2}{30 + number % 50:02d}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray((noise(rng, side_px) >> 4).astype(np.uint8)).save(path)
    (root / "datasets-JSON").mkdir(parents=True, exist_ok=True)
    write_workbook(root / "datasets.xlsx", HEADERS, rows)
