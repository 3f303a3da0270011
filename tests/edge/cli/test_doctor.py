"""`birdedge doctor` finds problems of a real machine and suggests fixes."""

import json
import subprocess
import sys

import pytest
import soundfile

from birdedge.edge.diagnostics.audio_checks import NAMES as AUDIO_CHECKS
from tests.support.commands import BIRDEDGE, run
from tests.support.missing import without
from tests.support.tones import noise, sine


def doctor(folder, *arguments, environment=None, missing=()):
    """Run the command, and return its exit code, its checks by name, and standard error."""
    program = [sys.executable, "-c", without(*missing)] if missing else BIRDEDGE
    done = run(*program, "doctor", *arguments, "--json", cwd=folder, environment=environment)
    stderr = done.stderr.decode()
    assert "Traceback" not in stderr
    checks = {check["name"]: check for check in json.loads(done.stdout)}
    assert all(check["fix"] for check in checks.values() if check["state"] in ("warn", "fail"))
    assert done.returncode == any(check["state"] == "fail" for check in checks.values())
    return done.returncode, checks, stderr


def test_microphone_hum_is_reported_and_plotted(virtual_microphone, tmp_path):
    pytest.importorskip("matplotlib", reason="birdedge[plot] is not installed")
    rate_hz = virtual_microphone.sample_rate_hz
    samples = noise(-50, 30, rate_hz) + sine(50, -40, 30, rate_hz) + sine(150, -46, 30, rate_hz)
    soundfile.write(tmp_path / "hum.wav", samples, rate_hz, subtype="FLOAT")
    player = subprocess.Popen(["paplay", tmp_path / "hum.wav"], env=virtual_microphone.environment)
    try:
        _, checks, _ = doctor(
            tmp_path, "--record", 4, "--out", "data", environment=virtual_microphone.environment
        )
    finally:
        player.kill()
        player.wait()
    assert [*checks][-8:] == ["device", *AUDIO_CHECKS, "picture"]
    assert checks["device"]["finding"].startswith("default, ")
    assert float(checks["level"]["finding"].split()[0]) == pytest.approx(-38.7, abs=1)
    assert {checks[name]["state"] for name in ("level", "clipping", "DC")} == {"ok"}
    assert checks["hum"]["state"] == "warn"
    assert checks["hum"]["finding"].startswith("50 Hz")
    # The null sink of PulseAudio plays 0.1 % too slowly.
    assert checks["sample rate"]["state"] in ("ok", "warn")
    assert float(checks["sample rate"]["finding"].split()[0]) == pytest.approx(
        int(checks["device"]["finding"].split()[1]), rel=0.01
    )
    assert [path.name for path in (tmp_path / "data").iterdir()] == ["birdedge-doctor.png"]
    assert (tmp_path / "data" / "birdedge-doctor.png").read_bytes().startswith(b"\x89PNG")


def test_a_muted_microphone_fails_and_a_missing_matplotlib_is_a_warning_that_names_the_extra(
    virtual_microphone, tmp_path
):
    exit_code, checks, _ = doctor(
        tmp_path, "--record", 2, environment=virtual_microphone.environment, missing=["matplotlib"]
    )
    assert exit_code == 1
    assert (checks["level"]["state"], checks["level"]["finding"]) == ("fail", "every sample is 0")
    assert checks["picture"]["state"] == "warn"
    assert checks["picture"]["fix"] == "pip install 'birdedge[plot]'"
    assert list(tmp_path.iterdir()) == []


def test_an_unknown_device_fails_and_the_known_ones_are_listed(virtual_microphone, tmp_path):
    exit_code, checks, _ = doctor(tmp_path, "--device", "no such", environment=virtual_microphone.environment)
    assert exit_code == 1
    assert checks["PortAudio"]["state"] == "ok"
    assert "no microphone is called 'no such': choose one of '" in checks["device"]["finding"]
    assert {checks[name]["state"] for name in AUDIO_CHECKS} == {"skip"}


def test_without_portaudio_the_fix_names_the_package_and_the_other_checks_run(tmp_path):
    exit_code, checks, stderr = doctor(tmp_path, missing=["sounddevice"])
    assert exit_code == 1
    assert checks["PortAudio"]["state"] == "fail"
    assert "sudo apt install libportaudio2" in checks["PortAudio"]["fix"]
    assert {checks[name]["state"] for name in ("device", *AUDIO_CHECKS)} == {"skip"}
    assert checks["model speed"]["finding"].startswith("birdedge-int8 takes ")
    assert {"clock", "folder", "disk space", "disk speed", "permission"} < set(checks)
    # On a busy machine the speed may fail too.
    failures = sum(check["state"] == "fail" for check in checks.values())
    assert f"{failures} failure(s)" in stderr


@pytest.mark.parametrize(
    ("configuration", "name", "finding"),
    [
        ('model = "gone.onnx"', "model speed", "there is no model 'gone.onnx'"),
        ('devise = "USB"', "configuration", "did you mean 'device'?"),
    ],
)
def test_an_invalid_configuration_fails_one_check_and_the_others_run(tmp_path, configuration, name, finding):
    (tmp_path / "config.toml").write_text(configuration, encoding="utf-8")
    _, checks, stderr = doctor(
        tmp_path,
        environment={"BIRDEDGE_CONFIG": str(tmp_path / "config.toml")},
        missing=["sounddevice"],
    )
    assert checks[name]["state"] == "fail"
    assert finding in checks[name]["finding"]
    assert "2 failure(s)" in stderr  # and PortAudio


@pytest.mark.parametrize(
    ("configuration", "finding"),
    [
        ('device = "the other"', "no microphone is called 'the other'"),
        ("channels = 999", "it has "),
        ("channels = 2\nchannel = 2", "choose 0 to 1"),
        ("sample_rate_hz = 1", "8000 to 384000 Hz"),
    ],
)
def test_the_microphone_is_opened_with_the_settings_of_the_configuration(
    virtual_microphone, tmp_path, configuration, finding
):
    (tmp_path / "config.toml").write_text(configuration, encoding="utf-8")
    settings = {"BIRDEDGE_CONFIG": str(tmp_path / "config.toml")}
    _, checks, _ = doctor(tmp_path, environment={**virtual_microphone.environment, **settings})
    assert checks["device"]["state"] == "fail"
    assert finding in checks["device"]["finding"]


def test_each_check_is_a_line_with_its_fix(tmp_path):
    done = run(sys.executable, "-c", without("sounddevice"), "doctor", cwd=tmp_path)
    lines = done.stdout.decode().splitlines()
    assert done.returncode == 1
    assert f"ok   folder: {tmp_path} is writable" in lines
    assert (
        "fail PortAudio: PortAudio is not installed, and a microphone needs it; "
        "run `sudo apt install libportaudio2`" in lines
    )
    assert "skip device: not tested: no PortAudio" in lines
