"""The models of a run, checked before the first call: whom it asks, and who reads the rest.

Weights in this process are loaded where they answer and nowhere else: with several processes each
loads its own, and the process that leads them none.
"""

from collections.abc import Callable

from inspect_ai.model import Model

from spinebench.evaluation.models import ModelOptions, open_model
from spinebench.evaluation.recipes import check_needs, find_recipe
from spinebench.evaluation.run_plan import Planned
from spinebench.evaluation.terms import is_ours

Opener = Callable[[], Model]


def open_asked(planned: Planned) -> Model | None:
    """The model that is asked; None where the processes of the run open their own.

    Raises UsageError in one line for what is amiss with it, the needs of its recipe among them.
    """
    options = planned.options
    if planned.recipe is not None and options.recipe is not None:
        check_needs(find_recipe(options.recipe), planned.model, options.model_base_url)
    if options.processes > 1 and is_ours(planned.model):
        check_ours(planned.model)
        return None
    return open_model(planned.model, planned.called)


def open_reader(name: str | None) -> Opener | None:
    """What opens the extractor when it is needed, after all is asked; None without one.

    Raises UsageError at once if it cannot be opened.
    """
    if name is None:
        return None
    if is_ours(name):
        check_ours(name)
        # the name was checked, and other weights may still be in use
        return lambda: open_model(name, ModelOptions())
    # never the client of the model that is asked: that one is bound to a loop that will have ended
    model = open_model(name, ModelOptions(), shared=False)
    return lambda: model


def check_ours(name: str) -> None:
    """Raise UsageError for a baseline that does not exist, or weights that are not here."""
    provider, _, rest = name.partition("/")
    if provider == "spinebench":
        from spinebench.evaluation.providers.api import check_baseline

        check_baseline(rest)
    else:
        from spinebench.evaluation.providers.transformers_load import find_weights

        find_weights(rest)
