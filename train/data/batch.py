"""The tensors that a network is trained on."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor


class Batch(NamedTuple):
    """Examples with a batch axis, or a single one without it."""

    x: Tensor  # network input [channels, frames, bins], or a log spectrogram [frames, bins]
    target: Tensor  # [frames, bins]
    weight: Tensor  # [frames, bins]
    sounds: Tensor  # int8 [frames / 4, bins / 4]: the class of each cell, UNKNOWN or NOT_BIRD
    teacher_x: Tensor | tuple[()] = ()  # network input of teachers with shorter frames; otherwise they take x
