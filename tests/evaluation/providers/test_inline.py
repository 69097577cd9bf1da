"""Pictures out of a message."""

import pytest

from spinebench.evaluation.providers.inline import read_data_uri


def test_bytes_come_back() -> None:
    assert read_data_uri("data:image/png;base64,AAEC/w==") == b"\x00\x01\x02\xff"


@pytest.mark.parametrize("uri", ["/home/me/film.png", "https://example.org/film.png;base64,AAEC"])
def test_only_inlined_pictures(uri: str) -> None:
    with pytest.raises(ValueError, match="did not arrive inlined"):
        read_data_uri(uri)


def test_half_a_picture_is_an_error() -> None:
    with pytest.raises(ValueError, match="not valid base64"):
        read_data_uri("data:image/png;base64,AAEC/")
