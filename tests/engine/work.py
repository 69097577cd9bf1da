"""Functions for workers: they are pickled by name, so they live in a module."""

import ctypes
import json
import os
import signal
import time
from functools import partial
from pathlib import Path

from spinebench.engine import ShardStore
from spinebench.errors import DataError


def square(x: int) -> int:
    return x * x


def square_counted(folder: Path, x: int) -> int:
    """The square; each computation leaves a file."""
    number = len(list(folder.glob(f"{x}-*")))
    (folder / f"{x}-{number}").touch()
    return x * x


def threads_and_process(_: int) -> tuple[str | None, int]:
    return os.environ.get("OMP_NUM_THREADS"), os.getpid()


def fail_at_five(x: int) -> int:
    if x == 5:
        raise DataError(file="f", place=5, found="five", expected="another")
    return x


def divide_by(x: int) -> float:
    return 1 / x


class OddError(Exception):
    """Pickles, but cannot be read back."""

    def __init__(self, *, reason: str) -> None:
        super().__init__(reason)


def fail_oddly(x: int) -> int:
    raise OddError(reason=f"odd {x}")


def return_lambda(x: int) -> object:
    return lambda: x


def die_at_five(how: str, x: int) -> int:
    if x == 5:
        if how == "killed":
            os.kill(os.getpid(), signal.SIGKILL)
        elif how == "crashed":
            ctypes.string_at(0)
        else:
            os._exit(3)
    return x


def sleep_noted(folder: Path, seconds: float, x: int) -> int:
    """Leave a file that says which process started, then sleep."""
    (folder / f"{x}.{os.getpid()}").touch()
    time.sleep(seconds)
    return x


def write_numbers(path: Path, numbers: list[int]) -> None:
    path.write_text(json.dumps(numbers), encoding="utf-8")


def read_numbers(path: Path) -> list[int]:
    numbers: list[int] = json.loads(path.read_text(encoding="utf-8"))
    if numbers == [-1]:
        raise DataError(file=path.name, found="-1", expected="squares")
    return numbers


def key_of(version: int, x: int) -> str:
    return f"{version}:{x}"


def number_store(folder: Path, version: int = 1) -> ShardStore[int, int]:
    return ShardStore(folder, partial(key_of, version), write_numbers, read_numbers, ".json")


def count_files(folder: Path) -> int:
    return sum(1 for _ in folder.iterdir())
