"""The mask file of a live stream: a `.npz` that grows, and is complete every second.

A killed process leaves a file that any program can read. A power cut may corrupt its last seconds; `repair_mask_file`
in mask_repair.py repairs such a file.
"""

from __future__ import annotations

import io
import os
from contextlib import suppress
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from birdedge.edge.errors import DataError, OutputError
from birdedge.edge.formats.growing_zip import GrowingZip
from birdedge.edge.system.atomic_file import (
    make_folder,
    output_errors,
    sync_file,
    sync_folder,
    with_free_name,
)

SEALED_S = 1.0  # of frames
NAMES = ("hop_s", "first_frame_s", "low_hz", "bin_hz", "threshold")
PIECE_BYTES = 1 << 20


class GrowingMaskFile:
    """A writer for the mask of a live stream, with the fields of `MaskFile`.

    Frames that could not be written are zeros, so that later frames keep their times; so are frames that are skipped by
    adding to `frames`. An existing file is not replaced: a number is added to the name.

    Args:
        path: The `.npz` file; its folder is created if missing.
        hop_s: Seconds between frames.
        first_frame_s: Centre of frame 0, in seconds from the start of the file.
        low_hz: Centre of bin 0.
        bin_hz: Hertz between bins.
        threshold: Probability from which a bin counts as bird sound.
        bins: Bins per frame.

    Attributes:
        path: Path of the file in use.
        hop_s: May be changed until `close`, when the true rate of the stream is known.
        frames: Frames pushed or skipped so far.

    Raises:
        OutputError: The file cannot be written. Also raised by `push`, `sync` and `close`.
    """

    def __init__(
        self,
        path: Path,
        hop_s: float,
        first_frame_s: float,
        low_hz: float,
        bin_hz: float,
        threshold: float,
        bins: int = 256,
    ) -> None:
        self.path, self.hop_s, self.frames = path, hop_s, 0
        self._bins = bins
        self._scalars = (first_frame_s, low_hz, bin_hz, threshold)
        self._zip = GrowingZip("mask.npy")
        self._appended_frames = self._sealed_frames = 0
        self._is_new = True  # a power cut may lose its name
        self._pending = b""  # to be written at `_end`
        self._end = len(self._zip.sealed(*self._fixed())[0])
        with output_errors(path):
            make_folder(path.parent)
            self.path, self._fd = with_free_name(path, _new_file)
        try:
            self._seal()
        except OutputError:  # on a full disk, no empty file is left behind
            os.close(self._fd)
            with suppress(OSError):
                self.path.unlink()
            raise

    def push(self, mask: NDArray[np.uint8]) -> None:
        """Append frames `[frames, bins]`, as `mask_bytes` returns them.

        Raises:
            DataError: The shape is wrong.
        """
        if mask.ndim != 2 or mask.shape[1] != self._bins:
            raise DataError(f"a mask of shape {mask.shape} was pushed: give [frames, {self._bins}]")
        first_frame, self.frames = self.frames, self.frames + len(mask)
        self._write_pending()  # if it fails, the frames become zeros
        self._append_zeros(first_frame)
        self._append(mask.tobytes())
        self._write_pending()
        if (self.frames - self._sealed_frames) * self.hop_s >= SEALED_S:
            self._seal()

    def sync(self) -> None:
        """Wait until the disk has all sealed data; may be called from any thread."""
        with output_errors(self.path):
            sync_file(self._fd)
            if self._is_new:
                sync_folder(self.path.parent)
                self._is_new = False

    def close(self) -> None:
        """Complete the file; further calls do nothing."""
        if self._fd < 0:
            return
        try:
            self._write_pending()
            self._append_zeros(self.frames)
            self._seal()
            self.sync()
        finally:
            fd, self._fd = self._fd, -1
            os.close(fd)

    def __enter__(self) -> GrowingMaskFile:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def _append(self, data: bytes) -> None:
        self._pending += self._zip.append(data)
        self._appended_frames += len(data) // self._bins

    def _append_zeros(self, until_frame: int) -> None:
        piece = max(1, PIECE_BYTES // self._bins)
        while (missing := until_frame - self._appended_frames) > 0:
            self._append(bytes(min(missing, piece) * self._bins))

    def _seal(self) -> None:
        """Complete the file with the frames appended so far."""
        self._pending += self._zip.flush()
        self._write_pending()
        head, tail = self._zip.sealed(*self._fixed())
        with output_errors(self.path):
            _write_at(self._fd, self._end, tail)
            _write_at(self._fd, 0, head)
            os.ftruncate(self._fd, self._end + len(tail))
        self._sealed_frames = self._appended_frames

    def _write_pending(self) -> None:
        with output_errors(self.path):
            while self._pending:
                written = os.pwrite(self._fd, self._pending, self._end)
                self._end, self._pending = self._end + written, self._pending[written:]

    def _fixed(self) -> tuple[dict[str, bytes], bytes]:
        """Return the members of fixed size, and the beginning of the mask."""
        values = dict(zip(NAMES, (self.hop_s, *self._scalars), strict=True))
        head = io.BytesIO()
        shape = self._appended_frames, self._bins
        np.lib.format.write_array_header_1_0(head, {"descr": "|u1", "fortran_order": False, "shape": shape})
        return {f"{name}.npy": _array_bytes(value) for name, value in values.items()}, head.getvalue()


def _array_bytes(value: float) -> bytes:
    file = io.BytesIO()
    np.lib.format.write_array(file, np.asarray(value, dtype=np.float64))
    return file.getvalue()


def _new_file(path: Path) -> int:
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)


def _write_at(fd: int, offset: int, data: bytes) -> None:
    while data:
        written = os.pwrite(fd, data, offset)
        offset, data = offset + written, data[written:]
