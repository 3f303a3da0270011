"""The commented configuration that `birdedge config init` writes."""

from __future__ import annotations

import tempfile
from pathlib import Path

from click.testing import CliRunner

from birdedge.cli import birdedge


def template_block() -> str:
    """Return the configuration as a block of a page."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "config.toml"
        CliRunner().invoke(birdedge, ["config", "init", str(path)], catch_exceptions=False)
        return f"```toml\n{path.read_text(encoding='utf-8').rstrip()}\n```\n"
