"""The exporter's command. What is heavy is imported when it runs."""

from __future__ import annotations

from pathlib import Path

import click

from birdedge.edge.models.settings import EventSettings

CHUNK_FRAMES = 16  # a call of the daemon


@click.command()
@click.argument("checkpoint", type=click.Path(path_type=Path))
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    help="The .onnx file.  [default: the checkpoint's name, here]",
)
@click.option("--quantize", is_flag=True, help="int8; the fp32 it is compared with is written beside it.")
@click.option(
    "--data",
    type=click.Path(path_type=Path, file_okay=False),
    help="Recordings with an index.tsv: to calibrate on, and to measure the model for its card.",
)
@click.option(
    "--calibration",
    type=click.Path(path_type=Path, file_okay=False),
    help="A folder of sound to calibrate int8 on instead: what the recorder will hear.",
)
@click.option(
    "--frames",
    multiple=True,
    type=int,
    default=[CHUNK_FRAMES],
    show_default=True,
    help="Frames a call; the first is the daemon's, each further one gives a file of its own. May be repeated.",
)
@click.option("--per-tensor", is_flag=True, help="One weight scale a layer, not one a channel.")
@click.option(
    "--activation",
    "activations",
    multiple=True,
    type=click.Choice(["u8", "s8"]),
    default=["u8"],
    show_default=True,
    help="Layers pass on uint8 or int8: the same bits, at a speed that depends on the processor. May be repeated.",
)
@click.option(
    "--opset", type=click.IntRange(18, 22), default=18, show_default=True, help="ONNX operator set."
)
@click.option(
    "--largest-loss",
    type=click.FloatRange(0),
    default=0.5,
    show_default=True,
    help="IoU points that int8 may lose against fp32.",
)
@click.option(
    "--lowest-score",
    type=click.FloatRange(0, 1),
    default=EventSettings.min_score,
    show_default=True,
    help="Mean probability that the bins of an event of 100 Hz s reach (larger ones need less): higher, and faint "
    "birds and false alarms are fewer.",
)
@click.option(
    "--report",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write what was measured here, as Markdown.",
)
def export(
    checkpoint: Path,
    output: Path | None,
    quantize: bool,
    data: Path | None,
    calibration: Path | None,
    frames: tuple[int, ...],
    per_tensor: bool,
    activations: tuple[str, ...],
    opset: int,
    max_loss: float,
    min_score: float,
    report: Path | None,
) -> None:
    """Export a checkpoint of `birdedge train` to model files for the recorder.

    Fails, and writes nothing, where torch, ONNX, stream and offline do not agree, or int8 loses more than allowed.

    \b
    Example:
      birdedge export runs/first/best.safetensors --quantize -o mine.onnx --data recordings/
    """
    from birdedge.edge.models.card_text import card_page
    from birdedge.edge.system.atomic_file import replacing
    from birdedge.export.export import ExportSettings
    from birdedge.export.export import export as run
    from birdedge.export.report import report_page

    settings = ExportSettings(quantize, frames, opset, not per_tensor, activations, max_loss / 100, min_score)
    output = output or Path(checkpoint.stem).with_suffix(".onnx")
    exported = run(checkpoint, output, settings, data, calibration, click.echo)
    if report is not None:
        with replacing(report) as file:
            file.write(report_page(exported).encode())
    for path, card in exported.cards.items():
        click.echo(card_page(card, path))
