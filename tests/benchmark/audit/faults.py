"""Faults to plant into a clean sample, one function each.

A function changes the sample and returns ids that the finding must name. `implies` lists checks
that cannot but be found too: two splits that share a picture share its patient.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from spinebench.anatomy.diseases import HEALTHY
from spinebench.records import Image, Quality, Question
from tests.benchmark.audit.fixture import CLASSES, DISEASES, LEVELS, SIDE_PX, Sample, store

Plant = Callable[[Sample], set[str]]


@dataclass(frozen=True)
class Fault:
    """A planted fault: the check that must find it, and what comes with it."""

    check: str
    plant: Plant
    severity: str
    implies: frozenset[str] = frozenset()


FAULTS: list[Fault] = []


def fault(check: str, severity: str, *implies: str) -> Callable[[Plant], Plant]:
    def keep(plant: Plant) -> Plant:
        FAULTS.append(Fault(check, plant, severity, frozenset(implies)))
        return plant

    return keep


def _one_of_each(sample: Sample) -> tuple[Question, Question]:
    """A Healthy train and test question: they have no level to disagree about."""
    first, other = (
        next(q for q in sample.questions_of("diagnosis", split) if q.disease == HEALTHY)
        for split in ("train", "test")
    )
    return first, other


def _move(sample: Sample, question: Question, **fields: str) -> None:
    """Change fields of the image of a question, and its patient in all its questions."""
    (image_id,) = question.image_ids
    sample.change_image(image_id, **fields)
    for other in list(sample.questions.values()):
        if other.image_ids == question.image_ids:
            sample.change(other, patient_id=sample.images[image_id].patient_id)


def _ids_about(sample: Sample, image_id: str) -> set[str]:
    return {q.question_id for q in sample.questions.values() if image_id in q.image_ids}


@fault("patient_crosses_splits", "critical")
def plant_patient(sample: Sample) -> set[str]:
    train, test = _one_of_each(sample)
    _move(sample, train, patient_id=test.patient_id)
    return {train.question_id, test.question_id}


@fault("study_crosses_splits", "critical")
def plant_study(sample: Sample) -> set[str]:
    train, test = _one_of_each(sample)
    sample.change_image(train.image_ids[0], study_id=sample.images[test.image_ids[0]].study_id)
    return {train.question_id, test.question_id}


@fault("series_crosses_splits", "critical")
def plant_series(sample: Sample) -> set[str]:
    train, test = _one_of_each(sample)
    sample.change_image(train.image_ids[0], series_id=sample.images[test.image_ids[0]].series_id)
    return {train.question_id, test.question_id}


@fault(
    "split_leak_across_tasks",
    "critical",
    "patient_crosses_splits",
    "study_crosses_splits",
    "series_crosses_splits",
)
def plant_leak_across_tasks(sample: Sample) -> set[str]:
    where = sample.questions_of("localization", "test")[2]
    sample.change(where, split="train")
    return set(where.image_ids)


@fault(
    "image_crosses_splits",
    "critical",
    "patient_crosses_splits",
    "study_crosses_splits",
    "series_crosses_splits",
)
def plant_image_in_two_splits(sample: Sample) -> set[str]:
    question = sample.questions_of("diagnosis", "test")[4]
    _add(sample, question, "again", split="train", text="Please name what you see.")
    return set(question.image_ids)


@fault("identical_pixels_cross_splits", "critical")
def plant_identical_across(sample: Sample) -> set[str]:
    train, test = _one_of_each(sample)
    sample.draw(train.image_ids[0], sample.pixels(test.image_ids[0]))
    return {*train.image_ids, *test.image_ids}


@fault("near_duplicates_cross_splits", "critical")
def plant_near_across(sample: Sample) -> set[str]:
    train, test = _one_of_each(sample)
    sample.draw(train.image_ids[0], _nearly(sample.pixels(test.image_ids[0])))
    return {*train.image_ids, *test.image_ids}


def _nearly(pixels: np.ndarray) -> np.ndarray:
    """Another brightness and contrast, and noise: correlation about 0.995."""
    noise = np.random.default_rng(5).normal(0, 2, pixels.shape)
    return np.clip(20 + 0.7 * pixels + noise, 0, 255)


@fault("patient_unknown", "serious")
def plant_wrong_patient(sample: Sample) -> set[str]:
    first, other = sample.questions_of("diagnosis", "test")[0:8:7]
    sample.change(first, patient_id=other.patient_id)
    return {first.question_id}


@fault("identical_pixels", "minor")
def plant_identical_within(sample: Sample) -> set[str]:
    first, other = _two_of_a_class(sample)
    sample.draw(first.image_ids[0], sample.pixels(other.image_ids[0]))
    return {*first.image_ids, *other.image_ids}


@fault("near_duplicates", "minor")
def plant_near_within(sample: Sample) -> set[str]:
    first, other = _two_of_a_class(sample)
    sample.draw(first.image_ids[0], _nearly(sample.pixels(other.image_ids[0])))
    return {*first.image_ids, *other.image_ids}


def _two_of_a_class(sample: Sample) -> tuple[Question, Question]:
    """Two Healthy test items of different patients: they have no level to disagree about."""
    healthy = [q for q in sample.questions_of("diagnosis", "test") if q.disease == HEALTHY]
    other = next(q for q in healthy if q.patient_id != healthy[0].patient_id)
    return healthy[0], other


@fault("label_conflict", "critical", "identical_pixels")
def plant_conflict(sample: Sample) -> set[str]:
    healthy = next(q for q in sample.questions_of("diagnosis", "test") if q.disease == HEALTHY)
    ill = next(q for q in sample.questions_of("diagnosis", "test") if q.disease == DISEASES[0])
    sample.draw(ill.image_ids[0], sample.pixels(healthy.image_ids[0]))
    return {*ill.image_ids, *healthy.image_ids}


@fault("contradictory_questions", "critical")
def plant_contradiction(sample: Sample) -> set[str]:
    """Healthy, and a disease without any row: the source's grades would tell of it as well."""
    question = [q for q in sample.questions_of("diagnosis", "test") if q.disease == HEALTHY][3]
    wrong = next(c for c in CLASSES if c != question.disease)
    gold = ("ABCDE"[question.options.index(wrong)],)
    copy = _add(sample, question, "other", gold=gold, disease=wrong, finding_ids=())
    return {question.question_id, copy.question_id}


