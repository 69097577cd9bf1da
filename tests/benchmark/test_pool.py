"""Question pools as files: states, hashes, and what may be asked."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from spinebench.benchmark.build import BuildOptions, build_benchmark
from spinebench.benchmark.bundle import Benchmark
from spinebench.benchmark.pool import Wording, load_pool_file, load_question_pool, write_pool
from spinebench.engine import LocalEngine
from spinebench.errors import DataError, UsageError
from tests.sources.folders import rsna_files, write_files


def a_pool(**fields: Any) -> dict[str, Any]:
    wording = {"id": "1", "text": "What is the diagnosis?"}
    return {
        "name": "own", "source": "here", "diagnosis": [wording],
        "localization": [{"id": "1", "text": "Which levels are affected?"}], **fields,
    }  # fmt: skip


def stored(tmp_path: Path, **fields: Any) -> str:
    path = tmp_path / "own.json"
    path.write_text(json.dumps(a_pool(**fields)), encoding="utf-8")
    return str(path)


def test_the_default_pool_keeps_the_wordings_of_the_one_before() -> None:
    first, second = load_question_pool("core-1"), load_question_pool()
    assert (first.name, second.name) == ("core-1", "core-2")
    assert set(first.wordings) == {"diagnosis", "localization"}
    for task, wordings in first.wordings.items():
        assert second.wordings[task] == wordings
    assert len(second.wordings["alignment"]) == 10
    assert len({id_ for part in second.wordings.values() for id_, _ in part}) == 30
    assert {w.state for part in load_pool_file("core-2").tasks.values() for w in part} == {
        "reviewed"
    }


def test_unreviewed_wordings_are_asked_only_where_allowed(tmp_path: Path) -> None:
    new = [{"id": str(i), "text": f"Which condition {i}?", "state": "unreviewed"} for i in range(5)]
    path = stored(tmp_path, diagnosis=[*a_pool()["diagnosis"], *new[2:]])
    with pytest.raises(UsageError, match=r"3 wordings that nobody has reviewed \(2, 3, 4\)"):
        load_question_pool(path)
    pool = load_question_pool(path, allow_unreviewed=True)
    assert [id_ for id_, _ in pool.wordings["diagnosis"]] == ["1", "2", "3", "4"]
    assert pool.unreviewed == ("2", "3", "4")


def test_rejected_wordings_are_never_asked(tmp_path: Path) -> None:
    bad = {"id": "2", "text": "Is it a stenosis?", "state": "rejected"}
    path = stored(tmp_path, diagnosis=[*a_pool()["diagnosis"], bad])
    pool = load_question_pool(path)
    assert pool.wordings["diagnosis"] == (("1", "What is the diagnosis?"),)
    assert pool.sha256 != load_question_pool(stored(tmp_path)).sha256
    with pytest.raises(DataError, match="diagnosis: found only rejected wordings"):
        load_question_pool(stored(tmp_path, diagnosis=[bad]))


def test_a_pool_is_written_as_it_was_read(tmp_path: Path) -> None:
    path = stored(tmp_path)
    pool = load_pool_file(path)
    wording = Wording(
        id="é", text="What is it?", state="unreviewed", paraphrases="1", model="openai/x"
    )
    changed = replace(
        pool,
        tasks={**pool.tasks, "alignment": (wording,)},
        rejected=({"task": "diagnosis", "text": "No?", "reasons": ["guarded_negation: no"]},),
    )
    written = write_pool(tmp_path / "new.json", changed)
    assert replace(written, sha256="") == replace(changed, sha256="")
    assert load_pool_file(str(tmp_path / "new.json")) == written
    assert written.sha256 != pool.sha256
    text = (tmp_path / "new.json").read_text("utf-8")
    assert json.loads(text)["alignment"] == [
        {"id": "é", "text": "What is it?", "state": "unreviewed", "paraphrases": "1",
         "model": "openai/x"}
    ]  # fmt: skip
    assert sorted(p.name for p in tmp_path.iterdir()) == ["new.json", "own.json"]
    with pytest.raises(UsageError, match="No such file"):
        write_pool(tmp_path / "none" / "new.json", changed)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"diagnosis": [{"id": "1", "text": "?", "state": "fine"}]}, "1: state: found 'fine'"),
        ({"diagnosis": [{"id": "1", "text": "a"}] * 2}, "diagnosis: found 2 wordings"),
        ({"alignment": []}, "alignment: found 0 wordings"),
        ({"diagnosis": [{"id": "1"}]}, "KeyError: 'text'"),
        ({"diagnosis": 7}, "TypeError"),
        ({"rejected": [7]}, "TypeError"),
    ],
)
def test_a_broken_pool_is_a_data_error(
    fields: dict[str, Any], message: str, tmp_path: Path
) -> None:
    with pytest.raises(DataError, match=message):
        load_question_pool(stored(tmp_path, **fields))


def test_hostile_files_are_refused_in_one_line(tmp_path: Path) -> None:
    path = tmp_path / "deep.json"
    path.write_text("[" * 100_000 + "]" * 100_000)
    with pytest.raises(DataError, match="RecursionError"):
        load_question_pool(str(path))
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(UsageError, match="not UTF-8 text"):
        load_question_pool(str(path))
    with pytest.raises(UsageError, match="no question pool at"):
        load_question_pool(str(tmp_path / "none.json"))
    (tmp_path / "folder.json").mkdir()
    with pytest.raises(UsageError, match="Is a directory"):
        load_question_pool(str(tmp_path / "folder.json"))


def test_a_build_asks_unreviewed_wordings_only_where_allowed(tmp_path: Path) -> None:
    folders = {"rsna": write_files(tmp_path / "rsna", rsna_files())}
    new = {"id": "2", "text": "Which disease is shown here?", "state": "unreviewed"}
    options = BuildOptions(pool=stored(tmp_path, diagnosis=[new]), unclear="keep")
    with pytest.raises(UsageError, match="1 wordings that nobody has reviewed"):
        build_benchmark(folders, tmp_path / "bench", options=options, engine=LocalEngine(1))
    assert not (tmp_path / "bench").exists()
    allowed = replace(options, allow_unreviewed=True)
    build_benchmark(folders, tmp_path / "bench", options=allowed, engine=LocalEngine(1))
    bench = Benchmark.load(tmp_path / "bench")
    assert bench.manifest["question_pool"] == {
        "name": "own", "sha256": load_pool_file(options.pool).sha256, "unreviewed": 1,
    }  # fmt: skip
    texts = {q.text for q in bench.questions if q.task == "diagnosis"}
    assert texts == {"Which disease is shown here?"}
