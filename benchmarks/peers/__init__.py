"""What people would use instead, in one run and on the same sound: `python -m benchmarks.peers --data recordings/`.

Each peer lives in an environment of its own (environments.py). Costs are those of costs.py, IoU that of
`birdedge evaluate`, and BirdNET is asked about the recordings that our network has not learned from.
"""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

from benchmarks.peers import environments
from benchmarks.peers.agreement import measure_agreement
from benchmarks.peers.costs import measure_costs
from benchmarks.peers.page import TITLE, aims, plot, section
from birdedge.train.data.recordings import read_index

__all__ = ["TITLE", "aims", "measure", "plot", "section"]

ROUNDS, QUICK_ROUNDS = 5, 2
SOUND_S, QUICK_SOUND_S = 180.0, 60.0


def measure(quick: bool, data: Path | None) -> dict[str, Any]:
    """`costs`, `agreement` with BirdNET and `masks`; whatever cannot be measured here says why, as `left_out`.

    Raises:
        DataError: `data` has no index.tsv.
    """
    if data is not None:
        read_index(data)  # what is wrong with it is told before minutes of installing
    folders, left_out = environments.prepare_all()
    if not folders:
        return {"left_out": f"no peer could be installed: {next(iter(left_out.values()))}"}
    figures: dict[str, Any] = {"not_installed": left_out}
    if quick or data is None:
        missing = "a quick run scores no recordings" if quick else "it needs recordings, with --data"
        figures |= {"masks": {"left_out": missing}, "agreement": {"left_out": missing}}
    else:
        figures |= {"masks": _masks(data), "agreement": _agreement(data, left_out)}
    settings = {name: row["setting"] for name, row in figures["masks"].items() if "setting" in row}
    rounds, duration_s = (QUICK_ROUNDS, QUICK_SOUND_S) if quick else (ROUNDS, SOUND_S)
    figures["costs"] = measure_costs(rounds, duration_s, settings, folders)
    return figures


def _masks(data: Path) -> dict[str, Any]:
    try:
        from benchmarks.peers.masks import measure_masks
    except ModuleNotFoundError as error:  # on a recorder there is no torch
        return {
            "left_out": f"it needs {error.name}, which is not installed: pip install 'birdedge[evaluate]'"
        }
    return measure_masks(data)


def _agreement(data: Path, left_out: dict[str, str]) -> dict[str, Any]:
    if "birdnet" in left_out:
        return {"left_out": f"BirdNET could not be installed: {left_out['birdnet']}"}
    try:
        return measure_agreement(data)
    except subprocess.CalledProcessError as error:
        return {"left_out": f"BirdNET failed: {environments.reason(error)}"}
