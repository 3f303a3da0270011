"""The doctor measures what is known of a sound, and says of a real machine what keeps it from hearing."""

import json
import os
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import soundfile

from birdedge.edge.audio.devices import InputDevice
from birdedge.edge.diagnostics.checks import (
    Heard,
    clipping_check,
    device_check,
    find_hum,
    folder_checks,
    hum_check,
    level_check,
    level_dbfs,
    loss_check,
    measured_rate,
    offset_check,
    rate_check,
    sound_checks,
    sound_permission_check,
    written_bytes_per_s,
)

ROOT = Path(__file__).parents[3]
RATE_HZ = 48_000
NOBODY = 65_534
DOCTOR = "from birdedge.edge.cli.doctor import doctor; doctor()"
WITHOUT = """
import sys

class Missing:
    def find_spec(self, name, path=None, target=None):
        if name == "sounddevice" and "sounddevice" in MISSING:
            raise OSError("PortAudio library not found")  # as sounddevice itself does
        if name.partition(".")[0] == "matplotlib" and "matplotlib" in MISSING:
            raise ImportError(name)

sys.meta_path.insert(0, Missing())
"""
HEARD_CHECKS = ["level", "clipping", "DC", "hum", "sample rate", "load"]


def sine(frequency_hz, dbfs, seconds=4.0, rate_hz=RATE_HZ):
    """A sine of that root mean square."""
    at_s = np.arange(round(seconds * rate_hz)) / rate_hz
    return (10 ** (dbfs / 20) * np.sqrt(2) * np.sin(2 * np.pi * frequency_hz * at_s)).astype(np.float32)


def noise(dbfs, seconds=4.0, rate_hz=RATE_HZ):
    print("seed 7")
    white = np.random.default_rng(7).standard_normal(round(seconds * rate_hz))
    return (10 ** (dbfs / 20) * white).astype(np.float32)


def evenly(rate_hz, seconds=10.0, piece=2400):
    """Arrivals of pieces at that rate, and nothing late."""
    samples = piece * np.arange(1, round(seconds * rate_hz / piece) + 1)
    return np.stack([samples / rate_hz, samples], axis=1)


def heard(samples=None, arrivals=None, rate_hz=RATE_HZ, **changed):
    device = InputDevice("USB Audio", "ALSA", 1, rate_hz, True, 0)
    settings = {"loaded_s": 4.0, "dropped_samples": 0} | changed
    return Heard(
        device,
        rate_hz,
        noise(-50) if samples is None else samples,
        evenly(rate_hz) if arrivals is None else arrivals,
        **settings,
    )


def test_level_is_the_root_mean_square_about_the_mean():
    full = sine(1000, -3.0103)
    assert np.abs(full).max() == pytest.approx(1, abs=1e-4)
    assert level_dbfs(full) == pytest.approx(-3.01, abs=0.01)
    assert level_dbfs(sine(1000, -60) + np.float32(0.2)) == pytest.approx(-60, abs=0.05)
    assert level_dbfs(np.zeros(10, np.float32)) == -np.inf


@pytest.mark.parametrize(("dbfs", "state"), [(-79, "ok"), (-81, "warn")])
def test_a_level_below_80_decibels_under_full_scale_is_too_quiet(dbfs, state):
    check = level_check(noise(dbfs))
    assert check.state == state
    assert check.found == f"{dbfs}.0 dBFS"
    assert ("alsamixer" in check.mend) == (state == "warn")


@pytest.mark.parametrize("value", [0, 0.25])
def test_a_sample_that_never_changes_is_no_sound(value):
    check = level_check(np.full(RATE_HZ, value, np.float32))
    assert (check.state, check.found) == ("fail", f"every sample is {value}")


def test_samples_that_are_no_numbers_fail_and_do_not_hide_the_rest():
    samples = sine(1000, -20)
    samples[5:8] = [np.nan, np.inf, -np.inf]
    level, clipping, offset, *_ = sound_checks(heard(samples))
    assert level.state == "fail"
    assert level.found.startswith(f"3 of {len(samples)} samples")
    assert (clipping.state, offset.state) == ("ok", "ok")


@pytest.mark.parametrize(("clipped", "state"), [(0, "ok"), (19, "ok"), (20, "warn"), (1921, "fail")])
def test_the_share_of_clipped_samples_is_told(clipped, state):
    samples = sine(1000, -20)
    assert len(samples) == 192_000
    samples[:clipped:2], samples[1:clipped:2] = 1, -1
    check = clipping_check(samples)
    assert check.state == state
    assert float(check.found.partition("%")[0]) == pytest.approx(100 * clipped / 192_000, abs=0.0006)


