"""Names of protocols, orders of options, and what identifies an asking."""

from dataclasses import replace

import pytest

from spinebench.errors import UsageError
from spinebench.evaluation.protocols import (
    Protocol,
    build_asks,
    letter_maps,
    original_letters,
    parse_protocol,
    show_options,
    shown_letters,
)
from tests.examples import a_question, an_image

QUESTION = a_question(options=("one", "two", "three", "four"), gold=("B", "D"), multiple=True)


@pytest.mark.parametrize(
    ("name", "protocol"),
    [
        ("released", Protocol()),
        ("cot+circular", Protocol(base="cot", circular=True)),
        ("direct+shuffle-7", Protocol(base="direct", shuffle=7)),
        ("released+no-image", Protocol(no_image=True)),
        (
            "cot+circular+shuffle-0+no-image",
            Protocol(base="cot", circular=True, shuffle=0, no_image=True),
        ),
    ],
)
def test_a_name_there_and_back(name: str, protocol: Protocol) -> None:
    assert parse_protocol(name) == protocol
    assert protocol.name == name


@pytest.mark.parametrize("name", ["released+twice", "cot+circular+circular", "a+shuffle-x",
                                  "a+shuffle-1+shuffle-2"])  # fmt: skip
def test_modifiers_that_do_not_exist(name: str) -> None:
    with pytest.raises(UsageError, match="after the name come circular, shuffle-SEED and no-im"):
        parse_protocol(name)


def test_rotations_show_every_option_once_at_every_letter() -> None:
    maps = letter_maps(QUESTION, Protocol(circular=True), 1)
    assert maps == ["ABCD", "BCDA", "CDAB", "DABC"]
    for place in range(4):
        assert {order[place] for order in maps} == set("ABCD")


def test_a_shuffle_hangs_on_seed_question_and_epoch_only() -> None:
    (first,) = letter_maps(QUESTION, Protocol(shuffle=3), 1)
    assert letter_maps(QUESTION, Protocol(shuffle=3), 1) == [first]
    assert sorted(first) == list("ABCD")
    others = {letter_maps(QUESTION, Protocol(shuffle=seed), 1)[0] for seed in range(40)}
    assert len(others) > 12  # of 24
    assert len({letter_maps(QUESTION, Protocol(shuffle=3), epoch)[0] for epoch in range(40)}) > 12
    turned = letter_maps(QUESTION, Protocol(shuffle=3, circular=True), 1)
    assert turned[0] == first
    assert turned[1] == first[1:] + first[0]


def test_letters_there_and_back() -> None:
    assert show_options(QUESTION, "CADB") == {"A": "three", "B": "one", "C": "four", "D": "two"}
    assert original_letters(["A", "D"], "CADB") == ("B", "C")
    assert shown_letters(["B", "C"], "CADB") == ("A", "D")


def test_an_asking_is_another_when_anything_that_is_put_changes() -> None:
    image = an_image(image_id=QUESTION.image_ids[0])

    def keys(question=QUESTION, protocol=Protocol(), words="w", **fields):  # type: ignore[no-untyped-def]  # noqa: B008  (a test's short hand)
        return [
            ask.key
            for ask in build_asks(
                [question], protocol, epochs=fields.pop("epochs", 1),
                prompt_sha256={question.task: words},
                images={image.image_id: replace(image, **fields)},
            )
        ]  # fmt: skip

    base = keys()
    assert keys() == base
    changed = [
        keys(question=replace(QUESTION, question_id="edited@1")),
        keys(words="other words"),
        keys(file_sha256="f" * 64),
        keys(protocol=Protocol(no_image=True)),
        keys(protocol=Protocol(shuffle=1)),
        keys(epochs=2)[1:],
        keys(protocol=Protocol(circular=True))[1:],
    ]
    flat = [key for group in changed for key in group]
    assert len(set(flat)) == len(flat) == 9
    assert base[0] not in flat
    # what is not put to the model changes nothing
    assert keys(pixel_sha256="e" * 64) == base
    assert keys(question=replace(QUESTION, template="t2", split="train")) == base
