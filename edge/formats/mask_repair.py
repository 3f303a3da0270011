"""Repair a mask file that a power cut corrupted while it grew."""

from __future__ import annotations

import io
import logging
import math
import struct
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from birdedge.edge.errors import DataError, OutputError
from birdedge.edge.formats.growing_mask import NAMES, PIECE_BYTES
from birdedge.edge.formats.growing_zip import LOCAL
from birdedge.edge.formats.mask_npz import MaskFile
from birdedge.edge.system.atomic_file import output_errors

TORN_S = 2.0  # of frames, which a power cut may leave half written

log = logging.getLogger(__name__)


def repair_mask_file(path: Path) -> bool:
    """Repair a mask file that a power cut corrupted while it grew.

    The frames up to its last seal are kept; if the disk does not have all of them, the last seconds are dropped,
    because their data may come from an earlier seal.

    Returns:
        Whether the file had to be repaired.

    Raises:
        DataError: The file was not written by a `GrowingMaskFile`.
        OutputError: The file cannot be written.
    """
    with output_errors(path):
        if _is_whole(path):
            return False
        with path.open("rb") as file:
            try:
                hop_s, first_s, low_hz, bin_hz, threshold = (_read_scalar(file, name) for name in NAMES)
                crc, beginning, frames, bins = _read_beginning(file)
            except OSError:
                raise
            except Exception as error:  # numpy's reader raises many kinds
                raise DataError(f"{path} is damaged, and its beginning is missing: delete it") from error
            first, read_bytes, found_crc = file.tell(), 0, zlib.crc32(beginning)
            for piece in _inflated(file, frames * bins):
                read_bytes, found_crc = read_bytes + len(piece), zlib.crc32(piece, found_crc)
            if (read_bytes, found_crc) != (frames * bins, crc):
                frames = max(0, read_bytes // bins - round(TORN_S / hop_s))
            file.seek(first)
            with MaskFile(path, hop_s, first_s, low_hz, bin_hz, threshold, bins) as whole:
                rest = b""
                for piece in _inflated(file, frames * bins):
                    rest += piece
                    count = len(rest) // bins
                    whole.push(np.frombuffer(rest, np.uint8, count * bins).reshape(count, bins))
                    rest = rest[count * bins :]
    return True


def repair_latest(folder: Path) -> None:
    """Repair the latest mask file of a folder if power was cut while it grew, and log the repair."""
    try:
        paths = [path for path in folder.glob("*.npz") if path.is_file()]
        latest = max(paths, key=lambda path: path.stat().st_mtime, default=None)
        if latest is not None and repair_mask_file(latest):
            log.info("%s was corrupted by a power cut, and has been repaired", latest)
    except (DataError, OutputError, OSError) as error:
        log.error("%s", error)


def _is_whole(path: Path) -> bool:
    try:
        with zipfile.ZipFile(path) as npz:
            return npz.testzip() is None
    except Exception:  # zipfile raises many kinds for a damaged file
        return False


def _read_header(file: io.BufferedReader, name: str) -> int:
    """Read the header of a member, and return its CRC."""
    fields = LOCAL.unpack(file.read(LOCAL.size))
    if file.read(fields[-2]) != name.encode():
        raise ValueError(name)
    file.read(fields[-1])
    return int(fields[6])


def _read_scalar(file: io.BufferedReader, name: str) -> float:
    _read_header(file, f"{name}.npy")
    value = float(np.lib.format.read_array(file, allow_pickle=False))
    if not math.isfinite(value) or (name == "hop_s" and value <= 0):
        raise ValueError(f"{name} is {value}")
    return value


def _read_beginning(file: io.BufferedReader) -> tuple[int, bytes, int, int]:
    """Read up to the first frame, and return the CRC of the mask, its beginning, its frames and its bins."""
    crc = _read_header(file, "mask.npy")
    _, size_bytes, _ = struct.unpack("<B2H", file.read(5))
    beginning = io.BytesIO(file.read(size_bytes))
    np.lib.format.read_magic(beginning)
    frames, bins = np.lib.format.read_array_header_1_0(beginning)[0]
    if not bins:
        raise ValueError("the mask has no bins")
    return crc, beginning.getvalue(), frames, bins


def _inflated(file: io.BufferedReader, max_bytes: int) -> Iterator[bytes]:
    """Yield the following data in pieces, as far as it can be read."""
    inflate = zlib.decompressobj(-zlib.MAX_WBITS)
    while max_bytes and (data := inflate.unconsumed_tail or file.read(PIECE_BYTES)):
        try:
            piece = inflate.decompress(data, min(max_bytes, PIECE_BYTES))
        except zlib.error:
            return
        if not piece and inflate.eof:
            return
        max_bytes -= len(piece)
        yield piece
