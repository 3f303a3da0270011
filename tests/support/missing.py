"""`birdedge` without some of its packages."""

from __future__ import annotations

_SCRIPT = """
import sys

class Missing:
    def find_spec(self, name, path=None, target=None):
        package = name.partition(".")[0]
        if package in {packages}:
            if package == "sounddevice":  # raises this itself if PortAudio is missing
                raise OSError("PortAudio library not found")
            raise ImportError(name)

sys.meta_path.insert(0, Missing())
from birdedge.cli import main
main()
"""


def without(*packages: str) -> str:
    """Return a script that runs `birdedge` as if these packages were not installed."""
    return _SCRIPT.format(packages=packages)
