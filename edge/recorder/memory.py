"""The most memory that a recorder needs, by its settings."""

from __future__ import annotations

from birdedge.edge.audio.capture_buffer import RING_S
from birdedge.edge.audio.live_stream import STREAM_RING_S
from birdedge.edge.clips.settings import MAX_WAITING
from birdedge.edge.errors import SettingsError
from birdedge.edge.models.card import ModelCard
from birdedge.edge.recorder.config import Config, source_config

USUAL_RATE_HZ = 48_000  # assumed for a microphone whose rate is not set
BASE_MB = 110.0  # Python, its libraries, the network and the pipeline
SOURCE_MB = 10.0  # the pipeline of each source after the first
DECODER_MB = 30.0  # ffmpeg, for each network stream
WAITING_MB = 40.0  # messages and frames while a disk cannot be written
# Measured bytes per sample and channel to write a clip; the last two come on top of the encoded audio.
ENCODED_BYTES, DENOISED_BYTES, PICTURE_BYTES = 2, 8, 11


def max_memory_mb(config: Config, card: ModelCard) -> float:
    """Return the memory in megabytes that a recorder needs when its disks are slow and clips wait."""
    if not config.source:
        return BASE_MB + _waiting_mb(config, card)
    waiting_mb = sum(_waiting_mb(source_config(config, source.name), card) for source in config.source)
    decoders = sum(source.url is not None for source in config.source)
    return BASE_MB + SOURCE_MB * (len(config.source) - 1) + DECODER_MB * decoders + waiting_mb


def _waiting_mb(config: Config, card: ModelCard) -> float:
    """Return the megabytes of one source that wait for its disk."""
    clips = config.clips
    samples_per_s = (config.sample_rate_hz or USUAL_RATE_HZ) * config.channels
    ring_s = RING_S if all(source.is_microphone for source in config.source) else STREAM_RING_S
    total_bytes = ring_s * samples_per_s * 4
    if clips.keep != "none":
        clip_s = clips.everything_s if clips.keep == "everything" else clips.max_duration_s
        writing_bytes = ENCODED_BYTES + DENOISED_BYTES * clips.denoised + PICTURE_BYTES * clips.picture
        # On top of the waiting clips, one is being cut and one is being written.
        kept_s = clips.held_s(card.events.max_duration_s) + (MAX_WAITING + 2) * clip_s
        total_bytes += (2 * kept_s + writing_bytes * clip_s) * samples_per_s
        if clips.denoised or clips.mask or clips.picture:
            total_bytes += kept_s / card.grid.hop_s * card.grid.bins
    return WAITING_MB + total_bytes / 1e6


def check_memory(config: Config, card: ModelCard, limit_mb: float) -> float:
    """Return `max_memory_mb` if it is within a limit.

    Raises:
        SettingsError: It is not.
    """
    needed_mb = max_memory_mb(config, card)
    if needed_mb > limit_mb:
        raise SettingsError(
            f"these settings need up to {needed_mb:.0f} MB of memory, and the service may use {limit_mb:.0f} MB; "
            "lower sample_rate_hz, channels, everything_s or max_duration_s, or write no denoised clips and pictures"
        )
    return needed_mb
