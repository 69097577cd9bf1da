"""The journal: what is written stays, what is torn is skipped and counted."""

import multiprocessing
import time
from dataclasses import replace
from pathlib import Path

import pytest

from spinebench.errors import UsageError
from spinebench.evaluation import journal as journal_module
from spinebench.evaluation.journal import (
    Heard,
    Reply,
    next_file,
    only_run,
    open_journal,
    read_journal,
    read_replies,
)

LINE = Heard(
    key="k1", question_id="q1", epoch=1, letter_map="ABCDE", sent_sha256=("a" * 64,),
    text="Überschrift\n\x00\u2028 <script>", finish_reason="stop", input_tokens=3,
    output_tokens=5, seconds=0.5,
)  # fmt: skip


def test_lines_come_back_as_they_were_written(tmp_path: Path) -> None:
    failed = Heard(key="k2", question_id="q2", epoch=2, letter_map="BA", error="gone")
    with open_journal(tmp_path / "00001.jsonl") as journal:
        journal.write(LINE)
        journal.write(failed)
    found = read_journal(tmp_path)
    assert found.heard == [LINE, failed]
    assert found.by_key == {"k1": LINE, "k2": failed}
    assert found.torn == 0


def test_a_folder_that_is_not_there_is_an_empty_journal(tmp_path: Path) -> None:
    assert read_journal(tmp_path / "none").heard == []


@pytest.mark.parametrize("keep", [0.1, 0.5, 0.99])
def test_a_torn_last_line_is_skipped_and_counted(tmp_path: Path, keep: float) -> None:
    with open_journal(tmp_path / "00001.jsonl") as journal:
        journal.write(LINE)
        journal.write(replace(LINE, key="k2"))
    data = (tmp_path / "00001.jsonl").read_bytes()
    whole = data.index(b"\n") + 1
    torn = data[: whole + int(keep * (len(data) - whole - 1))]
    (tmp_path / "00001.jsonl").write_bytes(torn)
    with open_journal(next_file(tmp_path)) as journal:
        journal.write(replace(LINE, key="k3"))
    found = read_journal(tmp_path)
    assert [line.key for line in found.heard] == ["k1", "k3"]
    assert found.torn == 1


def test_zeros_and_strangers_are_torn_too(tmp_path: Path) -> None:
    with open_journal(tmp_path / "00001.jsonl") as journal:
        journal.write(LINE)
    data = (tmp_path / "00001.jsonl").read_bytes()
    (tmp_path / "00001.jsonl").write_bytes(b"\x00" * 20 + b'\n{"a": 1}\n[]\n\xff\n' + data)
    found = read_journal(tmp_path)
    assert (found.heard, found.torn) == ([LINE], 4)


def test_an_answer_stands_before_a_failure_and_the_last_before_earlier(tmp_path: Path) -> None:
    failed = replace(LINE, text="", error="gone")
    later = replace(LINE, text="second")
    for number, lines in enumerate([[failed], [LINE, failed], [later, failed]], start=1):
        with open_journal(tmp_path / f"{number:05d}.jsonl") as journal:
            for line in lines:
                journal.write(line)
    assert read_journal(tmp_path).by_key == {"k1": later}


def test_files_are_numbered_on_and_never_opened_twice(tmp_path: Path) -> None:
    assert next_file(tmp_path).name == "00001.jsonl"
    with open_journal(tmp_path / "00007.jsonl"):
        assert next_file(tmp_path).name == "00008.jsonl"
        assert next_file(tmp_path, 2).name == "00010.jsonl"
        with (
            pytest.raises(FileExistsError, match=r"00007\.jsonl"),
            open_journal(tmp_path / "00007.jsonl"),
        ):
            pass


def test_replies_of_the_extractor(tmp_path: Path) -> None:
    with open_journal(tmp_path / "00001.jsonl") as journal:
        journal.write(Reply(key="x", text='{"letters": []}', input_tokens=9))
    assert read_replies(tmp_path) == [Reply(key="x", text='{"letters": []}', input_tokens=9)]
    assert read_journal(tmp_path).torn == 1  # the two are not taken for one another


def _hold(path: str, ready: str) -> None:
    with open_journal(Path(path)):
        Path(ready).touch()
        time.sleep(60)


def test_a_writer_that_lives_keeps_others_out_until_it_is_dead(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    context = multiprocessing.get_context("spawn")
    folder, ready = tmp_path / "journal", tmp_path / "ready"
    process = context.Process(target=_hold, args=(str(folder / "00001.jsonl"), str(ready)))
    process.start()
    try:
        while not ready.exists():
            time.sleep(0.02)
        monkeypatch.setattr(journal_module, "_PATIENCE_S", 0.3)
        with (
            pytest.raises(UsageError, match="is being written by another process"),
            only_run(folder),
        ):
            pass
    finally:
        process.kill()
        process.join()
    with only_run(folder):
        assert (folder / ".lock").exists()
        with (
            pytest.raises(UsageError, match="is being written by another process"),
            only_run(folder),
        ):
            pass
