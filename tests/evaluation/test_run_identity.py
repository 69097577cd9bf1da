"""Two runs are the same question put to the same model, whatever the calls were like."""

from spinebench.evaluation.run_identity import asked_settings, differing_settings, shown_model

ONE = {"settings": {"temperature": 0.0, "max_connections": 8, "timeout": 900}}
OTHER = {"settings": {"temperature": 0.7, "max_retries": 2, "seed": 1}}


def test_how_calls_are_made_is_no_difference() -> None:
    assert asked_settings(ONE) == {"temperature": 0.0}
    assert differing_settings(ONE, {"settings": {"temperature": 0.0, "max_retries": 1}}) == []
    assert differing_settings(ONE, OTHER) == ["seed", "temperature"]


def test_weights_in_a_folder_are_shown_by_its_name() -> None:
    assert shown_model("spinebench-hf//home/jane/llava") == "spinebench-hf/llava"
    assert shown_model("openai-api/local/x") == "openai-api/local/x"
