"""What `birdedge listen` prints for the demo soundscape."""

from __future__ import annotations

import re
import subprocess
import sys

from docs.generate.rooms import ROOT

COMMAND = ("listen", "--demo", "--fast", "--table", "--duration", "40")
TOLERANCE_S = 0.1  # a processor with other int8 kernels may move an edge


def listen_block(present: str) -> str:
    """Return a console transcript of the command; the present one if its run has the same events."""
    command = [sys.executable, "-m", "birdedge", *COMMAND]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT)
    first, last = done.stderr.splitlines()
    lines = ["```console", f"$ birdedge {' '.join(COMMAND)}", first, done.stdout.rstrip(), last, "```", ""]
    new = "\n".join(lines)
    return present if same_run(present, new) else new


def same_run(a: str, b: str) -> bool:
    """Return whether two runs have the same lines around the events, and the same onsets within 0.1 s."""
    onsets = [_onsets(text) for text in (a, b)]
    return (
        _frame(a) == _frame(b)
        and len(onsets[0]) == len(onsets[1])
        and all(abs(x - y) <= TOLERANCE_S for x, y in zip(*onsets, strict=True))
    )


def _onsets(text: str) -> list[float]:
    return [60 * int(m) + float(s) for m, s in re.findall(r"^ +(\d\d):(\d\d\.\d{3}) ", text, re.MULTILINE)]


def _frame(text: str) -> list[str]:
    return [line for line in text.splitlines() if not re.match(r" +\d\d:", line)]
