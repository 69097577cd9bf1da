import math

import pytest

from spinebench.sources.csxa_angle import PointPx, find_facing, measure_cobb_deg

Points = dict[str, PointPx]


def neck(c2_deg: float, c7_deg: float, ahead_px: float) -> Points:
    """A patient who faces left: endplates fall forwards by so much, C2 so far before C7."""

    def plate(level: str, x: float, y: float, fall_deg: float, width: float) -> Points:
        dx = 0.5 * width * math.cos(math.radians(fall_deg))
        dy = 0.5 * width * math.sin(math.radians(fall_deg))
        return {f"{level} bottom left": (x - dx, y + dy), f"{level} bottom right": (x + dx, y - dy)}

    return {
        **plate("C2", 100.0 - ahead_px, 40.0, c2_deg, 80.0),
        **plate("C7", 100.0, 400.0, c7_deg, 100.0),
        "C2 centroid": (100.0 - ahead_px, 20.0),
    }


def mirrored(points: Points) -> Points:
    """The same neck facing right: left and right are sides of the picture."""
    swap = {"left": "right", "right": "left"}
    names = {name: " ".join(swap.get(word, word) for word in name.split()) for name in points}
    return {names[name]: (500.0 - x, y) for name, (x, y) in points.items()}


LORDOTIC, KYPHOTIC = neck(-2.0, 18.0, 40.0), neck(27.0, 12.0, 90.0)


@pytest.mark.parametrize(
    ("points", "angle"),
    [(LORDOTIC, 20.0), (KYPHOTIC, -15.0), (neck(15.0, 15.0, 30.0), 0.0), (neck(-10, 34, 5), 44.0)],
)
def test_angle_is_positive_when_lordotic_whichever_way_a_patient_faces(
    points: Points, angle: float
) -> None:
    assert measure_cobb_deg(points, None) == pytest.approx(angle)
    assert measure_cobb_deg(points, "left") == pytest.approx(angle)
    assert measure_cobb_deg(mirrored(points), None) == pytest.approx(angle)
    assert measure_cobb_deg(mirrored(points), "right") == pytest.approx(angle)


@pytest.mark.parametrize("name", list(LORDOTIC))
def test_missing_landmark_gives_no_angle(name: str) -> None:
    points = {key: point for key, point in LORDOTIC.items() if key != name}
    assert measure_cobb_deg(points, "left") is None


def test_corners_exchanged_are_the_same_line() -> None:
    exchanged = dict(LORDOTIC)
    for level in ("C2", "C7"):
        left, right = f"{level} bottom left", f"{level} bottom right"
        exchanged[left], exchanged[right] = LORDOTIC[right], LORDOTIC[left]
    assert measure_cobb_deg(exchanged, "left") == pytest.approx(20.0)


def test_corners_on_one_another_are_no_line() -> None:
    for level in ("C2", "C7"):
        points = {**LORDOTIC, f"{level} bottom left": LORDOTIC[f"{level} bottom right"]}
        assert measure_cobb_deg(points, "left") is None


def test_cues_that_differ_give_an_angle_only_by_the_folder() -> None:
    leaning_back = neck(-2.0, 18.0, -10.0)  # C2 behind C7
    level = neck(-20.0, -3.0, 10.0)  # C7 falls backwards
    for points, angle in ((leaning_back, 20.0), (level, 17.0)):
        assert measure_cobb_deg(points, None) is None
        assert measure_cobb_deg(points, "left") == pytest.approx(angle)
        assert measure_cobb_deg(points, "right") == pytest.approx(-angle)


def test_film_that_speaks_clearly_against_its_folder_has_no_angle() -> None:
    assert measure_cobb_deg(neck(0.0, 10.5, 51.0), "right") is None
    assert measure_cobb_deg(neck(0.0, 9.5, 51.0), "right") == pytest.approx(-9.5)
    assert measure_cobb_deg(neck(0.0, 10.5, 49.0), "right") == pytest.approx(-10.5)


def test_folder_faces_the_way_of_most_films_that_vote() -> None:
    undecided = neck(-2.0, 18.0, -10.0)
    right = mirrored(LORDOTIC)
    assert find_facing([LORDOTIC] * 8 + [right] * 2 + [undecided] * 30) == "left"
    assert find_facing([LORDOTIC] * 7 + [right] * 3) is None
    assert find_facing([right] * 10) == "right"
    assert find_facing([LORDOTIC] * 9) is None
    assert find_facing([{}] * 50) is None
