"""The `evaluate` command. Heavy modules are imported when it runs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from birdedge.edge.cli.options import force_option

if TYPE_CHECKING:
    from birdedge.train.evaluation.figures import Figures

FOLDER = click.Path(path_type=Path, file_okay=False)


@click.command()
@click.argument("detector", nargs=-1)
@click.option(
    "--data",
    required=True,
    type=FOLDER,
    help="Folder of recordings with an index.tsv, or any folder of painted, boxed or bird-free audio.",
)
@click.option(
    "--split",
    type=click.Choice(["validation", "test"]),
    default="test",
    show_default=True,
    help="Split of a folder with an index to score.",
)
@click.option(
    "--mixes", type=click.IntRange(1), default=200, show_default=True, help="Number of mixes to score."
)
@click.option("--baselines", is_flag=True, help="Also score the classical baselines.")
@click.option(
    "--tune",
    type=FOLDER,
    help="Folder with an index.tsv; the baselines are tuned on its validation mixes.  [default: --data]",
)
@click.option("--images", is_flag=True, help="BirdSoundsDenoising: use its Images instead of its Raw_audios.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON: a list with one object per detector.")
@click.option(
    "--page",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write an HTML page with the figures and pictures of the best and worst clips and events.",
)
@force_option
def evaluate(
    detector: tuple[str, ...],
    data: Path,
    split: str,
    mixes: int,
    baselines: bool,
    tune: Path | None,
    images: bool,
    as_json: bool,
    page: Path | None,
    force: bool,
) -> None:
    """Score models on held-out recordings: masks, events, false events per hour, calibration.

    DETECTOR is a model file, the name of a bundled model, a checkpoint (.safetensors), or a classical baseline:
    energy-threshold, median-threshold, scikit-maad or noisereduce (extra `evaluate`). Several detectors are scored
    on the same sets, side by side.

    \b
    A folder without index.tsv is scored by its content:
      PNG masks next to the audio            painted masks
      annotations.tsv, annotations.json      labelled boxes: recall only; .json is AOEF, as exported by Whombat
      Raven tables, Audacity label tracks    likewise, next to the audio
      audio without any label                bird-free: false events per hour
      the layout of BirdSoundsDenoising      its IoU, counted in four ways

    \b
    Example:
      birdedge evaluate --data recordings/
      birdedge evaluate mine.onnx birdedge-int8 --baselines --data recordings/ --page evaluation.html
    """
    from birdedge.edge.errors import SettingsError
    from birdedge.edge.models.names import DEFAULT_MODEL
    from birdedge.edge.system.atomic_file import refuse_existing
    from birdedge.train.data.bird_sounds_denoising import is_bird_sounds_denoising
    from birdedge.train.evaluation.baselines import BASELINES
    from birdedge.train.evaluation.bird_sounds_denoising import score_bird_sounds_denoising
    from birdedge.train.evaluation.datasets import read_sets
    from birdedge.train.evaluation.open_detector import open_detectors
    from birdedge.train.evaluation.page import evaluation_page
    from birdedge.train.evaluation.scoring import figures_of, score_sets
    from birdedge.train.evaluation.table import evaluation_table

    if page is not None and not force:
        refuse_existing([page])
    names = list(dict.fromkeys([*(detector or (DEFAULT_MODEL,)), *(BASELINES if baselines else ())]))
    figures: list[Figures]
    if is_bird_sounds_denoising(data):
        if page is not None:
            raise SettingsError(f"{data} is BirdSoundsDenoising, which has no page; leave out --page")
        takes_audio = [name for name in names if not name.endswith(".safetensors")]
        opened = dict(zip(takes_audio, open_detectors(takes_audio, tune or data), strict=True))
        figures = [
            score_bird_sounds_denoising(opened.get(name, Path(name)), data, split, images) for name in names
        ]
    else:
        if images:
            raise SettingsError(f"{data} is not BirdSoundsDenoising and has no pictures; leave out --images")
        detectors = open_detectors(names, tune or data)
        sets = read_sets(data, split, mixes)
        scored = [score_sets(one, sets) for one in detectors]
        evaluated = [figures_of(one, sets, clips) for one, clips in zip(detectors, scored, strict=True)]
        if page is not None:
            evaluation_page(page, evaluated, detectors, scored, "replace" if force else "refuse")
        figures = [*evaluated]
    click.echo(json.dumps([f.to_dict() for f in figures]) if as_json else evaluation_table(figures))
