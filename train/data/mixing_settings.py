"""How examples are mixed: the part of a recipe that sets which birds, which noise, and how loud."""

from __future__ import annotations

from dataclasses import dataclass

from birdedge.edge.errors import SettingsError
from birdedge.train.data.class_cells import CELL_FRAMES
from birdedge.train.data.labels import Paint
from birdedge.train.data.stft import GRID


@dataclass(frozen=True)
class Mixing:
    """How examples are drawn. Probabilities are 0..1; SNR is bird power over noise power inside the bird's mask."""

    frames: int = 512
    snr_low_db: float = -10.0
    snr_high_db: float = 25.0
    level_low_db: float = -65.0  # rms of the mix, 0 dB is full scale
    level_high_db: float = -12.0
    empty: float = 0.25  # probability of a mix without birds
    as_recorded: float = 0.25  # probability of a crop of a focal recording instead of a mix
    boxed: float = 0.0  # probability of a crop with boxes, which has classes and no mask
    unlabelled: float = 0.0  # probability of a crop of an unlabelled recording, for teachers
    synthetic_bird: float = 0.1
    synthetic_noise: float = 0.25
    renditions: int = 1  # a bird is heard up to this many times
    reverb: float = 0.45
    distance: float = 0.5
    band_limit: float = 0.35
    pitch_octaves: float = 0.35
    noise_pitch_octaves: float = 0.0  # pitch shift of recorded noise, as if insects and frogs had other sizes
    deep: float = 0.0  # probability that a bird is pitched down by DEEP_OCTAVES, like owls and bitterns
    visible_db: float = 2.0  # level of the bird over the noise from which a spot is visible
    visible_texture_db: float = -5.0  # the same for a patch of many frames
    doubt_db: float = 5.0  # down to this far below visible, a bin is doubtful
    gap_frames: int = 6
    gap_bins: int = 5
    margin_frames: int = 2
    margin_bins: int = 1

    def __post_init__(self) -> None:
        if self.frames < CELL_FRAMES or self.frames % CELL_FRAMES:
            raise SettingsError(
                f"frames is {self.frames}; it must be a multiple of {CELL_FRAMES}, at least {CELL_FRAMES}"
            )

    @property
    def samples(self) -> int:
        """Number of samples in `frames` frames without padding."""
        return (self.frames - 1) * GRID.hop + GRID.n_fft

    @property
    def style(self) -> Paint:
        """The painted convention of the targets."""
        return Paint(self.gap_frames, self.gap_bins, self.margin_frames, self.margin_bins)
