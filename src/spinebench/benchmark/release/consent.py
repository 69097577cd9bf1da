"""Whether the pictures of a source may be given on, and the one line that asks."""

from collections.abc import Iterable, Mapping
from typing import Any

from spinebench.errors import DataError, UsageError


def check_accepted(described: Mapping[str, Any], accepted: Iterable[str]) -> set[str]:
    """The names given with --accept-terms; raises UsageError for one that is no source here.

    `described` is the manifest's `sources`.
    """
    names = set(accepted)
    unknown = sorted(names - set(described))
    if unknown:
        raise UsageError(
            f"--accept-terms {unknown[0]}: no such source in this benchmark;"
            f" there are {', '.join(sorted(described))}"
        )
    return names


def terms_of(described: Mapping[str, Any], source: str, right: str) -> Mapping[str, Any]:
    """Terms of a source that say something of a right (`redistribution`, `third_party_models`).

    Raises DataError where the manifest holds none.
    """
    terms = described.get(source, {}).get("terms")
    if not isinstance(terms, Mapping) or right not in terms:
        raise DataError(
            file="manifest.json", field=f"sources.{source}.terms", found="nothing",
            expected="the source's terms of use",
        )  # fmt: skip
    return terms


def check_redistribution(
    manifest: Mapping[str, Any], sources: Iterable[str], accepted: Iterable[str]
) -> list[str]:
    """The restricted sources whose pictures the user has said to give on.

    Raises UsageError naming those that are restricted and not accepted, and for an accepted name
    that is no source of this benchmark.
    """
    described = manifest.get("sources", {})
    accepted = check_accepted(described, accepted)
    restricted = [
        source
        for source in sorted(set(sources))
        if not terms_of(described, source, "redistribution")["redistribution"]
    ]
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
