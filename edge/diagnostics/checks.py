"""What keeps a recorder from hearing: each check says what it found, and what mends it."""

from __future__ import annotations

import math
import os
import shutil
import statistics
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryFile
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from birdedge.edge.audio.devices import InputDevice
from birdedge.edge.diagnostics.speed import network_seconds
from birdedge.edge.models.model import Model
from birdedge.edge.pipeline.segmenter import Segmenter
from birdedge.edge.system.clock import clock_synchronized

Float32 = NDArray[np.float32]
State = Literal["ok", "warn", "fail", "skip"]

SETTLE_S = 1.0  # in which a sound system may still deliver unevenly
QUIET_DBFS = -80.0
CLIPPED = 0.999  # of full scale
HARMONICS = 5  # the sixth of 50 Hz is the fifth of 60 Hz
HUM_DBFS, HUM_ABOVE_DB = -70.0, 10.0
WRITTEN_BYTES = 4_000_000


@dataclass(frozen=True)
class Check:
    """One line of the doctor. `skip` is what could not be looked at because another check failed."""

    name: str
    state: State
    found: str
    mend: str = ""  # of a warning or failure


@dataclass(frozen=True, eq=False)
class Heard:
    """What a microphone gave: some seconds in peace, then some with every core at work."""

    device: InputDevice
    sample_rate_hz: int
    samples: Float32  # [samples] in peace, of the channel that the recorder listens to
    arrivals: NDArray[np.float64]  # [blocks, 2] in peace: seconds, and samples that had come by then
    loaded_s: float
    dropped_samples: int  # in all


@dataclass(frozen=True)
class Hum:
    """The mains in a recording: its frequency, its level, and how far it stands above the sound beside it."""

    mains_hz: int
    level_dbfs: float
    above_db: float


def level_dbfs(samples: Float32) -> float:
    """Root mean square about the mean in dB of full scale, by which a sine from -1 to 1 has -3.0."""
    return _db(float(np.var(samples, dtype=np.float64)))


