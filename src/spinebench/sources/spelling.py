"""Words of a source's own vocabulary, as copies write them: other capitals, stray blanks.

A word that differs from a known one in nothing else is that word; how often that was so becomes a
note in the ledger. Any other difference is another word.
"""

import re
from collections.abc import Iterable

from spinebench.sources.csvfile import CsvTable
from spinebench.tables import Ledger

_BLANKS = re.compile(r"[\s_]+")
_AROUND_SLASH = re.compile(r"\s*/\s*")


def fold(text: str) -> str:
    """Text in lower case with single blanks, none at its ends or around a slash."""
    return _AROUND_SLASH.sub("/", _BLANKS.sub(" ", text)).strip().casefold()


class Vocabulary:
    """The words that one column may hold."""

    def __init__(self, column: str, words: Iterable[str]) -> None:
        self.column = column
        self._exact = frozenset(words)
        self._words = {fold(word): word for word in self._exact}
        self._otherwise: list[str] = []

    def find(self, text: str) -> str | None:
        """The word as the source spells it, or None for a text that is none of them."""
        if text in self._exact:
            return text
        word = self._words.get(fold(text))
        if word is not None:
            self._otherwise.append(text)
        return word

    def note(self, file: str, ledger: Ledger) -> None:
        """Write how often `find` had to look past capitals and blanks, if it ever had."""
        if self._otherwise:
            detail = (
                f"{self.column}: {len(self._otherwise)} cells, {self._otherwise[0][:40]!r} first"
            )
            ledger.drop(file, None, "spelled_otherwise", detail)


def note_blanks(table: CsvTable, ledger: Ledger) -> None:
    """Note how many cells of a table had blanks around them, which are left out in reading."""
    if table.padded:
        ledger.drop(table.file, None, "stray_blanks", f"{table.padded} cells")
