"""Price files: what they say, what they lack, what is wrong with them."""

from pathlib import Path

import pytest

from spinebench.errors import UsageError
from spinebench.evaluation.journal import Heard
from spinebench.evaluation.prices import read_price

TOML = """
date = "2026-01"
source = "a list"
[models."x/small"]
input = 2.0
output = 8.0
[models."x/big"]
input = 10
output = 20
cache_read = 1.0
cache_write = 12.5
"""


@pytest.fixture
def prices(tmp_path: Path) -> Path:
    (tmp_path / "prices.toml").write_text(TOML)
    return tmp_path / "prices.toml"


def heard(**tokens: int) -> Heard:
    return Heard(key="", question_id="", epoch=1, letter_map="AB", **tokens)  # type: ignore[arg-type]  # tokens only


def test_a_price_by_hand(prices: Path) -> None:
    price = read_price(prices, "x/big")
    assert price is not None
    used = heard(input_tokens=100, output_tokens=50, cache_read_tokens=30, cache_write_tokens=10)
    assert price.cost_of(used) == pytest.approx((1000 + 1000 + 30 + 125) / 1e6)
    assert (price.date, price.source) == ("2026-01", "a list")


def test_cached_tokens_cost_as_others_where_the_file_is_silent(prices: Path) -> None:
    price = read_price(prices, "x/small")
    assert price is not None
    used = heard(input_tokens=0, output_tokens=0, cache_read_tokens=1, cache_write_tokens=1)
    assert price.cost_of(used) == pytest.approx(4e-6)


@pytest.mark.parametrize(
    ("model", "known"),
    [
        ("x/small-2025-01-31", True), ("x/small-20250131", True), ("x/small-latest", True),
        ("x/small-mini", False), ("x/smaller", False), ("y/small", False),
    ],
)  # fmt: skip
def test_a_version_changes_no_price_and_another_name_has_none(
    prices: Path, model: str, known: bool
) -> None:
    assert (read_price(prices, model) is not None) == known


def test_the_example_that_ships() -> None:
    price = read_price(Path("example"), "openai/gpt-4o-2024-08-06")
    assert price is not None
    assert (price.input, price.output) == (2.5, 10.0)
    assert read_price(Path("example"), "openai/gpt-4o-mini") is None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("date = ", "prices .*"),
        ("date = 'x'", "needs date, source and a table of models"),
        ("date='d'\nsource='s'\n[models.'m']\ninput=1", "m: output: found None, expected dollars"),
        (
            "date='d'\nsource='s'\n[models.'m']\ninput=-1\noutput=1",
            "m: input: found -1, expected dollars",
        ),
    ],
)
def test_what_can_be_wrong(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "p.toml").write_text(text)
    with pytest.raises(UsageError, match=message):
        read_price(tmp_path / "p.toml", "m")


def test_no_such_file(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="No such file"):
        read_price(tmp_path / "none.toml", "m")
    (tmp_path / "list.json").write_text("[]")
    with pytest.raises(UsageError, match="found list, expected a table"):
        read_price(tmp_path / "list.json", "m")