@pytest.mark.parametrize(("offset", "state"), [(0.009, "ok"), (-0.02, "warn"), (0.3, "fail")])
def test_the_offset_is_told(offset, state):
    check = offset_check(sine(1000, -20) + np.float32(offset))
    assert (check.state, check.found) == (state, f"{abs(offset):.2%} of full scale")


@pytest.mark.parametrize("rate_hz", [16_000, 44_100, 48_000, 192_000])
@pytest.mark.parametrize("mains_hz", [50, 60])
def test_hum_of_a_known_level_is_found_in_noise(mains_hz, rate_hz):
    lines = sum(sine(mains_hz * k, dbfs, rate_hz=rate_hz) for k, dbfs in ((1, -50), (2, -56), (3, -54)))
    hum = find_hum(lines + noise(-50, rate_hz=rate_hz) + np.float32(0.1), rate_hz)
    assert hum.mains_hz == mains_hz
    assert hum.level_dbfs == pytest.approx(10 * np.log10(10**-5 + 10**-5.6 + 10**-5.4), abs=0.3)
    check = hum_check(hum)
    assert check.state == "warn"
    assert f"{mains_hz} Hz" in check.found


@pytest.mark.parametrize("off", [-0.004, 0.004])
def test_mains_that_are_not_quite_at_their_frequency_are_measured_all_the_same(off):
    lines = sum(sine(50 * k * (1 + off), -50) for k in range(1, 6))
    hum = find_hum(lines + noise(-50), RATE_HZ)
    assert hum.mains_hz == 50
    assert hum.level_dbfs == pytest.approx(-50 + 10 * np.log10(5), abs=0.5)


@pytest.mark.parametrize(
    "samples",
    [
        np.zeros(2 * RATE_HZ, np.float32),
        noise(-20),
        np.cumsum(noise(-60)),  # as wind falls, 6 dB an octave
        sine(440, -20) + noise(-50),
        sine(50, -90) + noise(-110),  # hum that nobody hears
    ],
    ids=["silence", "white noise", "wind", "a tone", "too faint"],
)
def test_what_is_no_hum_is_not_called_so(samples):
    assert hum_check(find_hum(samples, RATE_HZ)).state == "ok"


@pytest.mark.parametrize(
    ("off", "state"), [(0, "ok"), (-0.0009, "ok"), (0.0012, "warn"), (-0.009, "warn"), (0.011, "fail")]
)
def test_the_rate_is_that_of_the_arrivals(off, state):
    arrivals = evenly(RATE_HZ * (1 + off))
    rate_hz, error_hz = measured_rate(arrivals)
    assert rate_hz == pytest.approx(RATE_HZ * (1 + off), rel=1e-9)
    assert error_hz < 0.001
    check = rate_check(heard(arrivals=arrivals))
    assert check.state == state
    assert f"{100 * off:+.3f}%" in check.found
    assert "coarse" not in check.found


