"""Fixtures that several folders of tests share."""

from __future__ import annotations

import ctypes.util
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

# Before torch is there to read it: threads of small networks wait for one another where cores are shared.
os.environ.setdefault("OMP_NUM_THREADS", "1")
# Nor is what `birdedge bench` chose on this machine the tests' business.
os.environ["BIRDEDGE_CONFIG"] = os.devnull
SINK = "birdedge"


@dataclass(frozen=True)
class VirtualMicrophone:
    """A private PulseAudio whose default microphone hears what is played on its only, silent, loudspeaker."""

    environment: dict[str, str]  # for a process in which PortAudio shall find it
    server: subprocess.Popen[bytes]
    sample_rate_hz: int = 48_000
    channels: int = 1

    def play(self, path: Path) -> None:
        """Play an audio file to its end."""
        subprocess.run(["paplay", str(path)], env=self.environment, check=True, timeout=60)

    def control(self, *arguments: str) -> None:
        """Run a pactl command."""
        subprocess.run(
            ["pactl", *arguments], env=self.environment, check=True, timeout=10, stdout=subprocess.DEVNULL
        )


@pytest.fixture(scope="session")
def virtual_microphone() -> Iterator[VirtualMicrophone]:
    """One virtual microphone for all tests; leave it as it was found."""
    with _running_virtual_microphone() as microphone:
        yield microphone


@pytest.fixture
def breakable_microphone() -> Iterator[VirtualMicrophone]:
    """A virtual microphone of its own for a test that breaks it."""
    with _running_virtual_microphone() as microphone:
        yield microphone


@contextmanager
def _running_virtual_microphone() -> Iterator[VirtualMicrophone]:
    _skip_without_sound_server()
    # A short path: a socket's may have 107 bytes.
    with tempfile.TemporaryDirectory(prefix="birdedge-pulse-") as name:
        folder = Path(name)
        alsa = folder / "asound.conf"
        alsa.write_text(
            "</usr/share/alsa/alsa.conf>\npcm.!default { type pulse }\nctl.!default { type pulse }\n",
            encoding="utf-8",
        )
        environment = {
            **os.environ,
            "HOME": name,
            "XDG_RUNTIME_DIR": name,
            "PULSE_RUNTIME_PATH": name,
            "PULSE_SERVER": f"unix:{folder / 'socket'}",
            "ALSA_CONFIG_PATH": str(alsa),
        }
        sink = (
            f"module-null-sink sink_name={SINK} format=float32le rate={VirtualMicrophone.sample_rate_hz} "
            # Without norewinds the sink may hand over its sound only every two seconds.
            f"channels={VirtualMicrophone.channels} norewinds=1"
        )
        with (folder / "log").open("wb") as log:
            server = subprocess.Popen(
                [
                    "pulseaudio",
                    "-n",
                    "--daemonize=no",
                    "--exit-idle-time=-1",
                    "--use-pid-file=no",
                    "--disable-shm=yes",
                    f"--load=module-native-protocol-unix socket={folder / 'socket'} auth-anonymous=1",
                    f"--load={sink}",
                ],
                env=environment,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        try:
            deadline_s = time.monotonic() + 10
            while subprocess.run(
                ["pactl", "info"], env=environment, capture_output=True, timeout=10
            ).returncode:
                if server.poll() is not None or time.monotonic() > deadline_s:
                    pytest.fail("PulseAudio did not start: " + (folder / "log").read_text(encoding="utf-8"))
                time.sleep(0.05)
            yield VirtualMicrophone(environment, server)
        finally:
            server.kill()
            server.wait()


def _skip_without_sound_server() -> None:
    packages = {
        "pulseaudio": shutil.which("pulseaudio"),
        "pulseaudio-utils": shutil.which("paplay") and shutil.which("pactl"),
        "libportaudio2": ctypes.util.find_library("portaudio"),
        "libasound2-plugins": any(Path("/usr").glob("lib*/**/alsa-lib/libasound_module_pcm_pulse.so")),
    }
    missing = [package for package, found in packages.items() if not found]
    if missing:
        pytest.skip(f"a virtual microphone needs more system packages: apt install {' '.join(missing)}")


@pytest.fixture
def shared_data() -> Path:
    """The recordings to learn from, which are no part of the project."""
    data = Path(__file__).resolve().parents[2] / "shared" / "data"
    if not data.is_dir():
        pytest.skip("needs ../shared/data beside the checkout")
    return data
