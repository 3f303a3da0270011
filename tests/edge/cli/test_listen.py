"""`birdedge listen` finds the same events as `segment` and `Pipeline`, from a file, a pipe and the demo."""

import time

import numpy as np
import pytest
import soundfile

from birdedge.edge.formats.columns import EVENT_COLUMNS
from birdedge.edge.formats.mask_npz import read_mask_file
from birdedge.edge.formats.tables import FORMATS
from birdedge.edge.models.checked_model import check_model
from birdedge.edge.models.names import DEFAULT_MODEL, LIGHT_MODEL
from tests.support.commands import birdedge, events, running, without_file


@pytest.fixture(scope="module", params=[DEFAULT_MODEL, LIGHT_MODEL])
def listened(request, demo, tmp_path_factory):
    """A model, its events in the demo, and its mask."""
    folder = tmp_path_factory.mktemp("listened")
    output, _ = birdedge(
        "listen", demo, "--fast", "--json", "--masks", folder, "--model", request.param, cwd=folder
    )
    return request.param, events(output), read_mask_file(folder / "demo.npz").mask


def test_listen_and_segment_find_the_same_events_and_mask(listened, demo, tmp_path):
    model, expected, mask = listened
    assert len(expected) >= 3
    output, _ = birdedge("segment", demo, "--model", model, cwd=tmp_path)
    assert without_file(events(output)) == without_file(expected)
    birdedge("segment", demo, "--model", model, "--masks", tmp_path, cwd=tmp_path)
    np.testing.assert_array_equal(read_mask_file(tmp_path / "demo.npz").mask, mask)


def test_an_event_is_a_line_of_json_with_all_columns(listened, demo):
    for event in listened[1]:
        assert list(event) == ["file", *EVENT_COLUMNS, "onset_utc", "offset_utc"]
        assert event["file"] == str(demo)
        assert 0 <= event["onset_s"] < event["offset_s"] <= 20
        assert 0 < event["low_hz"] <= event["peak_hz"] <= event["high_hz"] <= 16_032


def test_raw_pcm_on_standard_input_gives_the_events_of_the_file(listened, demo, tmp_path):
    model, expected, mask = listened
    samples, rate_hz = soundfile.read(demo, dtype="int32")
    output, _ = birdedge(
        *("listen", "-", "--rate", rate_hz, "--sample-format", "s32le"),
        *("--json", "--masks", tmp_path, "--model", model),
        cwd=tmp_path,
        stdin=samples.astype("<i4").tobytes(),
    )
    assert without_file(events(output)) == without_file(expected)
    (masks,) = tmp_path.glob("*.npz")
    np.testing.assert_array_equal(read_mask_file(masks).mask, mask)


def test_the_demo_gives_the_same_events_as_its_file(tmp_path):
    birdedge("demo", "minute.wav", cwd=tmp_path)
    output, _ = birdedge("listen", "--demo", "--fast", "--json", cwd=tmp_path)
    of_file, _ = birdedge("listen", "minute.wav", "--fast", "--json", cwd=tmp_path)
    assert without_file(events(output)) == without_file(events(of_file))
    assert len(events(output)) >= 5
    assert {event["file"] for event in events(output)} == {"demo"}


def test_the_licence_of_the_model_is_named(tmp_path):
    for name in ("birdedge-int8", "birdedge-open-int8"):
        _, printed = birdedge("listen", "--demo", "--fast", "--duration", 1, "--model", name, cwd=tmp_path)
        assert f"licence of the model: {check_model(name).card.licence}\n" in printed


def test_in_real_time_the_same_events_are_printed_as_they_end(demo, tmp_path):
    fast, _ = birdedge("listen", demo, "--fast", "--json", "--duration", 4, cwd=tmp_path)
    with running("listen", demo, "--json", "--duration", 4, cwd=tmp_path) as live:
        assert live.stderr.readline().startswith(b"birdedge: listening to")
        start_s = time.monotonic()
        lines, arrival_s = [], []
        for line in live.stdout:
            lines.append(line)
            arrival_s.append(time.monotonic() - start_s)
        assert live.process.wait(timeout=20) == 0
    assert b"".join(lines).decode() == fast
    assert len(lines) >= 1
    for event, at_s in zip(events(fast), arrival_s, strict=True):
        # 0.1 s: the line on standard error is read after the first block.
        assert at_s >= event["offset_s"] - 0.1


def test_a_table_is_written_in_each_format(listened, demo, tmp_path):
    model, expected, _ = listened
    birdedge("listen", demo, "--fast", "--out", tmp_path / "out", "--model", model, cwd=tmp_path)
    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        f"demo{f.suffix}" for f in FORMATS.values()
    }
    assert events((tmp_path / "out" / "demo.jsonl").read_text(encoding="utf-8")) == expected
    raven = (tmp_path / "out" / "demo.selections.txt").read_text(encoding="utf-8").splitlines()
    assert len(raven) == 1 + len(expected)
    assert str(demo) in raven[1]


def test_the_table_on_a_terminal_has_a_row_per_event(listened, demo, tmp_path):
    output, stderr = birdedge("listen", demo, "--fast", "--table", "--model", listened[0], cwd=tmp_path)
    assert len(output.splitlines()) == 1 + len(listened[1])
    assert output.splitlines()[0].split() == ["onset", "length", "band", "peak", "score", "SNR"]
    assert f"{len(listened[1])} event(s) in 20.0 s of audio" in stderr
