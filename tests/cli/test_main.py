import subprocess
import sys
from pathlib import Path

import pytest

from spinebench import __version__
from spinebench.cli import main as cli_main
from spinebench.cli.main import build_command
from spinebench.errors import DataError
from tests.cli.conftest import Cli


def leaves(command, name=()):  # type: ignore[no-untyped-def]
    if not hasattr(command, "commands"):
        yield name, command
    for part, child in getattr(command, "commands", {}).items():
        yield from leaves(child, (*name, part))


LEAVES = list(leaves(build_command()))


def test_help_names_every_noun(cli: Cli) -> None:
    outcome = cli("--help")
    assert outcome.code == 0
    for noun in ("demo", "sources", "phantom", "bench", "eval", "models", "report"):
        assert noun in outcome.out


def test_version(cli: Cli) -> None:
    assert cli("--version").out == f"{__version__}\n"


@pytest.mark.parametrize("name", [" ".join(name) for name, _ in LEAVES])
def test_every_command_has_help_and_json(cli: Cli, name: str) -> None:
    outcome = cli(*name.split(), "--help")
    assert outcome.code == 0
    assert "--json" in outcome.out


@pytest.mark.parametrize(("name", "command"), LEAVES, ids=lambda v: str(v))
def test_every_option_has_help_and_a_variable(name: tuple[str, ...], command) -> None:  # type: ignore[no-untyped-def]
    for parameter in command.params:
        if parameter.param_type_name == "option" and parameter.name != "help":
            assert parameter.help, f"{name} {parameter.name}"
            assert parameter.envvar.startswith("SPINEBENCH_")


def test_heavy_libraries_are_not_imported_for_help() -> None:
    code = (
        "import sys; from spinebench.cli.main import build_command; build_command();"
        "heavy = {'numpy', 'polars', 'inspect_ai', 'pydicom', 'PIL', 'scipy'} & set(sys.modules);"
        "sys.exit(', '.join(sorted(heavy)) or None)"
    )
    done = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


def test_an_unknown_command_is_exit_2(cli: Cli) -> None:
    assert cli("nonsense").code == 2
    assert cli("bench", "build").code == 2


def test_an_error_of_ours_is_one_line(cli: Cli, tmp_path: Path) -> None:
    outcome = cli("bench", "show", tmp_path)
    assert outcome.code == 2
    assert outcome.out == ""
    assert outcome.err == (
        f"spinebench: {tmp_path} is not a benchmark: looked for manifest.json, "
        "found an empty folder\n"
    )


def test_a_data_error_is_one_line_too(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> None:
        raise DataError(file="a.csv", place=3, field="level", found="'x'", expected="a level")

    monkeypatch.setattr(cli_main, "build_command", lambda: lambda **_: fail())
    outcome = cli()
    assert (outcome.code, outcome.err) == (
        2,
        "spinebench: a.csv, row 3: level: found 'x', expected a level\n",
    )


def test_a_bug_keeps_its_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(**_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(cli_main, "build_command", lambda: fail)
    with pytest.raises(ZeroDivisionError):
        cli_main.main()


def test_an_interrupt_exits_with_130(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("spinebench.benchmark.bundle.Benchmark.load", interrupt)
    assert cli("bench", "show", "x").code == 130


def test_an_option_can_come_from_the_environment(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPINEBENCH_SEED", "minus one")
    outcome = cli("bench", "show", "x")
    assert outcome.code == 2
    assert "Invalid value for '--seed'" in outcome.err
