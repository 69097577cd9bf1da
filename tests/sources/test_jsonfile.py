import os
import subprocess
import sys
from pathlib import Path

import pytest

from spinebench.errors import DataError
from spinebench.sources.jsonfile import parse_json, read_json


def test_value_of_a_file(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a/b.json").write_bytes(b'\xef\xbb\xbf{"x": [1, 2.5, "\xc3\xa9", null]}\n')
    assert read_json(tmp_path, "a/b.json") == {"x": [1, 2.5, "é", None]}
    (tmp_path / "wide.json").write_bytes('["é"]'.encode("utf-16"))
    assert read_json(tmp_path, "wide.json") == ["é"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "^f.json: found an empty file, expected JSON$"),
        (b" \n", "^f.json: found an empty file, expected JSON$"),
        (
            b'{"a": 1',
            r"^f.json, line 1, column 8: found broken text \(Expecting ',' d.*\), expected JSON$",
        ),
        (b'["\xff"]', "^f.json, byte 2: found bytes that are no text, expected JSON$"),
        (b"[NaN]", "^f.json: found a number that JSON does not have, expected JSON$"),
        (b"[-Infinity]", "^f.json: found a number that JSON does not have"),
        (b"[" + b"7" * 5000 + b"]", "^f.json: found a number that JSON does not have"),
        (b"[" * 100_000 + b"]" * 100_000, "^f.json: found brackets nested deeper than any such"),
        (b'{"a":' * 100_000, "^f.json: found brackets nested deeper than any such file needs"),
    ],
)
def test_what_is_no_json_is_one_line(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "f.json").write_bytes(content)
    with pytest.raises(DataError, match=message):
        read_json(tmp_path, "f.json")


def test_a_large_file_is_refused_before_it_is_read(tmp_path: Path) -> None:
    (tmp_path / "f.json").write_bytes(b"[" + b" " * 98 + b"]")
    assert read_json(tmp_path, "f.json", 100) == []
    with pytest.raises(DataError, match=r"^f.json: found more than 99 bytes, expected at most 99"):
        read_json(tmp_path, "f.json", 99)


def test_what_cannot_be_opened_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "folder.json").mkdir()
    (tmp_path / "file").touch()
    with pytest.raises(DataError, match=r"^none.json: found no such file, expected a JSON file$"):
        read_json(tmp_path, "none.json")
    with pytest.raises(DataError, match=r"^folder.json: found a folder"):
        read_json(tmp_path, "folder.json")
    with pytest.raises(DataError, match=r"^file/x.json: found a file in place of its folder"):
        read_json(tmp_path, "file/x.json")


AS_NOBODY = """
import os, sys
from pathlib import Path
from spinebench.errors import DataError
from spinebench.sources.jsonfile import read_json
os.setuid(65534)
try:
    read_json(Path(sys.argv[1]), "f.json")
except DataError as error:
    print(error)
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_permission_denied_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "f.json").write_text("[]")
    (tmp_path / "f.json").chmod(0o600)
    for folder in (tmp_path, tmp_path.parent, tmp_path.parent.parent):
        folder.chmod(0o755)
    done = subprocess.run(
        [sys.executable, "-c", AS_NOBODY, str(tmp_path)], capture_output=True, text=True, check=True
    )
    assert done.stdout == "f.json: found permission denied, expected a file this user may read\n"


def test_text_is_parsed_too() -> None:
    assert parse_json("[1]", "line 3") == [1]
    with pytest.raises(DataError, match=r"^line 3, line 1, column 2: found broken text"):
        parse_json("[", "line 3")


def test_nothing_of_the_content_is_in_the_message() -> None:
    with pytest.raises(DataError) as caught:
        parse_json('{"name": "SECRET"', "f.json")
    assert "SECRET" not in str(caught.value)
