"""CPU seconds per second of audio of birdedge and the other tools: the same scene, one thread each, in alternation.

Each contender is a worker process that stays loaded (see worker.py). The commands of birdedge start afresh each time,
so the cost of a run on the first 3 s is subtracted.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, TypedDict

import numpy as np
import soundfile
import soxr

from benchmarks.peers import birdnet, environments
from benchmarks.support.command_cost import ONE_THREAD, command_cost
from birdedge.edge.models.names import ARCHIVE_MODEL, DEFAULT_MODEL, LIGHT_MODEL, SMALL_MODEL
from birdedge.edge.synthesis.soundscape import soundscape

FOLDER = Path(__file__).parent
SCENE_S, SHORT_S = 60.0, 3.0
SCENE_RATE_HZ = 48_000
NETWORK, FILE, LIVE = "birdedge, network alone", "birdedge, file blocks", "birdedge, microphone blocks"
LIGHT, SMALL = "birdedge, file blocks, light network", "birdedge, file blocks, small network"
# Files run in long calls, as in `segment` and `archive`; a microphone runs in calls of 16 frames.
PARTS = {
    NETWORK: ("network", ARCHIVE_MODEL),
    FILE: ("file", ARCHIVE_MODEL),
    LIGHT: ("file", LIGHT_MODEL),
    SMALL: ("file", SMALL_MODEL),
    LIVE: ("live", DEFAULT_MODEL),
}
COMMANDS = {"`birdedge listen --fast`": ("listen", "--fast", "--json"), "`birdedge segment`": ("segment",)}
BIRDNET, SILERO = "BirdNET V2.4", "Silero VAD"
# For masks that are not scored: the first example in each package's documentation.
SETTINGS: dict[str, Mapping[str, Any]] = {
    "noisereduce": {"stationary": False},
    "scikit-maad": {"background": "median_equalizer", "bin_std": 6.0, "bin_per": 0.5},
    "librosa": {},
}


class CostFigures(TypedDict):
    """Costs of all contenders."""

    rounds: int
    audio_s: float
    cpu_s_per_s: dict[str, list[float]]  # by title, one value per round
    failed: dict[str, str]  # by title, the reason
    settings: dict[str, dict[str, Any]]  # of the classical masks
    models: dict[str, str]  # of birdedge, by title


@dataclass(frozen=True)
class Contender:
    """A program for worker.py, the sample rate it takes, and its environment, if not this one."""

    program: Path
    sample_rate_hz: int
    arguments: tuple[str, ...] = ()
    environment: str = ""
    model: str = ""  # a file of the environment


def contenders(settings: Mapping[str, Mapping[str, Any]]) -> dict[str, Contender]:
    """Return all contenders by title; `settings` holds the settings of the classical masks by name."""
    ours = FOLDER / "ours.py"
    rows = {title: Contender(ours, 48_000, part_and_model) for title, part_and_model in PARTS.items()}
    rows[BIRDNET] = Contender(Path(birdnet.__file__), birdnet.SAMPLE_RATE_HZ, (), "birdnet", birdnet.MODEL)
    rows[SILERO] = Contender(FOLDER / "silero_vad.py", 16_000, (), "silero-vad", "silero_vad.onnx")
    for name, setting in settings.items():
        rows[name] = Contender(FOLDER / "classical.py", 32_000, (name, json.dumps(setting)), name)
    return rows


def measure_costs(
    rounds: int, audio_s: float, chosen: Mapping[str, Mapping[str, Any]], folders: Mapping[str, Path]
) -> CostFigures:
    """Measure birdedge and the tools whose environment is in `folders`.

    Args:
        rounds: Number of measurements of each.
        audio_s: Length of the scene.
        chosen: Settings of classical masks that replace those of `SETTINGS`.
        folders: Folder of each tool's environment.
    """
    settings = {name: dict(chosen.get(name, setting)) for name, setting in SETTINGS.items()}
    rows = {
        title: row
        for title, row in contenders(settings).items()
        if not row.environment or row.environment in folders
    }
    failed: dict[str, str] = {}
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        whole, short = write_scene(folder, audio_s, {row.sample_rate_hz for row in rows.values()})
        workers: dict[str, Worker] = {}
        for title, row in rows.items():
            try:
                started = command(row, whole[row.sample_rate_hz], folders)
                workers[title] = stack.enter_context(Worker(started))
            except subprocess.CalledProcessError as error:
                failed[title] = environments.reason(error)
        values: dict[str, list[float]] = {title: [] for title in (*workers, *COMMANDS)}
        for _ in range(rounds):
            for title, worker in workers.items():
                values[title].append(worker.cpu_s() / audio_s)
            for title, arguments in COMMANDS.items():
                birdedge = [sys.executable, "-m", "birdedge", *arguments]
                whole_s = command_cost([*birdedge, str(whole[SCENE_RATE_HZ])]).cpu_s
                start_s = command_cost([*birdedge, str(short)]).cpu_s
                values[title].append((whole_s - start_s) / (audio_s - SHORT_S))
    return {
        "rounds": rounds,
        "audio_s": audio_s,
        "cpu_s_per_s": values,
        "failed": failed,
        "settings": settings,
        "models": {title: model for title, (_, model) in PARTS.items()},
    }


class Worker:
    """A process of worker.py that has loaded its tool.

    Raises:
        subprocess.CalledProcessError: The process ended; its `stderr` has the reason.
    """

    def __init__(self, command: list[str]) -> None:
        self._errors = tempfile.TemporaryFile("w+")  # noqa: SIM115 - closed on leaving the context
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
            env={**os.environ, **ONE_THREAD, "NUMBA_NUM_THREADS": "1", "PYTHONPATH": str(FOLDER.parents[1])},
        )
        try:
            self._line()
        except subprocess.CalledProcessError:
            self.__exit__(None, None, None)
            raise

    def cpu_s(self) -> float:
        """Process the audio once and return the CPU seconds."""
        assert self._process.stdin is not None
        print(file=self._process.stdin, flush=True)
        return float(self._line())

    def __enter__(self) -> Worker:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.communicate()
        self._errors.close()

    def _line(self) -> str:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            self._errors.seek(0)
            raise subprocess.CalledProcessError(
                self._process.wait(), self._process.args, stderr=self._errors.read()
            )
        return line


def command(row: Contender, recording: Path, folders: Mapping[str, Path]) -> list[str]:
    """Return the command of a worker; `folders` are the environments of the tools."""
    python, arguments = sys.executable, row.arguments
    if row.environment:
        python = str(folders[row.environment] / "bin" / "python")
    if row.model:
        arguments = (str(folders[row.environment] / row.model), *arguments)
    return [python, str(FOLDER / "worker.py"), str(row.program), str(recording), *arguments]


def write_scene(folder: Path, audio_s: float, rates_hz: set[int]) -> tuple[dict[int, Path], Path]:
    """Write a demo scene, repeated to `audio_s`, at each rate, and its first `SHORT_S`.

    Returns:
        The files of the whole scene by rate, and the file of its start.
    """
    scene = soundscape(SCENE_S, sample_rate_hz=SCENE_RATE_HZ).samples
    samples = np.resize(scene, round(audio_s * SCENE_RATE_HZ))
    short = folder / "short.wav"
    soundfile.write(short, samples[: round(SHORT_S * SCENE_RATE_HZ)], SCENE_RATE_HZ, subtype="PCM_16")
    whole = {}
    for rate_hz in rates_hz | {SCENE_RATE_HZ}:
        whole[rate_hz] = folder / f"{rate_hz}.wav"
        resampled = soxr.resample(samples, SCENE_RATE_HZ, rate_hz)
        soundfile.write(whole[rate_hz], resampled, rate_hz, subtype="PCM_16")
    return whole, short
