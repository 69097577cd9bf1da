import pytest

from spinebench.evaluation.published import (
    check_overall_row,
    check_weighted_row,
    fits_count,
    load_published,
)


def marks_of(key):
    table = next(table for table in load_published() if table.key == key)
    return {(row.version, row.model, column): cell for row, column, cell in table.marked}


def test_first_paper_has_one_wrong_overall():
    marks = marks_of("results_2510_12267")
    key = ("2025-06-04", "HuatuoGPT-Vision-7B", "overall")
    assert set(marks) == {key, ("2025-05-29", *key[1:])}
    assert marks[key].value == 15.84
    assert marks[key].expected == pytest.approx(15.54)
    assert marks[key].why == "the mean of 22.28 and 8.80 is 15.54"


def test_second_paper_has_six_cells_that_its_formula_contradicts():
    marks = marks_of("results_2510_03160")
    found = {
        (model, column): cell.expected and round(cell.expected, 2)
        for (_, model, column), cell in marks.items()
    }
    assert found == {
        ("GPT5", "image"): None,
        ("GPT5", "closed"): None,
        ("GPT-4o", "closed"): None,
        ("Medgemma-27B", "total"): 80.49,
        ("Qwen2.5-VL-7B", "total"): 71.85,
        ("SpineGPT", "closed"): 87.48,
    }
    assert marks["v3", "GPT5", "image"].why == "no whole number of 193 questions gives 79.97"


def test_tables_are_as_printed_and_newest_first():
    first, second = load_published()
    assert [row.version for row in first.rows].count("2025-06-04") == 13
    assert [row.model for row in first.latest][:2] == ["Random", "Gemini-2.5-pro-exp-03-25"]
    cells = {row.model: row.cells for row in first.latest}
    assert cells["Gemini-2.5-pro-exp-03-25"]["recall"].value == 63.55
    assert cells["Random"]["overall"].value is None
    assert cells["Med-Flamingo"]["overall"].value == 11.79  # 11.785 printed upwards
    assert "zhangchenghanyu.github.io" in first.source
    assert "Table 4" in second.source
    assert len(second.latest) == 10


def test_denominators_are_doubted_in_words():
    notes = load_published()[0].notes
    assert notes[0].startswith("5 of the 12 diagnosis accuracies are no whole number")
    assert notes[1].startswith("9 of the 12 localization accuracies")


@pytest.mark.parametrize(
    ("value", "questions", "fits"),
    [
        (84.46, 193, True),
        (79.97, 193, False),
        (79.79, 193, True),
        (87.41, 294, True),
        (0.0, 3, True),
    ],
)
def test_fits_count(value, questions, fits):
    assert fits_count(value, questions) is fits


def test_rounding_of_the_parts_is_no_contradiction():
    row = {"diagnosis": 21.45, "localization": 10.02, "precision": 1.0, "recall": 1.0}
    assert check_overall_row({**row, "overall": 15.74})["overall"].why == ""
    assert check_overall_row({**row, "overall": 15.76})["overall"].why.endswith("is 15.73")
    assert check_overall_row({**row, "overall": None})["overall"].expected is None


def test_total_follows_from_the_parts_and_not_from_a_wrong_mean():
    row = {"text": 89.46, "image": 84.46, "closed": 87.89, "report": 87.24, "total": 87.44}
    cells = check_weighted_row(row)
    assert [name for name, cell in cells.items() if cell.why] == ["closed"]
