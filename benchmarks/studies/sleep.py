"""Whether a learned gate lets the network sleep: `python -m benchmarks.studies.sleep --data recordings/`.

A gate decides for each chunk of the network's input, from this and earlier chunks, whether it may contain a bird. The
input of a closed chunk becomes zero. After as many zero chunks as the network remembers, its states and its mask are
constants, and its calls can be skipped with the same result, bit for bit. Gates learn from the events of the default
model on the training split, with half of its noise. What they skip and what they lose is counted on validation, on the
other half of that noise and on soundscapes; the test split is not used. Thresholds are chosen on the sounds on which
they are scored, and training scenes contain all training noise: both favour the gates. The tables are written into
train/EXPERIMENTS.md.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path

import click
import numpy as np
from numpy.typing import NDArray

from benchmarks.parts.instructions import FIGURES as INSTRUCTIONS
from benchmarks.report.markdown import markdown_table
from benchmarks.studies.experiment import data_option, write_block
from benchmarks.studies.sleep_gate import GatedSegmenter, features, held_open, learned, memory_chunks, slept
from benchmarks.studies.sleep_sounds import (
    LABELLED,
    PLACES,
    QUIET,
    Sound,
    chunks_with_events,
    found_events,
    measured,
    network_input,
    small_scores,
    training_chunks,
)
from birdedge.edge.errors import BirdedgeError
from birdedge.edge.models.model import Model
from birdedge.edge.models.names import DEFAULT_MODEL, SMALL_MODEL
from birdedge.edge.pipeline.segmenter import Segmenter
from birdedge.train.data.annotations import read_boxes
from birdedge.train.data.recordings import read_index
from birdedge.train.data.stft import GRID
from birdedge.train.evaluation.event_scores import count_found

Float32 = NDArray[np.float32]
Bool = NDArray[np.bool_]
HIDDEN = 32
OWN, LEARNED, SMALL = "the network's own events", "32 hidden units", "small network"
# A gate, the share of chunks with events in which it is closed, and whether the network forgets when it falls asleep.
POINTS = (
    (OWN, 0.0, False),
    (SMALL, 0.02, True),
    (SMALL, 0.02, False),
    (LEARNED, 0.02, False),
    (LEARNED, 0.05, False),
)
TIMED_CALLS = 400


@click.command()
@data_option
@click.option(
    "--scenes", type=click.IntRange(1), default=60, show_default=True, help="Mixed scenes of half a minute."
)
def main(data: Path, scenes: int) -> None:
    """Count the calls of the network that gates skip, and the birds that they lose.

    \b
    Example:
      python -m benchmarks.studies.sleep --data recordings/
    """
    try:
        text = study(data, scenes)
    except BirdedgeError as error:
        raise click.ClickException(str(error)) from error
    write_block("sleep", text)


def study(data: Path, scenes: int) -> str:
    """Return the tables."""
    model, small = Model(DEFAULT_MODEL), Model(SMALL_MODEL)
    recordings, boxes = read_index(data), read_boxes(data)
    x, is_bird = zip(*training_chunks(model, [r for r in recordings if r.split == "train"]), strict=True)
    gate = learned(np.concatenate(x), np.concatenate(is_bird), HIDDEN)

    def score(level: Float32, has_event: Bool) -> dict[str, Float32]:
        return {
            OWN: has_event.astype(np.float32),
            LEARNED: gate(features(network_input(model, level), model.card.chunk_frames)),
            SMALL: small_scores(small, level, model.card.chunk_frames),
        }

    sounds = [
        Sound(
            place,
            noise,
            level,
            labels,
            has_event := chunks_with_events(model, level),
            score(level, has_event),
        )
        for place, noise, level, labels in measured(recordings, boxes, scenes)
        if len(level) >= model.card.chunk_frames
    ]
    gate_macs_per_s = sum(weight.size for weight, _ in gate.layers) / (model.card.chunk_frames * GRID.hop_s)
    macs_per_s = {OWN: 0.0, LEARNED: gate_macs_per_s, SMALL: small.card.macs_per_s}
    return tables(model, sounds, macs_per_s, cpu_costs(model, small, gate))


def cpu_costs(model: Model, small: Model, gate: Callable[[Float32], Float32]) -> tuple[float, float]:
    """Return the CPU times of a learned gate and of the small network, in calls of the default network.

    All three run in turn.
    """
    frames = model.card.chunk_frames
    segmenter, small_segmenter = Segmenter(model), Segmenter(small)
    segmenter.input[:] = np.random.default_rng(0).standard_normal(segmenter.input.shape)
    small_segmenter.input[:] = np.random.default_rng(0).standard_normal(small_segmenter.input.shape)
    x = segmenter.input[0].copy()
    parts = segmenter.call, lambda: gate(features(x, frames)), small_segmenter.call
    times_s = np.zeros((TIMED_CALLS, len(parts)))
    for row in times_s:
        for i, part in enumerate(parts):
            start_s = time.thread_time()
            part()
            row[i] = time.thread_time() - start_s
    network, learned_gate, small_network = np.quantile(times_s, 0.25, axis=0)
    return float(learned_gate / network), float(small_network * frames / small.card.chunk_frames / network)


def tables(
    model: Model, sounds: list[Sound], macs_per_s: dict[str, float], cpu_costs: tuple[float, float]
) -> str:
    """Return, as Markdown, what each gate skips and loses, given its MACs and its CPU time."""
    counts = json.loads(INSTRUCTIONS.read_text(encoding="utf-8"))["instructions_per_s"]
    network_share = counts["network"] / counts["pipeline"]
    memory = memory_chunks(model)
    head = ["gate", "closed in", *LABELLED, *(f"slept: {place}" for place in PLACES), "network", "pipeline"]
    opened = [np.ones(1, bool)] * len(sounds)
    rows = [
        ["always open", "0", *labels_found(model, sounds, opened, memory), *["0"] * len(PLACES), "1", "1"]
    ]
    shares_of_kinds = []
    kinds = sorted({sound.noise for sound in sounds} - {""})
    for name, lost, forgets in POINTS:
        threshold = threshold_that_loses(sounds, name, lost)
        opened = [held_open(sound.scores[name], threshold) for sound in sounds]
        awake = 1 if forgets else memory
        saved = slept_share(sounds, opened, awake, QUIET) - macs_per_s[name] / model.card.macs_per_s
        rows.append(
            [
                f"{name}, forgets" if forgets else name,
                f"{lost}",
                *labels_found(model, sounds, opened, awake),
                *(f"{slept_share(sounds, opened, awake, (place,)):.2f}" for place in PLACES),
                f"{1 - saved:.2f}",
                f"{1 - network_share * saved:.2f}",
            ]
        )
        shares_of_kinds.append([f"{slept_share(sounds, opened, awake, (kind,)):.2f}" for kind in kinds])
    audio = ", ".join(f"{place} {minutes(sounds, place):.1f}" for place in PLACES)
    chunk_ms = model.card.chunk_frames * GRID.hop_s * 1000
    return "\n".join(
        [
            f"`python -m benchmarks.studies.sleep`: labels found, and the share of calls skipped. Minutes: {audio}.",
            f"A skip begins after {memory} closed chunks of {chunk_ms:.0f} ms, or after one if the network forgets. A",
            "gate is closed in at most the given share of the chunks with an event. The last columns are what remains",
            f"of the cost of the network and of the pipeline in quiet hours ({' and '.join(QUIET)}), gate",
            f"included, in MACs: the small network is {macs_per_s[SMALL] / model.card.macs_per_s:.2f} of a call.",
            f"CPU time here, in calls: learned gate in numpy {cpu_costs[0]:.2f}, small network in calls of",
            f"256 frames {cpu_costs[1]:.2f}.",
            "",
            *markdown_table(head, rows),
            "",
            "Share of calls skipped by kind of noise:",
            "",
            *markdown_table(
                ["noise", "minutes", *(f"{row[0]}, {row[1]}" for row in rows[1:])],
                [
                    [kind, f"{minutes(sounds, kind):.1f}", *shares]
                    for kind, *shares in zip(kinds, *shares_of_kinds, strict=True)
                ],
            ),
            "",
        ]
    )


def threshold_that_loses(sounds: list[Sound], name: str, lost: float) -> float:
    """Return the highest threshold at which a gate is closed in at most this share of the chunks with an event."""
    labelled = [s for s in sounds if s.place in LABELLED]
    candidates = np.unique(
        np.quantile(np.concatenate([s.scores[name][s.has_event] for s in labelled]), np.linspace(0, 1, 401))
    )
    best = candidates[0]
    for threshold in candidates:
        opened = np.concatenate([held_open(s.scores[name], threshold)[s.has_event] for s in labelled])
        if 1 - opened.mean() > lost:
            break
        best = threshold
    return float(best)


def labels_found(model: Model, sounds: list[Sound], opened: list[Bool], awake: int) -> list[str]:
    """Return `found / all` for each of LABELLED."""
    counts = {name: [0, 0] for name in LABELLED}
    for sound, is_open in zip(sounds, opened, strict=True):
        if sound.place in LABELLED:
            events = found_events(GatedSegmenter(model, is_open, awake), sound.level)
            count = counts[sound.place]
            count[0] += (
                count_found(events, sound.labels)
                if sound.labels
                else bool(events) and sound.place == LABELLED[2]
            )
            count[1] += len(sound.labels) + (sound.place == LABELLED[2])
    return [f"{found} / {of}" for found, of in counts.values()]


def slept_share(sounds: list[Sound], opened: list[Bool], awake: int, where: tuple[str, ...]) -> float:
    """Return the share of calls skipped in some places or kinds of noise."""
    pairs = [
        (slept(is_open, awake), len(is_open))
        for sound, is_open in zip(sounds, opened, strict=True)
        if sound.place in where or sound.noise in where
    ]
    skipped, calls = np.sum(pairs, axis=0)
    return float(skipped / calls)


def minutes(sounds: list[Sound], where: str) -> float:
    """Return the duration of the sounds of a place or a kind of noise."""
    return sum(len(s.level) for s in sounds if where in (s.place, s.noise)) * GRID.hop_s / 60


if __name__ == "__main__":
    main()
