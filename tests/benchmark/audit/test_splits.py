"""Ids that stand for no study."""

from tests.benchmark.audit.fixture import Sample, above_note, audit_folder


def test_an_id_that_many_patients_hold_is_a_placeholder(spoilable) -> None:
    sample: Sample = spoilable()
    for image_id in sample.images:
        sample.change_image(image_id, study_id="1", series_id="2")
    findings = audit_folder(sample.write()).findings
    assert above_note(findings) == set()
    shared = next(finding for finding in findings if finding.check == "ids_shared")
    assert set(shared.items) == sample.questions.keys()
    assert shared.summary.startswith("2 ids of studies or series held by 3 or more patients each")


def test_a_study_of_two_patients_is_one_of_them_mistaken(spoilable) -> None:
    sample: Sample = spoilable()
    train, test = (sample.questions_of("diagnosis", split)[0] for split in ("train", "test"))
    sample.change_image(train.image_ids[0], study_id=sample.images[test.image_ids[0]].study_id)
    found = {f.check: f for f in audit_folder(sample.write()).findings}
    crossing = found["study_crosses_splits"]
    assert "ids_shared" not in found
    # test keeps it
    dropped = {q.question_id for q in sample.questions.values() if q.image_ids == train.image_ids}
    assert set(crossing.drop) == dropped
