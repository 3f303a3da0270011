"""Whatever is given wrongly: one sentence on standard error, exit code 1, no traceback, nothing half-written."""

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
import soundfile

from birdedge.cli import main
from birdedge.edge.models.card import CARD_KEY
from birdedge.edge.models.names import DEFAULT_MODEL, bundled_models
from birdedge.edge.models.validation import DIGEST_KEY, with_digest
from birdedge.edge.synthesis.soundscape import soundscape

ROOT = Path(__file__).parents[1]
BIRDEDGE = (sys.executable, "-m", "birdedge")
RATE_HZ = 32_000


def run(*command, cwd, given=b"", environment=None):
    return subprocess.run(
        [*map(str, command)],
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", **(environment or {})},
        input=given,
        capture_output=True,
        timeout=60,
    )


def refusal(done):
    """The one sentence with which a command refused."""
    said = done.stderr.decode()
    assert done.returncode == 1, said
    assert done.stdout == b""
    assert "Traceback" not in said
    sentences = [line for line in said.splitlines() if line.startswith("Error: ")]
    assert len(sentences) == 1, said
    assert len(sentences[0]) > len("Error: ") + 10
    return sentences[0]


@pytest.fixture
def run_here(tmp_path, monkeypatch, capfd):
    """Runs a command within this process, which has all imported that a new one would import first."""
    monkeypatch.chdir(tmp_path)
    at_sigterm = signal.getsignal(signal.SIGTERM)

    def command(*arguments):
        monkeypatch.setattr(sys, "argv", ["birdedge", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main()
        output, said = capfd.readouterr()
        return subprocess.CompletedProcess(sys.argv, ended.value.code, output.encode(), said.encode())

    yield command
    signal.signal(signal.SIGTERM, at_sigterm)


@pytest.fixture
def refused(tmp_path, run_here):
    """Runs a command that must refuse, and must leave the folder as it was; its sentence.

    In a process of its own where it is given standard input or variables of the environment.
    """

    def command(*arguments, **given):
        before = sorted(tmp_path.rglob("*"))
        done = run(*BIRDEDGE, *arguments, cwd=tmp_path, **given) if given else run_here(*arguments)
        sentence = refusal(done)
        # A folder that was asked for may have been made, but no file in it.
        assert [path for path in sorted(tmp_path.rglob("*")) if path.is_file()] == [
            path for path in before if path.is_file()
        ]
        return sentence

    return command


@pytest.fixture
def good(tmp_path):
    path = tmp_path / "good.wav"
    soundfile.write(path, soundscape(3.0, 2).samples, RATE_HZ)
    return path


def cut_short(path):
    soundfile.write(path, soundscape(3.0, 2).samples, RATE_HZ)
    path.write_bytes(path.read_bytes()[:100_000])


def with_nan_at_the_end(path):
    samples = soundscape(3.0, 2).samples.copy()
    samples[-10] = np.nan
    soundfile.write(path, samples, RATE_HZ, subtype="FLOAT")


def of_infinities(path):
    soundfile.write(path, np.full(RATE_HZ, np.inf, np.float32), RATE_HZ, subtype="FLOAT")


def of_a_rate_too_low(path):
    soundfile.write(path, np.zeros(1000, np.float32), 4000)


BAD_FILES = {
    "missing": (lambda _: None, "does not exist"),
    "empty": (lambda path: path.write_bytes(b""), "is empty"),
    "zero-length": (lambda path: soundfile.write(path, np.zeros(0), RATE_HZ), "holds no samples"),
    "not audio": (lambda path: path.write_text("a poem", encoding="utf-8"), "not audio"),
    "noise": (lambda path: path.write_bytes(bytes(range(256)) * 50), "not audio"),
    "cut short": (cut_short, "cut short"),
    "NaN": (with_nan_at_the_end, "no finite number"),
    "infinite": (of_infinities, "no finite number"),
    "rate": (of_a_rate_too_low, "sample rate of 4000 Hz"),
    "directory": (Path.mkdir, "is a directory"),
    "pipe": (os.mkfifo, "not a regular file"),
}
FOUND_LATE = ("cut short", "NaN")  # when events before the damage are already told


@pytest.mark.parametrize("kind", [kind for kind in BAD_FILES if kind not in FOUND_LATE])
def test_listen_refuses_a_file_that_is_no_sound(refused, tmp_path, kind):
    make, why = BAD_FILES[kind]
    make(tmp_path / "bad.wav")
    assert why in refused("listen", "bad.wav", "--fast", "--table", "--out", "out", "--masks", "out")


@pytest.mark.parametrize("kind", [kind for kind in BAD_FILES if kind != "directory"])
def test_segment_refuses_a_file_that_is_no_sound(refused, tmp_path, kind):
    make, why = BAD_FILES[kind]
    make(tmp_path / "bad.wav")
    assert why in refused("segment", "bad.wav", "--out", "out", "--masks", "out")


@pytest.mark.parametrize("kind", BAD_FILES)
def test_plot_refuses_a_file_that_is_no_sound(refused, tmp_path, kind):
    make, why = BAD_FILES[kind]
    make(tmp_path / "bad.wav")
    assert why in refused("plot", "bad.wav")


@pytest.mark.parametrize("kind", FOUND_LATE)
def test_damage_in_a_file_is_told_after_the_events_before_it_and_leaves_no_table(tmp_path, kind):
    make, why = BAD_FILES[kind]
    make(tmp_path / "bad.wav")
    done = run(
        *BIRDEDGE, "listen", "bad.wav", "--fast", "--json", "--out", "out", "--masks", "out", cwd=tmp_path
    )
    assert done.returncode == 1
    last_line = done.stderr.decode().splitlines()[-1]
    assert last_line.startswith("Error: bad.wav ")
    assert why in last_line
    assert all("onset_s" in json.loads(line) for line in done.stdout.decode().splitlines())
    assert list((tmp_path / "out").iterdir()) == []


def test_segment_reports_the_bad_file_and_does_the_good_ones(good, tmp_path):
    shutil.copy(good, tmp_path / "also.wav")
    with_nan_at_the_end(tmp_path / "bad.wav")
    for jobs in (1, 2):
        out = f"out{jobs}"
        done = run(
            *(*BIRDEDGE, "segment", "good.wav", "bad.wav", "also.wav", "--out", out, "--jobs", jobs),
            cwd=tmp_path,
        )
        assert "bad.wav" in refusal(done)
        assert "2 of 3 file(s), 6.0 s of sound" in done.stderr.decode()
        assert {p.name for p in (tmp_path / out).iterdir()} == {"good.csv", "also.csv", "all.selections.txt"}


def test_a_folder_without_recordings_is_refused(refused, tmp_path):
    (tmp_path / "folder").mkdir()
    assert "holds no WAV" in refused("segment", "folder")


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (("--rate", 32000, "--sample-format", "s16"), "did you mean 's16le'"),
        (("--rate", 32000, "--channels", 0), "at least 1"),
        (("--rate", 32000, "--channel", 7), "channel 7"),
        (("--rate", 1), "8000 to 384000 Hz"),
        (("--rate", "x"), "'x' is not a valid integer"),
        ((), "give it with --rate"),
    ],
)
def test_raw_pcm_with_a_wrong_setting_is_refused(refused, arguments, why):
    assert why in refused("listen", "-", *arguments, "--out", "out", given=bytes(64_000))


