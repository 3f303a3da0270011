"""Whether it helps to know how busy the bins of a region were before it: the persistence of night insects and frogs.

`python -m benchmarks.studies.persistence --data recordings/`

Validation recordings are looped with variation to a minute and a half, and birds are added to some: one singer that
calls a few times, or a chorus of four. Each region of the last minute is judged by a logistic regression, in five folds
over the recordings, on its log odds of a bird alone or with its occupancy: the share of the last 10 or 30 s in which
its bins were above a probability of 0.5, which is causal and exact for any block size. The table is written into
train/EXPERIMENTS.md.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path

import click
import numpy as np
import soxr
from numpy.typing import NDArray
from tqdm import tqdm

from benchmarks.report.markdown import markdown_table
from benchmarks.studies.experiment import data_option, segmented, write_block
from birdedge.edge.errors import BirdedgeError
from birdedge.edge.mask import mask_bytes
from birdedge.edge.models.model import Model
from birdedge.edge.models.names import DEFAULT_MODEL
from birdedge.edge.pipeline.event_tracker import EventTracker
from birdedge.edge.pipeline.segmenter import Segmenter
from birdedge.train.data.mixed_birds import draw_bird, mix_birds
from birdedge.train.data.mixing_settings import Mixing
from birdedge.train.data.recordings import read_index
from birdedge.train.data.sound_bank import Noise, SoundBank, load_sound_bank
from birdedge.train.data.splits import held_out_recordings
from birdedge.train.data.stft import GRID, RATE_HZ
from birdedge.train.evaluation.detectors import log_spectrogram
from birdedge.train.evaluation.labelled_audio import SCENE_MIXING

Float32 = NDArray[np.float32]
Float64 = NDArray[np.float64]
Bool = NDArray[np.bool_]
SEED, FOLDS = 5, 5
MIXING = dataclasses.replace(SCENE_MIXING, frames=11252)  # 90 s
FIRST_FRAME = 3750  # regions before it have too short a past
OCCUPANCY_S = (10.0, 30.0)
FEATURES = {
    "log odds": (0,),
    "and occupancy over 10 s": (0, 1),
    "and over 30 s": (0, 2),
    "and both": (0, 1, 2),
}
ANIMALS = ("insect", "frog")
RENDITIONS = {"sparse": (1, 4), "chorus": (4, 40)}  # singers, and up to how often each is heard
FALSE_EVENTS_PER_HOUR = (15, 60)


@dataclass(frozen=True)
class JudgedRegion:
    """A region whose class is known: its recording, the kind of scene, and `(log odds, *occupancy)`."""

    scene: int
    kind: str
    is_bird: bool
    features: tuple[float, ...]


@click.command()
@data_option
@click.option("--scenes", type=click.IntRange(1), default=30, show_default=True, help="Scenes of each kind.")
def main(data: Path, scenes: int) -> None:
    """Measure what the occupancy of a region's bins adds to its score.

    \b
    Example:
      python -m benchmarks.studies.persistence --data recordings/
    """
    try:
        model = Model(DEFAULT_MODEL)
        sound_bank = load_sound_bank(held_out_recordings(read_index(data), "validation"))
    except BirdedgeError as error:
        raise click.ClickException(str(error)) from error
    text = table(judged_regions(model, sound_bank, scenes), scenes)
    write_block("persistence", text)


def judged_regions(model: Model, sound_bank: SoundBank, scenes: int) -> list[JudgedRegion]:
    """Return the regions of scenes without birds, with a sparse singer and with a chorus."""
    noises = [noise for kind in sound_bank.noises.values() for noise in kind]
    groups: dict[str, list[Noise]] = {name: [n for n in noises if n.sound_class == name] for name in ANIMALS}
    groups["other"] = [n for n in noises if n.sound_class not in ANIMALS]
    kinds = [*groups, *RENDITIONS]
    found = []
    for number in tqdm(range(scenes * len(kinds)), desc="scenes", leave=False):
        rng = np.random.default_rng((SEED, number))
        kind = kinds[number % len(kinds)]
        backgrounds = groups.get(kind) or groups[tuple(groups)[number // len(kinds) % len(groups)]]
        samples = looped(backgrounds[rng.integers(len(backgrounds))].samples, MIXING.samples, rng)
        target, weight = np.zeros((MIXING.frames, GRID.bins), bool), np.ones((MIXING.frames, GRID.bins), bool)
        if kind in RENDITIONS:
            singers, renditions = RENDITIONS[kind]
            mixing: Mixing = dataclasses.replace(MIXING, renditions=renditions)
            birds = [draw_bird(sound_bank, mixing, rng) for _ in range(singers)]
            samples, target, weight, _, _ = mix_birds(samples, birds, mixing, rng)
        samples = samples * np.float32(0.03 / (np.sqrt(np.mean(samples**2)) + 1e-9))
        found += [JudgedRegion(number, kind, *judged) for judged in _regions(model, samples, target, weight)]
    return found


def looped(samples: NDArray[np.int16], n: int, rng: np.random.Generator) -> Float32:
    """Return `n` samples of random parts of a recording, at slightly different pitches and levels, crossfaded."""
    fade = RATE_HZ // 20
    ramp = np.linspace(0, 1, fade, dtype=np.float32)
    joined = np.zeros(fade, np.float32)
    samples = np.tile(samples, -(-2 * RATE_HZ // len(samples)))
    while len(joined) < n:
        length = min(len(samples), int(rng.uniform(2, 8) * RATE_HZ))
        start = int(rng.integers(len(samples) - length + 1))
        ratio = 2 ** rng.uniform(-0.05, 0.05)
        part = soxr.resample(
            samples[start : start + length].astype(np.float32), RATE_HZ * ratio, RATE_HZ, quality="LQ"
        )
        part = part * np.float32(10 ** (rng.uniform(-3, 3) / 20))
        joined[-fade:] = joined[-fade:] * (1 - ramp) + part[:fade] * ramp
        joined = np.concatenate([joined, part[fade:]])
    loop: Float32 = joined[:n] / np.float32(np.sqrt(np.mean(joined[:n] ** 2)) + 1e-6)
    hiss = rng.standard_normal(n).astype(np.float32)
    return loop + hiss * np.float32(10 ** (rng.uniform(-30, -12) / 20))


def occupancy(mask: Float32, first_frame: int, bins: Bool, past_s: float) -> float:
    """Return the share of the frames before `first_frame` in which `bins` were above 0.5, as a mean over the bins."""
    past = mask[max(0, first_frame - round(past_s / GRID.hop_s)) : first_frame, bins]
    return float((past >= 0.5).mean()) if past.size else 0.0


def _regions(
    model: Model, samples: Float32, target: Bool, weight: Bool
) -> list[tuple[bool, tuple[float, ...]]]:
    """Return whether each region is a bird, and its features; regions that are partly bird are skipped."""
    output = segmented(Segmenter(model), log_spectrogram(samples, RATE_HZ))
    mask = output.mask
    settings = dataclasses.replace(model.card.events, min_score=0.0)
    tracker = EventTracker(
        settings, model.card.grid, classes=model.card.classes, class_frames=model.card.time_stride_frames
    )
    judged = []
    for event in [
        *tracker.push(mask_bytes(mask), output.level, output.floor, output.classes),
        *tracker.flush(),
    ]:
        first, inside = event.first_frame, event.mask > 0
        rows = slice(first, min(first + len(inside), len(target)))
        inside = inside[: rows.stop - first]
        columns = slice(event.first_bin, event.first_bin + inside.shape[1])
        bird = target[rows, columns][inside].mean()
        noise = (~target & weight)[rows, columns][inside].mean()
        if first < FIRST_FRAME or (bird < 0.5 and noise < 0.9):
            continue
        bins = np.zeros(GRID.bins, bool)
        bins[columns] = inside.any(axis=0)
        score = min(max(event.score, 1e-6), 1 - 1e-6)
        past = (occupancy(mask, first, bins, seconds) for seconds in OCCUPANCY_S)
        judged.append((bool(bird >= 0.5), (float(np.log(score / (1 - score))), *past)))
    return judged


def cross_validated(x: Float64, is_bird: Bool, scene: NDArray[np.int64]) -> Float64:
    """Return the log odds of each row from a logistic regression that did not see its scene.

    Birds and others each get half the weight; every scene is weighted by the square root of its number of regions.
    """
    x = (x - x.mean(axis=0)) / (x.std(axis=0) + 1e-9)
    counts = np.bincount(scene)[scene]
    scores = np.zeros(len(x))
    for fold in range(FOLDS):
        seen = scene % FOLDS != fold
        weight = seen / np.sqrt(counts)
        for side in (is_bird, ~is_bird):
            weight[side] /= weight[side].sum()
        scores[~seen] = _fit(x, is_bird, weight)[~seen]
    return scores


def _fit(x: Float64, is_bird: Bool, weight: Float64) -> Float64:
    """Return the log odds of all rows from a weighted logistic regression, fitted by Newton's method."""
    rows = np.column_stack([x, np.ones(len(x))])
    slope = np.zeros(rows.shape[1])
    for _ in range(30):
        probability = 1 / (1 + np.exp(-rows @ slope))
        gradient = rows.T @ (weight * (is_bird - probability))
        curvature = (rows.T * (weight * probability * (1 - probability))) @ rows
        slope += np.linalg.solve(curvature + 1e-9 * np.eye(len(slope)), gradient)
    fitted: Float64 = rows @ slope
    return fitted


