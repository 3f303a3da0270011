"""The exporter's command. What is heavy is imported when it runs."""

from __future__ import annotations

from pathlib import Path

import click

from birdedge.edge.events import EventSettings


@click.command()
@click.argument("checkpoint", type=click.Path(path_type=Path))
@click.option(
    "-o", "--output", required=True, type=click.Path(path_type=Path, dir_okay=False), help="The .onnx file."
)
@click.option("--quantize", is_flag=True, help="int8 instead of fp32.")
@click.option(
    "--data",
    type=click.Path(path_type=Path, file_okay=False),
    help="Recordings with an index.tsv: to calibrate on, and to measure the model for its card.",
)
@click.option("--name", help="Name in the card.  [default: the file's]")
@click.option(
    "--lowest-score",
    type=click.FloatRange(0, 1),
    default=EventSettings.lowest_score,
    show_default=True,
    help="Mean probability that an event's bins reach: higher, and faint birds and false alarms are fewer.",
)
def export(
    checkpoint: Path,
    output: Path,
    quantize: bool,
    data: Path | None,
    name: str | None,
    lowest_score: float,
) -> None:
    """Export a checkpoint of `birdedge train` to a model file for the recorder.

    Fails, and writes nothing, where torch, ONNX, stream and offline do not agree.

    \b
    Example:
      birdedge export runs/first/best.safetensors --quantize -o mine.onnx --data recordings/
    """
    from birdedge.edge.card_page import card_page
    from birdedge.export.exporter import export as run

    card = run(checkpoint, output, quantize, data, name, lowest_score, click.echo)
    click.echo(card_page(card, output))
