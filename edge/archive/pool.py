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

TASKS_PER_PROCESS = 4  # submitted at once: enough that no process waits for its next task
T = TypeVar("T")
R = TypeVar("R")


def in_processes(
    start: Callable[[], object],
    work: Callable[[T], R],
    tasks: Iterable[T],
    jobs: int,
    again: Callable[[T], T] = lambda task: task,
) -> Generator[tuple[T, R | None], None, None]:
    """Yield each task with its result as it completes; tasks are taken from the iterable as needed.

    If a process is killed, its pool loses all unfinished tasks. Those that its processes had started, one of which may
    be the cause, are then tried one at a time, and a new pool takes the rest.

    Args:
        start: Called once in each process, before its first task.
        work: Called in a process for each task. Like `start`, it is looked up there by its name.
        tasks: The arguments of `work`.
        jobs: Number of processes.
        again: Returns the task that another process does in place of a task whose process was killed.

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
    """Return the error of a recording whose process was killed twice."""
    return (
        f"{path} was given up, because the process that analysed it was killed twice: "
        "free some memory, or split the recording"
    )


def _until_one_is_killed(
    pool: ProcessPoolExecutor, work: Callable[[T], R], waiting: Iterator[T], window: int, lost: list[T]
) -> Generator[tuple[T, R], None, None]:
    """Yield results until all tasks are done, or a process is killed; unfinished tasks are then added to `lost`."""
    pending: dict[Future[R], T] = {}
    while True:
        if not lost:
            with _interrupts_blocked():  # inherited by the workers: the parent handles Ctrl-C and ends them
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
            yield task, first.pop().result()  # keeps no reference to it while waiting for the next


def _alone(start: Callable[[], object], work: Callable[[T], R], task: T) -> R | None:
    """Return the result of a task in its own process; None if the process is killed."""
    with _running(start, 1) as pool:
        try:
            with _interrupts_blocked():
                future = pool.submit(work, task)
            return future.result()
        except BrokenProcessPool:
            return None


@contextmanager
def _running(start: Callable[[], object], jobs: int) -> Iterator[ProcessPoolExecutor]:
    """Open a pool of processes; an exception in the block, such as Ctrl-C, terminates them."""
    others = set(multiprocessing.active_children())
    # Spawned, not forked: the threads of libraries in this process do not survive a fork.
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
    """Start a worker process that ends when its parent is killed, which a pool does not ensure by itself."""
    threading.Thread(target=_end_with_parent, daemon=True).start()
    start()


def _end_with_parent() -> None:
    if (parent := multiprocessing.parent_process()) is not None:
        parent.join()
        os._exit(1)


@contextmanager
def _interrupts_blocked() -> Iterator[None]:
    """Defer Ctrl-C and the hangup of the terminal until the end of the block."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGHUP})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
