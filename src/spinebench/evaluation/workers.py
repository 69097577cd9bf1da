"""Shards of a run, one after another in this process or each in a process of its own."""

import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import wait
from multiprocessing.process import BaseProcess
from multiprocessing.sharedctypes import RawArray
from typing import Any

from inspect_ai.log import EvalLog
from inspect_ai.model import Model

from spinebench.benchmark.bundle import Benchmark
from spinebench.errors import UsageError
from spinebench.evaluation.asking import Calling, Shard, ask_shard
from spinebench.evaluation.models import open_model
from spinebench.evaluation.watch import COUNTS, Counts, StopReason, Watch

_TICK_S = 0.2
_GRACE_S = 20.0  # for a stopped process to write its log
_LOOK_S = 0.2


@dataclass
class Ended:
    """How the asking ended."""

    stop: StopReason | None = None
    errors: set[str] = field(default_factory=set)  # that ended a whole log, stops apart
    unopened: bool = False  # a process could not open the model: no other is started


def ask_here(
    calling: Calling,
    shards: Sequence[Shard],
    benchmark: Benchmark,
    model: Model,
    spent: float,
    tick: Callable[[int, int], None],
) -> Ended:
    """Ask all shards in this process. `tick` takes the numbers answered and failed so far."""
    counts = Counts([0.0] * COUNTS, threading.Lock())
    counts.spend(spent, calling.limits)
    watch = Watch(counts, calling.limits, on_heard=lambda: tick(counts.answered, counts.failed))
    ended = Ended()
    for shard in shards:
        if counts.stop:
            break
        logs = ask_shard(calling, shard, benchmark, model, watch)
        ended.errors |= log_errors(logs)
        # after Ctrl-C Inspect writes the log as cancelled, and returns it or nothing at all
        if not logs or logs[0].status == "cancelled":
            counts.ask_to_stop("interrupted")
    ended.stop = counts.stop
    return ended


def log_errors(logs: Sequence[EvalLog]) -> set[str]:
    """Errors that ended these logs; a stop of the run is none."""
    messages = {log.error.message for log in logs if log.error}
    return {message for message in messages if not message.startswith("StopRunError(")}


def ask_in_processes(
    calling: Calling,
    shards: Sequence[Shard],
    processes: int,
    spent: float,
    tick: Callable[[int, int], None],
) -> Ended:
    """Ask each shard in a process of its own, so many at a time."""
    context = multiprocessing.get_context("spawn")
    values, lock, told = RawArray("d", COUNTS), context.Lock(), context.SimpleQueue()
    counts = Counts(values, lock)
    counts.spend(spent, calling.limits)
    ended = Ended()
    waiting, running = list(shards), list[BaseProcess]()
    try:
        while running or (waiting and not counts.stop and not ended.unopened):
            while waiting and len(running) < processes and not counts.stop and not ended.unopened:
                process = context.Process(
                    target=_work, args=(calling, waiting.pop(0), values, lock, told)
                )
                process.start()
                running.append(process)
            wait([process.sentinel for process in running], timeout=_TICK_S)
            running = _still_running(running, told, ended)
            tick(counts.answered, counts.failed)
    except KeyboardInterrupt:
        counts.ask_to_stop("interrupted")
        _let_end(running, told, ended)
    ended.stop = counts.stop
    return ended


def _still_running(running: Sequence[BaseProcess], told: Any, ended: Ended) -> list[BaseProcess]:
    while not told.empty():
        errors, opened = told.get()
        ended.errors |= errors
        ended.unopened |= not opened
    for process in running:
        if process.exitcode:
            ended.errors.add(f"a process of the run ended with exit code {process.exitcode}")
    return [process for process in running if process.exitcode is None]


def _let_end(running: list[BaseProcess], told: Any, ended: Ended) -> None:
    deadline = time.monotonic() + _GRACE_S
    while running and time.monotonic() < deadline:
        wait([process.sentinel for process in running], timeout=_TICK_S)
        running = _still_running(running, told, ended)
    for process in running:
        process.kill()
        process.join()


def _work(calling: Calling, shard: Shard, values: Any, lock: Any, told: Any) -> None:
    """A process's whole life. It has a group of its own: Ctrl-C reaches it by the counts only."""
    os.setpgrp()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    watch = Watch(Counts(values, lock), calling.limits)
    threading.Thread(target=_look_out, args=(watch,), daemon=True).start()
    try:
        model = open_model(calling.model, calling.called)
    except UsageError as error:  # told by the parent, in one line
        told.put(({str(error)}, False))
        return
    logs = ask_shard(calling, shard, Benchmark.load(calling.bench), model, watch)
    told.put((log_errors(logs), True))


def _look_out(watch: Watch) -> None:
    """End with the parent, however that ends, and give up calls when the run is stopped."""
    parent = multiprocessing.parent_process()
    while parent is not None:
        if wait([parent.sentinel], timeout=_LOOK_S):
            os._exit(1)  # an answer that is on its way would be asked for twice
        if watch.counts.stop:
            watch.stop_from_outside()
