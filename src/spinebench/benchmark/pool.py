"""Pools of question wordings: reviewed data files with a hash.

A pool is one JSON object: `name`, `source` (where the wordings come from) and per task a list of

    id           of its own within the task
    text         the wording
    state        "reviewed", "unreviewed" or "rejected"; none: written by hand, taken as reviewed
    reviewed_by  who decided on the state
    paraphrases  id of the wording it was made from, for a generated one
    model        that made it

Rejected wordings stay in the file and are never asked. A pool that holds unreviewed ones is loaded
only where that is allowed by name. `diagnosis` and `localization` are in every pool, `alignment`
in those that can ask about the shape of the neck.
"""

import json
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, replace
from importlib import resources
from pathlib import Path, PurePosixPath
from typing import Any, Literal, get_args

from spinebench.errors import DataError, UsageError
from spinebench.records import Task, sha256_of_json

ReviewState = Literal["reviewed", "unreviewed", "rejected"]

DEFAULT_POOL = "core-2"
TASKS: tuple[Task, ...] = get_args(Task)
_PUBLISHED_TASKS: tuple[Task, ...] = ("diagnosis", "localization")
_FORM = '{"name", "diagnosis": [{"id", "text"}], "localization": [...]}'


@dataclass(frozen=True, kw_only=True)
class Wording:
    """One way to ask the question of a task."""

    id: str
    text: str
    state: ReviewState | None = None  # None: written by hand
    reviewed_by: str | None = None
    paraphrases: str | None = None  # id of the wording it was made from
    model: str | None = None


@dataclass(frozen=True)
class QuestionPool:
    """Wordings by task: (id, text) each, all of one meaning, the rejected ones left out."""

    name: str
    sha256: str  # of the whole file's content, states included
    wordings: Mapping[Task, tuple[tuple[str, str], ...]]
    unreviewed: tuple[str, ...] = ()  # ids


@dataclass(frozen=True, kw_only=True)
class PoolFile:
    """A pool file with everything in it."""

    name: str
    source: str
    tasks: Mapping[Task, tuple[Wording, ...]]
    rejected: tuple[Mapping[str, Any], ...] = ()  # what a model wrote and the check refused
    sha256: str  # of the content as it was read

    def to_json(self) -> str:
        """The file's text: one line per wording."""
        parts = [f'  "name": {_dump(self.name)}', f'  "source": {_dump(self.source)}']
        rows: dict[str, list[Mapping[str, Any]]] = {
            task: [_bare(wording) for wording in wordings] for task, wordings in self.tasks.items()
        }
        if self.rejected:
            rows["rejected"] = list(self.rejected)
        for key, entries in rows.items():
            lines = ",\n".join(f"    {_dump(entry)}" for entry in entries)
            parts.append(f'  "{key}": [\n{lines}\n  ]')
        return "{\n" + ",\n".join(parts) + "\n}\n"


def load_question_pool(
    name_or_path: str = DEFAULT_POOL, *, allow_unreviewed: bool = False
) -> QuestionPool:
    """A shipped pool by name, or a JSON file of the same form.

    Raises UsageError for a pool with wordings that nobody has reviewed, unless they are allowed.
    """
    file = load_pool_file(name_or_path)
    unreviewed = tuple(
        w.id for part in file.tasks.values() for w in part if w.state == "unreviewed"
    )
    if unreviewed and not allow_unreviewed:
        raise UsageError(
            f"question pool {name_or_path}: {len(unreviewed)} wordings that nobody has reviewed"
            f" ({', '.join(unreviewed[:3])}{', ...' if len(unreviewed) > 3 else ''}); review them"
            " with `spinebench bench pool review`, or say --allow-unreviewed"
        )
    kept = {
        task: tuple((w.id, w.text) for w in wordings if w.state != "rejected")
        for task, wordings in file.tasks.items()
    }
    for task, entries in kept.items():
        if not entries:
            raise DataError(
                file=name_or_path, field=task, found="only rejected wordings",
                expected="at least one that may be asked",
            )  # fmt: skip
    return QuestionPool(file.name, file.sha256, kept, unreviewed)


