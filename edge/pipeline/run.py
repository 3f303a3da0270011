"""Run a source through the pipeline until it ends or is stopped."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from birdedge.edge.audio.sources import Blocks
from birdedge.edge.output import PipelineOutput
from birdedge.edge.pipeline.pipeline import Pipeline


def listen(
    pipeline: Pipeline, blocks: Blocks, set_min_block: Callable[[int], None] = lambda _samples: None
) -> Iterator[PipelineOutput]:
    """What each block gives, and at the end of the blocks all that was still open.

    `set_min_block` is given the samples that the next call of the network waits for.

    An error of the source (a device lost, a damaged file) is raised after what was heard before it was given
    out.
    """
    try:
        for gap_samples, block in blocks:
            if gap_samples:
                yield from pipeline.gap(gap_samples)
            yield pipeline.push(block)
            set_min_block(pipeline.missing_samples)
    except Exception:
        yield pipeline.flush()
        raise
    yield pipeline.flush()
