import pytest

from spinebench.benchmark.split import SplitShares, check_no_crossing, split_of_patient
from spinebench.errors import DataError, UsageError
from tests.examples import an_image

SHARES = SplitShares(test=0.2, reserve=0.1)
PATIENTS = [f"rsna:{n}" for n in range(4000)]


def splits(seed: int = 0, shares: SplitShares = SHARES) -> dict[str, str]:
    return {p: split_of_patient(p, seed=seed, shares=shares) for p in PATIENTS}


def test_shares_are_met() -> None:
    found = list(splits().values())
    # 4,000 draws: four standard deviations are below 0.026
    assert found.count("test") / 4000 == pytest.approx(0.2, abs=0.026)
    assert found.count("reserve") / 4000 == pytest.approx(0.1, abs=0.02)


def test_the_seed_and_the_source_decide() -> None:
    assert splits() == splits()
    assert splits(seed=1) != splits()
    moved = [split_of_patient(f"vindr:{n}", seed=0, shares=SHARES) for n in range(4000)]
    assert moved != list(splits().values())


def test_a_larger_test_share_gives_no_patient_back() -> None:
    small, large = splits(), splits(shares=SplitShares(test=0.5, reserve=0.1))
    assert {p for p in PATIENTS if small[p] == "test"} < {p for p in PATIENTS if large[p] == "test"}


def test_everything_can_be_test() -> None:
    assert set(splits(shares=SplitShares(test=1.0, reserve=0.0)).values()) == {"test"}


@pytest.mark.parametrize(("test", "reserve"), [(-0.1, 0.1), (0.8, 0.3)])
def test_impossible_shares_are_refused(test: float, reserve: float) -> None:
    with pytest.raises(UsageError, match="together at most 1"):
        SplitShares(test=test, reserve=reserve)


def test_a_patient_in_two_splits_fails() -> None:
    images = [an_image(image_id="a", pixel_sha256="1"), an_image(image_id="b", pixel_sha256="2")]
    with pytest.raises(DataError, match="b and a: patient: found in both test and train"):
        check_no_crossing(images, {"a": "train", "b": "test"})


def test_identical_pixels_in_two_splits_fail() -> None:
    images = [an_image(image_id="a", patient_id="p"), an_image(image_id="b", patient_id="q")]
    with pytest.raises(DataError, match="identical pixels: found in both test and train"):
        check_no_crossing(images, {"a": "train", "b": "test"})
    check_no_crossing(images, {"a": "train", "b": "train"})
