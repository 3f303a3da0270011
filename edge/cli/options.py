"""Options that several commands share."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import click

from birdedge.edge.models.names import ARCHIVE_MODEL


class NumberRange(click.FloatRange):
    """A range of numbers that rejects NaN, which click accepts in any range."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Return the number; NaN fails like a number out of range."""
        number: float = super().convert(value, param, ctx)
        if math.isnan(number):
            self.fail(f"{number} is not in the range {self._describe_range()}.", param, ctx)
        return number


archive_model_option = click.option(
    "--model", default=ARCHIVE_MODEL, show_default=True, help="Name of a bundled model, or an .onnx file."
)
channel_option = click.option(
    "--channel", type=int, default=None, help="Channel to use, from 0.  [default: the mean of all]"
)
force_option = click.option("--force", is_flag=True, help="Replace existing files.")
start_option = click.option(
    "--start",
    help="Time of the first sample of a file, such as 2024-05-01T04:30:00Z.  [default: from its metadata or name]",
)
timezone_option = click.option(
    "--timezone",
    help="Time zone of local times in names and metadata, such as Europe/Berlin.  [default: unknown]",
)
quiet_option = click.option(
    "-q", "--quiet", is_flag=True, help="Print no progress and no summary, only errors."
)
min_score_option = click.option(
    "--min-score",
    type=NumberRange(0, 1),
    help="Minimum probability of a bird, 0 to 1.  [default: the model's own]",
)
masks_option = click.option(
    "--masks",
    type=click.Path(path_type=Path, file_okay=False),
    help="Write the mask of each recording (.npz) to this folder.",
)
