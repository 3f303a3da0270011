"""Segment many recordings, in this process or in several."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from birdedge.edge.archive.event_buffer import EventBuffer
from birdedge.edge.archive.names import unique_stems
from birdedge.edge.archive.segment import FileResult, Progress, segment_or_report
from birdedge.edge.errors import OutputError
from birdedge.edge.formats.start_time import FROM_RECORDING, StartTime
from birdedge.edge.models.model import Model
from birdedge.edge.sinks.recording import OutputSettings
from birdedge.edge.system.atomic_file import remove_unfinished


def segment_files(
    model: str | Path,
    paths: Sequence[Path],
    outputs: OutputSettings,
    jobs: int = 1,
    channel: int | None = None,
    progress: Progress = lambda _: None,
    min_score: float | None = None,
    start_time: StartTime = FROM_RECORDING,
) -> Iterator[FileResult]:
    """Segment recordings and yield their results in the order given.

    A recording that cannot be read is reported in the `error` of its result, and so is one whose process is killed
    twice. With several jobs, `progress` is called once per file.

    Raises:
        ModelError: the model cannot be used.
        OutputError: a result exists, before anything is done; or it cannot be written, and so would be all that
            follow.
    """
    stems = unique_stems(paths)
    if not (outputs.force or outputs.skip_existing):
        _refuse_existing(outputs, stems.values())
    _remove_unfinished(outputs)
    if jobs == 1:
        opened = _open_model(model, min_score)
        for path, stem in stems.items():
            yield segment_or_report(opened, path, stem, outputs, channel, progress, start_time)
        return
    _open_model(model, min_score)  # so that a wrong model is one error, not one per process
    tasks = [_Task(path, stem, outputs, channel, start_time) for path, stem in stems.items()]
    with closing(_in_processes(partial(_open_model, model, min_score), tasks, jobs)) as results:
        for result in results:
            progress(result.duration_s)
            yield result
            del result  # otherwise kept while the next one is awaited


def _open_model(name_or_path: str | Path, min_score: float | None) -> Model:
    model = Model(name_or_path)
    model.set_min_score(min_score)
    return model


@dataclass(frozen=True)
class _Task:
    """One recording for a process."""

    path: Path
    stem: str
    outputs: OutputSettings
    channel: int | None
    start_time: StartTime

    def again(self) -> _Task:
        """Return the task for another process; results that the one before completed are kept."""
        return replace(self, outputs=replace(self.outputs, skip_existing=not self.outputs.force))


class _Worker:
    """What a worker process keeps between files."""

    model: Model

    @classmethod
    def start(cls, open_model: Callable[[], Model]) -> None:
        cls.model = open_model()

    @classmethod
    def segment(cls, task: _Task) -> FileResult:
        return segment_or_report(
            cls.model, task.path, task.stem, task.outputs, task.channel, lambda _: None, task.start_time
        )


def _in_processes(
    open_model: Callable[[], Model], tasks: Sequence[_Task], jobs: int
) -> Generator[FileResult, None, None]:
    """Yield the results of the tasks in their order.

    A pool whose process is killed gives up all that is not done. What its processes had started, one of which may be
    the cause, is then tried alone, and a new pool takes the rest.
    """
    waiting = deque(tasks)
    early: dict[Path, FileResult] = {}  # results that came before their turn
    while waiting:
        with _running(open_model, [task for task in waiting if task.path not in early], jobs) as futures:
            while waiting:
                path = waiting[0].path
                try:
                    result = early.pop(path) if path in early else futures[path].result()
                except BrokenProcessPool:
                    break
                futures.pop(path, None)
                waiting.popleft()
                yield result
                del result  # otherwise kept while the next one is awaited
        early |= {path: future.result() for path, future in futures.items() if not future.exception()}
        started = [task for task in waiting if task.path not in early][:jobs]
        early |= {task.path: _alone(open_model, task.again()) for task in started}
        waiting = deque(task.again() for task in waiting)


def _alone(open_model: Callable[[], Model], task: _Task) -> FileResult:
    """Return the result of a task whose process was killed before."""
    with _running(open_model, [task], 1) as futures:
        try:
            return futures[task.path].result()
        except BrokenProcessPool:
            error = (
                f"{task.path} was given up, because the process that analysed it was killed twice: "
                "free memory, or divide the recording"
            )
            return FileResult(task.path, 0.0, EventBuffer(), error=error)


@contextmanager
def _running(
    open_model: Callable[[], Model], tasks: Sequence[_Task], jobs: int
) -> Iterator[dict[Path, Future[FileResult]]]:
    """Begin tasks in processes; an exception in the block, such as Ctrl-C, kills these."""
    others = set(multiprocessing.active_children())
    # Spawned, not forked: threads of the libraries of this process do not survive a fork.
    context = multiprocessing.get_context("spawn")
    with _interrupts_blocked():  # inherited by the resource tracker, which starts now
        pool = ProcessPoolExecutor(jobs, context, _Worker.start, (open_model,))
    try:
        with _interrupts_blocked():  # inherited by the workers: Ctrl-C is for the parent, which ends them
            futures = {task.path: pool.submit(_Worker.segment, task) for task in tasks}
        yield futures
    except BaseException:
        for process in set(multiprocessing.active_children()) - others:
            process.terminate()
        raise
    finally:
        pool.shutdown(cancel_futures=True)
        for task in tasks[:1]:
            _remove_unfinished(task.outputs)


@contextmanager
def _interrupts_blocked() -> Iterator[None]:
    """Let Ctrl-C and the end of the terminal wait until the end of the block."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGHUP})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _refuse_existing(outputs: OutputSettings, stems: Iterable[str]) -> None:
    for path in (path for stem in stems for path in outputs.paths(stem)):
        if os.path.lexists(path):
            raise OutputError(
                f"{path} exists already: give --skip-existing to keep it and go on with the others, --force to "
                "replace it, or another folder"
            )


def _remove_unfinished(outputs: OutputSettings) -> None:
    for folder in {outputs.tables, outputs.masks}:
        with suppress(OSError):
            if folder is not None:
                remove_unfinished(folder)
