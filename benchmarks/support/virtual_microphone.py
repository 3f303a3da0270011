"""A PortAudio microphone that records what is played: PulseAudio with a null sink, for tests and benchmarks."""

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

SINK = "birdedge"
START_S = 10.0


@dataclass
class VirtualMicrophone:
    """A private PulseAudio server whose default microphone records what its null sink plays."""

    folder: Path
    environment: dict[str, str]  # for processes in which PortAudio opens the microphone
    server: subprocess.Popen[bytes] | None = None
    sample_rate_hz: int = 48_000
    channels: int = 1

    @property
    def sink(self) -> str:
        """The PulseAudio module of the sink, with its arguments."""
        # Without `norewinds`, the sink may deliver audio only every two seconds.
        return (
            f"module-null-sink sink_name={SINK} format=float32le rate={self.sample_rate_hz} "
            f"channels={self.channels} norewinds=1"
        )

    def start(self) -> None:
        """Start the server and wait until it answers.

        Raises:
            RuntimeError: The server ended or did not answer within `START_S`.
        """
        socket = self.folder / "socket"
        socket.unlink(missing_ok=True)
        with (self.folder / "log").open("ab") as log:
            self.server = subprocess.Popen(
                [
                    "pulseaudio",
                    "-n",
                    "--daemonize=no",
                    "--exit-idle-time=-1",
                    "--use-pid-file=no",
                    "--disable-shm=yes",
                    f"--load=module-native-protocol-unix socket={socket} auth-anonymous=1",
                    f"--load={self.sink}",
                ],
                env=self.environment,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        deadline_s = time.monotonic() + START_S
        while not self._answers():
            if self.server.poll() is not None or time.monotonic() > deadline_s:
                log_text = (self.folder / "log").read_text(encoding="utf-8")
                raise RuntimeError(f"PulseAudio did not start: {log_text}")
            time.sleep(0.05)

    def _answers(self) -> bool:
        process = subprocess.run(
            ["pactl", "info"], env=self.environment, capture_output=True, timeout=START_S, check=False
        )
        return process.returncode == 0

    def kill(self) -> None:
        """Kill the server, if it runs."""
        if self.server is not None:
            self.server.kill()
            self.server.wait()
            self.server = None

    def unplug(self) -> None:
        """Remove the microphone; the server keeps running."""
        self.control("unload-module", "module-null-sink")

    def plug_in(self) -> None:
        """Add the microphone again; it gets a new index."""
        self.control("load-module", *self.sink.split())

    def play(self, path: Path) -> None:
        """Play an audio file to the end."""
        subprocess.run(["paplay", str(path)], env=self.environment, check=True, timeout=60)

    def control(self, *arguments: str) -> None:
        """Run a pactl command."""
        subprocess.run(
            ["pactl", *arguments], env=self.environment, check=True, timeout=10, stdout=subprocess.DEVNULL
        )


@contextmanager
def running_virtual_microphone() -> Iterator[VirtualMicrophone]:
    """Run a private virtual microphone for the duration of the block; needs the packages of `missing_packages`."""
    # Keep the path short: a socket path is limited to 107 bytes.
    with tempfile.TemporaryDirectory(prefix="birdedge-pulse-") as name:
        folder = Path(name)
        alsa = folder / "asound.conf"
        # Leave out ALSA's own files: PortAudio opens each device that they name, and with libasound2-plugins some
        # devices load FFmpeg and JACK, 14 MB that a recorder without that package does not need.
        names = "pcm.!default", "ctl.!default", "pcm.pulse"
        alsa.write_text("".join(f"{name} {{ type pulse }}\n" for name in names), encoding="utf-8")
        environment = {
            **os.environ,
            "HOME": name,
            "XDG_RUNTIME_DIR": name,
            "PULSE_RUNTIME_PATH": name,
            "PULSE_SERVER": f"unix:{folder / 'socket'}",
            "ALSA_CONFIG_PATH": str(alsa),
        }
        microphone = VirtualMicrophone(folder, environment)
        try:
            microphone.start()
            yield microphone
        finally:
            microphone.kill()


def missing_packages() -> list[str]:
    """Return the system packages that a virtual microphone needs and this machine lacks."""
    packages = {
        "pulseaudio": shutil.which("pulseaudio"),
        "pulseaudio-utils": shutil.which("paplay") and shutil.which("pactl"),
        "libportaudio2": ctypes.util.find_library("portaudio"),
        "libasound2-plugins": any(Path("/usr").glob("lib*/**/alsa-lib/libasound_module_pcm_pulse.so")),
    }
    return [package for package, found in packages.items() if not found]
