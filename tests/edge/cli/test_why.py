"""`birdedge why` prints every region of a recording with the decision about it."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest
import soundfile

from birdedge.edge.models.model import Model
from tests.support.commands import birdedge
from tests.support.rejected import rejecting


@pytest.fixture
def _taking_birds_for_frogs(monkeypatch):
    monkeypatch.setattr("birdedge.edge.models.model.Model", lambda name: rejecting(Model(name), "frog"))


def test_each_event_of_a_recording_is_a_line(demo, tmp_path):
    events, _ = birdedge("segment", demo, cwd=tmp_path)
    output, summary = birdedge("why", demo, cwd=tmp_path)
    head, *lines = output.splitlines()
    passed = [line for line in lines if "  event" in line]
    assert head.split()[0] == "onset"
    assert len(passed) == len(events.splitlines()) >= 3
    rejected = len(lines) - len(passed)
    assert summary == f"{len(passed)} event(s) and {rejected} rejected region(s) in 20.0 s of audio\n"


@pytest.mark.usefixtures("_taking_birds_for_frogs")
def test_a_rejected_region_is_a_line_with_its_class(demo, run_here):
    done = run_here("why", demo)
    _, *lines = done.stdout.decode().splitlines()
    assert done.returncode == 0
    assert len(lines) >= 3
    for line in lines:
        probability = re.search(r"  frog    (\d\.\d\d)  ", line)
        assert probability
        assert line.endswith(f"  rejected: frog {probability[1]}")
    assert done.stderr.decode().startswith(f"0 event(s) and {len(lines)} rejected region(s) in ")


@pytest.mark.usefixtures("_taking_birds_for_frogs")
def test_a_rejected_region_in_json_has_its_reason(demo, run_here):
    done = run_here("why", demo, "--json")
    records = [json.loads(line) for line in done.stdout.decode().splitlines()]
    assert len(records) >= 3
    assert [record["onset_s"] for record in records] == sorted(record["onset_s"] for record in records)
    for record in records:
        assert (record["file"], record["sound_class"], record["reason"]) == (str(demo), "frog", "other sound")
        decision, probability = record["decision"].rsplit(" ", 1)
        assert decision == "rejected: frog"
        assert float(probability) == pytest.approx(record["class_score"], abs=0.006)


def test_at_prints_the_regions_within_half_a_second(demo, tmp_path):
    whole, _ = birdedge("why", demo, "--json", cwd=tmp_path)
    record = [json.loads(line) for line in whole.splitlines()][-1]
    at_s = record["onset_s"] - 0.4
    near, summary = birdedge("why", demo, "--at", at_s, "--json", cwd=tmp_path)
    assert record in [json.loads(line) for line in near.splitlines()]
    assert summary.endswith(" in 1.0 s of audio\n")
    far, _ = birdedge("why", demo, "--at", record["offset_s"] + 0.7, "--json", cwd=tmp_path)
    assert record not in [json.loads(line) for line in far.splitlines()]


@pytest.mark.parametrize("json_lines", [False, True])
def test_without_a_region_the_highest_mask_value_is_printed(tmp_path, json_lines):
    soundfile.write(tmp_path / "silence.wav", np.zeros(64_000), 32_000)
    output, stderr = birdedge("why", "silence.wav", *["--json"] * json_lines, cwd=tmp_path)
    reason, *rest = (stderr if json_lines else output).splitlines()
    assert re.match(
        r"no region: the mask is never above 0\.\d\d \(needs 0\.\d\d\), at \d\.\d\d s and \d+\.\d kHz$",
        reason,
    )
    assert output == "" or not rest
    assert "0 event(s) and 0 rejected region(s) in 2.0 s of audio" in stderr


def test_channels_that_cancel_each_other_are_reported(tmp_path):
    tone = 0.1 * np.sin(2 * np.pi * 3000 * np.arange(64_000) / 32_000)
    soundfile.write(tmp_path / "opposite.wav", np.column_stack([tone, -tone]), 32_000)
    _, errors = birdedge("why", "opposite.wav", cwd=tmp_path)
    assert "Warning: opposite.wav: " in errors
    assert "--channel" in errors
