"""README and docs/cli.md against the command itself."""

import re
import shlex
from pathlib import Path

import pytest

from spinebench.cli.main import build_command
from tests.cli.test_main import LEAVES

ROOT = Path(__file__).parents[2]
CLI_PAGE = (ROOT / "docs" / "cli.md").read_text(encoding="utf-8")
README = (ROOT / "README.md").read_text(encoding="utf-8")

COMMANDS = [
    line.replace(".venv/bin/", "").removeprefix("$ ")
    for line in README.splitlines()
    if line.startswith("$ .venv/bin/spinebench")
]


def test_every_command_stands_in_the_table_and_has_its_keys() -> None:
    for name, _ in LEAVES:
        words = " ".join(name)
        assert f"| `spinebench {words}` |" in CLI_PAGE
        assert f"### `{words}`" in CLI_PAGE
    assert CLI_PAGE.count("\n### `") == len(LEAVES)


def test_readme_has_the_main_commands() -> None:
    assert len(COMMANDS) == 8


@pytest.mark.parametrize("line", COMMANDS)
def test_commands_of_the_readme_parse(line: str) -> None:
    words = shlex.split(line)[1:]
    command = build_command()
    while hasattr(command, "commands"):
        command = command.commands[words.pop(0)]
    with command.make_context("spinebench", words) as context:
        assert context.params


def test_folders_of_the_readme_tree_exist() -> None:
    tree = README.split("```\nsrc/spinebench/\n")[1].split("```")[0]
    names = re.findall(r"^  (\w+(?:\.py|/))", tree, flags=re.MULTILINE)
    packages = {f"{p.name}/" for p in (ROOT / "src/spinebench").iterdir() if p.is_dir()}
    packages -= {"__pycache__/"}
    assert {name for name in names if name.endswith("/")} == packages
    assert all((ROOT / "src/spinebench" / name).exists() for name in names)


def test_readme_is_short() -> None:
    assert len(README.splitlines()) <= 120


@pytest.mark.parametrize("page", sorted(ROOT.glob("*.md")) + sorted(ROOT.glob("docs/**/*.md")))
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")):
        if not target.startswith("http"):
            assert (page.parent / target).exists(), f"{page.name}: {target}"
