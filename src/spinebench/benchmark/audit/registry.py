"""Every check by name: what it looks for, how grave it can be, and the rule that mends it."""

from dataclasses import dataclass
from typing import Literal

from spinebench.benchmark.audit.findings import Severity

Family = Literal[
    "splits", "duplicates", "answers", "leaks", "shortcuts", "truth", "files", "counts"
]
FAMILY_TITLES: dict[Family, str] = {
    "splits": "Between train and test",
    "duplicates": "The same picture twice",
    "answers": "Options and answer key",
    "leaks": "What the words give away",
    "shortcuts": "What gives the answer away without the image",
    "truth": "Whether the answer is true and can be seen",
    "files": "Pictures on disk",
    "counts": "Numbers",
}


@dataclass(frozen=True, slots=True)
class Check:
    """One fixed name that a finding can carry."""

    name: str
    family: Family
    looks_for: str
    worst: Severity
    mend: str
    drops: bool  # `--fix` applies the rule by dropping questions


def _check(
    family: Family, name: str, looks_for: str, worst: Severity, mend: str, *, drops: bool = False
) -> Check:
    return Check(name, family, looks_for, worst, mend, drops)


_KEEP_ONE_SIDE = "keep the items of one split (test before reserve before train), drop the others"
_REBUILD = "not mechanical: "

_FEATURES: tuple[tuple[str, str, Severity], ...] = (
    ("source", "the source", "serious"),
    ("modality", "the modality", "serious"),
    ("view", "the view", "serious"),
    ("sequence", "the pulse sequence", "serious"),
    ("size", "the number of rows and columns", "serious"),
    ("aspect", "the aspect", "serious"),
    ("file_size", "the size of the file", "minor"),
)
FEATURE_WORDS = {feature: words for feature, words, _ in _FEATURES}

