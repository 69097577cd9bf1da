import pytest

from spinebench.benchmark.embed import DEFAULT_EMBEDDER, load_embedder
from spinebench.benchmark.embed.gradient import GradientHistograms
from spinebench.errors import UsageError


def test_embedders_by_name() -> None:
    for name in ("gradient-histograms/1", "gradient-histograms", DEFAULT_EMBEDDER):
        assert isinstance(load_embedder(name), GradientHistograms)


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("x", "no embedder 'x'; there are: gradient-histograms/1, siglip2.*, onnx:FILE"),
        ("", "no embedder ''"),
        ("gradient-histograms/2", "gradient-histograms/2 is not what is here: .*/1"),
        ("gradient-histograms/1@ab", "is not what is here: gradient-histograms/1"),
        ("gradient-histograms:x", "takes nothing after a colon, found 'x'"),
    ],
)
def test_what_is_unknown_is_told(spec: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        load_embedder(spec)
