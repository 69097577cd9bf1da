import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from spinebench.benchmark.embed.preprocessing import Preprocessing, read_preprocessing
from spinebench.errors import DataError, UsageError

WHOLE = {
    "version": 1, "size": [2, 4], "fit": "stretch", "resample": "box", "mean": [0, 0, 0],
    "std": [1, 1, 1],
}  # fmt: skip


def a_preprocessing(**fields: Any) -> Preprocessing:
    return Preprocessing.model_validate_json(json.dumps({**WHOLE, **fields}))


def picture(rows: int, cols: int, value: int = 255) -> np.ndarray:
    return np.full((rows, cols, 3), value, np.uint8)


def test_normalised_and_channels_first() -> None:
    rgb = np.zeros((2, 4, 3), np.uint8)
    rgb[0, 1] = (255, 51, 0)
    found = a_preprocessing(mean=[0.5, 0.2, 0], std=[0.5, 0.1, 2]).apply([rgb, picture(2, 4)])
    assert found.shape == (2, 3, 2, 4)
    assert found.dtype == np.float32
    assert found[0, :, 0, 1].tolist() == pytest.approx([1, 0, 0])
    assert found[0, :, 1, 3].tolist() == pytest.approx([-1, -2, 0])
    assert found[1, :, 0, 0].tolist() == pytest.approx([1, 8, 0.5])


def test_stretch_fills_pad_keeps_and_crop_cuts() -> None:
    upright = picture(8, 4)
    upright[:4] = 0  # the upper half black
    stretched = a_preprocessing().apply([upright])[0, 0]
    assert stretched.tolist() == [[0, 0, 0, 0], [1, 1, 1, 1]]
    padded = a_preprocessing(fit="pad").apply([upright])[0, 0]
    assert padded.tolist() == [[0, 0, 0, 0], [0, 1, 0, 0]]
    cropped = a_preprocessing(fit="crop").apply([upright])[0, 0]
    assert cropped.tolist() == [[0, 0, 0, 0], [1, 1, 1, 1]]


def test_a_crop_fraction_cuts_out_the_middle() -> None:
    framed = picture(8, 8, 0)
    framed[2:6, 2:6] = 255
    half = a_preprocessing(size=[4, 4], fit="crop", crop_fraction=0.5).apply([framed])
    assert half.min() == 1
    assert a_preprocessing(size=[4, 4], fit="crop").apply([framed]).mean() == 0.25


@pytest.mark.parametrize("shape", [(1, 1), (1, 3000), (3000, 1)])
@pytest.mark.parametrize("fit", ["stretch", "pad", "crop"])
def test_odd_shapes(shape: tuple[int, int], fit: str) -> None:
    found = a_preprocessing(fit=fit).apply([picture(*shape)])
    assert found.shape == (1, 3, 2, 4)


def test_without_the_file_beside_it_a_network_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"no net\.onnx\.json beside it, which says how it wants"):
        read_preprocessing(tmp_path / "net.onnx")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "found .*expected Invalid JSON"),
        ("[" * 100_000, "expected Invalid JSON"),
        (json.dumps({**WHOLE, "sizes": 1}), "sizes: found 1, expected Extra inputs"),
        (json.dumps({**WHOLE, "fit": "squash"}), 'fit: found "squash", expected Input should be'),
        (json.dumps({**WHOLE, "size": ["2", 4]}), r'size\.0: found "2", expected Input should be'),
        (json.dumps({**WHOLE, "size": [0, 4]}), r"found \(0, 4\).*sides from 1 to 4096"),
        (json.dumps({**WHOLE, "std": [0, 1, 1]}), "deviations above 0"),
        (json.dumps({**WHOLE, "version": 2}), "version: found 2, expected Input should be 1"),
        (json.dumps({k: v for k, v in WHOLE.items() if k != "mean"}), "mean: .*Field required"),
    ],
)
def test_a_wrong_file_is_told(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "net.pt.json").write_text(text)
    with pytest.raises(DataError, match=message):
        read_preprocessing(tmp_path / "net.pt")


def test_a_right_file(tmp_path: Path) -> None:
    (tmp_path / "net.pt.json").write_text(json.dumps({**WHOLE, "output": "features", "batch": 4}))
    found = read_preprocessing(tmp_path / "net.pt")
    assert (found.size, found.output, found.batch, found.crop_fraction) == (
        (2, 4),
        "features",
        4,
        1,
    )