_ALL = (
    _check("splits", "patient_crosses_splits", "a patient with questions in two splits",
           "critical", _KEEP_ONE_SIDE, drops=True),
    _check("splits", "study_crosses_splits", "a study with questions in two splits",
           "critical", _KEEP_ONE_SIDE, drops=True),
    _check("splits", "series_crosses_splits", "a series with questions in two splits",
           "critical", _KEEP_ONE_SIDE, drops=True),
    _check("splits", "image_crosses_splits", "one image asked about in two splits by one task",
           "critical", _KEEP_ONE_SIDE, drops=True),
    _check("splits", "split_leak_across_tasks",
           "one image in two splits by two tasks, as in the published release",
           "critical", _KEEP_ONE_SIDE, drops=True),
    _check("splits", "identical_pixels_cross_splits", "two images of the same pixels in two splits",
           "critical", _KEEP_ONE_SIDE, drops=True),
    _check("splits", "near_duplicates_cross_splits",
           "two images whose pixels correlate at 0.99 or more in two splits, other than slices of "
           "one series", "critical", _KEEP_ONE_SIDE, drops=True),
    _check("splits", "patient_unknown", "a question whose patient is not the patient of its image",
           "serious", "drop the item: its interval and its split would be another patient's",
           drops=True),
    _check("splits", "ids_shared",
           "a study or series id that three or more patients hold: a placeholder", "note",
           "none: give every study and series an id of its own"),
    _check("duplicates", "identical_pixels", "two images of the same pixels in one split", "minor",
           "keep the first by image id, drop the questions of the others", drops=True),
    _check("duplicates", "near_duplicates",
           "images of different patients in one split that correlate at 0.99 or more", "minor",
           "keep the first patient of a cluster, drop the questions of the others", drops=True),
    _check("duplicates", "near_duplicates_same_patient",
           "images of one patient in different series that correlate at 0.99 or more", "note",
           "none: intervals are by patient"),
    _check("duplicates", "label_conflict",
           "the same pixels, or near-duplicates of two series, with different answers to a task",
           "critical", "drop the questions of that task on all of these images", drops=True),
    _check("duplicates", "duplicate_questions", "the same image, words, options and answer twice",
           "minor", "keep the first by question id", drops=True),
    _check("answers", "contradictory_questions",
           "the same image and words with different answers", "critical", "drop all of them",
           drops=True),
    _check("answers", "answer_not_among_options", "a gold letter that no option has", "critical",
           "drop the item", drops=True),
    _check("answers", "gold_missing", "no gold letter at all", "critical", "drop the item",
           drops=True),
    _check("answers", "gold_several", "several gold letters where one answer is asked for",
           "critical", "drop the item", drops=True),
    _check("answers", "gold_not_the_label", "a gold option other than the item's own label",
           "critical", "drop the item", drops=True),
    _check("answers", "options_repeat", "an option twice, case and spaces aside", "serious",
           "drop the item", drops=True),
    _check("answers", "options_missing", "fewer than two options, or an empty one", "serious",
           "drop the item", drops=True),
    _check("leaks", "gold_position_skew",
           "the answer stands under some letters more often than under others", "serious",
           _REBUILD + "shuffle the options of every item with its own generator"),
    _check("leaks", "option_text_leak",
           "the answer is known by its length, spelling or the options beside it", "serious",
           _REBUILD + "draw distractors as often beside one truth as beside another, and spell "
           "every option alike"),
    _check("leaks", "question_text_leak",
           "the words name the answer, the source, the patient or the study", "serious",
           "drop the item", drops=True),
    _check("leaks", "text_only_shortcut",
           "words, options and positions together name the answer", "serious",
           _REBUILD + "mend option and question texts; report every model beside the blind one"),
    *(
        _check("shortcuts", f"{feature}_gives_class", f"{words} alone names the diagnosis", worst,
               _REBUILD + "ask about every class on pictures of the same kind, or compare every "
               "model with the metadata baseline")
        for feature, words, worst in _FEATURES
    ),
    _check("shortcuts", "metadata_shortcut",
           "all metadata together name the answer to a task", "serious",
           _REBUILD + "compare every model with the metadata baseline, on each kind of picture"),
    _check("shortcuts", "corner_pixels_shortcut",
           "the four corners alone name the answer, beyond what metadata tell", "serious",
           _REBUILD + "crop or mask the borders alike for every class"),
    _check("shortcuts", "burnt_in_marker",
           "letters or marks burnt in near the borders; serious where they name the answer",
           "serious", _REBUILD + "mask the marks, or see that they are as frequent in every class"),
    _check("shortcuts", "distractor_strength",
           "wrong options that never occur on this kind of picture", "serious",
           _REBUILD + "draw distractors among classes that occur on the same kind of picture"),
    _check("shortcuts", "shortcuts_measured", "what was measured, harmless or not", "note",
           "none: tell these figures with every result"),
    _check("truth", "axial_level_without_cue",
           "the level is asked on an axial slice, which does not show it", "serious",
           "drop the item (the rule `graded` never asks it)", drops=True),
    _check("truth", "level_question_without_levels",
           "a localization item whose options name no level", "serious", "drop the item",
           drops=True),
    _check("truth", "option_also_true",
           "a wrong option that the source's own grades call true at the levels shown", "serious",
           "drop the item (the rule `graded` never offers it)", drops=True),
    _check("truth", "gold_misses_level",
           "a localization item whose wrong options hold a level that the findings call diseased",
           "serious", "drop the item (the rule `graded` never asks it)", drops=True),
    _check("truth", "normal_shape_as_disease",
           "the usual shape of the neck as a disease, with Healthy beside it as a wrong option",
           "serious", "drop the item (the rule `graded` asks the shape as a task of its own)",
           drops=True),
    _check("truth", "severity_ignored",
           "a disease or level that rests only on grades of normal", "serious",
           "drop the item (the rule `graded` never asks it)", drops=True),
    _check("truth", "healthy_unverified", "Healthy without a row that says normal", "note",
           "none: tell that absence was not verified"),
    _check("files", "table_altered", "a table that is not the one the manifest names", "critical",
           "not mechanical: build or import the folder again, or find out who changed it"),
    _check("files", "image_unknown", "a question about an image that no table has", "critical",
           "drop the item", drops=True),
    _check("files", "missing_image", "a picture that is not there", "critical",
           "drop its questions", drops=True),
    _check("files", "unreadable_image", "a file that is no picture", "critical",
           "drop its questions", drops=True),
    _check("files", "image_hash_mismatch", "a file other than the one the benchmark names",
           "critical", "drop its questions", drops=True),
    _check("files", "unclear_image", "a picture that the quality table calls unclear", "minor",
           "drop its questions", drops=True),
    _check("files", "restricted_source_pixels", "pictures that may not be given on", "note",
           "none: share a recipe (`bench export --format recipe`)"),
    _check("counts", "class_imbalance", "a class ten times as frequent as another in test",
           "minor", _REBUILD + "score the evaluation subset, or average over classes"),
    _check("counts", "empty_split", "no question in test, or none in train", "serious",
           _REBUILD + "larger shares, or more patients"),
    _check("counts", "small_test", "fewer than 50 patients in test", "note",
           "none: read the intervals before the figures"),
    _check("counts", "not_checked", "checks that could not be made, and why", "note",
           "none: give the folder what they need"),
)  # fmt: skip

CHECKS: dict[str, Check] = {check.name: check for check in _ALL}
