import numpy as np
import pytest

from spinebench.anatomy.diseases import CLASSES, DISEASES
from spinebench.benchmark.embedder_measures import (
    Classed,
    centroid_choices,
    chance_of_same_class,
    nearest_classes,
)

A, B, C = DISEASES[:3]
HEALTHY = "Healthy"


def on_a_circle(*images: tuple[str, str, float]) -> Classed:
    """(patient, class, angle in degrees) each."""
    angles = np.deg2rad([angle for _, _, angle in images])
    vectors = np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)
    return Classed(
        [f"i{n}" for n in range(len(images))],
        [patient for patient, _, _ in images],
        [name for _, name, _ in images],
        vectors,
    )


IMAGES = on_a_circle(
    ("p", A, 0), ("p", A, 1), ("q", B, 10), ("r", A, 20), ("s", HEALTHY, 30), ("q", C, 90)
)


def test_neighbours_are_of_other_patients_and_nearest_first() -> None:
    found = nearest_classes(IMAGES, np.array([0, 2]), 3)
    assert [[CLASSES[code] for code in row] for row in found] == [[B, A, HEALTHY], [A, A, A]]


def test_fewer_neighbours_than_asked_for() -> None:
    found = nearest_classes(IMAGES, np.array([5]), 6)
    assert (found[0] == -1).sum() == 2
    assert [CLASSES[code] for code in found[0][:4]] == [HEALTHY, A, A, A]


def test_neighbours_against_the_long_way() -> None:
    rng = np.random.default_rng(0)
    count = 2500  # more than one block
    vectors = rng.normal(size=(count, 6)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    patients = [f"p{n}" for n in rng.integers(0, 300, count)]
    classes = [CLASSES[n] for n in rng.integers(0, 12, count)]
    images = Classed([str(n) for n in range(count)], patients, classes, vectors)
    queries = np.array([0, 7, 2400])
    found = nearest_classes(images, queries, 10)
    for place, row in enumerate(queries):
        cosines = vectors.astype(float) @ vectors[row].astype(float)
        order = [n for n in np.argsort(-cosines) if patients[n] != patients[row]][:10]
        assert [CLASSES[code] for code in found[place]] == [classes[n] for n in order]


def test_chance_counts_the_images_of_others() -> None:
    # of p's images: four others, one of them A; of q's B: nobody else has it
    found = chance_of_same_class(IMAGES, np.array([0, 2, 3]))
    assert found.tolist() == [pytest.approx(1 / 4), 0, pytest.approx(2 / 5)]
    alone = on_a_circle(("p", A, 0), ("p", B, 9))
    assert chance_of_same_class(alone, np.array([0])).tolist() == [0]


def test_the_nearest_centroid_of_others_is_chosen_among_the_options() -> None:
    images = on_a_circle(
        ("p", A, 0), ("q", A, 60), ("r", B, 20), ("s", B, 40), ("t", C, 5), ("u", C, 7),
        ("v", HEALTHY, 170),
    )  # fmt: skip
    # of others A lies at 60, B at 30, C at 6 degrees
    assert centroid_choices(images, np.array([0]), [[A, B, HEALTHY]]) == [(B, 3)]
    assert centroid_choices(images, np.array([0]), [[A, B, C]]) == [(C, 3)]
    assert centroid_choices(images, np.array([0]), [[A, HEALTHY]]) == [(A, 2)]
    # of r itself B lies at 40: its own 20 does not count
    assert centroid_choices(images, np.array([2]), [[A, B]]) == [(A, 2)]


def test_an_option_known_from_the_own_patient_alone_cannot_be_chosen() -> None:
    images = on_a_circle(("p", A, 0), ("p", B, 10), ("q", B, 20), ("r", C, 30), ("r", A, 90))
    # without p nobody's A is near; without r no C is left
    assert centroid_choices(images, np.array([0]), [[A, B, C]]) == [(B, 3)]
    assert centroid_choices(images, np.array([4]), [[A, B, C]]) == [(B, 2)]
    # the truth itself, or all but the truth
    assert centroid_choices(images, np.array([3]), [[A, B, C]]) == [None]
    assert centroid_choices(images, np.array([0]), [[A, HEALTHY]]) == [None]


def test_equal_centroids_go_by_the_order_of_classes() -> None:
    images = on_a_circle(("p", C, 0), ("q", B, 10), ("r", A, 10), ("s", C, 90))
    assert centroid_choices(images, np.array([0]), [[C, B, A]]) == [(A, 3)]
