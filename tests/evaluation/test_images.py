"""What providers do to images, and their formulas against their own worked examples."""

import pytest

from spinebench.evaluation.images import (
    describe_handling,
    estimate_image_tokens,
    largest_bytes,
)


@pytest.mark.parametrize(
    ("model", "cols", "rows", "tokens"),
    [
        # OpenAI's guide: 1024 x 1024 is 765, 2048 x 4096 is 1105; patches 1024 and 1536 at most
        ("openai/gpt-4o", 1024, 1024, 765),
        ("openai/gpt-4o-2024-08-06", 2048, 4096, 1105),
        ("openai/gpt-4o", 400, 300, 255),
        ("openai/gpt-4.1-mini", 1024, 1024, 1024),
        ("openai/gpt-4.1-mini", 3000, 3000, 1536),
        # Anthropic's: 1000 x 1000 is about 1334; about 1,600 at most
        ("anthropic/claude-3-5-sonnet-20241022", 1000, 1000, 1334),
        ("anthropic/claude-3-5-sonnet-20241022", 3000, 3000, 1600),
        # Google's: 258 for a small one and for each tile
        ("google/gemini-2.5-pro", 384, 384, 258),
        ("google/gemini-2.5-pro", 1000, 700, 516),
        ("vllm/some-model", 512, 512, None),
    ],
)
def test_tokens_by_the_published_formula(
    model: str, cols: int, rows: int, tokens: int | None
) -> None:
    assert estimate_image_tokens(model, cols, rows) == tokens


def test_the_longest_beginning_wins_and_unknown_is_said() -> None:
    assert "tiles" in describe_handling("openai/gpt-4.1")["handling"]
    assert "patches" in describe_handling("openai/gpt-4.1-mini")["handling"]
    unknown = describe_handling("openai-api/local/x")
    assert unknown["resizes"] is None
    assert "not known" in unknown["handling"]
    assert describe_handling("spinebench/nearest")["resizes"] is False
    assert largest_bytes("anthropic/claude-opus-4") == 5_000_000
    assert largest_bytes("vllm/x") is None
