"""A process killed at any moment leaves only complete clips."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import soundfile
from PIL import Image

from birdedge.edge.clips.folder import companions
from birdedge.edge.formats.guano import read_guano
from birdedge.edge.formats.mask_npz import read_mask_file

ENDLESS_WRITER = """
    import resource, signal, sys
    from pathlib import Path
    import numpy as np
    from birdedge.edge.clips.writer import ClipWriter
    from birdedge.edge.clips.cutter import ClipCutter
    from birdedge.edge.clips.settings import ClipSettings
    from birdedge.edge.models.model import Model
    from birdedge.edge.times import Stamp

    kind, max_bytes = sys.argv[2], int(sys.argv[3])
    chosen = ClipSettings(
        keep="everything", format=kind, everything_s=5.0, min_free_mb=0, mask=True, picture=True, denoised=True
    )
    def stamp(sample):
        return Stamp(sample, 0.0, 0.0, 1795392000.0, 0.2, True)  # 2026-11-23

    writer = ClipWriter(Path(sys.argv[1]), chosen, lambda clip: print(clip.path, flush=True))
    card = Model("birdedge-int8").card
    cutter = ClipCutter(chosen, writer, card, 8000, 2, stamp)
    random = np.random.default_rng(1)
    audio = random.uniform(-1, 1, (8000, 2)).astype(np.float32)
    mask = random.integers(0, 256, (round(1 / card.grid.hop_s), 256)).astype(np.uint8)
    if max_bytes:
        signal.signal(signal.SIGXFSZ, signal.SIG_DFL)  # kills the process; Python's handler raises an error instead
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_FSIZE, (max_bytes, max_bytes))
    while True:
        cutter.push(audio, mask, [])
"""


@contextmanager
def endless_writer(tmp_path: Path, kind: str, max_bytes: int) -> Iterator[subprocess.Popen[str]]:
    """Start a process that writes clips of 160 kB; the kernel kills it when a file grows beyond the limit."""
    program = tmp_path / "writes.py"
    program.write_text(textwrap.dedent(ENDLESS_WRITER))
    command = [sys.executable, str(program), str(tmp_path / "clips"), kind, str(max_bytes)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def complete_clips(folder: Path, kind: str) -> int:
    """Return the number of clips, after a check that each has its companions and every file is complete."""
    clips = [path for path in folder.iterdir() if path.suffix == f".{kind}" and ".denoised." not in path.name]
    assert all(file.exists() for path in clips for file in companions(path))
    for path in folder.iterdir():
        if path.suffix == ".npz":
            assert len(read_mask_file(path).mask) > 0
        elif path.suffix == ".png":
            with Image.open(path) as image:
                image.load()
        elif path.suffix == f".{kind}":
            assert len(soundfile.read(path)[0]) == 5 * 8000
            assert read_guano(path)["Length"] == "5.000000"
        else:
            assert path.suffix == ".part"
    return len(clips)


@pytest.mark.parametrize("kind", ["wav", "flac"])
@pytest.mark.parametrize("max_bytes", [1, 60_000, 120_000])
def test_a_process_killed_within_a_file_leaves_no_file_under_its_final_name(
    tmp_path: Path, kind: str, max_bytes: int
) -> None:
    with endless_writer(tmp_path, kind, max_bytes) as process:
        process.communicate(timeout=60)
    assert process.returncode == -signal.SIGXFSZ
    folder = tmp_path / "clips" / "2026-11-23"
    assert complete_clips(folder, kind) == 0
    assert any(path.suffix == ".part" and path.stat().st_size == max_bytes for path in folder.iterdir())


def test_a_process_killed_at_any_moment_leaves_only_complete_clips(tmp_path: Path) -> None:
    print("seed 8")
    wait = random.Random(8)
    for number in range(5):
        with endless_writer(tmp_path, "wav", 0) as process:
            assert process.stdout is not None
            process.stdout.readline()
            time.sleep(wait.uniform(0, 0.1))
            process.send_signal(signal.SIGKILL)
            process.communicate(timeout=60)
        assert complete_clips(tmp_path / "clips" / "2026-11-23", "wav") > number
