"""`spinebench phantom`: spines of known truth, in the layout of a public set."""

import typer

app = typer.Typer(help="Phantoms of known truth.", no_args_is_help=True)


@app.callback()
def _phantom() -> None:
    pass
