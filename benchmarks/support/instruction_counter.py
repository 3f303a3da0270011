"""Count the instructions that a program executes on an emulated 64-bit ARM processor."""

from __future__ import annotations

import os
import shutil
import struct
import subprocess
import tempfile
from collections import Counter
from pathlib import Path

from benchmarks.support.emulated_arm import FOLDER
from benchmarks.support.emulated_arm import unavailable as not_installed

PLUGIN = Path(__file__).with_suffix(".c")
COMPILER = "cc"
EMULATOR = "qemu-aarch64"  # Debian 12's loads plugins, unlike qemu-aarch64-static
RECORD = struct.Struct("<QI")  # see the plugin


def unavailable() -> str | None:
    """Return why nothing can be counted, or None if it can."""
    for command, package in ((COMPILER, "gcc"), (EMULATOR, "qemu-user")):
        if shutil.which(command) is None:
            return f"there is no {command}; run: sudo apt install {package}"
    if "-plugin" not in _run([EMULATOR, "--help"]):
        return f"this {EMULATOR} does not load plugins; the one in Debian 12 does"
    return not_installed()


def count_blocks(cpu: str, program: str, *arguments: str) -> tuple[list[Counter[bytes]], str]:
    """Run a Python program on one thread of an emulated processor.

    Args:
        cpu: The processor, as qemu names it.
        program: The program's text. Each `os.getpgid(0)` in it ends a phase.
        arguments: Its arguments.

    Returns:
        For each phase, how often each block of instructions was executed, and what the program printed.

    Raises:
        subprocess.CalledProcessError: The plugin could not be compiled, or the program failed.
    """
    with tempfile.TemporaryDirectory() as name:
        plugin, counted = Path(name, "counter.so"), Path(name, "blocks")
        _run([COMPILER, "-O2", "-shared", "-fPIC", "-o", str(plugin), str(PLUGIN)])
        emulator = [EMULATOR, "-cpu", cpu, "-plugin", f"{plugin},out={counted}", "-L", str(FOLDER / "root")]
        printed = _run([*emulator, str(FOLDER / "root/usr/bin/python3"), "-c", program, *arguments])
        return read_phases(counted.read_bytes()), printed


def read_phases(content: bytes) -> list[Counter[bytes]]:
    """Return the executions of each block in each phase, from a file that the plugin wrote."""
    phases: list[Counter[bytes]] = []
    blocks: Counter[bytes] = Counter()
    at = 0
    while at < len(content):
        executions, size = RECORD.unpack_from(content, at)
        at += RECORD.size
        if size:
            blocks[content[at : at + 4 * size]] += executions
        else:
            phases.append(blocks)
            blocks = Counter()
        at += 4 * size
    return phases


def _run(command: list[str]) -> str:
    packages = {"PYTHONPATH": str(FOLDER / "packages"), "PYTHONHASHSEED": "0", "OMP_NUM_THREADS": "1"}
    environment = {**os.environ, **packages}
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout
