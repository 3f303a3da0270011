"""Microphones that cannot be used: one sentence that names the fix, and exit code 1."""

import sys

import pytest

from tests.support.commands import error_of, run
from tests.support.missing import without


def test_an_unknown_device_is_an_error_that_lists_the_known_ones(failing, virtual_microphone):
    error = failing("listen", "--device", "no such", environment=virtual_microphone.environment)
    assert "no microphone is called 'no such': choose one of '" in error


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (("--device", "pulse", "--channels", 999), "it has "),
        (("--channels", 0), "at least 1"),
        (("--rate", 1), "8000 to 384000 Hz"),
        (("--channel", 7, "--out", "out"), "choose 0 to 0"),
    ],
)
def test_channels_and_rates_that_the_device_lacks_are_an_error(failing, virtual_microphone, arguments, error):
    assert error in failing("listen", *arguments, environment=virtual_microphone.environment)


@pytest.mark.parametrize(
    "arguments", [("listen",), ("devices",), ("listen", "--device", "x", "--out", "out")]
)
def test_without_portaudio_the_error_names_the_package(tmp_path, arguments):
    done = run(sys.executable, "-c", without("sounddevice"), *arguments, cwd=tmp_path)
    assert "sudo apt install libportaudio2" in error_of(done)
    assert list(tmp_path.iterdir()) == []


def test_without_portaudio_the_demo_is_used_on_request(tmp_path):
    done = run(
        *(sys.executable, "-c", without("sounddevice"), "listen", "--or-demo", "--fast", "--duration", 2),
        cwd=tmp_path,
    )
    assert done.returncode == 0
    stderr = done.stderr.decode()
    assert "sudo apt install libportaudio2" in stderr
    assert "listening to demo" in stderr
