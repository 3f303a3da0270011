"""The bird alone, live: the audio of a live feed inside its mask. Only listening to it needs numpy."""

from __future__ import annotations

import json

import numpy as np
from numpy.typing import NDArray

from birdedge.edge.formats.live_frames import HEADER_BYTES, audio_header, frames_header, kind_of
from birdedge.edge.grid import Grid
from birdedge.edge.pipeline.denoise import Denoiser


class BirdAlone:
    """Denoises the audio of a live feed.

    Args:
        state: The first packet of the feed.
    """

    def __init__(self, state: bytes) -> None:
        fields = json.loads(state)
        self._grid = Grid(fields["grid_rate_hz"], fields["n_fft"], fields["hop_samples"], fields["bins"])
        self._denoiser: Denoiser | None = None
        self._audio: list[bytes] = []  # from before the first known frame
        self._began_s = 0.0
        self._rate_hz = 0

    def push(self, packet: bytes) -> bytes:
        """Return the 16-bit PCM that a packet completes."""
        kind = kind_of(packet)
        if kind == "audio":
            return self._push_audio(packet)
        if kind == "frames":
            return self._push_frames(packet)
        return b""

    def _push_audio(self, packet: bytes) -> bytes:
        header = audio_header(packet)
        self._rate_hz = header.sample_rate_hz
        if header.gap or (self._denoiser is None and not self._audio):
            self._denoiser, self._audio, self._began_s = None, [], header.utc_s
        if self._denoiser is None:
            self._audio.append(packet[HEADER_BYTES:])
            return b""
        return self._pushed(packet[HEADER_BYTES:], np.zeros((0, self._grid.bins), np.uint8))

    def _push_frames(self, packet: bytes) -> bytes:
        header = frames_header(packet)
        if header.gap:
            self._denoiser = None
        if not self._audio and self._denoiser is None:
            return b""
        bits = np.frombuffer(packet, np.uint8, offset=HEADER_BYTES + header.frames * header.bins)
        mask = 255 * np.unpackbits(bits).reshape(header.frames, header.bins)
        if self._denoiser is not None:
            return self._pushed(b"", mask)
        first_frame_s = header.utc_s - self._began_s
        self._denoiser = Denoiser(self._rate_hz, 1, self._grid, first_frame_s)
        audio, self._audio = b"".join(self._audio), []
        return self._pushed(audio, mask)

    def _pushed(self, pcm: bytes, mask: NDArray[np.uint8]) -> bytes:
        assert self._denoiser is not None
        out = self._denoiser.push(np.frombuffer(pcm, "<i2")[:, np.newaxis], mask)
        return out.round().clip(-32_768, 32_767).astype("<i2").tobytes()
