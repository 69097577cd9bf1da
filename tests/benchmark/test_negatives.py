from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from spinebench.anatomy.diseases import DISEASES
from spinebench.benchmark.negatives import (
    NegativeRequest,
    Negatives,
    choose_library,
    choose_negatives,
)


def unit(*values: float) -> np.ndarray:
    vector = np.array(values, dtype=np.float32)
    return vector / np.linalg.norm(vector)


A, B, C, D, E = DISEASES[:5]


def published(ids: list[str], diseases: list[str], **options: Any) -> NegativeRequest:
    """Each image is a patient of its own."""
    return NegativeRequest.as_published(ids, diseases, ids, **options)


def a_small_world() -> tuple[np.ndarray, list[str], list[str]]:
    """Angles in degrees on a circle: cosine of two images = cosine of the angle between them."""
    angles = {"a1": 0, "a2": 90, "b1": 10, "b2": 80, "c1": 20, "d1": 40, "e1": 60, "h1": 5}
    diseases = {"a": A, "b": B, "c": C, "d": D, "e": E, "h": "Healthy"}
    vectors = [unit(np.cos(np.deg2rad(v)), np.sin(np.deg2rad(v))) for v in angles.values()]
    return np.stack(vectors), [diseases[name[0]] for name in angles], list(angles)


def by_id(**options: Any) -> dict[str, Negatives]:
    vectors, diseases, ids = a_small_world()
    found = choose_negatives(vectors, published(ids, diseases, **options), seed=0)
    return dict(zip(ids, found, strict=True))


def test_the_nearest_image_of_each_other_disease_counts() -> None:
    found = by_id()["a1"]
    assert found.diseases == (B, C, D)
    assert found.similarities == pytest.approx(
        [np.cos(np.deg2rad(v)) for v in (10, 20, 40)], abs=2e-6
    )


def test_a_healthy_image_gets_four() -> None:
    found = by_id()["h1"]
    assert found.diseases[0] in (A, B)  # both 5 degrees away: a tie
    assert set(found.diseases[:2]) == {A, B}
    assert found.diseases[2:] == (C, D)


def test_a_tie_goes_by_the_order_of_diseases() -> None:
    assert by_id()["h1"].diseases[:2] == (A, B)


def test_the_image_itself_is_left_out() -> None:
    # with a cosine of 1 the image would win, were its own disease a candidate
    vectors, _, ids = a_small_world()
    found = choose_negatives(vectors[:2], published(ids[:2], [A, B]), seed=0)
    assert found[0].diseases[0] == B
    assert found[0].similarities[0] == pytest.approx(0.0, abs=1e-6)


def test_classes_beyond_the_library_fill_up_without_a_similarity() -> None:
    vectors, _, ids = a_small_world()
    found = choose_negatives(vectors[:2], published(ids[:2], [A, B]), seed=0)[0]
    assert len(set(found.diseases)) == 3
    assert found.similarities[1:] == (None, None)
    assert A not in found.diseases


def test_library_is_limited_per_disease_and_never_healthy() -> None:
    ids = [f"i{n}" for n in range(30)]
    diseases = [A] * 12 + [B] * 3 + ["Healthy"] * 15
    library = choose_library(published(ids, diseases, per_disease=5), seed=0)
    assert [diseases[index] for index in library] == [A] * 5 + [B] * 3
    assert library != choose_library(published(ids, diseases, per_disease=5), seed=1)


def test_neither_order_nor_neighbours_change_a_choice() -> None:
    vectors, diseases, ids = a_small_world()
    order = np.random.default_rng(1).permutation(len(ids))
    shuffled = choose_negatives(
        vectors[order], published([ids[i] for i in order], [diseases[i] for i in order]), seed=0
    )
    assert {ids[i]: found for i, found in zip(order, shuffled, strict=True)} == by_id()


