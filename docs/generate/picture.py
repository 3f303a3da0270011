"""The picture of README.md, made by the commands that are shown below it: `python -m docs.generate.picture`."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image

from docs.generate.rooms import ROOT

PICTURE = ROOT / "docs" / "images" / "demo.png"
COMMANDS = ("birdedge demo demo.wav", "birdedge plot demo.wav --start 30 --duration 12")
COLOURS = 256  # a third of the bytes, with no visible difference


def main() -> None:
    """Run the commands and save the picture with fewer colours."""
    with tempfile.TemporaryDirectory() as folder:
        for command in COMMANDS:
            arguments = [sys.executable, "-m", *shlex.split(command)]
            subprocess.run(arguments, check=True, cwd=folder, env={**os.environ, "PYTHONPATH": str(ROOT)})
        with Image.open(Path(folder) / "demo.png") as drawn:
            drawn.convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE).save(PICTURE, optimize=True)


if __name__ == "__main__":
    main()
