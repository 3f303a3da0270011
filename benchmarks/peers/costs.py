"""CPU seconds a second of sound, of each peer and of ours: on the same scene, on one thread each, in turns.

A peer is a process that stays (see worker.py). The commands of birdedge run anew each time, and what a run on the
first 3 s takes is subtracted.
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
from typing import Any

import numpy as np
import soundfile
import soxr

from benchmarks.parts.cost import process_cost
from benchmarks.peers import birdnet, environments
from birdedge.edge.models.names import DEFAULT_MODEL
from birdedge.edge.synthesis.soundscape import soundscape

FOLDER = Path(__file__).parent
SCENE_S, SHORT_S = 60.0, 3.0
NETWORK, FILE, LIVE = "birdedge, network alone", "birdedge, as from a file", "birdedge, as from a microphone"
COMMANDS = {"`birdedge listen --fast`": ("listen", "--fast", "--json"), "`birdedge segment`": ("segment",)}
BIRDNET, SILERO = "BirdNET V2.4", "Silero VAD"
# Where no masks are scored, what its documentation shows first.
SETTINGS: dict[str, Mapping[str, Any]] = {
    "noisereduce": {"stationary": False},
    "scikit-maad": {"background": "median_equalizer", "bin_std": 6.0, "bin_per": 0.5},
    "librosa": {},
}


@dataclass(frozen=True)
class Contender:
    """A program for worker.py, the rate of the sound it takes, and the environment it runs in, if not this one."""

    program: Path
    sample_rate_hz: int
    arguments: tuple[str, ...] = ()
    environment: str = ""
    model: str = ""  # a file of the environment


def contenders(settings: Mapping[str, Mapping[str, Any]]) -> dict[str, Contender]:
    """All that are measured, by title; `settings` are those of the classical masks, by name."""
    ours = FOLDER / "ours.py"
    rows = {
        title: Contender(ours, 48_000, (part, DEFAULT_MODEL))
        for title, part in ((NETWORK, "network"), (FILE, "file"), (LIVE, "live"))
    }
    rows[BIRDNET] = Contender(Path(birdnet.__file__), birdnet.SAMPLE_RATE_HZ, (), "birdnet", birdnet.MODEL)
    rows[SILERO] = Contender(FOLDER / "silero_vad.py", 16_000, (), "silero-vad", "silero_vad.onnx")
    for name, setting in settings.items():
        rows[name] = Contender(FOLDER / "classical.py", 32_000, (name, json.dumps(setting)), name)
    return rows


def measure_costs(
    rounds: int, duration_s: float, chosen: Mapping[str, Mapping[str, Any]], folders: Mapping[str, Path]
) -> dict[str, Any]:
    """`cpu_s_per_s` by title, a value a round; what failed and why, as `left_out`; the `settings` that were used.

    Of the peers those alone whose environment is in `folders`.
    """
    settings = {name: dict(chosen.get(name, setting)) for name, setting in SETTINGS.items()}
    rows = {
        title: row
        for title, row in contenders(settings).items()
        if not row.environment or row.environment in folders
    }
    left_out: dict[str, str] = {}
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        sounds = _sounds(folder, duration_s, {row.sample_rate_hz for row in rows.values()})
        workers: dict[str, Worker] = {}
        for title, row in rows.items():
            try:
                workers[title] = stack.enter_context(Worker(_command(row, sounds, folders)))
            except subprocess.CalledProcessError as error:
                left_out[title] = environments.reason(error)
        values: dict[str, list[float]] = {title: [] for title in (*workers, *COMMANDS)}
        for _ in range(rounds):
            for title, worker in workers.items():
                values[title].append(worker.cpu_s() / duration_s)
            for title, arguments in COMMANDS.items():
                command = [sys.executable, "-m", "birdedge", *arguments]
                whole_s, start_s = (
                    process_cost([*command, str(sound)])["cpu_s"] for sound in (sounds[48_000], sounds[0])
                )
                values[title].append((whole_s - start_s) / (duration_s - SHORT_S))
    return {
        "rounds": rounds,
        "duration_s": duration_s,
        "cpu_s_per_s": values,
        "left_out": left_out,
        "settings": settings,
    }


class Worker:
    """A process of worker.py that has loaded its peer.

    Raises:
        subprocess.CalledProcessError: it ended; its `stderr` says why.
    """

    def __init__(self, command: list[str]) -> None:
        one_thread = dict.fromkeys(
            ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"), "1"
        )
        self._errors = tempfile.TemporaryFile("w+")  # noqa: SIM115
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
            env={**os.environ, **one_thread, "PYTHONPATH": str(FOLDER.parents[1])},
        )
        try:
            self._line()
        except subprocess.CalledProcessError:
            self.__exit__(None, None, None)
            raise

    def cpu_s(self) -> float:
        """Of going through its sound once more."""
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


def _command(row: Contender, sounds: Mapping[int, Path], folders: Mapping[str, Path]) -> list[str]:
    python, arguments = sys.executable, row.arguments
    if row.environment:
        python = str(folders[row.environment] / "bin" / "python")
    if row.model:
        arguments = (str(folders[row.environment] / row.model), *arguments)
    worker, sound = str(FOLDER / "worker.py"), str(sounds[row.sample_rate_hz])
    return [python, worker, str(row.program), sound, *arguments]


def _sounds(folder: Path, duration_s: float, rates_hz: set[int]) -> dict[int, Path]:
    """A demo scene over and over at each rate, by rate; and by 0 the first 3 s at 48 kHz."""
    scene = soundscape(SCENE_S, sample_rate_hz=48_000).samples
    whole = np.resize(scene, round(duration_s * 48_000))
    sounds = {}
    for rate_hz, samples in (
        (0, whole[: round(SHORT_S * 48_000)]),
        *((rate_hz, soxr.resample(whole, 48_000, rate_hz)) for rate_hz in rates_hz),
    ):
        sounds[rate_hz] = folder / f"{rate_hz}.wav"
        soundfile.write(sounds[rate_hz], samples, rate_hz or 48_000, subtype="PCM_16")
    return sounds