def test_blocks_do_not_show() -> None:
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(600, 8)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    diseases = [DISEASES[n % 11] for n in range(600)]
    ids = [f"i{n}" for n in range(600)]
    request = published(ids, diseases, per_disease=10)
    found = choose_negatives(vectors, request, seed=0)
    library = choose_library(request, seed=0)
    for index in (0, 255, 256, 599):
        scores: dict[str, float] = {}
        for page in library:
            if page != index and diseases[page] != diseases[index]:
                cosine = float(vectors[index].astype(float) @ vectors[page].astype(float))
                scores[diseases[page]] = max(scores.get(diseases[page], -2), cosine)
        best = sorted(scores, key=lambda d: -scores[d])[:3]
        assert list(found[index].diseases) == best


def a_request(
    names: str, *, patients: str | None = None, per_disease: int = 200, **fields: Any
) -> tuple[np.ndarray, NegativeRequest]:
    """Images `a0`, `b90`, ...: the disease and the angle; patients as letters, else one each."""
    ids = names.split()
    diseases = [{"a": A, "b": B, "c": C, "d": D, "e": E, "h": "Healthy"}[name[0]] for name in ids]
    angles = [np.deg2rad(float(name[1:])) for name in ids]
    request = published(ids, diseases, per_disease=per_disease)
    fields.setdefault("patient_ids", patients.split() if patients else ids)
    vectors = np.stack([unit(np.cos(angle), np.sin(angle)) for angle in angles])
    return vectors, replace(request, **fields)


def chosen(vectors: np.ndarray, request: NegativeRequest) -> dict[str, Negatives]:
    found = choose_negatives(vectors, request, seed=0)
    return dict(zip(request.image_ids, found, strict=True))


def test_the_same_patient_is_left_out_when_asked() -> None:
    # the nearest b of a0 is of its own patient; b60 stands in for it, behind c30
    names, patients = "a0 b10 b60 c30 d90 h5", "p p q r s p"
    vectors, request = a_request(names, patients=patients)
    assert chosen(vectors, request)["a0"].diseases == (B, C, D)
    found = chosen(vectors, replace(request, exclude_same_patient=True))
    assert found["a0"].diseases == (C, B, D)
    assert found["a0"].similarities == pytest.approx([np.cos(np.deg2rad(v)) for v in (30, 60, 90)],
        abs=2e-6)  # fmt: skip
    assert found["c30"].diseases == (B, A, D)  # 20, 30 and 60 degrees: nobody else's patient
    assert found["h5"].diseases == (C, B, D, *found["h5"].diseases[3:])


def test_a_disease_known_from_the_own_patient_alone_has_no_similarity() -> None:
    vectors, request = a_request("a0 b10 c30", patients="p p q", exclude_same_patient=True)
    found = chosen(vectors, request)["a0"]
    assert found.diseases[0] == C
    assert found.similarities[1:] == (None, None)
    assert A not in found.diseases


def test_what_is_not_allowed_is_never_offered() -> None:
    vectors, request = a_request("a0 b10 c20 d40 e60")
    allowed = request.allowed.copy()
    allowed[0, DISEASES.index(B)] = False
    found = chosen(vectors, replace(request, allowed=allowed))
    assert found["a0"].diseases == (C, D, E)
    assert found["c20"].diseases[0] == B
    allowed[0] = False
    allowed[0, [DISEASES.index(C), 10]] = True  # one in the library, one not; three are wanted
    found = chosen(vectors, replace(request, allowed=allowed))
    assert found["a0"].diseases == (C, DISEASES[10])
    assert found["a0"].similarities == (round(float(np.cos(np.deg2rad(20))), 6), None)


def test_the_truth_cannot_be_allowed() -> None:
    _, request = a_request("a0 b10")
    with pytest.raises(ValueError, match="an image is allowed its own truth"):
        replace(request, allowed=np.ones_like(request.allowed))


@pytest.mark.parametrize("field", ["diseases", "patient_ids", "wanted", "library_mask", "allowed"])
def test_fields_of_another_length_are_refused(field: str) -> None:
    vectors, request = a_request("a0 b10")
    with pytest.raises(ValueError, match=r"a request of 2 images|allowed is"):
        replace(request, **{field: getattr(request, field)[:1]})
    with pytest.raises(ValueError, match="1 vectors of 2 images"):
        choose_negatives(vectors[:1], request, seed=0)


