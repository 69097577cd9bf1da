"""The gallery: a seeded sample of answered diagnosis questions, in the four published groups.

    found          the disease is there and was named
    healthy_found  the image is healthy and was called so
    missed         the disease is there and another option was named, Healthy or another disease
    called_ill     the image is healthy and a disease was named

Answers that name no option (unparsed, refused, cut off) belong to no group. The order of the
sample hangs on the seed and the question only, so that the same questions come up for every
model and a page holds each image once.
"""

import base64
import io
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from string import ascii_uppercase
from typing import Literal

import numpy as np
from PIL import Image as PillowImage
from PIL import ImageChops

from spinebench.anatomy.diseases import HEALTHY
from spinebench.benchmark.bundle import Benchmark
from spinebench.records import Finding, Image, Prediction, Question, item_seed

Group = Literal["found", "healthy_found", "missed", "called_ill"]
GROUPS: tuple[Group, ...] = ("found", "healthy_found", "missed", "called_ill")
RAW_TEXT_LIMIT = 4000  # characters of an answer on the page; the whole stands in the run's table
LONG_SIDES_PX = (560, 448, 360, 256, 192)  # tried in this order until the pictures fit
JPEG_QUALITY = 82


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """One option as it was shown."""

    letter: str
    text: str
    is_gold: bool
    is_answer: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """Where a finding stands, in SVG units of its picture: pixel i covers i to i + 1."""

    kind: Literal["point", "box"]
    x: float  # centre of a point, left edge of a box
    y: float
    width: float  # of a box; 0 for a point
    height: float
    words: str


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """One image of a card."""

    picture: str  # key of the picture that the page holds once
    width: int  # of the standard file, in pixels: the SVG's view box
    height: int
    words: str  # modality, view, sequence: the picture's text alternative
    marks: tuple[Mark, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """One answered question with everything that a reader needs to judge it."""

    question_id: str
    group: Group
    text: str
    choices: tuple[Choice, ...]
    gold: str
    answer: str
    raw_text: str
    cut_characters: int  # of the raw text that the page leaves out
    views: tuple[View, ...]
    origin: tuple[str, ...]  # files and rows of the findings, and of their grades
    facts: str  # disease, level, side, the source's grade, source


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """An image as the page holds it."""

    key: str
    width: int  # of the standard file
    height: int
    data_uri: str


def group_of(question: Question, letters: Iterable[str]) -> Group | None:
    """Group of an answer to a diagnosis question; None if it names no option."""
    named = frozenset(letters)
    if not named:
        return None
    right = named == frozenset(question.gold)
    if question.disease == HEALTHY:
        return "healthy_found" if right else "called_ill"
    return "found" if right else "missed"


def sample_cards(
    bench: Benchmark, predictions: Sequence[Prediction], *, seed: int, per_group: int
) -> dict[Group, tuple[Card, ...]]:
    """At most `per_group` cards of each group, spread over the diseases.

    Of several askings of a question the first is shown. In `missed`, answers that call the image
    Healthy come first until they fill half of the group: it is the graver fault and the one
    published.
    """
    questions = {q.question_id: q for q in bench.questions if q.task == "diagnosis"}
    pools: dict[Group, list[tuple[Question, Prediction]]] = {group: [] for group in GROUPS}
    for prediction in first_askings(predictions):
        question = questions.get(prediction.question_id)
        if question is None:
            continue
        group = group_of(question, prediction.letters)
        if group is not None:
            pools[group].append((question, prediction))
    cards = {}
    for group, pool in pools.items():
        chosen = _spread(pool, seed=seed)
        if group == "missed":
            chosen = _half_healthy_first(chosen, per_group)
        cards[group] = tuple(_card(bench, q, p, group) for q, p in chosen[:per_group])
    return cards


def first_askings(predictions: Iterable[Prediction]) -> list[Prediction]:
    """The first prediction of each question in the first epoch: one of its rotations, if any."""
    first: dict[str, Prediction] = {}
    for prediction in predictions:
        if prediction.epoch == 1:
            first.setdefault(prediction.question_id, prediction)
    return list(first.values())


def count_groups(
    bench: Benchmark, predictions: Sequence[Prediction]
) -> tuple[dict[Group, int], int]:
    """Diagnosis questions by the group of their first answer, and how many name no option."""
    questions = {q.question_id: q for q in bench.questions if q.task == "diagnosis"}
    counts: dict[Group, int] = dict.fromkeys(GROUPS, 0)
    outside = 0
    for prediction in first_askings(predictions):
        question = questions.get(prediction.question_id)
        if question is None:
            continue
        group = group_of(question, prediction.letters)
        if group is None:
            outside += 1
        else:
            counts[group] += 1
    return counts, outside


def build_pictures(
    bench: Benchmark, cards: Iterable[Card], *, budget_bytes: int
) -> dict[str, Picture]:
    """Pictures of the cards by key, each once, as large as the budget (of base64 text) allows.

    The smallest size is kept even if it does not fit: the page's own bound is checked at the end.
    """
    wanted = {view.picture: view for card in cards for view in card.views}
    pictures: dict[str, Picture] = {}
    for long_side in LONG_SIDES_PX:
        pictures = {
            key: Picture(
                key=key,
                width=view.width,
                height=view.height,
                data_uri=_data_uri(bench, key, long_side),
            )
            for key, view in sorted(wanted.items())
        }
        if sum(len(picture.data_uri) for picture in pictures.values()) <= budget_bytes:
            break
    return pictures


def encode_thumbnail(image: PillowImage.Image, long_side_px: int) -> bytes:
    """JPEG of at most this long side; one channel where all three are equal."""
    rgb = image.convert("RGB")
    red, green, blue = rgb.split()
    is_grey = not (
        ImageChops.difference(red, green).getbbox() or ImageChops.difference(red, blue).getbbox()
    )
    small = red if is_grey else rgb
    scale = long_side_px / max(small.size)
    if scale < 1:
        size = (max(1, round(small.width * scale)), max(1, round(small.height * scale)))
        small = small.resize(size, PillowImage.Resampling.LANCZOS)
    stream = io.BytesIO()
    small.save(stream, format="JPEG", quality=JPEG_QUALITY, optimize=True)
    return stream.getvalue()


def mark_of(finding: Finding, image: Image) -> Mark | None:
    """A finding's box or point on the standard image; None if it has neither.

    Findings count pixel centres at whole numbers, SVG at halves: an original x lies at
    `(x + 0.5) * scale` of the drawing. A box's ends are centres of its outermost pixels, so it
    is drawn from the outer edge of the one to the outer edge of the other.
    """
    words = ", ".join(
        part for part in (finding.source_words, finding.level, finding.side) if part
    )  # the source's own words
    if finding.box_px is not None:
        x_min, y_min, x_max, y_max = finding.box_px
        return Mark(
            kind="box",
            x=x_min * image.scale_x,
            y=y_min * image.scale_y,
            width=(x_max - x_min + 1) * image.scale_x,
            height=(y_max - y_min + 1) * image.scale_y,
            words=words,
        )
    if finding.point_px is None:
        return None
    x, y = finding.point_px
    return Mark(
        kind="point",
        x=(x + 0.5) * image.scale_x,
        y=(y + 0.5) * image.scale_y,
        width=0,
        height=0,
        words=words,
    )


def _data_uri(bench: Benchmark, image_id: str, long_side_px: int) -> str:
    with PillowImage.open(bench.image_file(image_id)) as image:
        data = encode_thumbnail(image, long_side_px)
    return "data:image/jpeg;base64," + base64.b64encode(data).decode("ascii")


def _spread(
    pool: Sequence[tuple[Question, Prediction]], *, seed: int
) -> list[tuple[Question, Prediction]]:
    """Seeded order in which each disease comes once before any comes twice."""
    keyed = sorted(
        (
            float(np.random.default_rng(item_seed(seed, "gallery", q.question_id)).random()),
            q.question_id,
            (q, p),
        )
        for q, p in pool
    )
    by_disease: dict[str, list[tuple[float, str, tuple[Question, Prediction]]]] = defaultdict(list)
    for entry in keyed:
        by_disease[entry[2][0].disease].append(entry)
    ranked = sorted(
        (rank, number, key, pair)
        for entries in by_disease.values()
        for rank, (number, key, pair) in enumerate(entries)
    )
    return [pair for _, _, _, pair in ranked]


def _half_healthy_first(
    chosen: Sequence[tuple[Question, Prediction]], per_group: int
) -> list[tuple[Question, Prediction]]:
    healthy = [pair for pair in chosen if _answer_texts(*pair) == [HEALTHY]]
    head = healthy[: (per_group + 1) // 2]
    taken = {question.question_id for question, _ in head}
    rest = [pair for pair in chosen if pair[0].question_id not in taken]
    return head + rest


def _answer_texts(question: Question, prediction: Prediction) -> list[str]:
    return [question.lettered[letter] for letter in prediction.letters]


def _card(bench: Benchmark, question: Question, prediction: Prediction, group: Group) -> Card:
    # letter_map "CAB": what was shown as A is the original C; the model's words speak of A
    shown = prediction.letter_map or ascii_uppercase[: len(question.options)]
    choices = tuple(
        Choice(
            letter=ascii_uppercase[place],
            text=question.lettered[original],
            is_gold=original in question.gold,
            is_answer=original in prediction.letters,
        )
        for place, original in enumerate(shown)
    )
    findings = [bench.findings[key] for key in question.finding_ids]
    grades = dict.fromkeys(f.grade for f in findings if f.grade != "ungraded")
    facts = (
        question.disease,
        ", ".join(question.levels),
        question.side,
        f"graded {', '.join(grades)}" if grades else "",
        question.source,
    )
    return Card(
        question_id=question.question_id,
        group=group,
        text=question.text,
        choices=choices,
        gold=_letters_and_texts(choices, gold=True),
        answer=_letters_and_texts(choices, gold=False),
        raw_text=prediction.raw_text[:RAW_TEXT_LIMIT],
        cut_characters=max(0, len(prediction.raw_text) - RAW_TEXT_LIMIT),
        views=tuple(_view(bench.images[key], findings) for key in question.image_ids),
        origin=_origin(findings),
        facts=" · ".join(fact for fact in facts if fact),
    )


def _letters_and_texts(choices: Sequence[Choice], *, gold: bool) -> str:
    picked = [c for c in choices if (c.is_gold if gold else c.is_answer)]
    return "; ".join(f"{choice.letter}: {choice.text}" for choice in picked)


def _origin(findings: Sequence[Finding]) -> tuple[str, ...]:
    """`file, rows 7, 9` of the findings, then `file, row 7, columns a, b` of their grades."""
    rows: dict[str, set[int]] = defaultdict(set)
    cells: dict[tuple[str, int | None], dict[str, None]] = defaultdict(dict)
    for finding in findings:
        rows[finding.file].add(finding.row)
        if finding.grade_file is not None:
            columns = cells[finding.grade_file, finding.grade_row]
            if finding.grade_column is not None:
                columns[finding.grade_column] = None
    lines = [f"{file}, {_counted('row', sorted(found))}" for file, found in rows.items()]
    for (file, row), columns in cells.items():
        place = f"{file}, row {row}"
        lines.append(f"{place}, {_counted('column', list(columns))}" if columns else place)
    return tuple(lines)


def _counted(noun: str, values: Sequence[object]) -> str:
    return f"{noun}{'' if len(values) == 1 else 's'} {', '.join(map(str, values))}"


def _view(image: Image, findings: Sequence[Finding]) -> View:
    marks = [mark_of(f, image) for f in findings if f.image_id == image.image_id]
    words = " ".join(part for part in (image.modality, image.view, image.sequence) if part)
    return View(
        picture=image.image_id,
        width=image.file_cols,
        height=image.file_rows,
        words=words,
        marks=tuple(mark for mark in marks if mark is not None),
    )


def all_cards(galleries: Iterable[Mapping[Group, Sequence[Card]]]) -> list[Card]:
    """Every card of several galleries, in order."""
    return [card for cards in galleries for group in GROUPS for card in cards[group]]
