"""The `spinebench` command: nouns, environment variables, exit codes.

Exit codes: 0 done, 1 a bug (with its traceback), 2 something the caller can mend (one line),
130 interrupted.
"""

import gc
import sys
from typing import Annotated, Any

import typer

from spinebench import __version__
from spinebench.cli import bench, demo, evaluation, models, phantom, report, sources
from spinebench.errors import SpinebenchError

# Libraries make a million objects that live as long as the process: looking through them again and
# again for garbage is a third of the CPU that a continued run needs to its first call.
_OBJECTS_PER_COLLECTION = 200_000

app = typer.Typer(
    name="spinebench",
    help="Build, measure and check visual-question benchmarks of the spine.",
    epilog="Every option can also be set as SPINEBENCH_<OPTION>, for example SPINEBENCH_SEED=7.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.add_typer(sources.app, name="sources")
app.add_typer(phantom.app, name="phantom")
app.add_typer(bench.app, name="bench")
app.add_typer(evaluation.app, name="eval")
app.add_typer(models.app, name="models")
app.add_typer(report.app, name="report")
app.command("demo")(demo.demo)


def _print_version(wanted: bool) -> None:
    if wanted:
        print(__version__)
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_print_version, is_eager=True, help="Show the version."),
    ] = False,
) -> None:
    pass


def build_command() -> Any:
    """The whole command, each option readable from SPINEBENCH_<OPTION>."""
    command = typer.main.get_command(app)
    _name_variables(command)
    return command


def _name_variables(command: Any) -> None:
    for parameter in command.params:
        if parameter.param_type_name == "option" and parameter.name not in ("help", "version"):
            longest = max(parameter.opts, key=len).removeprefix("--")
            parameter.envvar = "SPINEBENCH_" + longest.upper().replace("-", "_")
            parameter.show_envvar = False
    for child in getattr(command, "commands", {}).values():
        _name_variables(child)


def main() -> None:
    """Entry point."""
    gc.set_threshold(_OBJECTS_PER_COLLECTION)
    try:
        build_command()(prog_name="spinebench")
    except SpinebenchError as error:
        print(f"spinebench: {error}", file=sys.stderr)
        sys.exit(2)


if __name__ == "__main__":
    main()
