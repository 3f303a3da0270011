"""Shared functions of the studies that run a model over sounds and write a table into train/EXPERIMENTS.md."""

from __future__ import annotations

import re
from pathlib import Path

import click
import numpy as np
from numpy.typing import NDArray

from birdedge.edge.pipeline.segmenter import Segmenter, SegmenterOutput

LOG = Path(__file__).parents[2] / "train" / "EXPERIMENTS.md"

data_option = click.option(
    "--data",
    required=True,
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder with an index.tsv.",
)


def write_block(name: str, text: str) -> None:
    """Replace the block of a study in the log, between `<!-- name -->` and `<!-- /name -->`, and print it."""
    log = re.sub(
        rf"(<!-- {name} -->\n).*?(<!-- /{name} -->)",
        lambda m: m[1] + text + m[2],
        LOG.read_text(encoding="utf-8"),
        flags=re.S,
    )
    LOG.write_text(log, encoding="utf-8")
    click.echo(text)


def segmented(segmenter: Segmenter, level: NDArray[np.float32]) -> SegmenterOutput:
    """Return the output of a segmenter for a whole recording, from its first frame to its last."""
    parts = segmenter.push(level), segmenter.flush()
    return SegmenterOutput(
        *(
            np.concatenate([getattr(part, name) for part in parts])
            for name in ("mask", "level", "floor", "classes")
        )
    )
