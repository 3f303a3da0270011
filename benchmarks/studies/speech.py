"""Measure how many recordings of people the voice detector misses, and how many others it mistakes for voices.

`python -m benchmarks.studies.speech --data recordings/`

The recordings are the validation and test splits; the thresholds of the detector were chosen on the same recordings,
with the default model. A recording counts as found if a voice is heard anywhere in its first half minute, just as a
clip would be dropped. The figures are written to speech.json, from which the documentation prints them.
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from hashlib import sha256
from pathlib import Path

import click
import soundfile

from benchmarks.report.markdown import markdown_table
from birdedge.edge.models.model import Model
from birdedge.edge.models.names import DEFAULT_MODEL, LIGHT_MODEL, SMALL_MODEL, find_model
from birdedge.edge.pipeline.pipeline import Pipeline
from birdedge.edge.sound_classes import VOICE
from birdedge.train.data.noise_kinds import noise_class
from birdedge.train.data.recordings import Recording, read_index

FIGURES = Path(__file__).with_name("speech.json")
MODELS = DEFAULT_MODEL, LIGHT_MODEL, SMALL_MODEL
MAX_S = 30
WORDLESS = re.compile(r"laugh|crying|cough|sneez|snor|breath")
PEOPLE = SPEECH, NO_WORDS = "people who speak", "people who laugh, cough, snore or breathe"
TITLES = {None: "quiet or other"} | {
    name: name for name in ("insect", "frog", "mammal", "machine", "weather", "other")
}


def kind_of(recording: Recording) -> str:
    """Return the row of the table that a recording counts in."""
    if recording.kind != "noise":
        return "birds, as recorded"
    sound_class = noise_class(recording)
    if sound_class == VOICE:
        wordless = WORDLESS.search(f"{recording.species} {recording.original}".lower())
        return NO_WORDS if wordless else SPEECH
    return f"no people: {TITLES[sound_class]}"


def hears_voice(model: Model, path: Path) -> bool:
    """Return whether a voice is heard in a recording."""
    rate_hz = soundfile.info(path).samplerate
    samples, _ = soundfile.read(path, frames=MAX_S * rate_hz, dtype="float32", always_2d=True)
    pipeline = Pipeline(model, rate_hz, samples.shape[1], voice=True)
    outputs = (pipeline.push(samples), pipeline.flush())
    return any(output.voice is not None and bool(output.voice.any()) for output in outputs)


def speech_table() -> str:
    """Return the stored figures as a table."""
    figures = json.loads(FIGURES.read_text(encoding="utf-8"))
    head = "recordings of", "number", *(f"`{name}`" for name in figures)
    counts = [model["detected"] for model in figures.values()]
    rows = [
        (kind, str(count), *(_detected(kind, *detected[kind]) for detected in counts))
        for kind, (_, count) in counts[0].items()
    ]
    return "\n".join([*markdown_table(head, rows), ""])


def _detected(kind: str, found: int, count: int) -> str:
    return f"{found} ({1 - found / count:.0%} missed)" if kind in PEOPLE else str(found)


@click.command()
@click.option(
    "--data",
    required=True,
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    help="Folder of recordings with an index.tsv.",
)
def main(data: Path) -> None:
    """Measure the voice detector of the models that a recorder uses.

    \b
    Example:
      python -m benchmarks.studies.speech --data recordings/
    """
    recordings = [
        recording
        for recording in read_index(data)
        if recording.split in ("validation", "test") and recording.kind in ("noise", "birds")
    ]
    figures = {}
    for name in MODELS:
        model = Model(name)
        found: dict[str, list[bool]] = defaultdict(list)
        for recording in recordings:
            found[kind_of(recording)].append(hears_voice(model, recording.path))
        kinds = [*PEOPLE, *sorted(found.keys() - set(PEOPLE))]
        figures[name] = {
            "model_sha256": sha256(find_model(name).read_bytes()).hexdigest(),
            "detected": {kind: [sum(found[kind]), len(found[kind])] for kind in kinds},
        }
    FIGURES.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    click.echo(speech_table())


if __name__ == "__main__":
    main()
