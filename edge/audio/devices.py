"""The inputs that PortAudio offers, by names that outlive a boot."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from types import ModuleType

from birdedge.edge.errors import DeviceNotFoundError, PortAudioMissingError


@dataclass(frozen=True)
class InputDevice:
    """An input that PortAudio offers."""

    name: str  # without the card number, which changes from boot to boot; kept only to tell twins apart
    host_api: str
    channels: int  # the most it can give
    default_rate_hz: int
    is_default: bool
    index: int  # PortAudio's, valid in this process only


def input_devices() -> list[InputDevice]:
    """List the inputs PortAudio found when this process first asked.

    Raises:
        PortAudioMissingError: the PortAudio library is not installed.
    """
    sounddevice = portaudio()
    host_apis = sounddevice.query_hostapis()
    inputs = [device for device in sounddevice.query_devices() if device["max_input_channels"] > 0]
    names = [(device["hostapi"], _stable_name(device["name"])) for device in inputs]
    times_seen = Counter(names)
    return [
        InputDevice(
            name=name if times_seen[host_api, name] == 1 else device["name"],
            host_api=host_apis[host_api]["name"],
            channels=device["max_input_channels"],
            default_rate_hz=round(device["default_samplerate"]),
            is_default=device["index"] == host_apis[sounddevice.default.hostapi]["default_input_device"],
            index=device["index"],
        )
        for device, (host_api, name) in zip(inputs, names, strict=True)
    ]


def forget_devices() -> None:
    """Let PortAudio look again at its next question: it knows the devices of the time it was first asked.

    No stream may be open.
    """
    sounddevice = portaudio()
    sounddevice._terminate()
    sounddevice._initialize()


def find_input_device(name: str | None) -> InputDevice:
    """Find an input by its name, exactly or by a part that only one has, in any case; None for the default.

    Raises:
        PortAudioMissingError: the PortAudio library is not installed.
        DeviceNotFoundError: no input, none of that name, or several.
    """
    devices = input_devices()
    if not devices:
        raise DeviceNotFoundError(
            "no microphone was found: plug one in, or listen to a file or standard input"
        )
    listed = ", ".join(repr(device.name) for device in devices)
    if name is None:
        default = next((device for device in devices if device.is_default), None)
        if default is None:
            raise DeviceNotFoundError(f"no microphone is the default: choose one of {listed}")
        return default
    wanted = name.casefold()
    same = [device for device in devices if device.name.casefold() == wanted]
    if same:
        return same[0]  # several: the same microphone under another host API
    alike = [device for device in devices if wanted in device.name.casefold()]
    if len(alike) == 1:
        return alike[0]
    problem = f"{len(alike)} microphones match {name!r}" if alike else f"no microphone is called {name!r}"
    raise DeviceNotFoundError(f"{problem}: choose one of {listed}")


def portaudio() -> ModuleType:
    """The sounddevice module.

    Raises:
        PortAudioMissingError: the PortAudio library is not installed.
    """
    try:
        import sounddevice
    except OSError as error:  # sounddevice loads the library as it is imported
        raise PortAudioMissingError(
            "PortAudio is not installed, and a microphone needs it: run `sudo apt install libportaudio2`"
        ) from error
    module: ModuleType = sounddevice
    return module


def _stable_name(portaudio_name: str) -> str:
    return re.sub(r"\s*\(hw:\d+,\d+\)$", "", portaudio_name)
