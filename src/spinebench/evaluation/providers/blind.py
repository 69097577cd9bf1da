"""`spinebench/blind`: what question, options and positions give away without the image.

The counts and scores are those of `benchmark.audit.text_only`, which also tells how much they give
away; here they answer a message. A wording of training is found anywhere in the prompt.
"""

from collections.abc import Iterable

from spinebench.benchmark.audit.text_only import TextOnly, one_line
from spinebench.evaluation.providers.asked import Asked, Chosen
from spinebench.records import Question


class BlindBaseline:
    """Fitted on the questions of the split `train` only."""

    def __init__(self, train: Iterable[Question]) -> None:
        self._counts = TextOnly(train)
        # the longest first, in case one wording holds another
        self._known = {
            several: sorted(
                self._counts.wordings(several=several), key=lambda text: (-len(text), text)
            )
            for several in (False, True)
        }

    def choose(self, asked: Asked) -> Chosen:
        """See `Baseline`. Ties go to the first letter."""
        prompt = one_line(asked.text)
        wording = next((text for text in self._known[asked.several] if text in prompt), None)
        letters = self._counts.choose(asked.options, wording, several=asked.several)
        return Chosen(letters, "From the words, the options and their positions alone.")
