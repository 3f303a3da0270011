"""PortAudio input devices, under names that stay the same after a reboot."""

from __future__ import annotations

import ctypes
import re
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import ModuleType

from birdedge.edge.errors import DeviceNotFoundError, PortAudioMissingError
from birdedge.edge.system.printable import printable

# The card and device numbers in PortAudio's names of ALSA hardware.
CARD = re.compile(r"\s*\(hw:\d+,\d+\)$")

# When PortAudio looks for devices, ALSA loads and unloads all its plugins. One of them loads FFmpeg, and with it this
# library, which leaks 12.4 kB each time it is unloaded.
LEAKING_LIBRARY = "libpixman-1.so.0"

_opening = threading.Lock()  # held while a stream is opened, and while PortAudio looks for devices
_open_streams: set[object] = set()


@dataclass(frozen=True)
class InputDevice:
    """An input device of PortAudio."""

    name: str  # without the ALSA card number, which may change at boot, unless two devices share the name
    host_api: str
    channels: int  # maximum
    default_rate_hz: int
    is_default: bool
    index: int  # PortAudio's index, valid in this process only
    is_hardware: bool = True  # not a plug-in of ALSA such as `dmix` or `sysdefault`


def input_devices() -> list[InputDevice]:
    """Return the input devices as of the first query in this process, or the last `forget_devices`.

    Raises:
        PortAudioMissingError: The PortAudio library is not installed.
    """
    sounddevice = portaudio()
    host_apis = sounddevice.query_hostapis()
    inputs = [device for device in sounddevice.query_devices() if device["max_input_channels"] > 0]
    names = [(device["hostapi"], stable_name(printable(device["name"]))) for device in inputs]
    uses = Counter(names)
    return [
        InputDevice(
            name=name if uses[host_api, name] == 1 else printable(device["name"]),
            host_api=printable(host_apis[host_api]["name"]),
            channels=device["max_input_channels"],
            default_rate_hz=round(device["default_samplerate"]),
            is_default=device["index"] == host_apis[sounddevice.default.hostapi]["default_input_device"],
            index=device["index"],
            is_hardware=host_apis[host_api]["name"] != "ALSA" or CARD.search(device["name"]) is not None,
        )
        for device, (host_api, name) in zip(inputs, names, strict=True)
    ]


def forget_devices() -> None:
    """Forget the device list, which PortAudio makes once, so that the next query makes a new one.

    This takes a tenth of a second or more. It does nothing while another source has an open stream, because that
    stream would end.
    """
    with _opening:
        if _open_streams:
            return
        _keep_loaded(LEAKING_LIBRARY)
        sounddevice = portaudio()
        sounddevice._terminate()
        sounddevice._initialize()


@contextmanager
def stream_opening(owner: object) -> Iterator[None]:
    """Guard a block that opens a stream; if it succeeds, the owner has a stream until `stream_closed`."""
    with _opening:
        yield
        _open_streams.add(owner)


def stream_closed(owner: object) -> None:
    """Note that the owner has no stream any more."""
    with _opening:
        _open_streams.discard(owner)


def sound_cards() -> str:
    """Return the sound cards of ALSA and their numbers; empty without ALSA.

    While these stay the same, so does the list of devices, except for the devices of a sound server.
    """
    with suppress(OSError):
        return Path("/proc/asound/cards").read_text(encoding="utf-8", errors="replace")
    return ""


@cache
def _keep_loaded(library: str) -> ctypes.CDLL | None:
    with suppress(OSError):  # it is not installed
        return ctypes.CDLL(library)
    return None


def find_input_device(name: str | None) -> InputDevice:
    """Return the input device with a name.

    Args:
        name: The full name, or a part that only one device has, in upper or lower case; None for the default device.

    Raises:
        PortAudioMissingError: The PortAudio library is not installed.
        DeviceNotFoundError: There is no input device, none with that name, or several.
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
            raise DeviceNotFoundError(f"there is no default microphone: choose one of {listed}")
        return default
    folded = name.casefold()
    exact = [device for device in devices if device.name.casefold() == folded]
    if exact:
        return exact[0]  # several are the same microphone under different host APIs
    partial = [device for device in devices if folded in device.name.casefold()]
    if len(partial) == 1:
        return partial[0]
    if partial:
        listed = ", ".join(repr(device.name) for device in partial)
        raise DeviceNotFoundError(
            f"{len(partial)} microphones match {name!r}: give more of the name; {listed}"
        )
    raise DeviceNotFoundError(f"no microphone is called {name!r}: choose one of {listed}")


def portaudio() -> ModuleType:
    """Import and return the sounddevice module.

    Raises:
        PortAudioMissingError: The PortAudio library is not installed.
    """
    try:
        import sounddevice
    except OSError as error:  # sounddevice loads the library on import
        raise PortAudioMissingError(
            "PortAudio is not installed, and a microphone needs it: run `sudo apt install libportaudio2`"
        ) from error
    module: ModuleType = sounddevice
    return module


def stable_name(portaudio_name: str) -> str:
    """Return a device name without ALSA's `(hw:card,device)`."""
    return CARD.sub("", portaudio_name)
