"""`birdedge devices` lists the microphones."""

import json

from birdedge.edge.audio.devices import InputDevice
from tests.support.commands import ROOT, birdedge


def test_devices_lists_the_microphones_and_marks_the_default(virtual_microphone):
    output, _ = birdedge("devices", cwd=ROOT, environment=virtual_microphone.environment)
    default = [line for line in output.splitlines() if line.startswith("* ")]
    assert len(default) == 1
    assert " ch, " in default[0]


def test_devices_as_json_have_the_fields_of_a_device(virtual_microphone):
    output, _ = birdedge("devices", "--json", cwd=ROOT, environment=virtual_microphone.environment)
    devices = json.loads(output)
    assert sum(device["is_default"] for device in devices) == 1
    assert all(device["channels"] >= 1 and device["default_rate_hz"] >= 8000 for device in devices)


HARDWARE, PLUG_IN, DEFAULT = (
    InputDevice("USB Audio", "ALSA", 1, 48_000, False, 3),
    InputDevice("dmix", "ALSA", 2, 48_000, False, 0, is_hardware=False),
    InputDevice("default", "ALSA", 2, 48_000, True, 1, is_hardware=False),
)


def test_hardware_is_listed_first_and_plug_ins_are_hidden(run_here, monkeypatch):
    monkeypatch.setattr("birdedge.edge.audio.devices.input_devices", lambda: [PLUG_IN, DEFAULT, HARDWARE])
    done = run_here("devices")
    assert [line[:9] for line in done.stdout.decode().splitlines()] == ["  USB Aud", "* default"]
    assert b"--all also lists 1 ALSA plug-in(s)" in done.stderr
    names = [line[2:].split("  ")[0] for line in run_here("devices", "--all").stdout.decode().splitlines()]
    assert names == ["USB Audio", "dmix", "default"]
    listed = json.loads(run_here("devices", "--json").stdout)
    assert [(device["name"], device["is_hardware"]) for device in listed] == [
        ("USB Audio", True),
        ("default", False),
    ]
