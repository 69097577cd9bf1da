"""The two errors that a user can meet; everything else is a bug."""


class SpinebenchError(Exception):
    """Base of the errors that are told in one line, without a traceback."""


class UsageError(SpinebenchError):
    """The caller can mend it: a wrong option, a wrong folder, a missing term. Exit code 2."""


class DataError(SpinebenchError):
    """A file does not hold what its format promises.

    `place` is the row (counted from 1, the header being row 1), the UID or the byte offset.
    Never put patient data into `found`: UIDs and dataset ids yes, names and dates no.
    """

    def __init__(
        self,
        *,
        file: str,
        place: str | int | None = None,
        field: str | None = None,
        found: str,
        expected: str,
    ) -> None:
        self.file, self.place, self.field = str(file), place, field
        self.found, self.expected = found, expected
        where = self.file if place is None else f"{self.file}, {_place_words(place)}"
        what = "" if field is None else f"{field}: "
        super().__init__(f"{where}: {what}found {found}, expected {expected}")

    def __reduce__(self) -> tuple[object, tuple[dict[str, object]]]:
        """Keyword-only arguments survive the way back from a worker process."""
        fields = {
            name: getattr(self, name) for name in ("file", "place", "field", "found", "expected")
        }
        return _rebuild_data_error, (fields,)


def _rebuild_data_error(fields: dict[str, object]) -> DataError:
    return DataError(**fields)  # type: ignore[arg-type]


def _place_words(place: str | int) -> str:
    return f"row {place}" if isinstance(place, int) else place
