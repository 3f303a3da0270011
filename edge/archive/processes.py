"""Segment many recordings, in this process or in several."""

from __future__ import annotations

import multiprocessing
import signal
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from birdedge.edge.archive.names import unique_stems
from birdedge.edge.archive.segment import FileResult, Progress, segment_or_report
from birdedge.edge.models.model import Model
from birdedge.edge.sinks.recording import OutputSettings


def segment_files(
    model: str | Path,
    paths: Sequence[Path],
    outputs: OutputSettings,
    jobs: int = 1,
    channel: int | None = None,
    progress: Progress = lambda _: None,
) -> Iterator[FileResult]:
    """Segment recordings and yield their results in the order given.

    A recording that cannot be read is reported in the `error` of its result. With several jobs, `progress` is called
    once per file.

    Raises:
        ModelError: the model cannot be used.
        OutputError: a result cannot be written; so would be all that follow.
    """
    stems = unique_stems(paths)
    if jobs == 1:
        opened = Model(model)
        for path, stem in stems.items():
            yield segment_or_report(opened, path, stem, outputs, channel, progress)
        return
    Model(model)  # so that a wrong model is one error, not one per process
    # Spawned, not forked: threads of the libraries of this process do not survive a fork.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(jobs, context, _Worker.start, (model,)) as pool:
        with _interrupts_blocked():  # workers inherit this: Ctrl-C is for the parent, which ends them
            tasks = deque(
                pool.submit(_Worker.segment, path, stem, outputs, channel) for path, stem in stems.items()
            )
        try:
            while tasks:
                result = tasks.popleft().result()  # which keeps nothing of what is done
                progress(result.duration_s)
                yield result
        finally:
            pool.shutdown(cancel_futures=True)


@contextmanager
def _interrupts_blocked() -> Iterator[None]:
    """Let Ctrl-C wait until the end of the block."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


class _Worker:
    """What a worker process keeps between files."""

    model: Model

    @classmethod
    def start(cls, name_or_path: str | Path) -> None:
        cls.model = Model(name_or_path)

    @classmethod
    def segment(cls, path: Path, stem: str, outputs: OutputSettings, channel: int | None) -> FileResult:
        return segment_or_report(cls.model, path, stem, outputs, channel, lambda _: None)