@fault("duplicate_questions", "minor")
def plant_repetition(sample: Sample) -> set[str]:
    question = sample.questions_of("diagnosis", "test")[8]
    turned = tuple(reversed(question.options))
    gold = ("ABCDE"[turned.index(question.disease)],)
    copy = _add(sample, question, "again", options=turned, gold=gold)
    return {question.question_id, copy.question_id}


def _add(sample: Sample, question: Question, name: str, **fields: object) -> Question:
    copy = replace(question, question_id=f"{question.question_id}-{name}", **fields)  # type: ignore[arg-type]  # the caller's
    sample.questions[copy.question_id] = copy
    return copy


@fault("answer_not_among_options", "critical")
def plant_letter_outside(sample: Sample) -> set[str]:
    question = sample.questions_of("diagnosis", "test")[10]
    return {sample.change(question, gold=("G",)).question_id}


@fault("gold_missing", "critical")
def plant_no_gold(sample: Sample) -> set[str]:
    question = sample.questions_of("localization", "test")[12]
    return {sample.change(question, gold=()).question_id}


@fault("gold_several", "critical")
def plant_two_golds(sample: Sample) -> set[str]:
    question = sample.questions_of("diagnosis", "test")[14]
    return {sample.change(question, gold=("A", "B")).question_id}


@fault("gold_not_the_label", "critical")
def plant_shifted_key(sample: Sample) -> set[str]:
    question = sample.questions_of("diagnosis", "test")[16]
    wrong = next(c for c in CLASSES if c != question.disease)
    gold = ("ABCDE"[question.options.index(wrong)],)
    return {sample.change(question, gold=gold).question_id}


@fault("options_repeat", "serious")
def plant_repeated_option(sample: Sample) -> set[str]:
    question = sample.questions_of("diagnosis", "test")[18]
    place = next(i for i, option in enumerate(question.options) if option != question.disease)
    others = [o for o in question.options if o not in (question.disease, question.options[place])]
    options = list(question.options)
    options[place] = f" {others[0].upper()}"
    return {sample.change(question, options=tuple(options)).question_id}


@fault("options_missing", "serious")
def plant_empty_option(sample: Sample) -> set[str]:
    question = sample.questions_of("diagnosis", "test")[20]
    place = next(i for i, option in enumerate(question.options) if option != question.disease)
    options = tuple("" if i == place else option for i, option in enumerate(question.options))
    return {sample.change(question, options=options).question_id}


@fault("gold_position_skew", "serious", "text_only_shortcut")
def plant_position(sample: Sample) -> set[str]:
    moved = set()
    for number, question in enumerate(sample.questions_of("diagnosis")):
        if number % 2:
            others = [option for option in question.options if option != question.disease]
            options = (others[0], question.disease, *others[1:])
            moved.add(sample.change(question, options=options, gold=("B",)).question_id)
    return moved