def load_pool_file(name_or_path: str) -> PoolFile:
    """A shipped pool by name, or a JSON file, with all wordings whatever their state."""
    path = Path(name_or_path)
    if path.suffix == ".json":
        try:
            text = path.read_text(encoding="utf-8")
        except FileNotFoundError as error:
            raise UsageError(f"no question pool at {path}") from error
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "not UTF-8 text"
            raise UsageError(f"question pool {path}: {reason}") from error
        return parse_pool(text, file=name_or_path)
    shipped = resources.files("spinebench").joinpath("data/question_pools")
    file = shipped.joinpath(f"{name_or_path}.json")
    if not file.is_file():
        known = sorted(PurePosixPath(entry.name).stem for entry in shipped.iterdir())
        raise UsageError(f"no question pool {name_or_path!r}; there are: {', '.join(known)}")
    return parse_pool(file.read_text(encoding="utf-8"), file=name_or_path)


def parse_pool(text: str, *, file: str) -> PoolFile:
    """Pool of a file's text. Raises DataError that names `file` and what is wrong."""
    try:
        content: dict[str, Any] = json.loads(text)
        tasks: dict[Task, tuple[Wording, ...]] = {
            task: tuple(_wording(entry) for entry in content[task])
            for task in TASKS
            if task in content or task in _PUBLISHED_TASKS
        }
        name = str(content["name"])
        rejected = tuple(dict(entry) for entry in content.get("rejected", ()))
    except (json.JSONDecodeError, KeyError, TypeError, ValueError, RecursionError) as error:
        raise DataError(
            file=file, found=f"{type(error).__name__}: {error}", expected=_FORM
        ) from error
    for task, wordings in tasks.items():
        if not wordings or len({wording.id for wording in wordings}) < len(wordings):
            raise DataError(
                file=file, field=task, found=f"{len(wordings)} wordings",
                expected="at least one, each with an id of its own",
            )  # fmt: skip
        for wording in wordings:
            if wording.state not in (None, *get_args(ReviewState)):
                raise DataError(
                    file=file, place=wording.id, field="state", found=repr(wording.state),
                    expected=f"one of {', '.join(get_args(ReviewState))}",
                )  # fmt: skip
    return PoolFile(
        name=name,
        source=str(content.get("source", "")),
        tasks=tasks,
        rejected=rejected,
        sha256=sha256_of_json(content),
    )


def review_wordings(
    pool: PoolFile, *, by: str, accept: Collection[str] = (), reject: Collection[str] = ()
) -> PoolFile:
    """The pool with the states of wordings set by a person, whose name is kept with each.

    Raises UsageError for an id that is not there or stands on both sides.
    """
    known = {wording.id for part in pool.tasks.values() for wording in part}
    for wrong, what in (
        ({*accept, *reject} - known, "no such wording in this pool"),
        ({*accept} & {*reject}, "both accepted and rejected"),
    ):
        if wrong:
            raise UsageError(f"{sorted(wrong)[0]}: {what}")

    def reviewed(wording: Wording) -> Wording:
        if wording.id in accept:
            return replace(wording, state="reviewed", reviewed_by=by)
        if wording.id in reject:
            return replace(wording, state="rejected", reviewed_by=by)
        return wording

    tasks = {task: tuple(map(reviewed, part)) for task, part in pool.tasks.items()}
    return replace(pool, tasks=tasks)


def write_pool(path: Path, pool: PoolFile) -> PoolFile:
    """Write a pool under a temporary name, then rename; returns it as it is read back."""
    text = pool.to_json()
    written = parse_pool(text, file=str(path))
    temporary = path.with_name(path.name + ".tmp")
    try:
        temporary.write_text(text, encoding="utf-8")
        temporary.replace(path)
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}") from error
    return written


def _wording(entry: Mapping[str, Any]) -> Wording:
    return Wording(
        id=str(entry["id"]),
        text=str(entry["text"]),
        **{name: entry.get(name) for name in ("state", "reviewed_by", "paraphrases", "model")},
    )


def _bare(wording: Wording) -> dict[str, Any]:
    return {name: value for name, value in asdict(wording).items() if value is not None}


def _dump(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)
