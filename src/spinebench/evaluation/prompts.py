"""Protocols: the words a question is put in, and the way back from words to options.

A protocol is a text per task with `{question}`, then `{options}` (or `{optionA_text}`,
`{optionB_text}`, ...), and `<image>` on the place of the images (none: after the text). Other
braces are literal. The texts are data: `data/protocols/<name>.toml`.
"""

import hashlib
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from string import ascii_uppercase

from spinebench.errors import UsageError

TASKS = ("diagnosis", "localization", "alignment")
IMAGE_MARK = "<image>"

_PLACEHOLDER = re.compile(r"\{([A-Za-z_]\w*)\}")
_OPTION_PLACEHOLDER = re.compile(r"option([A-Z])_text")
_FIRST_OPTION = re.compile(r"\[\s*A\s*:\s")
_LINE_OPTION = re.compile(r"^[ \t]*[(\[]?([A-Z])[)\].:][)\].:]?[ \t]+(\S.*?)[ \t]*$", re.MULTILINE)


@dataclass(frozen=True, kw_only=True)
class Prompt:
    """The text of one protocol for one task."""

    protocol: str  # name; "released", or "custom" for a prompt file
    task: str
    text: str  # before a question is filled in

    @property
    def sha256(self) -> str:
        """SHA-256 of the text before a question is filled in."""
        return hashlib.sha256(self.text.encode()).hexdigest()

    def render(self, question: str, options: Mapping[str, str]) -> tuple[str, str]:
        """Text before the images and text after them. Raises UsageError if letters do not fit."""
        named = {m[1] for m in _OPTION_PLACEHOLDER.finditer(self.text)}
        if named and named != set(options):
            raise UsageError(
                f"the prompt names options {_letters(named)}, a question has {_letters(options)};"
                " write {options} to fit every question"
            )
        values = {"question": question, "options": format_options(options)}
        values |= {f"option{letter}_text": text for letter, text in options.items()}
        # the mark is looked for before filling in: a question's own text cannot move the image
        before, _, after = self.text.partition(IMAGE_MARK)
        return _fill(before, values).strip("\n"), _fill(after, values).strip("\n")


def format_options(options: Mapping[str, str]) -> str:
    """Options as the released protocol writes them: `[A: one, B: two]`."""
    return "[" + ", ".join(f"{letter}: {text}" for letter, text in options.items()) + "]"


def load_prompt(
    protocol: str, task: str, prompt_file: Path | None = None, *, no_image: bool = False
) -> Prompt:
    """Prompt of a protocol, or of a file that replaces its text.

    The file is plain text for every task, or TOML with `[diagnosis] text = ...` and so on for each
    task that is asked. With `no_image` a sentence of the protocol stands in the image's place.
    Raises UsageError on an unknown protocol or placeholder.
    """
    if task not in TASKS:
        raise UsageError(f"unknown task {task!r}; there are {', '.join(TASKS)}")
    if protocol not in protocol_names():
        raise UsageError(f"unknown protocol {protocol!r}; there are {', '.join(protocol_names())}")
    file = resources.files("spinebench").joinpath(f"data/protocols/{protocol}.toml")
    table = tomllib.loads(file.read_text("utf-8"))
    text: str = table[task]["text"]
    if prompt_file is not None:
        text = _read_prompt_file(prompt_file, task)
        _check_placeholders(text, str(prompt_file))
    if no_image:
        text = _without_image(text, table["no_image"])
    return Prompt(protocol=protocol, task=task, text=text)


def _without_image(text: str, sentence: str) -> str:
    if IMAGE_MARK in text:
        return text.replace(IMAGE_MARK, sentence)
    return f"{text.rstrip()}\n{sentence}\n"


def protocol_names() -> list[str]:
    """Names of the protocols that ship with spinebench."""
    folder = resources.files("spinebench").joinpath("data/protocols")
    return sorted(
        f.name.removesuffix(".toml") for f in folder.iterdir() if f.name.endswith(".toml")
    )


def parse_options(prompt_text: str) -> dict[str, str]:
    """Options by letter from a filled-in prompt; empty if it has none.

    Reads `[A: one, B: two]` (the last such place, whatever words stand around it), else one
    option per line (`A: one`, `A. one`, `(A) one`).
    """
    for start in reversed(list(_FIRST_OPTION.finditer(prompt_text))):
        options = _parse_bracketed(prompt_text[start.start() :])
        if len(options) >= 2:
            return options
    lines: dict[str, str] = {}
    for match in _LINE_OPTION.finditer(prompt_text):
        if match[1] == ascii_uppercase[len(lines) % 26]:
            lines[match[1]] = match[2]
    return lines if len(lines) >= 2 else {}


def asks_for_several(prompt_text: str) -> bool | None:
    """Whether the closing line of a filled-in prompt wants several letters; None = no such line."""
    found = re.findall(r"final option(s?)\b", prompt_text, re.IGNORECASE)
    return found[-1] != "" if found else None


def closing_line(letters: list[str], *, several: bool) -> str:
    """The released protocol's closing line for an answer."""
    return f"My final option{'s' if several else ''}: [{', '.join(letters)}]"


def _parse_bracketed(text: str) -> dict[str, str]:
    """Options of a text that starts with `[A:`; each marker is the next letter after a comma."""
    options: dict[str, str] = {}
    end = _closing_bracket(text)
    inner = text[1:end]
    position = re.match(r"\s*A\s*:\s*", inner)
    for index in range(len(ascii_uppercase)):
        if position is None:
            break
        start, following = position.end(), None
        if index + 1 < len(ascii_uppercase):
            marker = re.compile(rf",\s*{ascii_uppercase[index + 1]}\s*:\s*")
            following = marker.search(inner, start)
        options[ascii_uppercase[index]] = inner[
            start : following.start() if following else None
        ].strip()
        position = following
    return options


def _closing_bracket(text: str) -> int:
    """Index of the bracket that closes the one at 0; the end of the text if none does."""
    depth = 0
    for index, character in enumerate(text):
        depth += (character == "[") - (character == "]")
        if depth == 0:
            return index
    return len(text)


def _read_prompt_file(path: Path, task: str) -> str:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8 text"
        raise UsageError(f"prompt file {path}: {reason}") from error
    if path.suffix != ".toml":
        return text
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"prompt file {path}: {error}") from error
    section = table.get(task)
    found = section.get("text") if isinstance(section, dict) else None
    if not isinstance(found, str):
        raise UsageError(f"prompt file {path}: no text under [{task}]")
    return found


def _check_placeholders(text: str, file: str) -> None:
    names = [m[1] for m in _PLACEHOLDER.finditer(text)]
    letters = {name for name in names if _OPTION_PLACEHOLDER.fullmatch(name)}
    unknown = sorted(set(names) - letters - {"question", "options"})
    if unknown:
        raise UsageError(
            f"prompt file {file}: unknown placeholder {{{unknown[0]}}};"
            " there are {question}, {options} and {optionA_text}, {optionB_text}, ..."
        )
    if "question" not in names:
        raise UsageError(f"prompt file {file}: no {{question}}")
    if "options" not in names and not letters:
        raise UsageError(f"prompt file {file}: neither {{options}} nor {{optionA_text}}, ...")
    if text.count(IMAGE_MARK) > 1:
        raise UsageError(f"prompt file {file}: {IMAGE_MARK} stands there more than once")


def _fill(text: str, values: Mapping[str, str]) -> str:
    # in one pass: braces inside a question or an option are text
    return _PLACEHOLDER.sub(lambda match: values[match[1]], text)


def _letters(letters: object) -> str:
    return ", ".join(sorted(letters))  # type: ignore[call-overload]
