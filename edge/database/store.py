"""What a recorder knows of itself, in one SQLite file: runs, streams, sound heard, gaps, events, clips, anchors.

Times are seconds of the boot's own clock (`boot_s`, see clock.py), which no one sets. UTC is `boot_s` plus the offset
of the boot, which is written again when a synchronized clock tells it: no other row needs correcting, and events carry
their UTC only so that other programs can read it. A sound is known by its stream and sample.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from birdedge.edge.database.connection import FILE_NAME, open_to_read, open_to_write
from birdedge.edge.errors import DiskError
from birdedge.edge.event import Event

SAME_STREAM_S = 1.0  # how far a clip's own time may be off that of its stream
CAUSES = ("overrun", "device lost", "too slow", "paused by schedule", "stopped", "power lost", "restart")


@dataclass(frozen=True)
class Stamp:
    """Where a sample lies in time: seconds of the boot's clock, UTC, and how far that may be off (None: unknown)."""

    boot_s: float
    utc_s: float
    uncertainty_s: float | None


class Store:
    """Opens the file in `folder`, or makes it. One thread at a time; changes last from `commit` on.

    With `read_only` the file must be there, and nothing is changed, checked or waited for.

    Attributes:
        path: the file.
        quarantined: where a damaged file was put; None where there was none.

    Raises:
        StoreError: this user may not write there, the folder is a file, or the database is of a newer birdedge.
        DiskError: the disk is full, read-only or fails; from all methods too.
    """

    def __init__(self, folder: Path, read_only: bool = False) -> None:
        self.path = folder / FILE_NAME
        self.quarantined: Path | None = None
        if read_only:
            self._db = open_to_read(self.path)
        else:
            self._db, self.quarantined = open_to_write(self.path)

    def close(self) -> None:
        """Commits, and folds the write-ahead log into the file."""
        with self._errors():
            self._db.commit()
            self._db.close()

    def commit(self) -> None:
        """What was written until now outlives a power cut."""
        with self._errors():
            self._db.commit()

    def undo(self) -> None:
        """Nothing since the last commit was written."""
        with suppress(sqlite3.Error):
            self._db.rollback()

    def begin_boot(self, boot_id: str, offset_s: float, synchronized: bool) -> int:
        """The number of this boot, which may have been met before."""
        with self._errors():
            self._db.execute(
                "INSERT OR IGNORE INTO boots (boot_id, offset_s, synchronized, first_offset_s) VALUES (?, ?, ?, ?)",
                (boot_id, offset_s, synchronized, offset_s),
            )
            return int(self._db.execute("SELECT id FROM boots WHERE boot_id = ?", (boot_id,)).fetchone()[0])

    def set_offset(self, boot: int, offset_s: float, uncertainty_s: float) -> int:
        """The truth about the clock became known: all UTC of this boot follows. Returns how many events were mended."""
        with self._errors():
            changed = self._db.execute(
                "UPDATE boots SET offset_s = ?1, synchronized = 1 WHERE id = ?2", (offset_s, boot)
            )
            assert changed.rowcount == 1
            return self._db.execute(
                """UPDATE events SET utc_s = onset_s + ?1, uncertainty_s = coalesce(uncertainty_s, ?3), corrected = 1
                WHERE stream IN (SELECT stream FROM boot_of_stream WHERE boot = ?2)""",
                (offset_s, boot, uncertainty_s),
            ).rowcount

    def begin_run(self, boot: int, boot_s: float, version: str, model: str, site: str) -> int:
        """A process began to listen."""
        return self._insert(
            "INSERT INTO runs (boot, began_s, version, model, site) VALUES (?, ?, ?, ?, ?)",
            (boot, boot_s, version, model, site),
        )

    def end_run(self, run: int, boot_s: float) -> None:
        """It ended as it should."""
        self._execute("UPDATE runs SET ended_s = ? WHERE id = ?", (boot_s, run))

    def begin_stream(self, run: int, device: str, sample_rate_hz: int, channels: int, boot_s: float) -> int:
        """A device was opened; its samples are counted from 0."""
        return self._insert(
            "INSERT INTO streams (run, device, sample_rate_hz, channels, began_s) VALUES (?, ?, ?, ?, ?)",
            (run, device, sample_rate_hz, channels, boot_s),
        )

    def add_anchor(self, stream: int, sample: int, boot_s: float, utc_s: float, synchronized: bool) -> None:
        """That sample had just been heard when the clocks said so."""
        self._execute(
            "INSERT INTO anchors VALUES (?, ?, ?, ?, ?)", (stream, sample, boot_s, utc_s, synchronized)
        )

    def begin_heard(self, stream: int, first_sample: int, boot_s: float) -> int:
        """Sound is heard without a gap from here on."""
        return self._insert(
            "INSERT INTO heard (stream, began_s, first_sample, samples) VALUES (?, ?, ?, 0)",
            (stream, boot_s, first_sample),
        )

    def set_heard(self, heard: int, samples: int) -> None:
        """So many until now."""
        self._execute("UPDATE heard SET samples = ? WHERE id = ?", (samples, heard))

    def begin_gap(self, boot: int, boot_s: float, cause: str, length_s: float | None = None) -> int:
        """Nothing is heard from here on: for `length_s`, or until `end_gap`."""
        assert cause in CAUSES
        return self._insert(
            "INSERT INTO gaps (boot, began_s, length_s, cause) VALUES (?, ?, ?, ?)",
            (boot, boot_s, length_s, cause),
        )

    def end_gap(self, gap: int, length_s: float) -> None:
        """Sound is heard again."""
        self._execute("UPDATE gaps SET length_s = ? WHERE id = ?", (length_s, gap))

    def add_event(self, stream: int, event: Event, sample_rate_hz: int, onset: Stamp) -> int:
        """An event that closed."""
        return self._insert(
            """INSERT INTO events (stream, onset_sample, offset_sample, onset_s, utc_s, uncertainty_s, low_hz, high_hz,
            peak_hz, score, area_hz_s, snr_db) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)""",
            (
                stream,
                round(event.onset_s * sample_rate_hz),
                round(event.offset_s * sample_rate_hz),
                onset.boot_s,
                onset.utc_s,
                onset.uncertainty_s,
                event.low_hz,
                event.high_hz,
                event.peak_hz,
                event.score,
                event.area_hz_s,
                event.snr_db,
            ),
        )

    def add_clip(
        self, path: str, stream: int, first_sample: int, samples: int, size_bytes: int, score: float
    ) -> None:
        """A clip that lies whole under its name."""
        self._execute(
            "INSERT OR REPLACE INTO clips (path, stream, first_sample, samples, bytes, score) "
            "VALUES (?, ?, ?, ?, ?, ?)",
            (path, stream, first_sample, samples, size_bytes, score),
        )

    def add_found_clip(
        self,
        path: str,
        utc_s: float,
        sample_rate_hz: int,
        first_sample: int,
        samples: int,
        size_bytes: int,
        score: float,
    ) -> None:
        """A clip that lies on disk and may have no row; which stream it is of, its own time and rate tell."""
        began_utc_s = utc_s - first_sample / sample_rate_hz
        off_s = "min(abs(streams.began_s + offset_s - ?1), abs(streams.began_s + first_offset_s - ?1))"
        streams = self.rows(
            f"""SELECT streams.id FROM streams JOIN runs ON runs.id = streams.run JOIN boots ON boots.id = runs.boot
            WHERE sample_rate_hz = ?2 AND {off_s} < ?3 ORDER BY {off_s} LIMIT 1""",
            (began_utc_s, sample_rate_hz, SAME_STREAM_S),
        )
        stream = streams[0][0] if streams else self._begin_unknown_stream(sample_rate_hz, began_utc_s)
        self._execute(
            "INSERT OR IGNORE INTO clips (path, stream, first_sample, samples, bytes, score) VALUES (?, ?, ?, ?, ?, ?)",
            (path, stream, first_sample, samples, size_bytes, score),
        )

    def _begin_unknown_stream(self, sample_rate_hz: int, utc_s: float) -> int:
        """Of run 0 and boot 0, whose clock is UTC: they stand for all that an earlier, lost database knew."""
        self._execute("INSERT OR IGNORE INTO boots VALUES (0, 'unknown', 0, 1, 0)", ())
        self._execute("INSERT OR IGNORE INTO runs VALUES (0, 0, 0, 0, '', '', '')", ())
        return self.begin_stream(0, "unknown", sample_rate_hz, 0, utc_s)

    def remove_clip(self, path: str) -> None:
        """A clip that was deleted."""
        self._execute("DELETE FROM clips WHERE path = ?", (path,))

    def add_mode(self, boot: int, boot_s: float, mode: str) -> None:
        """From here on the recorder is lighter, or no longer so."""
        self._execute("INSERT INTO modes VALUES (?, ?, ?)", (boot, boot_s, mode))

    def set_state(self, run: int, boot_s: float, state: str) -> None:
        """How the recorder does, as JSON; the last one is kept."""
        self._execute("INSERT OR REPLACE INTO state VALUES (1, ?, ?, ?)", (run, boot_s, state))

    def rows(self, query: str, values: tuple[object, ...] = ()) -> list[tuple[float, ...]]:
        """What a SELECT finds."""
        with self._errors():
            return self._db.execute(query, values).fetchall()

    def _insert(self, statement: str, values: tuple[object, ...]) -> int:
        with self._errors():
            return int(self._db.execute(statement, values).lastrowid or 0)

    def _execute(self, statement: str, values: tuple[object, ...]) -> None:
        with self._errors():
            self._db.execute(statement, values)

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise DiskError(
                f"{self.path} cannot be written or read ({error}): check its disk, and whether it is a recorder's"
            ) from error
