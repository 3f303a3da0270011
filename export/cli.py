"""The command `birdedge export`; heavy packages are imported when it runs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from birdedge.edge.cli.options import NumberRange, force_option
from birdedge.edge.models.settings import EventSettings

if TYPE_CHECKING:
    from birdedge.export.settings import NumberFormat

CHUNK_FRAMES = 16  # as in the recorder


@click.command()
@click.argument("checkpoint", type=click.Path(path_type=Path))
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    help="The .onnx file to write.  [default: the name of the checkpoint, in the current folder]",
)
@click.option("--quantize", is_flag=True, help="Quantize to int8; the fp32 model is written next to it.")
@click.option(
    "--data",
    type=click.Path(path_type=Path, file_okay=False),
    help="Recordings with an index.tsv: calibrate int8 on them, and measure the model for its card.",
)
@click.option(
    "--calibration",
    type=click.Path(path_type=Path, file_okay=False),
    help="A folder of audio from the recorder's site to calibrate int8 on instead.",
)
@click.option(
    "--frames",
    multiple=True,
    type=int,
    default=[CHUNK_FRAMES],
    show_default=True,
    help="Frames per call. The first is for the recorder; each further one adds a separate file. May be repeated.",
)
@click.option("--per-tensor", is_flag=True, help="Use one weight scale per layer, not per channel.")
@click.option(
    "--activation",
    "activations",
    multiple=True,
    type=click.Choice(["u8", "s8"]),
    default=["u8"],
    show_default=True,
    help="Activations as uint8 or int8: equal results, at a speed that depends on the processor. May be repeated.",
)
@click.option(
    "--opset", type=click.IntRange(18, 22), default=18, show_default=True, help="ONNX operator set."
)
@click.option(
    "--max-loss",
    type=NumberRange(0),
    default=0.5,
    show_default=True,
    help="IoU points that int8 may lose against fp32.",
)
@click.option(
    "--min-score",
    type=NumberRange(0, 1),
    default=EventSettings.min_score,
    show_default=True,
    help="Minimum probability of a bird for an event. A higher value gives fewer false alarms and misses more birds.",
)
@click.option(
    "--follow-score",
    type=NumberRange(0, 1),
    default=EventSettings.follow_score,
    show_default=True,
    help=f"Minimum probability of a bird for {EventSettings.follow_s:g} s after an event in the same band.",
)
@click.option(
    "--report",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write the measurements to this Markdown file.",
)
@force_option
def export(
    checkpoint: Path,
    output: Path | None,
    quantize: bool,
    data: Path | None,
    calibration: Path | None,
    frames: tuple[int, ...],
    per_tensor: bool,
    activations: tuple[NumberFormat, ...],
    opset: int,
    max_loss: float,
    min_score: float,
    follow_score: float,
    report: Path | None,
    force: bool,
) -> None:
    """Export a checkpoint of `birdedge train` to model files for the recorder.

    Fails, and writes nothing, if torch, ONNX, streaming and offline results differ, or if int8 loses more than allowed.

    \b
    Example:
      birdedge export runs/first/best.safetensors --quantize -o mine.onnx --data recordings/
    """
    from birdedge.edge.models.card_text import card_page
    from birdedge.edge.system.atomic_file import refuse_existing, replacing
    from birdedge.export.export import export as run
    from birdedge.export.report import report_page
    from birdedge.export.settings import ExportSettings

    settings = ExportSettings(
        quantize, frames, opset, not per_tensor, activations, max_loss / 100, min_score, follow_score
    )
    output = output or Path(checkpoint.stem).with_suffix(".onnx")
    if report is not None and not force:
        refuse_existing([report])
    exported = run(checkpoint, output, settings, data, calibration, click.echo, force)
    if report is not None:
        with replacing(report, "replace" if force else "refuse") as file:
            file.write(report_page(exported).encode())
    for path, card in exported.cards.items():
        click.echo(card_page(card, path))