def test_images_outside_the_mask_are_not_in_the_library() -> None:
    vectors, request = a_request("a0 b10 b50 c20 d40", library_mask=np.array([1, 0, 1, 1, 1], bool))
    assert 1 not in choose_library(request, seed=0)
    found = chosen(vectors, request)
    assert found["a0"].diseases == (C, D, B)
    assert found["b10"].diseases[0] in (A, C)  # it is still asked about itself


def test_as_many_as_wanted() -> None:
    vectors, request = a_request("a0 b10 c20 h5", wanted=[0, 1, 11, 2])
    found = chosen(vectors, request)
    assert found["a0"] == Negatives((), ())
    assert found["b10"].diseases in ((A,), (C,))
    assert len(found["c20"].diseases) == 10  # all but the truth
    assert len(set(found["c20"].diseases)) == 10
    assert len(found["h5"].diseases) == 2


def in_float64(vectors: np.ndarray, request: NegativeRequest) -> list[dict[str, float]]:
    """Scores by disease, the long way."""
    library = choose_library(request, seed=0)
    scores: list[dict[str, float]] = []
    for row in range(len(vectors)):
        by_disease: dict[str, list[float]] = {}
        for page in library:
            if (
                request.exclude_same_patient
                and request.patient_ids[page] == request.patient_ids[row]
            ):
                continue
            cosine = float(vectors[row].astype(float) @ vectors[page].astype(float))
            by_disease.setdefault(request.diseases[page], []).append(cosine)
        number = {"max": 1, "top5": 5, "mean": 10**6}[request.aggregate]
        scores.append(
            {d: float(np.mean(sorted(values)[-number:])) for d, values in by_disease.items()}
        )
    return scores


@pytest.mark.parametrize("aggregate", ["max", "mean", "top5"])
@pytest.mark.parametrize("exclude", [False, True])
@pytest.mark.parametrize("spread", [1.0, 1e-3])
def test_scores_are_those_of_float64(aggregate: Any, exclude: bool, spread: float) -> None:
    rng = np.random.default_rng(3)
    count = 300
    base = rng.normal(size=(1, 24))
    vectors = (base + spread * rng.normal(size=(count, 24))).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    diseases = [(*DISEASES[:7], "Healthy")[n] for n in rng.integers(0, 8, count)]
    ids = [f"i{n}" for n in range(count)]
    request = replace(
        published(ids, diseases, per_disease=12, aggregate=aggregate),
        patient_ids=[f"p{n}" for n in rng.integers(0, 40, count)],
        exclude_same_patient=exclude,
    )
    for found, scores, disease in zip(
        choose_negatives(vectors, request, seed=0),
        in_float64(vectors, request),
        diseases,
        strict=True,
    ):
        left = {name: score for name, score in scores.items() if name != disease}
        for picked, similarity in zip(found.diseases, found.similarities, strict=True):
            best = max(left.values())
            expected = next(d for d in DISEASES if d in left and left[d] >= best - 1e-5)
            assert (picked, similarity) == (expected, round(left.pop(expected), 6))


def test_a_mapped_file_gives_what_memory_gives(tmp_path: Path) -> None:
    rng = np.random.default_rng(5)
    vectors = rng.normal(size=(1500, 16)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    ids = [f"i{n}" for n in range(1500)]
    request = published(ids, [DISEASES[n % 11] for n in range(1500)], per_disease=20)
    np.save(tmp_path / "v.npy", vectors)
    mapped = np.load(tmp_path / "v.npy", mmap_mode="r")
    assert choose_negatives(mapped, request, seed=0) == choose_negatives(vectors, request, seed=0)


def test_images_that_are_all_alike_are_all_ties() -> None:
    vectors = np.tile(unit(1, 2, 3), (1100, 1))
    ids = [f"i{n}" for n in range(1100)]
    request = published(ids, [DISEASES[n % 11] for n in range(1100)])
    found = choose_negatives(vectors, request, seed=0)
    assert found[0].diseases == DISEASES[1:4]
    assert {negatives.similarities for negatives in found} == {(1.0, 1.0, 1.0)}
