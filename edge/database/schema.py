"""The tables of the recorder's database.

Times are seconds of the boot clock (`boot_s`, see `ClockReading`), which is never set. UTC is `boot_s` plus an offset,
which `clock_lines` holds as a piecewise linear function per boot: synchronizing the clock changes the latest lines, and
no other row. The views `events`, `rejected` and `gaps` return UTC as it is known now. Audio is identified by its stream
and sample.
"""

FILE_NAME = "birdedge.sqlite"
SCHEMA_VERSION = 4
SCHEMA = """
CREATE TABLE boots (                   -- starts of the machine
    id INTEGER PRIMARY KEY, boot_id TEXT UNIQUE NOT NULL,
    clock TEXT NOT NULL,               -- 'unknown', 'set' (by a person or a clock chip) or 'synchronized'
    first_offset_s REAL NOT NULL       -- UTC minus boot_s, as the clock first showed it
);
CREATE TABLE clock_lines (             -- UTC minus boot_s: one line from each synchronization of the clock
    boot INTEGER NOT NULL REFERENCES boots, from_s REAL NOT NULL,
    until_s REAL,                      -- NULL: until now
    offset_s REAL NOT NULL,            -- UTC minus boot_s at from_s
    slope REAL NOT NULL,               -- change of the offset per second
    error_s REAL, until_error_s REAL,  -- maximum error of the offset at from_s and until_s; NULL: unknown
    wander REAL NOT NULL,              -- growth of the error per second, away from from_s and until_s
    PRIMARY KEY (boot, from_s)
) WITHOUT ROWID;
CREATE TABLE runs (                    -- starts of the recorder
    id INTEGER PRIMARY KEY, boot INTEGER NOT NULL REFERENCES boots, began_s REAL NOT NULL,
    ended_s REAL,                      -- NULL unless it stopped cleanly
    version TEXT NOT NULL, model TEXT NOT NULL, site TEXT NOT NULL
);
CREATE TABLE streams (                 -- opened microphones, whose samples are counted from 0
    id INTEGER PRIMARY KEY, run INTEGER NOT NULL REFERENCES runs, device TEXT NOT NULL,
    sample_rate_hz INTEGER NOT NULL, channels INTEGER NOT NULL, began_s REAL NOT NULL
);
CREATE TABLE anchors (                 -- the clocks at the arrival of a sample, once per minute
    stream INTEGER NOT NULL REFERENCES streams, sample INTEGER NOT NULL, boot_s REAL NOT NULL,
    utc_s REAL NOT NULL, synchronized INTEGER NOT NULL
);
CREATE TABLE heard (                   -- spans of audio without a gap
    id INTEGER PRIMARY KEY, stream INTEGER NOT NULL REFERENCES streams, began_s REAL NOT NULL, ended_s REAL NOT NULL,
    first_sample INTEGER NOT NULL, samples INTEGER NOT NULL
);
CREATE TABLE gap_rows (                -- see the view gaps
    id INTEGER PRIMARY KEY, boot INTEGER NOT NULL REFERENCES boots, began_s REAL NOT NULL,
    end_boot INTEGER NOT NULL REFERENCES boots, ended_s REAL, cause TEXT NOT NULL
);
CREATE TABLE load_levels (boot INTEGER NOT NULL REFERENCES boots, boot_s REAL NOT NULL, level TEXT NOT NULL);
CREATE TABLE event_rows (              -- see the view events
    id INTEGER PRIMARY KEY, stream INTEGER NOT NULL REFERENCES streams,
    onset_sample INTEGER NOT NULL, offset_sample INTEGER NOT NULL, onset_s REAL NOT NULL,
    onset_error_s REAL NOT NULL,       -- maximum error of onset_s
    first_utc_s REAL NOT NULL,         -- UTC of the onset, as it was known when the row was written
    low_hz REAL NOT NULL, high_hz REAL NOT NULL, peak_hz REAL NOT NULL, score REAL NOT NULL,
    area_hz_s REAL NOT NULL, snr_db REAL NOT NULL,
    sound_class TEXT NOT NULL,         -- the most probable class of sound
    class_score REAL NOT NULL,         -- its probability
    busy_10_s REAL NOT NULL,           -- share of the last 10 s in which regions covered half of the band
    busy_30_s REAL NOT NULL, busy_60_s REAL NOT NULL,
    alike INTEGER NOT NULL             -- regions of the last 60 s with nearly the same band and duration
);
CREATE TABLE rejected_rows (           -- regions of the mask that are not events: the newest, and a few per minute
    id INTEGER PRIMARY KEY, stream INTEGER NOT NULL REFERENCES streams,
    onset_sample INTEGER NOT NULL, offset_sample INTEGER NOT NULL, onset_s REAL NOT NULL,
    onset_error_s REAL NOT NULL, first_utc_s REAL NOT NULL,
    low_hz REAL NOT NULL, high_hz REAL NOT NULL, peak_hz REAL NOT NULL, score REAL NOT NULL,
    area_hz_s REAL NOT NULL, snr_db REAL NOT NULL,
    sound_class TEXT NOT NULL, class_score REAL NOT NULL,
    busy_10_s REAL NOT NULL, busy_30_s REAL NOT NULL, busy_60_s REAL NOT NULL, alike INTEGER NOT NULL,
    reason TEXT NOT NULL,              -- 'faint' or 'other sound'
    left_out INTEGER NOT NULL          -- regions since the previous row that were not stored
);
CREATE TABLE clips (
    id INTEGER PRIMARY KEY, path TEXT UNIQUE NOT NULL, boot INTEGER NOT NULL REFERENCES boots,
    stream INTEGER NOT NULL REFERENCES streams, began_s REAL NOT NULL, first_sample INTEGER NOT NULL,
    samples INTEGER NOT NULL, bytes INTEGER NOT NULL, score REAL NOT NULL
);
CREATE TABLE clip_totals (             -- over all clips, so that no query has to add them up
    id INTEGER PRIMARY KEY CHECK (id = 1), bytes INTEGER NOT NULL
);
CREATE TABLE health (                  -- the latest report of the recorder
    id INTEGER PRIMARY KEY CHECK (id = 1), run INTEGER NOT NULL REFERENCES runs, boot_s REAL NOT NULL,
    json TEXT NOT NULL
);
CREATE VIEW boot_of_stream AS
    SELECT streams.id AS stream, streams.run, streams.sample_rate_hz, runs.boot
    FROM streams JOIN runs ON runs.id = streams.run;
CREATE VIEW events AS                  -- with the UTC of the onset as it is known now; uncertainty_s is NULL if unknown
    SELECT event_rows.*, onset_s + offset_s + slope * (onset_s - from_s) AS utc_s,
        onset_error_s + coalesce(
            error_s
                + (until_error_s - error_s + wander * (until_s - onset_s)) * (onset_s - from_s) / (until_s - from_s),
            error_s + wander * (onset_s - from_s)
        ) AS uncertainty_s,
        abs(onset_s + offset_s + slope * (onset_s - from_s) - first_utc_s) > 0.05 AS corrected
    FROM event_rows JOIN streams ON streams.id = stream JOIN runs ON runs.id = run
    JOIN clock_lines ON clock_lines.boot = runs.boot AND from_s = (
        SELECT max(from_s) FROM clock_lines WHERE boot = runs.boot AND from_s <= onset_s);
CREATE VIEW rejected AS                -- as in the view events
    SELECT rejected_rows.*, onset_s + offset_s + slope * (onset_s - from_s) AS utc_s,
        onset_error_s + coalesce(
            error_s
                + (until_error_s - error_s + wander * (until_s - onset_s)) * (onset_s - from_s) / (until_s - from_s),
            error_s + wander * (onset_s - from_s)
        ) AS uncertainty_s,
        abs(onset_s + offset_s + slope * (onset_s - from_s) - first_utc_s) > 0.05 AS corrected
    FROM rejected_rows JOIN streams ON streams.id = stream JOIN runs ON runs.id = run
    JOIN clock_lines ON clock_lines.boot = runs.boot AND from_s = (
        SELECT max(from_s) FROM clock_lines WHERE boot = runs.boot AND from_s <= onset_s);
CREATE VIEW gaps AS                    -- with the UTC of their start
    SELECT gap_rows.id, gap_rows.boot, gap_rows.began_s,
        began_s + began.offset_s + began.slope * (began_s - began.from_s) AS utc_s,
        CASE WHEN end_boot = gap_rows.boot THEN (ended_s - began_s) * (1 + min(max(began.slope, -0.001), 0.001))
            WHEN 'unknown' NOT IN (SELECT clock FROM boots WHERE boots.id IN (gap_rows.boot, end_boot))
            THEN max(0.0, ended_s + ended.offset_s + ended.slope * (ended_s - ended.from_s)
                - began_s - began.offset_s - began.slope * (began_s - began.from_s))
        END AS length_s,               -- NULL while the gap lasts, or if its length is unknown
        ended_s IS NULL AS lasts, cause
    FROM gap_rows JOIN clock_lines AS began ON began.boot = gap_rows.boot AND began.from_s = (
        SELECT max(from_s) FROM clock_lines WHERE boot = gap_rows.boot AND from_s <= began_s)
    LEFT JOIN clock_lines AS ended ON ended.boot = end_boot AND ended.from_s = (
        SELECT max(from_s) FROM clock_lines WHERE boot = end_boot AND from_s <= ended_s);
CREATE INDEX events_by_onset ON event_rows ( -- covers all columns that events are filtered by
    stream, onset_s, score, low_hz, high_hz, onset_sample, offset_sample, sound_class
);
CREATE INDEX clips_by_time ON clips (boot, began_s);
CREATE INDEX clips_by_score ON clips (score, boot, began_s);
"""
