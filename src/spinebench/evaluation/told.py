"""Errors that the command `inspect`, which is not ours, also tells in one line."""

from collections.abc import Iterator
from contextlib import contextmanager

import click  # Inspect's command line is built on it: it is installed wherever Inspect is

from spinebench.errors import UsageError


class ToldUsageError(UsageError, click.ClickException):
    """A UsageError that a click command prints without a traceback, ending with exit code 2."""

    exit_code = 2

    def __init__(self, message: str) -> None:
        UsageError.__init__(self, message)
        click.ClickException.__init__(self, message)


@contextmanager
def told_in_one_line() -> Iterator[None]:
    """Turn a UsageError from within into one that `inspect eval` tells in one line."""
    try:
        yield
    except UsageError as error:
        raise ToldUsageError(str(error)) from error