@fault("option_text_leak", "serious", "text_only_shortcut")
def plant_longer_gold(sample: Sample) -> set[str]:
    for question in sample.questions_of("diagnosis"):
        options = tuple(
            f"{option}, as the picture clearly shows" if option == question.disease else option
            for option in question.options
        )
        # the label follows, or the key would be at odds with it
        sample.change(
            question, options=options, disease=f"{question.disease}, as the picture clearly shows"
        )
    return set()


@fault("text_only_shortcut", "serious")
def plant_wording(sample: Sample) -> set[str]:
    for question in sample.questions_of("diagnosis"):
        number = CLASSES.index(question.disease) + 1
        sample.change(question, text=f"Form {number}: which condition is it?")
    return set()


@fault("question_text_leak", "serious")
def plant_named_answer(sample: Sample) -> set[str]:
    ill = [q for q in sample.questions_of("diagnosis", "test") if q.disease != HEALTHY]
    where = sample.questions_of("localization", "test")[3]
    changed = [
        sample.change(ill[0], text=f"Is this {ill[0].disease.upper()}, or what else?"),
        sample.change(ill[1], text=f"Patient {ill[1].patient_id.split(':')[1]}: what is it?"),
        sample.change(ill[2], text="An image of OWN: what is it?"),
        sample.change(where, text=f"Is the lesion at {where.levels[0]}?"),
    ]
    return {question.question_id for question in changed}


def _give_away(field: str, values: tuple[object, ...]) -> Plant:
    def plant(sample: Sample) -> set[str]:
        for question in sample.questions_of("diagnosis"):
            value = values[CLASSES.index(question.disease) % len(values)]
            sample.change_image(question.image_ids[0], **{field: value})
        return set()

    return plant


FAULTS += [
    Fault("sequence_gives_class", _give_away("sequence", ("T1", "T2", "T2/STIR", "PD", "FLAIR")),
          "serious", frozenset({"metadata_shortcut", "distractor_strength"})),
    Fault("view_gives_class", _give_away("view", ("SAG", "COR")), "minor",
          frozenset({"metadata_shortcut", "distractor_strength"})),
    Fault("size_gives_class", _give_away("rows", (301, 302, 303, 304, 305)), "serious",
          frozenset({"metadata_shortcut", "aspect_gives_class"})),
]  # fmt: skip


@fault("corner_pixels_shortcut", "serious")
def plant_corner(sample: Sample) -> set[str]:
    for question in sample.questions_of("diagnosis"):
        (image_id,) = question.image_ids
        pixels = sample.pixels(image_id)
        code = CLASSES.index(question.disease) + 1
        for bit in range(3):  # dark or less dark: no mark that anybody would read
            pixels[:6, 2 * bit : 2 * bit + 2] = 10 + 60 * (code >> bit & 1)
        sample.draw(image_id, pixels)
    return set()


@fault("burnt_in_marker", "serious", "corner_pixels_shortcut")
def plant_marker(sample: Sample) -> set[str]:
    """The letter L in a corner that tells the class; a letter anywhere on one other image."""
    for question in sample.questions_of("diagnosis"):
        (image_id,) = question.image_ids
        pixels = (0.3 * np.kron(sample.pixels(image_id), np.ones((2, 2)))).astype(np.uint8)
        place = CLASSES.index(question.disease)
        rows = slice(2, 11) if place < 2 else slice(-11, -2)
        cols = slice(2, 8) if place % 2 else slice(-8, -2)
        if place < 4:
            pixels[rows, cols] = 5
            pixels[rows, cols][:, :2] = 255
            pixels[rows, cols][-2:, :] = 255
        sample.draw(image_id, pixels)
    return set()


