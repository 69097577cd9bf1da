"""Numbers of patients and classes, and what could not be checked."""

from collections import Counter, defaultdict
from collections.abc import Iterator

from spinebench.benchmark.audit.findings import AuditFinding, build_finding, counted
from spinebench.benchmark.audit.material import Material
from spinebench.benchmark.audit.predict import FEWEST_PATIENTS, FEWEST_QUESTIONS, Items
from spinebench.records import Question

MOST_UNEVEN = 10  # times the rarest class, in test
FEWEST_TEST_PATIENTS = 50


def check_counts(material: Material) -> Iterator[AuditFinding]:
    """Findings on splits and classes."""
    test = [q for q in material.questions if q.split == "test"]
    train = [q for q in material.questions if q.split == "train"]
    if not test:
        summary = "no question is in test: nothing can be measured"
        yield from build_finding("empty_split", "serious", summary, ["test"])
    elif not train:
        summary = "no question is in train: baselines and shortcuts have nothing to learn from"
        yield from build_finding("empty_split", "note", summary, ["train"])
    patients = {q.patient_id for q in test}
    if 0 < len(patients) < FEWEST_TEST_PATIENTS:
        summary = f"{counted(len(patients), 'patient')} in test: intervals are wide"
        yield from build_finding("small_test", "note", summary, sorted(q.question_id for q in test))
    if test:
        yield from _imbalance(material, test)


def _imbalance(material: Material, test: list[Question]) -> Iterator[AuditFinding]:
    by_class: dict[tuple[str, str], list[Question]] = defaultdict(list)
    for question in material.questions:
        if not question.multiple:
            by_class[question.task, question.disease].append(question)
    in_test = Counter[tuple[str, str]]((q.task, q.disease) for q in test)
    for task in sorted({task for task, _ in by_class}):
        classes = {disease: in_test[task, disease] for t, disease in by_class if t == task}
        most = max(sorted(classes), key=classes.__getitem__)
        rare = sorted(c for c, n in classes.items() if MOST_UNEVEN * n < classes[most])
        if rare:
            ids = sorted(q.question_id for c in rare for q in by_class[task, c])
            few = ", ".join(f"{name} {classes[name]}" for name in rare)
            summary = f"{task}, test: {most} {classes[most]:,}, but {few}"
            yield from build_finding("class_imbalance", "minor", summary, ids)


def check_coverage(material: Material, tasks: list[Items]) -> list[AuditFinding]:
    """A note on the checks that this folder does not allow."""
    why: dict[str, list[str]] = {}
    if not material.bench.findings:
        why["no findings"] = ["severity_ignored", "option_also_true", "gold_misses_level"]
    if not material.bench.quality:
        why["no quality table"] = ["unclear_image"]
    for items in tasks:
        if not items.is_enough():
            reason = (
                f"{items.task}: fewer than {FEWEST_QUESTIONS} sound questions or "
                f"{FEWEST_PATIENTS} patients"
            )
            why[reason] = ["text_only_shortcut", "option_text_leak", "metadata_shortcut",
                           "corner_pixels_shortcut"]  # fmt: skip
    names = sorted({name for checks in why.values() for name in checks})
    summary = "; ".join(f"{reason}: {', '.join(checks)}" for reason, checks in why.items())
    return build_finding("not_checked", "note", summary, names)