@pytest.mark.parametrize("given", [b"", b"\x00"])
def test_a_pipe_without_a_sample_is_refused(refused, given):
    sentence = refused(
        "listen", "-", "--rate", 32000, "--json", "--out", "out", "--masks", "out", given=given
    )
    assert f"ended after {len(given)} bytes" in sentence


def test_a_closed_standard_input_is_refused(tmp_path):
    done = run("sh", "-c", f"exec {' '.join(BIRDEDGE)} listen - --rate 32000 <&-", cwd=tmp_path)
    assert "standard input is closed" in refusal(done)


def test_a_closed_standard_output_does_not_keep_tables_from_being_written(good, tmp_path):
    done = run("sh", "-c", f"exec {' '.join(BIRDEDGE)} listen {good} --fast --out out >&-", cwd=tmp_path)
    assert done.returncode == 0, done.stderr.decode()
    assert (tmp_path / "out" / "good.csv").is_file()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_standard_output_is_told(tmp_path):
    done = run("sh", "-c", f"exec {' '.join(BIRDEDGE)} inspect >/dev/full", cwd=tmp_path)
    assert "standard output cannot be written: No space left" in refusal(done)


def test_an_unknown_device_is_refused_and_the_known_ones_are_named(refused, virtual_microphone):
    sentence = refused("listen", "--device", "no such", environment=virtual_microphone.environment)
    assert "no microphone is called 'no such': choose one of '" in sentence


