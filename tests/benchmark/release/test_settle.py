import pytest

from spinebench.benchmark.release.incoming import MalformedRowError
from spinebench.benchmark.release.settle import canonical, match_answers, source_of_path

OPTIONS = ("Healthy", "Foraminal stenosis", "cervical Lordosis", "L4/L5")


@pytest.mark.parametrize(
    ("answers", "letters"),
    [
        (["Healthy"], "A"),
        (["HEALTHY "], "A"),
        (["neural_foraminal_narrowing"], "B"),
        (["Cervical lordosis"], "C"),
        (["l4-l5", "Healthy"], "AD"),
        (["Healthy, L4/L5"], "AD"),
        (["A"], "A"),
        (["[A, D]"], "AD"),
        (["a"], "A"),
        (["AD"], "AD"),
        (["A", "A"], "A"),
    ],
)
def test_what_answers_name(answers: list[str], letters: str) -> None:
    assert "".join(match_answers(OPTIONS, answers)) == letters


def test_a_text_goes_before_a_letter() -> None:
    """An option that is a letter itself is taken at its word."""
    assert match_answers(("B", "A"), ["A"]) == ("B",)


@pytest.mark.parametrize(
    ("answers", "reason"),
    [
        ([], "no_answer"),
        (["E"], "answer_not_among_options"),
        (["Osteophytes"], "answer_not_among_options"),
        (["Healthy, E"], "answer_not_among_options"),
        (["A doctor"], "answer_not_among_options"),
        (["L3/L4"], "answer_not_among_options"),
        ([","], "no_answer"),
    ],
)
def test_what_names_nothing(answers: list[str], reason: str) -> None:
    with pytest.raises(MalformedRowError, match=reason):
        match_answers(OPTIONS, answers)


def test_one_spelling_of_classes_and_levels() -> None:
    assert canonical("Spondylolysthesis") == "Spondylolisthesis"
    assert canonical(" l5_s1") == "L5/S1"
    assert canonical("  Some   Other ") == "some other"


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("rsna/1/2/3.jpg", "rsna"),
        ("RSNA-2024/1/2/3.jpg", "rsna"),
        ("VinDr-SpineXR/x.jpg", "vindr"),
        ("BUU_LSPINE/x.jpg", "buu"),
        ("csxa/x.jpg", "csxa"),
        ("csxanadu/x.jpg", "csxanadu"),
        ("Hospital A/x.jpg", "hospital-a"),
        ("x.jpg", "imported"),
        ("123/x.jpg", "imported"),
    ],
)
def test_the_source_that_a_path_names(path: str, source: str) -> None:
    assert source_of_path(path) == source
