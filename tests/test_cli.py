"""Each command as a person runs it: what it prints, what it writes, how it ends."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import onnx
import pytest
import soundfile

from benchmarks.report.model_card import models_in_order
from birdedge import __version__
from birdedge.cli import COMMANDS
from birdedge.edge.formats.columns import EVENT_COLUMNS
from birdedge.edge.formats.mask_npz import read_mask_file
from birdedge.edge.formats.tables import FORMATS
from birdedge.edge.models.card import CARD_KEY
from birdedge.edge.models.model import Model
from birdedge.edge.models.names import bundled_models
from birdedge.edge.models.validation import with_digest
from birdedge.edge.pipeline.denoise import denoise
from birdedge.edge.pipeline.pipeline import Pipeline
from birdedge.edge.synthesis.soundscape import soundscape

ROOT = Path(__file__).parents[1]
BIRDEDGE = (sys.executable, "-m", "birdedge")


def environment():
    return {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}


def birdedge(*arguments, cwd, code=0, **settings):
    """Run a command to its end; its output and what it says beside it."""
    done = subprocess.run(
        [*BIRDEDGE, *map(str, arguments)],
        cwd=cwd,
        env=environment(),
        capture_output=True,
        timeout=60,
        **settings,
    )
    assert done.returncode == code, done.stderr.decode()
    raw = "--denoised" in arguments and "-" in arguments
    return done.stdout if raw else done.stdout.decode(), done.stderr.decode()


def events(output):
    return [json.loads(line) for line in output.splitlines()]


def but_file(listed):
    return [{key: value for key, value in event.items() if key != "file"} for event in listed]


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    """The demo as a file, 20 s."""
    folder = tmp_path_factory.mktemp("demo")
    birdedge("demo", "demo.wav", "--duration", 20, cwd=folder)
    return folder / "demo.wav"


@pytest.fixture(scope="module", params=sorted(bundled_models()))
def listened(request, demo, tmp_path_factory):
    """The model, its events of the demo, its mask."""
    folder = tmp_path_factory.mktemp("listened")
    output, _ = birdedge(
        "listen", demo, "--fast", "--json", "--masks", folder, "--model", request.param, cwd=folder
    )
    return request.param, events(output), read_mask_file(folder / "demo.npz").mask


def test_the_version_is_the_packages(tmp_path):
    assert birdedge("--version", cwd=tmp_path)[0].strip().endswith(__version__)


@pytest.mark.parametrize("arguments", [(), ("--help",), ("-h",)])
def test_without_a_command_there_is_help_that_names_all(tmp_path, arguments):
    output, _ = birdedge(*arguments, cwd=tmp_path)
    assert all(f"\n  {command} " in output for command in COMMANDS)


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_has_help_with_an_example_of_itself(tmp_path, command):
    output, _ = birdedge(command, "--help", cwd=tmp_path)
    example = output.partition("Example:\n")[2].partition("\n\n")[0]
    assert f"birdedge {command}" in example
    options = [line for line in output.splitlines() if line.startswith("  --") or line.startswith("  -")]
    assert all(len(line.split()) > 1 for line in options)


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_is_in_the_readme(command):
    assert f"birdedge {command}" in (ROOT / "README.md").read_text(encoding="utf-8")


def test_listening_segmenting_and_the_pipeline_find_the_same(listened, demo, tmp_path):
    model, heard, mask = listened
    assert len(heard) >= 3
    output, _ = birdedge("segment", demo, "--model", model, cwd=tmp_path)
    assert but_file(events(output)) == but_file(heard)
    birdedge("segment", demo, "--model", model, "--masks", tmp_path, cwd=tmp_path)
    np.testing.assert_array_equal(read_mask_file(tmp_path / "demo.npz").mask, mask)


def test_an_event_is_a_line_of_json_with_all_its_columns(listened, demo):
    for event in listened[1]:
        assert list(event) == ["file", *EVENT_COLUMNS]
        assert event["file"] == str(demo)
        assert 0 <= event["onset_s"] < event["offset_s"] <= 20
        assert 0 < event["low_hz"] <= event["peak_hz"] <= event["high_hz"] <= 16_032


def test_raw_pcm_on_standard_input_is_heard_as_the_file(listened, demo, tmp_path):
    model, heard, mask = listened
    samples, rate_hz = soundfile.read(demo, dtype="int32")
    output, _ = birdedge(
        *("listen", "-", "--rate", rate_hz, "--sample-format", "s32le"),
        *("--json", "--masks", tmp_path, "--model", model),
        cwd=tmp_path,
        input=samples.astype("<i4").tobytes(),
    )
    assert but_file(events(output)) == but_file(heard)
    (masks,) = tmp_path.glob("*.npz")
    np.testing.assert_array_equal(read_mask_file(masks).mask, mask)


def test_the_demo_is_heard_as_its_file(tmp_path):
    birdedge("demo", "minute.wav", cwd=tmp_path)
    output, _ = birdedge("listen", "--demo", "--fast", "--json", cwd=tmp_path)
    of_file, _ = birdedge("listen", "minute.wav", "--fast", "--json", cwd=tmp_path)
    assert but_file(events(output)) == but_file(events(of_file))
    assert len(events(output)) >= 5
    assert {event["file"] for event in events(output)} == {"demo"}


def test_in_real_time_the_same_events_come_when_they_end(demo, tmp_path):
    fast, _ = birdedge("listen", demo, "--fast", "--json", "--duration", 4, cwd=tmp_path)
    process = subprocess.Popen(
        [*BIRDEDGE, "listen", demo, "--json", "--duration", "4"],
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr.readline().startswith("birdedge: listening to")
    began_s = time.monotonic()
    lines, arrived_s = [], []
    for line in process.stdout:
        lines.append(line)
        arrived_s.append(time.monotonic() - began_s)
    process.stderr.close()
    assert process.wait(timeout=20) == 0
    assert "".join(lines) == fast
    assert len(lines) >= 1
    for event, at_s in zip(events(fast), arrived_s, strict=True):
        # 0.1 s: the line on standard error is read after the first block.
        assert at_s >= event["offset_s"] - 0.1


def test_listening_writes_a_table_in_each_format(listened, demo, tmp_path):
    model, heard, _ = listened
    birdedge("listen", demo, "--fast", "--out", tmp_path / "out", "--model", model, cwd=tmp_path)
    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        f"demo{f.suffix}" for f in FORMATS.values()
    }
    assert events((tmp_path / "out" / "demo.jsonl").read_text(encoding="utf-8")) == heard
    raven = (tmp_path / "out" / "demo.selections.txt").read_text(encoding="utf-8").splitlines()
    assert len(raven) == 1 + len(heard)
    assert str(demo) in raven[1]


@pytest.mark.parametrize("kind", ["wav", "flac", "raw"])
def test_the_bird_alone_goes_to_a_file_or_to_standard_output(demo, tmp_path, kind):
    to = "-" if kind == "raw" else f"alone.{kind}"
    output, said = birdedge("listen", demo, "--fast", "--denoised", to, "--masks", "masks", cwd=tmp_path)
    sound, rate_hz = soundfile.read(demo, dtype="float32", always_2d=True)
    masks, card = read_mask_file(tmp_path / "masks" / "demo.npz"), Model().card
    whole = denoise(sound, rate_hz, masks.mask, card.grid, threshold=card.threshold)
    if kind == "raw":
        written = np.frombuffer(output, "<i2")
        assert "events are not printed" in said
    else:
        written = soundfile.read(tmp_path / to, dtype="int16")[0]
        assert len(output.splitlines()) >= 3
    np.testing.assert_array_equal(written, np.rint(32768 * whole[:, 0]))
    assert np.abs(written).max() > 100
    assert "event(s) in 20.0 s of sound" in said


def test_the_bird_alone_of_raw_pcm_is_there_while_it_is_heard_and_after_a_kill(demo, tmp_path):
    samples, rate_hz = soundfile.read(demo, dtype="int16")
    process = subprocess.Popen(
        [*BIRDEDGE, "listen", "-", "--rate", str(rate_hz), "--denoised", "alone.wav"],
        cwd=tmp_path,
        env=environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    process.stdin.write(samples[: 10 * rate_hz].astype("<i2").tobytes())
    process.stdin.flush()
    path, until_s = tmp_path / "alone.wav", time.monotonic() + 30
    while not path.exists() or path.stat().st_size < 2 * 9 * rate_hz:
        assert time.monotonic() < until_s
        time.sleep(0.05)
    process.kill()
    process.communicate()
    assert 9 <= len(soundfile.read(path)[0]) / rate_hz < 10


def test_the_table_for_people_has_a_row_an_event(listened, demo, tmp_path):
    output, said = birdedge("listen", demo, "--fast", "--table", "--model", listened[0], cwd=tmp_path)
    assert len(output.splitlines()) == 1 + len(listened[1])
    assert output.splitlines()[0].split() == ["onset", "length", "band", "peak", "score", "SNR"]
    assert f"{len(listened[1])} event(s) in 20.0 s of sound" in said


def test_segment_writes_the_tables_asked_for_and_one_of_all(demo, tmp_path):
    archive, out = tmp_path / "archive", tmp_path / "out"
    (archive / "north").mkdir(parents=True)
    for name in ("a.wav", "north/b.wav"):
        (archive / name).write_bytes(demo.read_bytes())
    output, said = birdedge(
        "segment", archive, "--out", out, "--format", "raven", "--format", "csv", "--jobs", 2, cwd=tmp_path
    )
    assert output == ""
    assert "2 of 2 file(s), 40.0 s of sound" in said
    assert {path.name for path in out.iterdir()} == {
        *("a.csv", "b.csv", "a.selections.txt", "b.selections.txt", "all.selections.txt"),
    }
    of_each = len((out / "a.csv").read_text(encoding="utf-8").splitlines()) - 1
    rows = (out / "all.selections.txt").read_text(encoding="utf-8").splitlines()[1:]
    assert len(rows) == 2 * of_each
    begin_s = [float(row.split("\t")[3]) for row in rows]
    assert np.subtract(begin_s[of_each:], begin_s[:of_each]) == pytest.approx(20.0, abs=0.001)


def test_demo_writes_the_same_sound_for_a_seed_and_the_truth_beside_it(demo, tmp_path):
    birdedge("demo", tmp_path / "again.wav", "--duration", 20, cwd=tmp_path)
    assert (tmp_path / "again.wav").read_bytes() == demo.read_bytes()
    truth = (tmp_path / "again.truth.csv").read_text(encoding="utf-8").splitlines()
    assert truth[0] == "onset_s,offset_s,low_hz,high_hz,kind"
    assert len(truth) >= 4
    birdedge("demo", tmp_path / "other.wav", "--duration", 20, "--seed", 21, cwd=tmp_path)
    assert (tmp_path / "other.wav").read_bytes() != demo.read_bytes()


def test_plot_draws_a_png_of_the_part_asked_for(demo, tmp_path):
    output, _ = birdedge("plot", demo, "--start", 2, "--duration", 5, cwd=tmp_path)
    assert output.startswith("demo.png: ")
    assert (tmp_path / "demo.png").read_bytes().startswith(b"\x89PNG\r\n")


def test_inspect_prints_the_card(tmp_path):
    output, _ = birdedge("inspect", cwd=tmp_path)
    assert "birdedge" in output
    card = json.loads(birdedge("inspect", "birdedge-fp32", "--json", cwd=tmp_path)[0])
    assert card["precision"] == "fp32"
    assert card["grid"]["sample_rate_hz"] == 32_000


def test_devices_lists_the_microphones(virtual_microphone):
    done = subprocess.run(
        [*BIRDEDGE, "devices"],
        env={**environment(), **virtual_microphone.environment},
        capture_output=True,
        text=True,
        timeout=30,
        cwd=ROOT,
    )
    assert done.returncode == 0, done.stderr
    starred = [line for line in done.stdout.splitlines() if line.startswith("* ")]
    assert len(starred) == 1
    assert " ch, " in starred[0]


@pytest.mark.parametrize("command", [("listen", "--fast", "--json"), ("segment",)])
def test_a_reader_that_has_had_enough_ends_the_command_quietly(demo, tmp_path, command):
    process = subprocess.Popen(
        [*BIRDEDGE, command[0], demo, *command[1:]],
        cwd=tmp_path,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    process.stdout.close()
    said = process.stderr.read().decode()
    process.stderr.close()
    assert process.wait(timeout=30) == 0
    assert "Error" not in said
    assert "Traceback" not in said


def test_raw_sound_is_not_written_to_a_terminal(demo, tmp_path):
    reader, terminal = os.openpty()
    done = subprocess.run(
        [*BIRDEDGE, "listen", demo, "--fast", "--denoised", "-"],
        cwd=tmp_path,
        env=environment(),
        stdout=terminal,
        stderr=subprocess.PIPE,
        timeout=30,
    )
    os.close(terminal)
    os.close(reader)
    assert done.returncode == 1
    assert done.stderr.startswith(b"Error: the denoised sound is for a program to read; pipe it there")


def test_a_reader_of_the_bird_alone_that_has_had_enough_ends_the_command_quietly(demo, tmp_path):
    done = subprocess.run(
        f"set -o pipefail; {' '.join(BIRDEDGE)} listen {demo} --denoised - --out out | head -c 1000",
        shell=True,
        executable="/bin/bash",
        cwd=tmp_path,
        env=environment(),
        capture_output=True,
        timeout=30,
    )
    assert (done.returncode, len(done.stdout)) == (0, 1000), done.stderr
    assert b"Error" not in done.stderr
    assert (tmp_path / "out" / "demo.jsonl").exists()


def test_a_reader_that_has_had_enough_still_leaves_whole_tables(demo, tmp_path):
    subprocess.run(
        f"{' '.join(BIRDEDGE)} listen {demo} --fast --json --out out --masks out | head -n 1",
        shell=True,
        cwd=tmp_path,
        env=environment(),
        check=True,
        capture_output=True,
        timeout=30,
    )
    masks = read_mask_file(tmp_path / "out" / "demo.npz").mask
    assert 0 < len(masks) <= 2499
    assert len((tmp_path / "out" / "demo.jsonl").read_text(encoding="utf-8").splitlines()) >= 1


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("source", ["demo", "file", "stdin"])
def test_a_signal_ends_listening_with_code_0_and_complete_tables(demo, tmp_path, number, source):
    options = {"demo": ["--demo"], "file": [demo], "stdin": ["-", "--rate", "32000"]}[source]
    process = subprocess.Popen(
        [*BIRDEDGE, "listen", *options, "--json", "--out", "out", "--masks", "out"],
        cwd=tmp_path,
        env=environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        bufsize=0,
    )
    if source == "stdin":
        process.stdin.write(np.zeros(32_000, "<i2").tobytes())
    assert process.stderr.readline().startswith(b"birdedge: listening to")
    time.sleep(1.5)
    process.send_signal(number)
    # Standard input stays open: a pipe that stands still must not hold the process.
    assert process.wait(timeout=20) == 0
    said, output = process.stderr.read().decode(), process.stdout.read().decode()
    for stream in (process.stdin, process.stdout, process.stderr):
        stream.close()
    assert "Fatal" not in said
    assert "event(s) in" in said
    (jsonl,) = (tmp_path / "out").glob("*.jsonl")
    assert jsonl.read_text(encoding="utf-8") == output
    (masks,) = (tmp_path / "out").glob("*.npz")
    heard_s = float(said.rpartition(" in ")[2].split()[0])
    assert len(read_mask_file(masks).mask) == pytest.approx(125 * heard_s, abs=8)
    assert not list((tmp_path / "out").glob(".*"))


@pytest.mark.parametrize("weather_seed", range(5))
def test_wind_rain_and_insects_alone_yield_no_events(weather_seed):
    """A measure of the bundled networks, the only test here that a worse one could fail."""
    scene = soundscape(seed=100 + weather_seed, calls_per_minute=0)
    for model in models_in_order():  # each network once, not each of its forms
        pipeline = Pipeline(model, scene.sample_rate_hz, 1)
        assert pipeline.push(scene.samples[:, np.newaxis]).events == []
        assert pipeline.flush().events == []


def test_the_models_are_listed(tmp_path):
    output, _ = birdedge("models", cwd=tmp_path)
    cards = {card["name"]: card for card in json.loads(birdedge("models", "--json", cwd=tmp_path)[0])}
    assert set(cards) == set(bundled_models())
    for name, card in cards.items():
        (line,) = (row for row in output.splitlines() if row.split()[:1] in ([name], [name + "*"]))
        assert card["licence"] in line
        assert f"{card['macs_per_s'] / 1e6:.0f}" in line.split()


def test_verify_passes_here_and_fails_with_exit_code_1_where_the_answer_differs(tmp_path):
    output, _ = birdedge("verify", "birdedge-int8", cwd=tmp_path)
    assert output.count("ok  ") == 2
    path = bundled_models()["birdedge-int8"]
    model = onnx.load(path)
    entries = {entry.key: entry.value for entry in model.metadata_props}
    card = json.loads(entries[CARD_KEY])
    card["answer"][5] += 0.1
    onnx.helper.set_model_props(model, {CARD_KEY: json.dumps(card)})
    (tmp_path / "other.onnx").write_bytes(with_digest(model.SerializeToString()))
    output, said = birdedge("verify", "other.onnx", cwd=tmp_path, code=1)
    assert "FAIL  birdedge-int8: answers as at export" in output
    assert "1 check(s) failed" in said


def test_bench_chooses_and_listen_uses_what_was_chosen(tmp_path, demo):
    config = tmp_path / "config.toml"
    birdedge("bench", "birdedge-fp32", "--seconds", 0.1, "--config", config, "--dry-run", cwd=tmp_path)
    assert not config.exists()
    output, said = birdedge("bench", "birdedge-fp32", "--seconds", 0.1, "--config", config, cwd=tmp_path)
    assert "birdedge-fp32" in output
    assert str(config) in said
    _, said = birdedge("listen", demo, "--fast", "--json", "--config", config, cwd=tmp_path)
    assert "with birdedge-fp32" in said
    _, said = birdedge(
        "listen", demo, "--fast", "--json", "--config", config, "--model", "birdedge-int8", cwd=tmp_path
    )
    assert "with birdedge-int8 " in said


def test_bench_shows_where_the_time_goes(tmp_path):
    output, _ = birdedge("bench", "birdedge-int8", "--profile", cwd=tmp_path)
    assert "QLinearConv" in output
    assert output.count("%") >= 2 * 10
