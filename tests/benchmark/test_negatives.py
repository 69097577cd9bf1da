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