def test_channels_that_the_device_has_not_and_a_wrong_rate_are_refused(refused, virtual_microphone):
    hearing = {"environment": virtual_microphone.environment}
    assert "it has " in refused("listen", "--device", "pulse", "--channels", 999, **hearing)
    assert "at least 1" in refused("listen", "--channels", 0, **hearing)
    assert "8000 to 384000 Hz" in refused("listen", "--rate", 1, **hearing)
    assert "choose 0 to 0" in refused("listen", "--channel", 7, "--out", "out", **hearing)


WITHOUT_PORTAUDIO = """
import sys

class Missing:
    def find_spec(self, name, path=None, target=None):
        if name == "sounddevice":
            raise OSError("PortAudio library not found")  # as sounddevice itself does

sys.meta_path.insert(0, Missing())
from birdedge.cli import main
main()
"""


@pytest.mark.parametrize(
    "arguments", [("listen",), ("devices",), ("listen", "--device", "x", "--out", "out")]
)
def test_without_portaudio_the_mend_is_named(tmp_path, arguments):
    sentence = refusal(run(sys.executable, "-c", WITHOUT_PORTAUDIO, *arguments, cwd=tmp_path))
    assert "sudo apt install libportaudio2" in sentence
    assert list(tmp_path.iterdir()) == []


def test_without_portaudio_the_demo_is_heard_where_that_was_allowed(tmp_path):
    done = run(
        *(sys.executable, "-c", WITHOUT_PORTAUDIO, "listen", "--or-demo", "--fast", "--duration", 2),
        cwd=tmp_path,
    )
    assert done.returncode == 0
    assert "sudo apt install libportaudio2" in done.stderr.decode()
    assert "listening to demo" in done.stderr.decode()


def edited_model(path, change):
    model = onnx.load(bundled_models()[DEFAULT_MODEL])
    cards = [entry for entry in model.metadata_props if entry.key == CARD_KEY]
    for entry in cards:
        card = change(json.loads(entry.value))
        if card is None:
            model.metadata_props.remove(entry)
        else:
            entry.value = json.dumps(card)
    entries = [entry for entry in model.metadata_props if entry.key != DIGEST_KEY]
    del model.metadata_props[:]
    model.metadata_props.extend(entries)
    path.write_bytes(with_digest(model.SerializeToString()))


