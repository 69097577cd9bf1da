from pathlib import Path

import pytest

from spinebench.cli.source_options import gather_sources
from spinebench.errors import UsageError
from spinebench.sources.table import TableSource


def test_only_what_was_given_and_the_tables_columns() -> None:
    given = {"rsna": Path("r"), "vindr": None, "table": Path("t.csv")}
    folders, sources = gather_sources(
        given, columns=["image = file,disease=dx", "view=v"], images=Path("i")
    )
    assert folders == {"rsna": Path("r"), "table": Path("t.csv")}
    assert list(sources) == ["rsna", "vindr", "buu", "csxa", "table"]
    table = sources["table"]
    assert isinstance(table, TableSource)
    assert (table.columns, table.image_root) == (
        {"image": "file", "disease": "dx", "view": "v"},
        Path("i"),
    )


def test_columns_without_a_table() -> None:
    with pytest.raises(UsageError, match="speak of a --table"):
        gather_sources({"rsna": Path("r"), "table": None}, columns=["image=file"])
