"""Other tools that detect birds or speech, measured in one run on the same audio.

`python -m benchmarks.peers --data recordings/`

Each tool has its own environment (environments.py). costs.py measures the CPU time, instructions.py counts the
instructions on a processor without VNNI, and masks.py measures the IoU as `birdedge evaluate` does. On recordings not
used for training, agreement.py compares detections with BirdNET, and presence.py the clips in which either detects a
bird with those in which people heard one.
"""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

from benchmarks.peers import environments
from benchmarks.peers.agreement import measure_agreement
from benchmarks.peers.costs import measure_costs
from benchmarks.peers.instructions import measure_instructions
from benchmarks.peers.page import TITLE, plot, section, targets
from benchmarks.peers.presence import measure_presence
from birdedge.train.data.recordings import read_index

__all__ = ["TITLE", "measure", "plot", "section", "targets"]

ROUNDS, QUICK_ROUNDS = 5, 2
AUDIO_S, QUICK_AUDIO_S = 180.0, 60.0


def measure(quick: bool, data: Path | None) -> dict[str, Any]:
    """Measure `costs`, `instructions`, `masks` and `agreement`; each may hold a reason under `skipped` instead.

    Raises:
        DataError: `data` has no index.tsv.
    """
    if data is not None:
        read_index(data)  # report an error in it before the installation, which takes minutes
    folders, not_installed = environments.prepare_all()
    if not folders:
        return {"skipped": f"no other tool could be installed: {next(iter(not_installed.values()))}"}
    figures: dict[str, Any] = {"not_installed": not_installed}
    if quick or data is None:
        reason = "a quick run scores no recordings" if quick else "this part scores recordings; give --data"
        figures |= {"masks": {"skipped": reason}, "agreement": {"skipped": reason}}
    else:
        figures |= {"masks": _masks(data), "agreement": _agreement(data, not_installed)}
    settings = {name: row["setting"] for name, row in figures["masks"].items() if "setting" in row}
    rounds, audio_s = (QUICK_ROUNDS, QUICK_AUDIO_S) if quick else (ROUNDS, AUDIO_S)
    figures["costs"] = measure_costs(rounds, audio_s, settings, folders)
    figures["instructions"] = (
        {"skipped": "a quick run counts no instructions"} if quick else _instructions(folders)
    )
    return figures


def _instructions(folders: dict[str, Path]) -> dict[str, Any]:
    try:
        return {**measure_instructions(folders)}
    except subprocess.CalledProcessError as error:
        return {"skipped": f"a tool failed under valgrind: {environments.reason(error)}"}


def _masks(data: Path) -> dict[str, Any]:
    try:
        from benchmarks.peers.masks import measure_masks
    except ModuleNotFoundError as error:  # torch is not installed on a recorder
        return {"skipped": f"{error.name} is not installed; run: pip install 'birdedge[evaluate]'"}
    return measure_masks(data)


def _agreement(data: Path, not_installed: dict[str, str]) -> dict[str, Any]:
    if "birdnet" in not_installed:
        return {"skipped": f"BirdNET could not be installed: {not_installed['birdnet']}"}
    try:
        return {**measure_agreement(data), "field": measure_presence(data)}
    except subprocess.CalledProcessError as error:
        return {"skipped": f"BirdNET failed: {environments.reason(error)}"}