def table(regions: list[JudgedRegion], scenes: int) -> str:
    """Return, as Markdown, the share of bird regions that each set of features finds at equal false events."""
    kind = np.array([region.kind for region in regions])
    is_bird = np.array([region.is_bird for region in regions])
    scene = np.array([region.scene for region in regions])
    x = np.array([region.features for region in regions])
    without_birds = ~np.isin(kind, list(RENDITIONS))
    minutes = (MIXING.frames - FIRST_FRAME) * GRID.hop_s / 60 * scenes
    head = [
        "judged by",
        *(f"{name}, {rate} per hour" for rate in FALSE_EVENTS_PER_HOUR for name in RENDITIONS),
        *(f"{name}s per hour" for name in ANIMALS),
    ]
    body = []
    for title, columns in FEATURES.items():
        scores = x[:, 0] if len(columns) == 1 else cross_validated(x[:, list(columns)], is_bird, scene)
        falling = np.sort(scores[without_birds])[::-1]
        row = [title]
        hours = minutes / 60 * (len(ANIMALS) + 1)
        for rate in FALSE_EVENTS_PER_HOUR:
            passed = scores > falling[min(int(rate * hours), len(falling) - 1)]
            row += [f"{passed[is_bird & (kind == name)].mean():.2f}" for name in RENDITIONS]
        row += [f"{(passed & (kind == name)).sum() / (minutes / 60):.0f}" for name in ANIMALS]
        body.append(row)
    medians = ", ".join(
        f"{name} {np.median(x[(kind == name) & (is_bird == (name in RENDITIONS)), 2]):.2f}"
        for name in [*ANIMALS, "other", *RENDITIONS]
    )
    return "\n".join(
        [
            f"`python -m benchmarks.studies.persistence`: share of the bird regions that pass at equal false events; "
            f"{scenes} scenes of each kind. The last columns belong to {FALSE_EVENTS_PER_HOUR[-1]} per hour.",
            "",
            *markdown_table(head, body),
            "",
            f"Median occupancy over 30 s before a region: {medians}.",
            "",
        ]
    )


if __name__ == "__main__":
    main()