@pytest.mark.parametrize("seconds", [3, 8, 60])
def test_uneven_arrivals_make_the_rate_coarse_and_the_truth_lies_within_what_is_told(seconds):
    arrivals = evenly(RATE_HZ, seconds)
    print("seed 11")
    arrivals[:, 0] += np.random.default_rng(11).uniform(0, 0.02, len(arrivals))
    arrivals[len(arrivals) // 2 :, 0] += 0.005  # a sound system that falls back
    rate_hz, error_hz = measured_rate(arrivals)
    assert 0 < abs(rate_hz - RATE_HZ) < error_hz < RATE_HZ * 0.03 / (seconds - 1.1)
    check = rate_check(heard(arrivals=arrivals))
    assert check.state == "ok"
    assert "coarse" in check.found


def test_a_first_second_that_comes_in_a_rush_does_not_count():
    arrivals = evenly(RATE_HZ)
    arrivals[:, 1] += 10_000 * (arrivals[:, 0] > 0.5)
    assert measured_rate(arrivals)[0] == pytest.approx(RATE_HZ, rel=1e-9)


def test_a_microphone_that_gives_next_to_nothing_fails_in_one_line():
    (check,) = sound_checks(heard(samples=noise(-50, 0.1), arrivals=np.array([[4.0, 4800.0]])))
    assert (check.name, check.state) == ("sample rate", "fail")
    assert check.found == "4800 samples came in 4.0 s"


@pytest.mark.parametrize(("lost", "state"), [({}, "ok"), ({"dropped_samples": 480}, "fail")])
def test_lost_sound_is_told(lost, state):
    assert loss_check(heard(**lost)).state == state


def test_a_device_is_named_and_one_that_hears_less_than_the_network_warned_of():
    assert device_check(heard(), 32_000).found == "USB Audio, 48000 Hz, 1 channel"
    check = device_check(heard(rate_hz=16_000), 32_000)
    assert check.state == "warn"
    assert "8000 Hz" in check.mend


@contextmanager
def as_nobody():
    """Without root's rights, which no permission stops."""
    if os.getuid():
        yield
        return
    os.setresuid(NOBODY, NOBODY, 0)
    try:
        yield
    finally:
        os.setresuid(0, 0, 0)


@pytest.fixture
def reachable_folder():
    """A folder that any user can reach: pytest's own are closed to others."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield Path(name)


def test_a_folder_that_can_be_written_is_tried_and_left_empty(tmp_path):
    checks = list(folder_checks(tmp_path))
    assert [check.name for check in checks] == ["folder", "disk space", "disk speed"]
    assert checks[0].state == "ok"
    assert written_bytes_per_s(tmp_path) > 0
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_not_there_yet_is_judged_by_the_one_it_will_be_made_in(tmp_path):
    first = next(iter(folder_checks(tmp_path / "a" / "b")))
    assert (first.state, first.found) == ("ok", f"{tmp_path} can be written")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_of_another_user_fails_with_the_mend(reachable_folder):
    reachable_folder.chmod(0o555)
    with as_nobody():
        folder, disk = folder_checks(reachable_folder / "data")
    assert (folder.state, disk.state) == ("fail", "skip")
    assert "Permission denied" in folder.found
    assert f"chown $USER {reachable_folder}" in folder.mend


def test_a_file_in_the_place_of_the_folder_fails(tmp_path):
    (tmp_path / "data").touch()
    assert "Not a directory" in next(iter(folder_checks(tmp_path / "data"))).found


def test_sound_devices_closed_to_this_user_fail_and_name_the_group(reachable_folder):
    (reachable_folder / "by-path").mkdir()
    for name in ("pcmC1D0c", "timer"):
        (reachable_folder / name).touch()
        (reachable_folder / name).chmod(0o666)
    with as_nobody():
        assert sound_permission_check(reachable_folder).state == "ok"
    (reachable_folder / "pcmC1D0c").chmod(0)
    with as_nobody():
        check = sound_permission_check(reachable_folder)
    assert check.state == "fail"
    assert "not use pcmC1D0c in" in check.found
    assert "usermod -aG audio" in check.mend
    assert sound_permission_check(reachable_folder / "none").state == "ok"


def doctor(folder, *arguments, environment=None, before=""):
    """The command in a process of its own: its exit code, its checks by name, and what it said beside them."""
    done = subprocess.run(
        [sys.executable, "-c", before + DOCTOR, *map(str, arguments), "--json"],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", **(environment or {})},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert "Traceback" not in done.stderr
    checks = {check["name"]: check for check in json.loads(done.stdout)}
    assert all(check["mend"] for check in checks.values() if check["state"] in ("warn", "fail"))
    assert done.returncode == any(check["state"] == "fail" for check in checks.values())
    return done.returncode, checks, done.stderr


def test_a_microphone_that_hears_hum_is_told_so_and_drawn(virtual_microphone, tmp_path):
    pytest.importorskip("matplotlib", reason="birdedge[plot] is not installed")
    rate_hz = virtual_microphone.sample_rate_hz
    sound = noise(-50, 30, rate_hz) + sine(50, -40, 30, rate_hz) + sine(150, -46, 30, rate_hz)
    soundfile.write(tmp_path / "hum.wav", sound, rate_hz, subtype="FLOAT")
    playing = subprocess.Popen(["paplay", tmp_path / "hum.wav"], env=virtual_microphone.environment)
    try:
        _, checks, _ = doctor(
            tmp_path, "--record", 4, "--out", "data", environment=virtual_microphone.environment
        )
    finally:
        playing.kill()
        playing.wait()
    assert [*checks][-8:] == ["device", *HEARD_CHECKS, "picture"]
    assert checks["device"]["found"].startswith("default, ")
    assert float(checks["level"]["found"].split()[0]) == pytest.approx(-38.7, abs=1)
    assert {checks[name]["state"] for name in ("level", "clipping", "DC")} == {"ok"}
    assert checks["hum"]["state"] == "warn"
    assert checks["hum"]["found"].startswith("50 Hz")
    # PulseAudio's null sink plays 0.1 % too slowly.
    assert checks["sample rate"]["state"] in ("ok", "warn")
    assert float(checks["sample rate"]["found"].split()[0]) == pytest.approx(
        int(checks["device"]["found"].split()[1]), rel=0.01
    )
    assert [path.name for path in (tmp_path / "data").iterdir()] == ["birdedge-doctor.png"]
    assert (tmp_path / "data" / "birdedge-doctor.png").read_bytes().startswith(b"\x89PNG")


def test_a_muted_microphone_fails_and_a_picture_without_matplotlib_names_the_extra(
    virtual_microphone, tmp_path
):
    code, checks, _ = doctor(
        *(tmp_path, "--record", 2),
        environment=virtual_microphone.environment,
        before="MISSING = ['matplotlib']" + WITHOUT,
    )
    assert code == 1
    assert (checks["level"]["state"], checks["level"]["found"]) == ("fail", "every sample is 0")
    assert checks["picture"]["state"] == "warn"
    assert checks["picture"]["mend"] == "pip install 'birdedge[plot]'"
    assert list(tmp_path.iterdir()) == []


def test_an_unknown_device_fails_and_the_known_ones_are_named(virtual_microphone, tmp_path):
    code, checks, _ = doctor(tmp_path, "--device", "no such", environment=virtual_microphone.environment)
    assert code == 1
    assert checks["PortAudio"]["state"] == "ok"
    assert "no microphone is called 'no such': choose one of '" in checks["device"]["found"]
    assert {checks[name]["state"] for name in HEARD_CHECKS} == {"skip"}


def test_without_portaudio_the_mend_is_named_and_the_rest_is_still_looked_at(tmp_path):
    code, checks, said = doctor(tmp_path, before="MISSING = ['sounddevice']" + WITHOUT)
    assert code == 1
    assert checks["PortAudio"]["state"] == "fail"
    assert "sudo apt install libportaudio2" in checks["PortAudio"]["mend"]
    assert {checks[name]["state"] for name in ("device", *HEARD_CHECKS)} == {"skip"}
    assert checks["model speed"]["found"].startswith("birdedge-int8 takes ")
    assert {"clock", "folder", "disk space", "disk speed", "permission"} < set(checks)
    # A busy machine may fail at speed too.
    failures = sum(check["state"] == "fail" for check in checks.values())
    assert f"{failures} failure(s)" in said


@pytest.mark.parametrize(
    ("configuration", "name", "sentence"),
    [
        ('model = "gone.onnx"', "model speed", "there is no model 'gone.onnx'"),
        ('devise = "USB"', "configuration", "did you mean 'device'?"),
    ],
)
def test_a_wrong_configuration_fails_one_check_and_the_rest_is_still_looked_at(
    tmp_path, configuration, name, sentence
):
    (tmp_path / "config.toml").write_text(configuration, encoding="utf-8")
    _, checks, said = doctor(
        tmp_path,
        environment={"BIRDEDGE_CONFIG": str(tmp_path / "config.toml")},
        before="MISSING = ['sounddevice']" + WITHOUT,
    )
    assert checks[name]["state"] == "fail"
    assert sentence in checks[name]["found"]
    assert "2 failure(s)" in said  # and PortAudio


@pytest.mark.parametrize(
    ("configuration", "sentence"),
    [
        ('device = "the other"', "no microphone is called 'the other'"),
        ("channels = 999", "it has "),
        ("channels = 2\nchannel = 2", "choose 0 to 1"),
        ("sample_rate_hz = 1", "8000 to 384000 Hz"),
    ],
)
def test_the_microphone_is_opened_as_the_configuration_says(
    virtual_microphone, tmp_path, configuration, sentence
):
    (tmp_path / "config.toml").write_text(configuration, encoding="utf-8")
    settings = {"BIRDEDGE_CONFIG": str(tmp_path / "config.toml")}
    _, checks, _ = doctor(tmp_path, environment={**virtual_microphone.environment, **settings})
    assert checks["device"]["state"] == "fail"
    assert sentence in checks["device"]["found"]


def test_each_check_is_a_line_with_its_mend(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", f"MISSING = ['sounddevice']{WITHOUT}{DOCTOR}"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    lines = done.stdout.splitlines()
    assert done.returncode == 1
    assert f"ok   folder: {tmp_path} can be written" in lines
    assert (
        "fail PortAudio: PortAudio is not installed, and a microphone needs it; "
        "run `sudo apt install libportaudio2`" in lines
    )
    assert "skip device: not heard without PortAudio" in lines
