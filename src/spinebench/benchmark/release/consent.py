"""Whether the pictures of a source may be given on, and the one line that asks."""

from collections.abc import Iterable, Mapping
from typing import Any

from spinebench.errors import DataError, UsageError


def check_redistribution(
    manifest: Mapping[str, Any], sources: Iterable[str], accepted: Iterable[str]
) -> list[str]:
    """The restricted sources whose pictures the user has said to give on.

    Raises UsageError naming those that are restricted and not accepted, and for an accepted name
    that is no source of this benchmark.
    """
    described = manifest.get("sources", {})
    accepted = set(accepted)
    unknown = sorted(accepted - set(described))
    if unknown:
        raise UsageError(
            f"--accept-terms {unknown[0]}: no such source in this benchmark;"
            f" there are {', '.join(sorted(described))}"
        )
    restricted: list[str] = []
    for source in sorted(set(sources)):
        terms = described.get(source, {}).get("terms")
        if not isinstance(terms, Mapping) or "redistribution" not in terms:
            raise DataError(
                file="manifest.json", field=f"sources.{source}.terms", found="nothing",
                expected="the source's terms of use",
            )  # fmt: skip
        if not terms["redistribution"]:
            restricted.append(source)
    asked = [source for source in restricted if source not in accepted]
    if asked:
        named = "; ".join(
            f"{source} ({described[source]['terms']['name']}, {described[source]['terms']['url']})"
            for source in asked
        )
        raise UsageError(
            f"these pictures may not be given on: {named}. `--format recipe` shares the questions "
            "without pixels; if the copy stays with you, or you have settled this with whoever "
            "gave you the images: " + " ".join(f"--accept-terms {source}" for source in asked)
        )
    return restricted
