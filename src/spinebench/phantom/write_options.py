"""What can be chosen when phantoms are written, and what comes back."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from spinebench.errors import UsageError


@dataclass(frozen=True, kw_only=True)
class PhantomOptions:
    """Sizes and shares. The defaults are those of the originals."""

    matrix: int = 384  # rows and columns of MR slices
    film_px: int | None = None  # rows of films; None draws 1,400 to 3,000 for each film
    all_slices: bool = True  # False: only the slices that carry a point, for small demonstrations
    test_patients: int = 2  # further patients in RSNA's unlabelled test_images
    prevalence: float = 1.0  # multiplies every chance of disease

    def __post_init__(self) -> None:
        if not 64 <= self.matrix <= 2048:
            raise UsageError(f"matrix {self.matrix}: between 64 and 2048 is possible")
        if self.film_px is not None and not 200 <= self.film_px <= 4096:
            raise UsageError(f"film size {self.film_px}: between 200 and 4096 is possible")
        if self.test_patients < 0 or self.prevalence < 0:
            raise UsageError("test patients and prevalence cannot be negative")


def write_rows(path: Path, header: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Write a CSV file as the originals are: commas, no quotes, LF. No cell here needs quoting."""
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = [",".join(header)]
    lines.extend(",".join(str(cell) for cell in row) for row in rows)
    path.write_bytes(("\n".join(lines) + "\n").encode())


def format_px(value: float) -> str:
    """A coordinate with at most six decimals, as short as it can be."""
    return repr(round(value, 6) + 0.0)
