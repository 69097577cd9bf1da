"""Sentences on one measurement each, worked out from its figures: see `words` for those on a page.

The same rule: a share is called above another only where its interval lies wholly above.
"""

from collections.abc import Sequence

from spinebench.report.estimates import Estimate
from spinebench.report.plots import MISSING, interval_words, percent
from spinebench.report.views_pairs import FlipLine, PowerRow, StressRow

LEVEL = 0.05
MOST_NAMED = 4  # changes that a sentence names
SILENT = 0.2  # share of pairs without a side that is worth a sentence
HALF = 0.5  # of the pairs change sides where a side is drawn by lot


def points(value: float | None) -> str:
    """A difference of shares in points, with its sign."""
    if value is None:
        return MISSING
    words = f"{100 * value:+.1f}".replace("-", "−")
    return "0.0" if words.endswith(("+0.0", "−0.0")) else words


def listed(names: Sequence[str]) -> str:
    """`a, b and c`."""
    if len(names) <= 1:
        return "".join(names)
    return f"{', '.join(names[:-1])} and {names[-1]}"


def share_words(estimate: Estimate) -> str:
    """`62.5 % (interval 48.1 to 75.0)`."""
    if estimate.low is None:
        return f"{percent(estimate.value)} %"
    return f"{percent(estimate.value)} % (interval {interval_words(estimate.low, estimate.high)})"


def flip_words(mirrored: FlipLine, marked: FlipLine | None) -> str:
    """What mirroring did to the answers; `marked`: where the marker was mirrored along."""
    share = mirrored.flipped
    words = (
        f"Of {share.items:,} pictures of {share.patients:,} patients, mirroring changes the side "
        f"that is named in {share_words(share)}; it should in all. "
    )
    if _above(mirrored.flipped, HALF):
        return f"{words}The answer follows the picture{_which_side(mirrored)}{_marker(marked)}"
    if _above(mirrored.stayed, HALF):
        left = mirrored.said_left
        named = "" if left is None else f" Left is named in {percent(left)} % of its answers."
        return (
            f"{words}Most answers name the same side whichever way the picture is turned: the side "
            f"is not read from the picture.{named}"
        )
    if _above(mirrored.unclear, HALF):
        return f"{words}Most answers name no side, or both: what they rest on cannot be told."
    words += "That the side is read from the picture is not shown: drawing lots would change it in "
    silent = mirrored.unclear.value
    if silent is not None and silent > SILENT:
        return f"{words}half. In {percent(silent)} % an answer names no side, or both."
    return f"{words}half."


def _which_side(line: FlipLine) -> str:
    """Whether an answer that follows the picture names the right side."""
    both, flipped = line.right_on_both, line.flipped.value
    if both.value is None or flipped is None:
        return "."
    if _above(both, flipped / 2):
        return f", and names the right side in both pictures in {share_words(both)}."
    if both.high is not None and both.high < flipped / 2:
        return (
            f", but mostly to the wrong side: right in both in {share_words(both)}. "
            "Left and right are taken for each other."
        )
    return f"; whether to the right side cannot be told (right in both in {share_words(both)})."


def _marker(marked: FlipLine | None) -> str:
    """What an answer that follows the picture does where the marker is mirrored along."""
    if marked is None:
        return ""
    if _above(marked.stayed, HALF):
        return (
            " Where the marker was mirrored along, it keeps its side in "
            f"{share_words(marked.stayed)}, as it should: the marker is read."
        )
    if _above(marked.flipped, HALF):
        return (
            " Where the marker was mirrored along, the answer should stay, and changes in "
            f"{share_words(marked.flipped)}: places in the picture are read, not the marker."
        )
    return (
        f" Where the marker was mirrored along, it keeps its side in {share_words(marked.stayed)}: "
        "whether the marker is read cannot be told."
    )


def drop_words(rows: Sequence[StressRow]) -> str:
    """What changed pictures cost, in a few sentences."""
    surely = [row for row in rows if row.p is not None and row.p <= LEVEL]
    lost = sorted((row for row in surely if _drop(row) > 0), key=_drop, reverse=True)
    won = [row for row in surely if _drop(row) < 0]
    words = (
        f"What costs more than chance, in points: {_listed_drops(lost)}."
        if lost
        else "No change is shown to cost anything."
    )
    if won:
        words += f" Better than before: {_listed_drops(won)}."
    most = max(rows, key=lambda row: row.changed or 0.0)
    if most.changed:
        words += (
            f" Where answers changed most often ({most.change}, {most.task}), "
            f"{percent(most.changed)} % of the questions got another answer, right or wrong."
        )
    return words


def _listed_drops(rows: Sequence[StressRow]) -> str:
    """`Turned by 3° (diagnosis −9.1, localization −4.0)`, the first few."""
    by_change: dict[str, list[str]] = {}
    for row in rows:
        by_change.setdefault(row.change, []).append(f"{row.task} {points(-_drop(row))}")
    named = [f"{change} ({', '.join(tasks)})" for change, tasks in by_change.items()]
    more = len(named) - MOST_NAMED
    return "; ".join(named[:MOST_NAMED]) + (f"; and {more} more" if more > 0 else "")


def _drop(row: StressRow) -> float:
    return row.drop.value or 0.0


def power_words(rows: Sequence[PowerRow]) -> str:
    """How many patients two points take, in a sentence for each task; empty without a row."""
    words = [_of_measure(row) for row in rows if row.measure != "overall"]
    if rows and all(row.pairs == 0 for row in rows):
        words.append(
            "Worked out from one run: the other is assumed to be as good, and right or wrong "
            "independently of it."
        )
    return " ".join(words)


def _of_measure(row: PowerRow) -> str:
    needed = row.needed[0]
    if needed is None:
        return (
            f"In {row.measure} it cannot be worked out how many patients a difference takes: "
            "the answers do not differ, or come from one patient."
        )
    here = f"the {row.patients:,} patients of this split show "
    seen = "none at all" if row.visible is None else f"one of {percent(row.visible)} points or more"
    return (
        f"In {row.measure} a difference of 2 points between two models takes about "
        f"{_rounded(needed.patients)} patients like these to be seen four times in five; "
        f"{here}{seen}."
    )


def unseen_words(labels: Sequence[str]) -> str:
    """That the gain by the image is not known, for these runs; empty for none."""
    if not labels:
        return ""
    several = len(labels) > 1
    return (
        f"How much the image adds is not known for {listed(labels)}: no "
        f"{'runs of the same models' if several else 'run of the same model'} without the image "
        f"{'stand beside them' if several else 'stands beside it'}, and part of the score may come "
        "from the question and its options alone. To measure it, and then give all runs to the "
        "page:"
    )


def _rounded(count: int) -> str:
    """Two figures of a number that is no more exact: 1,647 is `1,600`."""
    size = 10 ** max(0, len(str(count)) - 2)
    return f"{round(count / size) * size:,}"


def _above(estimate: Estimate, value: float) -> bool:
    return estimate.low is not None and estimate.low > value
