"""A clip describes itself in its name and its GUANO fields, and can be read back from them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import soundfile

from birdedge.edge.clips.fields import read_clip
from birdedge.edge.clips.folder import clips_in
from birdedge.edge.formats.guano import read_guano
from birdedge.edge.models.card import ModelCard
from tests.support.clips import (
    RATE_HZ,
    event,
    noise,
    played,
    settings,
)


def test_the_name_and_the_guano_fields_of_a_clip_describe_it(tmp_path: Path, card: ModelCard) -> None:
    (clip,) = played(tmp_path, card, settings(), noise(20), [event(8.0, 9.5, 0.9), event(9.0, 9.75, 0.97)])
    assert clip.path == tmp_path / "2026-11-23" / "20261123T041505.250Z_2000-3000Hz_0.97.wav"
    fields = read_guano(clip.path)
    assert next(iter(fields)) == "GUANO|Version"
    assert fields["Timestamp"] == "2026-11-23T04:15:05.250Z"
    assert (fields["Length"], fields["Samplerate"]) == ("7.750000", "8000")
    assert (fields["Make"], fields["Model"], fields["Loc Position"]) == ("birdedge", "USB Audio", "47.1 -8.5")
    assert (fields["birdedge|Low Hz"], fields["birdedge|High Hz"]) == ("2000.0", "3000.0")
    assert (fields["birdedge|Score"], fields["birdedge|Model"]) == ("0.9700", "birdedge-int8")
    events = json.loads(fields["birdedge|Events"])
    assert [(e["number"], e["onset_s"], e["offset_s"], e["score"]) for e in events] == [
        (0, 3.0, 4.5, 0.9),
        (1, 4.0, 4.75, 0.97),
    ]


@pytest.mark.parametrize("kind", ["flac", "wav"])
def test_a_clip_can_be_read_back_from_its_file(tmp_path: Path, card: ModelCard, kind: str) -> None:
    chosen = settings(format=kind, denoised=True, mask=True, picture=True)
    clips = played(tmp_path, card, chosen, noise(30), [event(8.0, 9.5, 0.9), event(20.0, 21.0, 0.97)])
    assert len(clips) == 2
    (tmp_path / "2026-11-23" / f"noise.{kind}").write_bytes(b"no audio")
    soundfile.write(tmp_path / "2026-11-23" / "other.wav", noise(1), RATE_HZ)
    found = [read_clip(path) for path in sorted(clips_in(tmp_path))]
    assert found == [*clips, None, None]
