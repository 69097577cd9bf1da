"""A JSON file that others wrote, read with bounds: no size and no nesting can take us down."""

import json
from pathlib import Path
from typing import Any, NoReturn

from spinebench.errors import DataError

# A LabelMe file with its picture inside is a few megabytes; the largest release file some hundred.
LIMIT_BYTES = 512_000_000


def read_json(root: Path, file: str, limit_bytes: int = LIMIT_BYTES) -> Any:
    """Value of `root/file` (UTF-8 with or without BOM, or UTF-16 or UTF-32 as the format allows).

    Raises DataError in one line: no file, not readable, more bytes than `limit_bytes`, no text, no
    JSON, nested deeper than the interpreter can follow, a number that JSON does not have (NaN,
    Infinity) or that no machine can hold. Nothing of the content stands in the message.
    """
    try:
        with (root / file).open("rb") as stream:
            data = stream.read(limit_bytes + 1)
    except FileNotFoundError:
        raise _refused(file, "no such file", "a JSON file") from None
    except IsADirectoryError:
        raise _refused(file, "a folder", "a JSON file") from None
    except NotADirectoryError:
        raise _refused(file, "a file in place of its folder", "a JSON file") from None
    except PermissionError:
        raise _refused(file, "permission denied", "a file this user may read") from None
    if len(data) > limit_bytes:
        raise _refused(
            file, f"more than {limit_bytes} bytes", f"at most {limit_bytes} bytes of JSON"
        )
    return parse_json(data, file)


def parse_json(data: bytes | str, file: str) -> Any:
    """Value of a text or its bytes. Raises DataError as `read_json` does."""
    if not data.strip():
        raise _refused(file, "an empty file", "JSON")
    try:
        return json.loads(data, parse_constant=_refuse_constant)
    except RecursionError:
        found = "brackets nested deeper than any such file needs"
        raise _refused(file, found, "JSON") from None
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}"
        found = f"broken text ({error.msg})"
        raise DataError(file=file, place=place, found=found, expected="JSON") from None
    except UnicodeDecodeError as error:
        raise DataError(
            file=file, place=f"byte {error.start}", found="bytes that are no text", expected="JSON"
        ) from None
    except ValueError:  # NaN, Infinity, or a whole number of thousands of digits
        raise _refused(file, "a number that JSON does not have", "JSON") from None


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(name)


def _refused(file: str, found: str, expected: str) -> DataError:
    return DataError(file=file, found=found, expected=expected)
