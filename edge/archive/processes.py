"""Segment many recordings, in this process or in several."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from birdedge.edge.archive.event_buffer import EventBuffer
from birdedge.edge.archive.names import unique_stems
from birdedge.edge.archive.pool import in_processes, killed_twice
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
        ModelError: The model cannot be used.
        OutputError: A result exists, which is checked before the first recording, or a result cannot be written, in
            which case no later one could be either.
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
    start = partial(_Worker.start, partial(_open_model, model, min_score))
    try:
        with closing(_in_order(tasks, jobs, start)) as results:
            for result in results:
                progress(result.duration_s)
                yield result
                del result  # or it would stay in memory while the next one is awaited
    finally:
        _remove_unfinished(outputs)


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
        """Return the task for another process, which keeps the results that the killed one completed."""
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


def _in_order(
    tasks: Sequence[_Task], jobs: int, start: Callable[[], None]
) -> Generator[FileResult, None, None]:
    """Do tasks in processes, and yield their results in the order of the tasks."""
    early: dict[Path, FileResult] = {}  # results that arrived before their turn
    waiting = deque(task.path for task in tasks)
    with closing(in_processes(start, _Worker.segment, tasks, jobs, _Task.again)) as results:
        for task, result in results:
            early[task.path] = result or FileResult(
                task.path, 0.0, EventBuffer(), error=killed_twice(task.path)
            )
            del result  # or it would stay in memory while the next one is awaited
            while waiting and waiting[0] in early:
                yield early.pop(waiting.popleft())


def _refuse_existing(outputs: OutputSettings, stems: Iterable[str]) -> None:
    for path in (path for stem in stems for path in outputs.paths(stem)):
        if os.path.lexists(path):
            raise OutputError(
                f"{path} exists already: give --skip-existing to keep it and continue with the others, --force to "
                "replace it, or another folder"
            )


def _remove_unfinished(outputs: OutputSettings) -> None:
    for folder in {outputs.tables, outputs.masks}:
        with suppress(OSError):
            if folder is not None:
                remove_unfinished(folder)
