"""Input devices are listed and found by names that stay the same from boot to boot."""

from __future__ import annotations

import json
import os
import re
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from benchmarks.support.virtual_microphone import VirtualMicrophone
from birdedge.edge.audio import devices
from birdedge.edge.audio.devices import forget_devices, input_devices, stream_closed, stream_opening
from tests.support.commands import run_python


def portaudio(*names: str) -> Any:
    """Return what sounddevice reports for inputs with these names, and for one output."""
    devices = [
        {
            "index": index,
            "name": name,
            "hostapi": 0,
            "max_input_channels": 0 if name == "speaker" else 2,
            "default_samplerate": 48_000.0,
        }
        for index, name in enumerate(names)
    ]
    return SimpleNamespace(
        query_hostapis=lambda: [{"name": "ALSA", "default_input_device": 1}],
        query_devices=lambda: devices,
        default=SimpleNamespace(hostapi=0),
    )


def test_the_inputs_are_listed_with_one_default(virtual_microphone: VirtualMicrophone) -> None:
    code = """
import json
from dataclasses import asdict
from birdedge.edge.audio import devices
from birdedge.edge.audio.devices import forget_devices, input_devices, stream_closed, stream_opening
print(json.dumps([asdict(device) for device in input_devices()]))
"""
    devices = json.loads(run_python(code, virtual_microphone.environment))
    (default,) = [device for device in devices if device["is_default"]]
    assert (default["name"], default["host_api"], default["default_rate_hz"]) == ("default", "ALSA", 44_100)
    assert default["channels"] >= 2


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("wren", r"DeviceNotFoundError: no microphone is called 'wren': choose one of .*'default'"),
        (
            "u",
            r"DeviceNotFoundError: \d+ microphones match 'u': give more of the name; '\w*[Uu]\w*'(, '\w*[Uu]\w*')*$",
        ),
        ("Puls", r"opened 'pulse'"),
    ],
)
def test_a_device_is_found_by_a_part_of_its_name_or_the_names_are_listed(
    virtual_microphone: VirtualMicrophone, name: str, sentence: str
) -> None:
    code = f"""
from birdedge.edge.errors import BirdedgeError
from birdedge.edge.audio.microphone import Microphone
try:
    with Microphone({name!r}) as microphone:
        print("opened", repr(microphone.name))
except BirdedgeError as error:
    print(type(error).__name__ + ": " + str(error))
"""
    assert re.match(sentence, run_python(code, virtual_microphone.environment))


def test_a_machine_without_a_microphone_is_an_error(
    virtual_microphone: VirtualMicrophone, tmp_path: Path
) -> None:
    environment = {**virtual_microphone.environment, "PULSE_SERVER": f"unix:{tmp_path / 'absent'}"}
    code = """
from birdedge.edge.errors import DeviceNotFoundError
from birdedge.edge.audio import devices
from birdedge.edge.audio.devices import forget_devices, input_devices, stream_closed, stream_opening
from birdedge.edge.audio.microphone import Microphone
if input_devices():
    print("this machine has a sound card")
else:
    try:
        Microphone().open()
    except DeviceNotFoundError as error:
        print(error)
"""
    printed = run_python(code, environment)
    if printed == "this machine has a sound card\n":
        pytest.skip("shown only on a machine without a sound card")
    assert printed == "no microphone was found: plug one in, or listen to a file or standard input\n"


def test_a_machine_without_portaudio_is_an_error_that_names_the_package() -> None:
    # sounddevice asks ctypes for the library: answer like a machine that has none.
    code = """
import ctypes.util
ctypes.util.find_library = lambda name: None
from birdedge.edge.errors import PortAudioMissingError
from birdedge.edge.audio import devices
from birdedge.edge.audio.devices import forget_devices, input_devices, stream_closed, stream_opening
try:
    input_devices()
except PortAudioMissingError as error:
    print(error)
"""
    assert "apt install libportaudio2" in run_python(code, dict(os.environ))


@pytest.mark.parametrize(
    ("portaudio_name", "name"),
    [
        ("USB Audio Device: - (hw:1,0)", "USB Audio Device: -"),
        ("384kHz AudioMoth USB Microphone: Audio (hw:12,3)", "384kHz AudioMoth USB Microphone: Audio"),
        ("pulse", "pulse"),
        ("Mic (hw:1,0) array", "Mic (hw:1,0) array"),
    ],
)
def test_a_device_name_has_no_card_number(
    monkeypatch: pytest.MonkeyPatch, portaudio_name: str, name: str
) -> None:
    monkeypatch.setitem(sys.modules, "sounddevice", portaudio("speaker", portaudio_name))
    (device,) = input_devices()
    assert (device.name, device.index, device.is_default, device.channels) == (name, 1, True, 2)


def test_two_devices_with_the_same_name_keep_their_card_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    twins = portaudio("USB Audio (hw:1,0)", "USB Audio (hw:2,0)", "Webcam (hw:3,0)")
    monkeypatch.setitem(sys.modules, "sounddevice", twins)
    names = [device.name for device in input_devices()]
    assert names == ["USB Audio (hw:1,0)", "USB Audio (hw:2,0)", "Webcam"]


def test_rescanning_devices_leaks_next_to_nothing(virtual_microphone: VirtualMicrophone) -> None:
    code = """
import ctypes
from birdedge.edge.audio.devices import find_input_device, forget_devices

class Heap(ctypes.Structure):
    _fields_ = [(f"field_{n}", ctypes.c_size_t) for n in range(10)]  # the first: from the system, the eighth: in use

libc = ctypes.CDLL("libc.so.6")
libc.mallinfo2.restype = Heap

def used_bytes():
    return libc.mallinfo2().field_7 + libc.mallinfo2().field_4

def look(times):
    for _ in range(times):
        forget_devices()
        find_input_device(None)

look(10)
before_bytes = used_bytes()
look(30)
print((used_bytes() - before_bytes) / 30)
"""
    assert float(run_python(code, virtual_microphone.environment)) < 2000


def test_devices_are_not_rescanned_while_a_stream_of_another_source_is_open(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    calls: list[str] = []
    library = SimpleNamespace(
        _terminate=lambda: calls.append("terminate"), _initialize=lambda: calls.append("initialize")
    )
    monkeypatch.setattr(devices, "portaudio", lambda: library)
    with pytest.raises(OSError, match="busy"), stream_opening("pond"):
        raise OSError("busy")
    with stream_opening("oak"):
        pass
    forget_devices()
    assert calls == []
    stream_closed("oak")
    forget_devices()
    assert calls == ["terminate", "initialize"]
