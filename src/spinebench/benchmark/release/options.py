"""What can be chosen on export."""

from dataclasses import dataclass

from spinebench.benchmark.release.rows import Dialect
from spinebench.benchmark.split import SPLITS
from spinebench.errors import UsageError
from spinebench.records import Split


@dataclass(frozen=True, kw_only=True)
class ExportOptions:
    """What to export and in which spelling. `jpeg` and `dialect` are of the released layout."""

    splits: tuple[Split, ...] = ("train", "test")  # reserve is kept back unless it is named
    subset: bool = False  # only the evaluation subset
    dialect: Dialect = "text"
    jpeg: bool = False
    accepted: tuple[str, ...] = ()  # sources whose restricted pictures may be given on


def parse_splits(text: str) -> tuple[Split, ...]:
    """Splits from `train,test`, in their own order. Raises UsageError for anything else."""
    named = [part.strip() for part in text.split(",") if part.strip()]
    unknown = [name for name in named if name not in SPLITS]
    if unknown or not named:
        raise UsageError(f"--split {text}: it is one or more of {', '.join(SPLITS)}")
    return tuple(split for split in SPLITS if split in named)


def parse_dialect(text: str) -> Dialect:
    """`text` or `letters`; raises UsageError for anything else."""
    if text == "text":
        return "text"
    if text == "letters":
        return "letters"
    raise UsageError(f"--dialect {text}: it is text or letters")