def truncated_model(path):
    whole = bundled_models()[DEFAULT_MODEL].read_bytes()
    path.write_bytes(whole[: len(whole) // 2])


BAD_MODELS = {
    "missing": (lambda _: None, "there is no model"),
    "wrong": (lambda path: path.write_text("no model", encoding="utf-8"), "not an ONNX model"),
    "empty": (lambda path: path.write_bytes(b""), "not an ONNX model"),
    "directory": (Path.mkdir, "is a directory"),
    "truncated": (truncated_model, "not an ONNX model"),
    "without card": (lambda path: edited_model(path, lambda _: None), "without a birdedge card"),
    "newer": (lambda path: edited_model(path, lambda c: {**c, "card_version": 99}), "update birdedge"),
    "other graph": (
        lambda path: edited_model(path, lambda c: {**c, "chunk_frames": 64}),
        "contradicts its graph",
    ),
    "impossible": (lambda path: edited_model(path, lambda c: {**c, "chunk_frames": 0}), "contradicts itself"),
}


@pytest.mark.parametrize("kind", BAD_MODELS)
def test_a_model_that_cannot_be_used_is_refused(refused, good, tmp_path, kind):
    make, why = BAD_MODELS[kind]
    make(tmp_path / "bad.onnx")
    model = ("--model", "bad.onnx")
    assert why in refused("listen", good, "--fast", "--out", "out", *model)
    assert why in refused("segment", good, "--out", "out", "--jobs", 2, *model)
    assert why in refused("inspect", "bad.onnx")


@pytest.mark.usefixtures("good")
@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (("listen", "--quick"), "No such option '--quick'"),
        (("segment",), "Missing argument 'FILES...'"),
        (("lisen",), "there is no command 'lisen'; did you mean 'listen'?"),
        (("frobnicate",), "there is no command 'frobnicate'; use one of listen, status"),
        (("listen", "--demo", "file.wav"), "both --demo and 'file.wav'"),
        (("listen", "good.wav", "--rate", 48000), "--rate 48000"),
        (("listen", "good.wav", "--device", "USB"), "--device 'USB'"),
        (("listen", "good.wav", "--fast", "--channel", 7), "channel 7"),
        (("listen", "good.wav", "--fast", "--channel", -1), "channel -1"),
        (("segment", "good.wav", "--channel", 7, "--out", "out"), "channel 7"),
        (("segment", "good.wav", "--jobs", 0), "'--jobs': 0"),
        (("segment", "good.wav", "--format", "excel"), "'excel' is not one of 'raven'"),
        (("listen", "good.wav", "--fast", "--denoised", "-", "--json"), "cannot take both"),
        (("listen", "good.wav", "--fast", "--denoised", "alone.mp3"), "name a .wav or .flac file, or -"),
        (("listen", "good.wav", "--fast", "--denoised", "./good.wav"), "would write over 'good.wav' itself"),
        (("listen", "good.wav", "--fast", "--denoised", "good.wav/alone.wav"), "cannot be written"),
        (("listen", "good.wav", "--duration", 0), "--duration is 0"),
        (("listen", "good.wav", "--duration", "nan"), "--duration is nan"),
        (("listen", "good.wav", "--duration", "inf"), "--duration is inf"),
        (("listen", "--demo", "--duration", -1), "--duration is -1"),
        (("plot", "good.wav", "--start", 99), "is 3.0 s long"),
        (("plot", "good.wav", "--start", -1), "start of -1.0 s"),
        (("plot", "good.wav", "--start", "nan"), "start of nan s"),
        (("plot", "good.wav", "--duration", 0), "duration of 0.0 s"),
        (("plot", "good.wav", "--duration", "inf"), "duration of inf s"),
        (("plot", "good.wav", "-o", "good.wav/x.png"), "cannot be written"),
        (("demo", "demo.wav", "--duration", "nan"), "duration_s is nan"),
        (("demo", "demo.wav", "--duration", -1), "duration_s is -1"),
        (("demo", "demo.wav", "--calls", "inf"), "calls_per_minute is inf"),
        (("demo", "demo.mp3"), "ends in .wav"),
        (("demo", "good.wav/demo.wav", "--duration", 1), "cannot be written"),
        (("train", "no-such", "--data", "."), "no-such"),
    ],
)
def test_a_wrong_option_is_refused(refused, arguments, why):
    assert why in refused(*arguments)


@pytest.mark.parametrize("option", ["--out", "--masks"])
@pytest.mark.parametrize("folder", ["good.wav", "good.wav/out", "/proc/out"])
def test_a_folder_that_cannot_be_written_is_refused(refused, good, option, folder):
    for command in (("listen", good, "--fast", "--json"), ("segment", good)):
        sentence = refused(*command, option, folder)
        assert folder in sentence


def test_an_unknown_key_of_a_recipe_is_refused_and_the_nearest_named(refused, tmp_path):
    recipe = (ROOT / "train" / "recipes" / "compact.toml").read_text(encoding="utf-8")
    assert "\nepochs = " in recipe
    (tmp_path / "mine.toml").write_text(recipe.replace("\nepochs = ", "\nepoch = "), encoding="utf-8")
    assert "did you mean 'epochs'" in refused("train", "mine.toml", "--data", ".")
