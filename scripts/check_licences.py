"""Fail if an installed dependency carries a copyleft licence that ours may not import (GPL, AGPL).

Reads the metadata of every distribution in this environment. LGPL and MPL are listed, not refused:
they are used unmodified, as separate packages.
"""

import re
import sys
from importlib.metadata import Distribution, distributions

REFUSED = re.compile(r"(?<!L)(?<!Lesser )\bA?GPL|GNU (Affero )?General Public", re.IGNORECASE)
# metadata says nothing, the licence file in the wheel was read
READ_BY_HAND = {"agent-client-protocol": "Apache-2.0"}
WEAK = re.compile(r"LGPL|Lesser General Public|MPL|Mozilla", re.IGNORECASE)


def licence_of(distribution: Distribution) -> str:
    """SPDX expression, else classifiers, else the first line of the licence field."""
    meta = distribution.metadata
    if meta.get("License-Expression"):
        return str(meta["License-Expression"])
    classifiers = [c for c in meta.get_all("Classifier") or [] if c.startswith("License ::")]
    if classifiers:
        return "; ".join(c.rpartition(" :: ")[2] for c in classifiers)
    return str(meta.get("License") or "").strip().partition("\n")[0] or "not stated"


def main() -> int:
    """Print the weak and unstated ones; return 1 if any is refused."""
    found = {
        name: READ_BY_HAND.get(name) or licence_of(d)
        for d in distributions()
        if (name := d.metadata["Name"])
    }
    refused = {
        name: text
        for name, text in found.items()
        # "X OR GPL" leaves the choice to us
        if text == "not stated"
        or (REFUSED.search(text) and " OR " not in text and not WEAK.search(text))
    }
    for name, text in sorted(found.items()):
        if name in refused:
            print(f"REFUSED  {name}: {text}")
        elif WEAK.search(text):
            print(f"note     {name}: {text}")
    print(f"{len(found)} distributions, {len(refused)} refused")
    return 1 if refused else 0


if __name__ == "__main__":
    sys.exit(main())
