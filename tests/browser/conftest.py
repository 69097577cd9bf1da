import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture(scope="session")
def open_browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., object]]:
    """Opens Chromium with a new profile; keywords go to the browser's context."""
    from playwright.sync_api import sync_playwright

    program = os.environ.get("SPINEBENCH_CHROMIUM", "/usr/bin/chromium")
    if not Path(program).is_file():
        pytest.fail(f"no Chromium at {program}; install it or set SPINEBENCH_CHROMIUM")
    contexts = []
    with sync_playwright() as playwright:

        def start(**keywords: object) -> object:
            context = playwright.chromium.launch_persistent_context(
                tmp_path_factory.mktemp("profile"),
                executable_path=program,
                args=FLAGS,
                **keywords,
            )
            contexts.append(context)
            return context

        yield start
        for context in contexts:
            context.close()
