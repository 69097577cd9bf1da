"""`spinebench eval`: measure a model on a benchmark. One line for each command."""

import typer

from spinebench.cli.evaluation_compare import compare
from spinebench.cli.evaluation_robustness import curve, flip, flip_task, perturb, robustness
from spinebench.cli.evaluation_run import rescore, resume, run
from spinebench.cli.evaluation_traces import ratings, traces

app = typer.Typer(help="Measure models.", no_args_is_help=True)
app.command("run")(run)
app.command("resume")(resume)
app.command("rescore")(rescore)
app.command("compare")(compare)
app.command("traces")(traces)
app.command("ratings")(ratings)
app.command("perturb")(perturb)
app.command("robustness")(robustness)
app.command("flip-task")(flip_task)
app.command("flip")(flip)
app.command("curve")(curve)
