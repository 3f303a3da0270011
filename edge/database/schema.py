"""The tables of the recorder's database.

Times are seconds of the boot clock (`boot_s`, see `ClockReading`), which is never set. UTC is `boot_s` plus the
offset of the boot, which is corrected when a synchronized clock gives it: no other row needs correcting, and events and
rejected regions carry their UTC only so that other programs can read it. Audio is identified by its stream and sample.
"""

FILE_NAME = "birdedge.sqlite"
SCHEMA_VERSION = 4
SCHEMA = """
CREATE TABLE boots (                   -- starts of the machine
    id INTEGER PRIMARY KEY, boot_id TEXT UNIQUE NOT NULL,
    offset_s REAL NOT NULL,            -- UTC less boot_s
    synchronized INTEGER NOT NULL,     -- whether a synchronized clock gave it
    first_offset_s REAL NOT NULL       -- what the clock showed before it was synchronized
);
CREATE TABLE runs (                    -- starts of the recorder
    id INTEGER PRIMARY KEY, boot INTEGER NOT NULL REFERENCES boots, began_s REAL NOT NULL,
    ended_s REAL,                      -- NULL unless it stopped cleanly
    version TEXT NOT NULL, model TEXT NOT NULL, site TEXT NOT NULL
);
CREATE TABLE streams (                 -- opened microphones, whose samples are counted from 0
    id INTEGER PRIMARY KEY, run INTEGER NOT NULL REFERENCES runs, device TEXT NOT NULL,
    sample_rate_hz INTEGER NOT NULL, channels INTEGER NOT NULL, began_s REAL NOT NULL
);
CREATE TABLE anchors (                 -- what the clocks showed when a sample had arrived, once per minute
    stream INTEGER NOT NULL REFERENCES streams, sample INTEGER NOT NULL, boot_s REAL NOT NULL,
    utc_s REAL NOT NULL, synchronized INTEGER NOT NULL
);
CREATE TABLE heard (                   -- spans of audio without a gap
    id INTEGER PRIMARY KEY, stream INTEGER NOT NULL REFERENCES streams, began_s REAL NOT NULL, ended_s REAL NOT NULL,
    first_sample INTEGER NOT NULL, samples INTEGER NOT NULL
);
CREATE TABLE gaps (
    id INTEGER PRIMARY KEY, boot INTEGER NOT NULL REFERENCES boots, began_s REAL NOT NULL,
    length_s REAL,                     -- NULL while it lasts
    cause TEXT NOT NULL
);
CREATE TABLE load_levels (boot INTEGER NOT NULL REFERENCES boots, boot_s REAL NOT NULL, level TEXT NOT NULL);
CREATE TABLE events (
    id INTEGER PRIMARY KEY, stream INTEGER NOT NULL REFERENCES streams,
    onset_sample INTEGER NOT NULL, offset_sample INTEGER NOT NULL, onset_s REAL NOT NULL,
    utc_s REAL NOT NULL, uncertainty_s REAL, corrected INTEGER NOT NULL DEFAULT 0,
    low_hz REAL NOT NULL, high_hz REAL NOT NULL, peak_hz REAL NOT NULL, score REAL NOT NULL,
    area_hz_s REAL NOT NULL, snr_db REAL NOT NULL,
    sound_class TEXT NOT NULL,         -- the most probable class of sound
    class_score REAL NOT NULL,         -- its probability
    busy_10_s REAL NOT NULL,           -- share of the last 10 s in which regions covered half of the band
    busy_30_s REAL NOT NULL, busy_60_s REAL NOT NULL,
    alike INTEGER NOT NULL             -- regions of the last 60 s with nearly the same band and duration
);
CREATE TABLE rejected (                -- regions of the mask that are not events: the newest, and a few per minute
    id INTEGER PRIMARY KEY, stream INTEGER NOT NULL REFERENCES streams,
    onset_sample INTEGER NOT NULL, offset_sample INTEGER NOT NULL, onset_s REAL NOT NULL,
    utc_s REAL NOT NULL, uncertainty_s REAL, corrected INTEGER NOT NULL DEFAULT 0,
    low_hz REAL NOT NULL, high_hz REAL NOT NULL, peak_hz REAL NOT NULL, score REAL NOT NULL,
    area_hz_s REAL NOT NULL, snr_db REAL NOT NULL,
    sound_class TEXT NOT NULL, class_score REAL NOT NULL,
    busy_10_s REAL NOT NULL, busy_30_s REAL NOT NULL, busy_60_s REAL NOT NULL, alike INTEGER NOT NULL,
    reason TEXT NOT NULL,              -- 'faint' or 'other sound'
    left_out INTEGER NOT NULL          -- how many regions since the row before were not stored
);
CREATE TABLE clips (
    id INTEGER PRIMARY KEY, path TEXT UNIQUE NOT NULL, boot INTEGER NOT NULL REFERENCES boots,
    stream INTEGER NOT NULL REFERENCES streams, began_s REAL NOT NULL, first_sample INTEGER NOT NULL,
    samples INTEGER NOT NULL, bytes INTEGER NOT NULL, score REAL NOT NULL
);
CREATE TABLE clip_totals (             -- of all clips, so that nobody has to add them up
    id INTEGER PRIMARY KEY CHECK (id = 1), bytes INTEGER NOT NULL
);
CREATE TABLE health (                  -- the latest report of the recorder
    id INTEGER PRIMARY KEY CHECK (id = 1), run INTEGER NOT NULL REFERENCES runs, boot_s REAL NOT NULL,
    json TEXT NOT NULL
);
CREATE VIEW boot_of_stream AS          -- turns a boot_s of a stream into UTC
    SELECT streams.id AS stream, streams.run, streams.sample_rate_hz, boots.id AS boot, boots.offset_s
    FROM streams JOIN runs ON runs.id = streams.run JOIN boots ON boots.id = runs.boot;
CREATE INDEX events_by_utc ON events (utc_s);
CREATE INDEX clips_by_time ON clips (boot, began_s);
CREATE INDEX clips_by_score ON clips (score, boot, began_s);
"""
