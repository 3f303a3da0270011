"""A folder of recordings made by the generator, in the layout that training reads."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import soundfile
from matplotlib.image import imsave

from birdedge.edge.soundscape import soundscape

COLUMNS = ["file", "kind", "tier", "licence", "source", "original", "xc", "species", "snr90_db"]
RATE_HZ = 32000


def write_recordings(folder: Path, files: int = 16, duration_s: float = 6.0) -> Path:
    """`files` bird recordings and as many noises of open licence, and one painted soundscape; returns `folder`."""
    rows = [COLUMNS]
    for kind in ("birds", "noise", "painted"):
        (folder / kind).mkdir(parents=True)
    for i in range(files):
        scene = soundscape(duration_s, seed=100 + i, calls_per_minute=60, rain_db=None)
        for kind, samples, snr_db in (("birds", scene.calls_alone, 45.0), ("noise", scene.noise_alone, 10.0)):
            name = f"{kind}/{kind}-{i:02d}.flac"
            soundfile.write(folder / name, samples, RATE_HZ)
            rows.append([name, kind, "open", "CC0", "generator", name, "", f"{kind} {i}", str(snr_db)])
    _write_painted(folder / "painted" / "painted-0001", duration_s)
    (folder / "index.tsv").write_text("\n".join("\t".join(row) for row in rows) + "\n", encoding="utf-8")
    return folder


def _write_painted(stem: Path, duration_s: float) -> None:
    """At 16 kHz: row r at 31.25 r Hz, column t at (256 t + 256) / 16000 s, as in the hand-painted set."""
    scene = soundscape(duration_s, seed=7, calls_per_minute=60, snr_db=(20.0, 25.0))
    soundfile.write(stem.with_suffix(".flac"), scene.samples[::2], RATE_HZ // 2)
    column_frames = np.round(
        ((256 * np.arange(int(duration_s * 62.5) - 1) + 256) / 16000 - 0.008) / 0.008
    ).astype(int)
    row_bins = np.clip(np.round(np.arange(256) / 2 - 1).astype(int), 0, None)
    painted = scene.mask[np.ix_(column_frames, row_bins)].T
    imsave(stem.with_suffix(".png"), painted, cmap="gray")
