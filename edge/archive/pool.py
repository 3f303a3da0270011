"""Tasks in processes, any of which may be killed."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from functools import partial
from itertools import chain, islice
from pathlib import Path
from typing import TypeVar

TASKS_PER_PROCESS = 4  # that are submitted: enough that no process waits for its next one
T = TypeVar("T")
R = TypeVar("R")


def in_processes(
    start: Callable[[], object],
    work: Callable[[T], R],
    tasks: Iterable[T],
    jobs: int,
    again: Callable[[T], T] = lambda task: task,
) -> Generator[tuple[T, R | None], None, None]:
    """Yield each task with its result, as they are completed; the tasks are taken as they are needed.

    A pool whose process is killed gives up all that is not done. What its processes had started, one of which may be
    the cause, is then tried alone, and a new pool takes the rest.

    Args:
        start: Called once in each process, before its first task.
        work: Called in a process, as `start` is; both are found by their names there.
        tasks: What `work` takes.
        jobs: Number of processes.
        again: Returns what another process does instead of a task whose process was killed.

    Returns:
        Pairs of task and result; the result is None if the process was killed twice.
    """
    waiting = iter(tasks)
    while True:
        lost = list[T]()
        with _running(start, jobs) as pool:
            yield from _until_one_is_killed(pool, work, waiting, jobs * TASKS_PER_PROCESS, lost)
        if not lost:
            return
        for task in lost[:jobs]:
            yield task, _alone(start, work, again(task))
        waiting = chain([again(task) for task in lost[jobs:]], waiting)


def killed_twice(path: str | Path) -> str:
    """Return the sentence of a recording that was given up for that."""
    return (
        f"{path} was given up, because the process that analysed it was killed twice: "
        "free memory, or divide the recording"
    )


def _until_one_is_killed(
    pool: ProcessPoolExecutor, work: Callable[[T], R], waiting: Iterator[T], window: int, lost: list[T]
) -> Generator[tuple[T, R], None, None]:
    """Yield results until all tasks are done, or a process is killed; what is not done then is added to `lost`."""
    pending: dict[Future[R], T] = {}
    while True:
        if not lost:
            with _interrupts_blocked():  # inherited by the workers: Ctrl-C is for the parent, which ends them
                for task in islice(waiting, window - len(pending)):
                    try:
                        pending[pool.submit(work, task)] = task
                    except BrokenProcessPool:
                        lost.append(task)
        if not pending:
            return
        done = wait(pending, return_when=FIRST_COMPLETED).done
        first = [next(future for future in pending if future in done)]
        done.clear()
        task = pending.pop(first[0])
        if isinstance(first[0].exception(), BrokenProcessPool):
            lost.append(task)
        else:
            yield task, first.pop().result()  # of which nothing is kept while the next one is awaited


def _alone(start: Callable[[], object], work: Callable[[T], R], task: T) -> R | None:
    """Return the result of a task in a process of its own; None if that is killed."""
    with _running(start, 1) as pool:
        try:
            with _interrupts_blocked():
                future = pool.submit(work, task)
            return future.result()
        except BrokenProcessPool:
            return None


@contextmanager
def _running(start: Callable[[], object], jobs: int) -> Iterator[ProcessPoolExecutor]:
    """Open a pool of processes; an exception in the block, such as Ctrl-C, kills these."""
    others = set(multiprocessing.active_children())
    # Spawned, not forked: threads of the libraries of this process do not survive a fork.
    context = multiprocessing.get_context("spawn")
    with _interrupts_blocked():  # inherited by the resource tracker, which starts now
        pool = ProcessPoolExecutor(jobs, context, partial(_begin, start))
    try:
        yield pool
    except BaseException:
        for process in set(multiprocessing.active_children()) - others:
            process.terminate()
        raise
    finally:
        pool.shutdown(cancel_futures=True)


def _begin(start: Callable[[], object]) -> None:
    """Begin a process: it ends when its parent is killed, which a pool does not do by itself."""
    threading.Thread(target=_end_with_parent, daemon=True).start()
    start()


def _end_with_parent() -> None:
    if (parent := multiprocessing.parent_process()) is not None:
        parent.join()
        os._exit(1)


@contextmanager
def _interrupts_blocked() -> Iterator[None]:
    """Let Ctrl-C and the end of the terminal wait until the end of the block."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGHUP})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
