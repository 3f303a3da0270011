"""The `evaluate` command. What is heavy is imported when it runs."""

from __future__ import annotations

import json
from pathlib import Path

import click

FOLDER = click.Path(path_type=Path, file_okay=False)


@click.command()
@click.argument("what", nargs=-1)
@click.option(
    "--data",
    required=True,
    type=FOLDER,
    help="Recordings with an index.tsv, or any folder of painted, boxed or bird-free sound.",
)
@click.option("--split", type=click.Choice(["validation", "test"]), default="test", show_default=True)
@click.option(
    "--mixes", type=click.IntRange(1), default=200, show_default=True, help="How many mixes to score."
)
@click.option("--baselines", is_flag=True, help="Score the classical baselines too.")
@click.option(
    "--tune",
    type=FOLDER,
    help="Recordings with an index.tsv on whose validation mixes the baselines are tuned.  [default: --data]",
)
@click.option("--images", is_flag=True, help="BirdSoundsDenoising: score its pictures, not its sounds.")
@click.option("--json", "as_json", is_flag=True, help="JSON, for scripts: a list with an object for each.")
@click.option(
    "--page",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write a page with the figures and with pictures of the best, median and worst clips.",
)
def evaluate(
    what: tuple[str, ...],
    data: Path,
    split: str,
    mixes: int,
    baselines: bool,
    tune: Path | None,
    images: bool,
    as_json: bool,
    page: Path | None,
) -> None:
    """Score models on recordings they have not learned from: masks, events, false events an hour, calibration.

    WHAT is a model file, a bundled model's name, a checkpoint (.safetensors), or a classical baseline:
    energy-threshold, median-threshold, scikit-maad or noisereduce (extra `evaluate`). Several are scored on the same
    sets, side by side.

    \b
    A folder without index.tsv is scored by what lies in it:
      PNG masks beside the sound             painted masks
      annotations.tsv, Raven tables          labelled boxes: recall alone
      sound without any label                bird-free: false events an hour
      BirdSoundsDenoising's folders          its IoU, counted in four ways

    \b
    Example:
      birdedge evaluate --data recordings/
      birdedge evaluate mine.onnx birdedge-int8 --baselines --data recordings/ --page evaluation.html
    """
    from birdedge.edge.errors import SettingsError
    from birdedge.edge.models.names import DEFAULT_MODEL
    from birdedge.train.data.bird_sounds_denoising import (
        is_bird_sounds_denoising,
        score_bird_sounds_denoising,
    )
    from birdedge.train.evaluation.baselines import BASELINES
    from birdedge.train.evaluation.datasets import read_sets
    from birdedge.train.evaluation.open_detector import open_maskers
    from birdedge.train.evaluation.page import evaluation_page
    from birdedge.train.evaluation.scoring import figures_of, score_sets
    from birdedge.train.evaluation.table import evaluation_table

    names = [*(what or (DEFAULT_MODEL,)), *(BASELINES if baselines else ())]
    if is_bird_sounds_denoising(data):
        if page is not None:
            raise SettingsError(f"{data} is BirdSoundsDenoising, of which there is no page; leave out --page")
        names = list(dict.fromkeys(names))
        listening = [name for name in names if not name.endswith(".safetensors")]
        heard = dict(zip(listening, open_maskers(listening, tune or data), strict=True))
        figures = [
            score_bird_sounds_denoising(heard.get(name, Path(name)), data, split, images) for name in names
        ]
        click.echo(json.dumps(figures) if as_json else evaluation_table(figures))
        return
    if images:
        raise SettingsError(f"{data} is not BirdSoundsDenoising and has no pictures; leave out --images")
    maskers = open_maskers(names, tune or data)
    sets = read_sets(data, split, mixes)
    scored = [score_sets(masker, sets) for masker in maskers]
    figures = [figures_of(masker, sets, clips) for masker, clips in zip(maskers, scored, strict=True)]
    if page is not None:
        evaluation_page(page, figures, maskers, scored)
    click.echo(json.dumps(figures) if as_json else evaluation_table(figures))
