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
# modules of `evaluation` from which no way of imports leads to Inspect: all but those that ask
# models, and the plan that names a model's settings
NO_INSPECT = [
    "breakdown", "compare", "curve_points", "extract", "extractor_model", "find", "flip",
    "habits", "images", "journal", "levels", "metric", "outcome", "perturb", "perturb_benchmark",
    "predictions", "prices", "prompts", "protocols", "psychometric", "psychometric_fit",
    "published", "ratings", "reasoning", "recipes", "robustness", "run_folder", "run_identity",
    "run_recipe", "run_scores", "score", "select", "side", "side_cases", "side_task", "statistics",
    "told",
]  # fmt: skip
ASKS = [
    "asking", "estimate", "models", "probe", "registry", "run", "run_extractor", "run_models",
    "run_plan", "tasks", "terms", "watch", "workers",
]  # fmt: skip

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


def imports_at_the_head(path: Path) -> list[str]:
    """Modules that importing this one loads: not those of functions, nor for types only."""
    waiting: list[ast.stmt] = list(ast.parse(path.read_text(encoding="utf-8")).body)
    names: list[str] = []
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names += [f"{node.module}.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Try):
            waiting += node.body + node.orelse + node.finalbody
        elif isinstance(node, ast.If) and "TYPE_CHECKING" not in ast.dump(node.test):
            waiting += node.body + node.orelse
        elif isinstance(node, ast.ClassDef):
            waiting += node.body
    return names


PATH_OF = {
    ".".join(("spinebench", *path.relative_to(SRC).with_suffix("").parts)).removesuffix(
        ".__init__"
    ): path
    for path in SRC.rglob("*.py")
}
HEADS = {module: imports_at_the_head(path) for module, path in PATH_OF.items()}


def way_to_inspect(module: str) -> list[str]:
    """The shortest way of imports from a module to Inspect; empty if there is none."""
    ways, seen = [[module]], {module}
    for way in ways:
        for target in HEADS[way[-1]]:
            if target.partition(".")[0] == "inspect_ai":
                return [*way, target]
            found = _module_of(target, HEADS)
            # a package's own file is loaded before any of its modules
            for name in () if found is None else (found, found.rpartition(".")[0]):
                if name in HEADS and name not in seen:
                    seen.add(name)
                    ways.append([*way, name])
    return []


@pytest.mark.parametrize("module", sorted(HEADS))
def test_scoring_never_imports_inspect(module: str) -> None:
    _, _, rest = module.partition(".")
    package, _, name = rest.partition(".")
    free = package != "evaluation" or name in NO_INSPECT or name.startswith("_extract_")
    if free and package != "cli":
        assert way_to_inspect(module) == []
        within = imported_modules(PATH_OF[module])  # of functions too
        assert not [name for name in within if name.startswith("inspect_ai")]


def test_every_module_of_evaluation_is_said_to_ask_or_not() -> None:
    found = {path.stem for path in (SRC / "evaluation").glob("*.py")} - {"__init__"}
    assert {name for name in found if not name.startswith("_extract_")} == {*NO_INSPECT, *ASKS}


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
