"""Results and memory of birdedge on emulated 64-bit ARM processors, compared with this machine."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TypedDict

from benchmarks.report.markdown import markdown_table
from benchmarks.report.results import Skipped
from benchmarks.support.arm_boards import BOARDS, Board
from benchmarks.support.emulated_arm import (
    HERE,
    Outputs,
    compare_masks,
    install_bytes,
    process_recording,
    unavailable,
    write_demo,
)

TITLE = "64-bit ARM, emulated"
DEMO_S = 20.0


class BoardFigures(TypedDict):
    """One emulated processor."""

    processor: str
    differing_bins: int
    max_difference: int  # of 255
    events: int
    events_equal: bool
    resident_bytes: int  # without the emulator's own memory


class EmulationFigures(TypedDict):
    """All emulated processors, and this machine."""

    audio_s: float
    mask_bins: int
    resident_bytes: int
    install_bytes: int
    boards: list[BoardFigures]


def measure(quick: bool, data: Path | None) -> EmulationFigures | Skipped:  # noqa: ARG001 - all parts have this signature
    """Process 20 s of the demo on each board's processor and on this machine.

    Raises:
        subprocess.CalledProcessError: birdedge failed on one of the processors.
    """
    if reason := unavailable():
        return {"skipped": reason}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        recording = write_demo(folder / "demo.wav", DEMO_S)
        here = process_recording(HERE, recording, folder / "here")
        boards = [
            _board_figures(board, here, process_recording(board.cpu, recording, folder / board.cpu))
            for board in BOARDS
        ]
    return {
        "audio_s": DEMO_S,
        "mask_bins": here.mask.size,
        "resident_bytes": here.resident.whole_bytes,
        "install_bytes": install_bytes(),
        "boards": boards,
    }


def _board_figures(board: Board, here: Outputs, there: Outputs) -> BoardFigures:
    difference = compare_masks(here.mask, there.mask)
    return {
        "processor": f"{board.cpu} ({board.name})",
        "differing_bins": round(difference.share * here.mask.size),
        "max_difference": difference.max_difference,
        "events": len(there.listened),
        "events_equal": there.segmented == here.segmented and there.listened == here.listened,
        "resident_bytes": there.resident.program_bytes,
    }


def section(figures: EmulationFigures) -> str:
    """Return a table of the processors."""
    rows = [
        (
            row["processor"],
            f"{row['differing_bins']}, by at most {row['max_difference']} of 255"
            if row["differing_bins"]
            else "none",
            f"{row['events']}, {'equal' if row['events_equal'] else 'not equal'}",
            f"{row['resident_bytes'] / 1e6:.0f} MB",
        )
        for row in figures["boards"]
    ]
    head = ("emulated processor", "mask bins that differ from x86", "events", "resident memory of `listen`")
    return "\n".join(
        [
            f"`birdedge segment` and `listen --fast` on {figures['audio_s']:g} s of the demo, "
            f"{figures['mask_bins']:,} mask bins. Emulation shows whether the results are equal and how much memory "
            "the commands take, but not how fast they are.",
            "",
            *markdown_table(head, rows),
            "",
            f"Memory excludes the emulator's own; on x86 it is {figures['resident_bytes'] / 1e6:.0f} MB. "
            f"Installed packages: {figures['install_bytes'] / 1e6:.0f} MB.",
        ]
    )
