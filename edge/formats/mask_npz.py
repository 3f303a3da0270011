"""Mask files: the probability of bird sound in each time-frequency bin of a recording, as `.npz`."""

from __future__ import annotations

import shutil
import tempfile
import zipfile
from dataclasses import fields
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from birdedge.edge.errors import DataError
from birdedge.edge.mask import Mask, mask_bytes
from birdedge.edge.system.atomic_file import Existing, output_errors, refuse_existing, replacing

COPY_BYTES = 1 << 20


class MaskFile:
    """A writer for the mask of one recording, pushed in pieces of any length.

    Frame t is centred at `first_frame_s + t * hop_s` seconds, and bin b at `low_hz + b * bin_hz` hertz. Frames are
    spooled to an unnamed temporary file, so that memory stays constant and a killed process leaves no file. The
    `.npz` appears, complete, on `close`, and not at all if the `with` block fails.

    Args:
        path: The `.npz` file; its folder is created if missing.
        hop_s: Seconds between frames.
        first_frame_s: Centre of frame 0, in seconds from the start of the recording.
        low_hz: Centre of bin 0.
        bin_hz: Hertz between bins.
        threshold: Probability from which a bin counts as bird sound.
        bins: Bins per frame.
        existing: What to do if the file exists.

    Attributes:
        hop_s: May be changed until `close`, when the true rate of a live stream is known.
        frames: Frames pushed so far.

    Raises:
        OutputError: The file cannot be written. Also raised by `push` and `close`.
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
        existing: Existing = "replace",
    ) -> None:
        self.path, self._existing = path, existing
        self.hop_s = hop_s
        self.frames = 0
        self._bins = bins
        self._scalars = {
            "first_frame_s": first_frame_s,
            "low_hz": low_hz,
            "bin_hz": bin_hz,
            "threshold": threshold,
        }
        if existing == "refuse":
            refuse_existing([path])
        with output_errors(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            self._spool = tempfile.TemporaryFile(dir=path.parent, buffering=0)  # noqa: SIM115

    def push(self, mask: NDArray[np.float32] | NDArray[np.uint8]) -> None:
        """Append frames; the frames of a failed push are stored as zeros, so that later frames keep their times.

        Args:
            mask: Probabilities, or the bytes that `mask_bytes` returns for them. Shape `[frames, bins]`.

        Raises:
            DataError: The shape is wrong, or a value is NaN or outside 0..1.
        """
        if mask.ndim != 2 or mask.shape[1] != self._bins:
            raise DataError(f"a mask of shape {mask.shape} was pushed: give [frames, {self._bins}]")
        if mask.dtype != np.uint8:
            mask = mask_bytes(mask.astype(np.float32, copy=False))
        data, at = mask.tobytes(), self.frames * self._bins
        self.frames += len(mask)
        with output_errors(self.path):
            self._spool.seek(at)
            try:
                while data:  # an unbuffered file may accept less than it is given
                    data = data[self._spool.write(data) :]
            except OSError:
                self._spool.truncate(at)
                raise

    def close(self) -> None:
        """Write the `.npz`; further calls do nothing."""
        if self._spool.closed:
            return
        with self._spool, replacing(self.path, self._existing) as file, output_errors(self.path):
            self._spool.truncate(self.frames * self._bins)
            self._spool.seek(0)
            # A recorder needs the speed of level 1, which is nine times that of level 6; files are 10 % larger.
            with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as npz:
                # A day takes 2.8 GB, close to the 4 GiB above which a member needs ZIP64.
                with npz.open("mask.npy", "w", force_zip64=True) as member:
                    np.lib.format.write_array_header_1_0(
                        member, {"descr": "|u1", "fortran_order": False, "shape": (self.frames, self._bins)}
                    )
                    shutil.copyfileobj(self._spool, member, COPY_BYTES)
                for name, value in {"hop_s": self.hop_s, **self._scalars}.items():
                    with npz.open(f"{name}.npy", "w") as member:
                        np.lib.format.write_array(member, np.asarray(value, dtype=np.float64))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.close()
        self._spool.close()


def read_mask_file(path: Path) -> Mask:
    """Read a mask file.

    Raises:
        DataError: The file is missing, is not a mask file, or is malformed.
    """
    names = [field.name for field in fields(Mask)]
    try:
        with zipfile.ZipFile(path) as npz:
            arrays = {name: _read_member(npz, name) for name in names if f"{name}.npy" in npz.namelist()}
    except FileNotFoundError as error:
        raise DataError(f"mask file {path} does not exist: give a file that --masks wrote") from error
    except Exception as error:  # zipfile and numpy raise many kinds
        raise DataError(
            f"{path} is damaged or not a mask file ({error}): give a file that --masks wrote"
        ) from error
    problem = next((problem for name in names if (problem := _problem(name, arrays.get(name)))), None)
    if problem:
        raise DataError(f"mask file {path} is malformed: {problem}; write it again with --masks")
    mask = arrays.pop("mask")
    return Mask(mask, **{name: float(value) for name, value in arrays.items()})


def _read_member(npz: zipfile.ZipFile, name: str) -> NDArray[Any]:
    with npz.open(f"{name}.npy") as member:
        return np.lib.format.read_array(member, allow_pickle=False)


def _problem(name: str, value: NDArray[Any] | None) -> str | None:
    """Return what is wrong with an array of the file, as a clause, or None."""
    if value is None:
        return f"{name} is missing"
    if name == "mask":
        valid = value.dtype == np.uint8 and value.ndim == 2
        return None if valid else f"mask is {value.dtype} of shape {value.shape}, not uint8 [frames, bins]"
    if value.shape != () or value.dtype.kind not in "fiu" or not np.isfinite(value):
        return f"{name} is not one finite number"
    if name in ("hop_s", "bin_hz") and value <= 0:
        return f"{name} is {value}, not above 0"
    if name == "threshold" and not 0 <= value <= 1:
        return f"threshold is {value}, not within 0..1"
    return None
