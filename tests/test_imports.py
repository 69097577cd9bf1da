"""Imports point downward only: the floors of the house, read with `ast`."""

import ast
from pathlib import Path

import pytest

SRC = Path(__file__).parents[1] / "src" / "spinebench"

FLOORS = [
    ["errors", "anatomy", "records"],
    ["progress", "folders", "statistics", "tables", "engine", "imaging"],
    ["sources"],
    ["phantom"],
    ["benchmark"],
    ["corpus"],
    ["evaluation", "training", "review"],
    ["report"],
    ["cli"],
]
FLOOR_OF = {name: floor for floor, names in enumerate(FLOORS) for name in names}
# within floor 0 and 1 these may be used by their neighbours
BELOW_NEIGHBOURS = {
    ("records", "anatomy"),
    ("tables", "records"),
    ("anatomy", "errors"),
    ("engine", "progress"),
}
NO_INSPECT = ["extract", "levels", "metric", "prompts", "score", "statistics"]

MODULES = sorted(
    path for path in SRC.rglob("*.py") if path.parent != SRC or path.stem != "__init__"
)


def package_of(path: Path) -> str:
    return path.relative_to(SRC).parts[0].removesuffix(".py")


def imported_modules(path: Path) -> list[str]:
    names: list[str] = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            names += [f"{node.module}.{alias.name}" for alias in node.names]
    return names


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(SRC)))
def test_imports_point_downward(path: Path) -> None:
    own = package_of(path)
    for name in imported_modules(path):
        if not name.startswith("spinebench."):
            continue
        other = name.split(".")[1]
        if other in (own, "__version__"):
            continue
        allowed = FLOOR_OF[other] < FLOOR_OF[own] or (own, other) in BELOW_NEIGHBOURS
        assert allowed, f"{own} imports {other}"


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(SRC)))
def test_scoring_never_imports_inspect(path: Path) -> None:
    engine_free = package_of(path) != "evaluation" or path.stem.lstrip("_").startswith(
        tuple(NO_INSPECT)
    )
    if engine_free:
        assert not [name for name in imported_modules(path) if name.startswith("inspect_ai")]


def test_no_circles_between_modules() -> None:
    graph = {
        "spinebench." + ".".join(path.relative_to(SRC).with_suffix("").parts): imported_modules(
            path
        )
        for path in MODULES
    }
    graph = {name.removesuffix(".__init__"): targets for name, targets in graph.items()}
    edges = {
        name: {t for t in (_module_of(target, graph) for target in targets) if t and t != name}
        for name, targets in graph.items()
    }
    seen: dict[str, str] = {}

    def visit(name: str, trail: tuple[str, ...]) -> None:
        assert name not in trail, " -> ".join([*trail, name])
        if name in seen:
            return
        for target in sorted(edges[name]):
            visit(target, (*trail, name))
        seen[name] = "done"

    for name in edges:
        visit(name, ())


def _module_of(target: str, graph: dict[str, list[str]]) -> str | None:
    if target in graph:
        return target
    parent = target.rpartition(".")[0]
    return parent if parent in graph else None
