"""`spinebench eval`: measure a model on a benchmark."""

import typer

app = typer.Typer(help="Measure models.", no_args_is_help=True)