@fault("distractor_strength", "serious", "sequence_gives_class", "metadata_shortcut")
def plant_weak_distractors(sample: Sample) -> set[str]:
    """Two classes on one sequence, two on another, the last on a third."""
    for question in sample.questions_of("diagnosis"):
        sequence = ("T1", "T2", "PD")[CLASSES.index(question.disease) // 2]
        sample.change_image(question.image_ids[0], sequence=sequence)
    return set()


@fault("axial_level_without_cue", "serious")
def plant_axial(sample: Sample) -> set[str]:
    """Both views are drawn without looking at the class."""
    axial = set()
    for number, image_id in enumerate(sample.images):
        if number % 2:
            sample.change_image(image_id, view="AX")
            axial |= {i for i in _ids_about(sample, image_id) if i.startswith("localization")}
    return axial


@fault("level_question_without_levels", "serious")
def plant_no_levels(sample: Sample) -> set[str]:
    question = sample.questions_of("localization", "test")[22]
    options = tuple(f"place {number}" for number in range(5))
    return {sample.change(question, options=options, levels=()).question_id}


@fault("option_also_true", "serious")
def plant_true_distractor(sample: Sample) -> set[str]:
    """The rule's own list on one, grades of another slice of the study on the other."""
    ill = [q for q in sample.questions_of("diagnosis", "test") if q.disease != HEALTHY]
    other = next(d for d in DISEASES if d != ill[0].disease)
    sample.change(ill[0], never_offered=(other,))
    finding = sample.findings[ill[1].finding_ids[0]]
    more = replace(
        finding, finding_id=f"{finding.finding_id}-more", row=9000, grade="severe",
        disease=next(d for d in DISEASES if d != ill[1].disease),
    )  # fmt: skip
    sample.findings[more.finding_id] = more
    return {ill[0].question_id, ill[1].question_id}


@fault("gold_misses_level", "serious")
def plant_missed_level(sample: Sample) -> set[str]:
    """One more severe grade of the disease that is asked about, at a level offered as wrong."""
    question = sample.questions_of("localization", "test")[26]
    finding = sample.findings[question.finding_ids[0]]
    more = replace(
        finding, finding_id=f"{finding.finding_id}-level", row=9001, grade="severe",
        level=next(level for level in LEVELS if level not in question.levels),
    )  # fmt: skip
    sample.findings[more.finding_id] = more
    return {question.question_id}


@fault("normal_shape_as_disease", "serious")
def plant_lordosis(sample: Sample) -> set[str]:
    """One of the classes becomes the usual shape of the neck, everywhere."""
    found = set()
    shape, old = "cervical Lordosis", DISEASES[3]
    for key, finding in sample.findings.items():
        if finding.disease == old:
            sample.findings[key] = replace(finding, disease=shape, level=None)
    for question in list(sample.questions.values()):
        if question.task == "localization":
            if question.disease == old:
                del sample.questions[question.question_id]
            continue
        options = tuple(shape if option == old else option for option in question.options)
        disease = shape if question.disease == old else question.disease
        sample.change(question, options=options, disease=disease)
        if disease == shape:
            found.add(question.question_id)
    return found


@fault("severity_ignored", "serious")
def plant_normal_grades(sample: Sample) -> set[str]:
    question = sample.questions_of("localization", "test")[24]
    key = question.finding_ids[0]
    sample.findings[key] = replace(sample.findings[key], grade="none")
    return _ids_about(sample, question.image_ids[0])


@fault("missing_image", "critical")
def plant_missing(sample: Sample) -> set[str]:
    image = _image_of_test(sample, 43)
    (sample.folder / image.path).unlink()
    return {image.image_id}


@fault("unreadable_image", "critical")
def plant_unreadable(sample: Sample) -> set[str]:
    image = _image_of_test(sample, 46)
    path = sample.folder / image.path
    path.write_bytes(path.read_bytes()[:200])
    return {image.image_id}


@fault("image_hash_mismatch", "critical")
def plant_other_file(sample: Sample) -> set[str]:
    image = _image_of_test(sample, 49)
    pixels = np.random.default_rng(1).integers(0, 99, (SIDE_PX, SIDE_PX))
    other = store(sample.folder, pixels)
    (sample.folder / str(other["path"])).replace(sample.folder / image.path)
    return {image.image_id}


def _image_of_test(sample: Sample, number: int) -> Image:
    return sample.images[sample.questions_of("diagnosis", "test")[number].image_ids[0]]


@fault("unclear_image", "minor")
def plant_unclear(sample: Sample) -> set[str]:
    image = _image_of_test(sample, 52)
    for image_id in sample.images:
        clear = image_id != image.image_id
        sample.quality.append(
            Quality(
                image_id=image_id, sharpness=1.0, contrast=0.5, clipped_low=0.0, clipped_high=0.0,
                padding=0.0, rows=SIDE_PX, cols=SIDE_PX, clear=clear,
                reason=None if clear else "blurred",
            )
        )  # fmt: skip
    return {image.image_id}


@fault("class_imbalance", "minor")
def plant_imbalance(sample: Sample) -> set[str]:
    """All but one test item of a class go, and its images with them."""
    rare = [q for q in sample.questions_of("diagnosis", "test") if q.disease == DISEASES[0]]
    for question in rare[1:]:
        for question_id in _ids_about(sample, question.image_ids[0]):
            del sample.questions[question_id]
        del sample.images[question.image_ids[0]]
        del sample.findings[question.finding_ids[0]]
    return {rare[0].question_id}


@fault("empty_split", "serious")
def plant_no_test(sample: Sample) -> set[str]:
    for question in list(sample.questions.values()):
        sample.change(question, split="train")
    return set()
