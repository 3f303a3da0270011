"""`birdedge devices` lists the microphones."""

import json

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