def find_hum(samples: Float32, sample_rate_hz: int) -> Hum:
    """The stronger of 50 and 60 Hz with four harmonics, against what lies 4 to 7 Hz beside each line.

    Shape: `[samples]`, at least one second.
    """
    window = np.hanning(sample_rate_hz)
    scale = 2 / (sample_rate_hz * np.sum(window**2))  # so that the bins add up to the mean square
    centred = samples - np.mean(samples, dtype=np.float64)
    begins = range(0, len(samples) - sample_rate_hz + 1, sample_rate_hz // 2)
    spectra = [np.abs(np.fft.rfft(window * centred[at : at + sample_rate_hz])) ** 2 for at in begins]
    power = scale * np.mean(spectra, axis=0)  # a bin a hertz
    found = []
    for mains_hz in (50, 60):
        centres = mains_hz * np.arange(1, HARMONICS + 1)[:, np.newaxis]
        lines = power[centres + np.arange(-2, 3)].sum(axis=1)
        beside = 5 * np.median(power[centres + np.array([-7, -6, -5, -4, 4, 5, 6, 7])], axis=1)
        above_db = _db(lines.sum()) - _db(beside.sum()) if lines.any() else 0.0
        found.append(Hum(mains_hz, _db(np.maximum(lines - beside, 0).sum()), above_db))
    return max(found, key=lambda hum: hum.level_dbfs)


def measured_rate(arrivals: NDArray[np.float64]) -> tuple[float, float]:
    """Samples a second by the line through the arrivals, and how far their unevenness may have tilted it.

    Shape: `[blocks, 2]`, seconds and samples that had come by then; the first second is left out.
    """
    at_s, samples = arrivals[arrivals[:, 0] >= arrivals[0, 0] + SETTLE_S].T
    if len(at_s) < 3:
        return math.nan, math.inf
    centred_s = at_s - at_s.mean()
    rate_hz = float(centred_s @ samples) / float(centred_s @ centred_s)
    # Not the standard error: a sound system delivers early for seconds, then late for seconds.
    return rate_hz, float(np.ptp(samples - rate_hz * centred_s) / np.ptp(at_s))


def device_check(heard: Heard, wanted_rate_hz: int) -> Check:
    """Whether the microphone reaches as high as the network hears."""
    rate_hz, channels = heard.sample_rate_hz, heard.device.channels
    found = f"{heard.device.name}, {rate_hz} Hz, {channels} channel{'s' if channels > 1 else ''}"
    if rate_hz >= wanted_rate_hz:
        return Check("device", "ok", found)
    mend = f"nothing above {rate_hz // 2} Hz is heard: take a microphone of {wanted_rate_hz} Hz or more"
    return Check("device", "warn", found, mend)


def sound_checks(heard: Heard) -> Iterator[Check]:
    """Level, clipping, offset and hum of the sound in peace; its rate; and what was lost."""
    if len(heard.samples) < heard.sample_rate_hz:
        found = f"{len(heard.samples)} samples came in {heard.arrivals[-1, 0]:.1f} s"
        yield Check("sample rate", "fail", found, "try another cable, port or power supply")
        return
    yield level_check(heard.samples)
    sound = np.nan_to_num(heard.samples, nan=0, posinf=0, neginf=0)
    yield clipping_check(sound)
    yield offset_check(sound)
    yield hum_check(find_hum(sound, heard.sample_rate_hz))
    yield rate_check(heard)
    yield loss_check(heard)


def level_check(samples: Float32) -> Check:
    """Too quiet, silent, or no numbers."""
    if broken := int(np.count_nonzero(~np.isfinite(samples))):
        mend = "choose another --device or update its driver"
        return Check("level", "fail", f"{broken} of {len(samples)} samples are no numbers", mend)
    if samples.min() == samples.max():
        mend = "unmute it (`alsamixer`, F4), and look at its plug and wiring"
        return Check("level", "fail", f"every sample is {samples[0]:g}", mend)
    level = level_dbfs(samples)
    mend = "raise the capture level (`alsamixer`, F4), and look at the plug" if level < QUIET_DBFS else ""
    return Check("level", "warn" if mend else "ok", f"{level:.1f} dBFS", mend)


def clipping_check(samples: Float32) -> Check:
    """The share of samples at full scale."""
    share = float(np.mean(np.abs(samples) >= CLIPPED))
    found = f"{share:.3%} of the samples at full scale"
    return _graded("clipping", share, (1e-4, 1e-2), found, "lower the capture level (`alsamixer`, F4)")


def offset_check(samples: Float32) -> Check:
    """The mean of the samples, which takes room from the sound."""
    offset = abs(float(np.mean(samples, dtype=np.float64)))
    mend = "look at the wiring and the supply of the microphone, or take another"
    return _graded("DC", offset, (0.01, 0.25), f"{offset:.2%} of full scale", mend)


def hum_check(hum: Hum) -> Check:
    """The mains, where it is loud and stands out."""
    if hum.above_db < HUM_ABOVE_DB or hum.level_dbfs < HUM_DBFS:
        return Check("hum", "ok", "none of 50 or 60 Hz")
    level = f"{hum.level_dbfs:.1f} dBFS, {hum.above_db:.0f} dB above the sound beside"
    mend = "keep the cable off the mains, try another power supply or a battery, and ground one end alone"
    return Check("hum", "warn", f"{hum.mains_hz} Hz and its harmonics, {level}", mend)


def rate_check(heard: Heard) -> Check:
    """The samples that came in a second of the machine's own clock, as fine as the time listened allows."""
    rate_hz, error_hz = measured_rate(heard.arrivals)
    nominal_hz = heard.sample_rate_hz
    off, error = rate_hz / nominal_hz - 1, error_hz / nominal_hz
    if not math.isfinite(off):
        return Check("sample rate", "warn", "too few blocks to measure it", "listen longer, with --record 10")
    found = f"{rate_hz:.1f} Hz of {nominal_hz}, {off:+z.3%} within {error:.3%}"
    if error > 1e-4:
        found += " (coarse: a longer --record is finer)"
    mend = "try another cable, port or microphone: until then the times of events run away"
    return _graded("sample rate", abs(off) - error, (1e-3, 1e-2), found, mend)


def loss_check(heard: Heard) -> Check:
    """What was lost from the start on, most likely while all cores were at work."""
    mend = "stop what else runs on this machine, or give birdedge more of it (`Nice=-10` in its unit)"
    if heard.dropped_samples:
        return Check("load", "fail", f"{heard.dropped_samples} samples were lost", mend)
    return Check("load", "ok", f"nothing lost in {heard.loaded_s:.1f} s with every core at work")


def model_check(model: Model) -> Check:
    """How much of a core the network alone takes."""
    segmenter = Segmenter(model)
    share = statistics.median(network_seconds(segmenter) for _ in range(3))
    found = f"{model.card.name} takes {share:.1%} of a core"
    mend = "run `birdedge bench` to choose the fastest model, and look at the power supply and the heat"
    return _graded("model speed", share, (0.5, 0.9), found, mend)


def clock_check() -> Check:
    """Whether events will have the right time."""
    now = f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC"
    synchronized = clock_synchronized()
    if synchronized:
        return Check("clock", "ok", f"{now}, synchronized")
    if synchronized is None:
        return Check("clock", "warn", f"{now}, and nothing tells if that is right", "compare it with a watch")
    mend = "run `sudo timedatectl set-ntp true`, or where there is no network fit a clock module or GPS"
    return Check("clock", "warn", f"{now}, not synchronized", mend)


def folder_checks(out: Path) -> Iterator[Check]:
    """Permission, space and speed of the folder for data, or of the nearest that is there yet."""
    out = out.absolute()
    folder = next(path for path in (out, *out.parents) if os.access(path, os.F_OK))
    try:
        with TemporaryFile(dir=folder):
            pass
    except OSError as error:
        mend = f"run `sudo chown $USER {folder}`, or name another folder with --out"
        yield Check("folder", "fail", f"{folder} cannot be written ({error.strerror})", mend)
        yield Check("disk", "skip", "not tried: the folder cannot be written")
        return
    yield Check("folder", "ok", f"{folder} can be written")
    free_bytes = shutil.disk_usage(folder).free
    mend = "delete what is not needed, or use a larger card"
    yield _graded("disk space", -free_bytes, (-1e9, -1e8), f"{free_bytes / 1e9:.1f} GB free", mend)
    mend = "use a faster card (A1 or better), or a USB disk"
    try:
        speed = written_bytes_per_s(folder)
    except OSError as error:
        yield Check("disk speed", "fail", f"{WRITTEN_BYTES} bytes were refused ({error.strerror})", mend)
        return
    yield _graded("disk speed", -speed, (-2e6, -2e5), f"{speed / 1e6:.1f} MB/s written and synced", mend)


def written_bytes_per_s(folder: Path) -> float:
    """The speed of a file without a name, which is gone however this ends. Raises: OSError."""
    content = os.urandom(WRITTEN_BYTES)
    with TemporaryFile(dir=folder) as file:
        began_s = time.monotonic()
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
        return WRITTEN_BYTES / (time.monotonic() - began_s)


def sound_permission_check(devices: Path = Path("/dev/snd")) -> Check:
    """Whether this user may use ALSA's devices, which are the group audio's."""
    if not devices.is_dir():
        return Check("permission", "ok", f"no {devices} to ask for")
    nodes = [path for path in devices.iterdir() if not path.is_dir()]
    locked = sorted(path.name for path in nodes if not os.access(path, os.R_OK | os.W_OK))
    if not locked:
        return Check("permission", "ok", f"this user may use {devices}")
    mend = "run `sudo usermod -aG audio $USER` and log in again"
    return Check("permission", "fail", f"this user may not use {', '.join(locked)} in {devices}", mend)


def _graded(name: str, value: float, limits: tuple[float, float], found: str, mend: str) -> Check:
    """A warning above the first limit, a failure above the second."""
    above = sum(value > limit for limit in limits)
    state: State = ("ok", "warn", "fail")[above]
    return Check(name, state, found, mend if above else "")


def _db(power: float) -> float:
    return 10 * math.log10(power) if power > 0 else -math.inf
