"""Every second of a stream is in the database once: as heard, or in a gap of the right cause and length."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import pytest

from birdedge.edge.block import Block, Source
from birdedge.edge.database.writer import DatabaseWriter
from birdedge.edge.gap import GapCause
from birdedge.edge.models.model import Model
from birdedge.edge.pipeline.pipeline import Pipeline
from birdedge.edge.pipeline.run import run
from birdedge.edge.pipeline.timekeeper import Timekeeper
from birdedge.edge.recorder.load_shedding import LoadLevel, LoadShedder
from birdedge.edge.recorder.shedding_source import SheddingSource
from tests.support.sources import ScriptedSource
from tests.support.streams import Clocks, coverage_of

RATE_HZ = 32_000
HALF = LoadLevel("half of the audio", listen_s=3.0, every_s=6.0)
MARKER = Block(np.zeros((0, 1), np.float32), gap_cause="device lost")


def second(gap_s: float = 0.0, cause: GapCause | None = None, value: float = 0.0) -> Block:
    return Block(np.full((RATE_HZ, 1), value, np.float32), round(gap_s * RATE_HZ), cause)


def shed(blocks: Iterable[Block], level: LoadLevel | None = HALF, gain_db: float = 0.0) -> list[Block]:
    shedder = LoadShedder()
    shedder.level = level or shedder.level
    source: Source = SheddingSource(ScriptedSource(blocks), shedder, gain_db)
    return list(source.blocks(threading.Event()))


def lengths_of(blocks: list[Block]) -> list[tuple[float, float, str | None]]:
    """Return the length of the gap before each block and the block's own length, in seconds, and the gap's cause."""
    return [(b.gap_samples / RATE_HZ, len(b.samples) / RATE_HZ, b.gap_cause) for b in blocks]


def test_at_full_level_all_blocks_pass_unchanged() -> None:
    blocks = [second(), second(0.5, "overrun"), MARKER, second(20.0, "device lost"), second()]
    assert shed(blocks, None) == blocks


def test_skipped_blocks_become_gaps_of_the_same_length() -> None:
    blocks = shed([second() for _ in range(14)])
    assert lengths_of(blocks) == [
        *[(0.0, 1.0, None)] * 3,
        (3.0, 0.0, "too slow"),
        *[(0.0, 1.0, None)] * 3,
        (3.0, 0.0, "too slow"),
        *[(0.0, 1.0, None)] * 2,
    ]


def test_audio_skipped_at_the_end_is_a_gap_too() -> None:
    assert lengths_of(shed([second() for _ in range(5)]))[-1] == (2.0, 0.0, "too slow")


def test_lost_samples_count_as_passed_and_a_block_after_them_is_kept() -> None:
    blocks = shed([second(), second(), second(), second(), second(0.5, "overrun"), *[second()] * 3])
    assert lengths_of(blocks) == [
        *[(0.0, 1.0, None)] * 3,
        (1.0, 0.0, "too slow"),
        (0.5, 1.0, "overrun"),
        (1.0, 0.0, "too slow"),  # from 5.5 to 6.5 s, whole blocks at a time
        *[(0.0, 1.0, None)] * 2,
    ]


def test_a_lost_device_is_marked_after_the_audio_skipped_before_it() -> None:
    blocks = shed([*[second()] * 5, MARKER, second(20.0, "device lost")])
    assert lengths_of(blocks)[3:] == [
        (2.0, 0.0, "too slow"),
        (0.0, 0.0, "device lost"),
        (20.0, 1.0, "device lost"),
    ]


def test_blocks_of_any_length_add_up_to_what_was_delivered() -> None:
    random = np.random.default_rng(5)
    print("seed 5")
    lengths = random.integers(1, 20_000, 300).tolist()
    blocks = [Block(np.zeros((length, 1), np.float32)) for length in lengths]
    for level in (HALF, LoadLevel("a fifth", listen_s=10.0, every_s=50.0)):
        passed = shed(blocks, level)
        assert sum(block.gap_samples + len(block.samples) for block in passed) == sum(lengths)
        gaps = [block for block in passed if block.gap_samples]
        assert gaps
        assert all(block.gap_cause == "too slow" and not len(block.samples) for block in gaps)
        heard = sum(len(block.samples) for block in passed)
        assert heard / sum(lengths) == pytest.approx(level.listen_s / level.every_s, abs=0.06)


def test_a_change_of_level_applies_from_the_next_block() -> None:
    shedder = LoadShedder()

    def script() -> Iterator[Block]:
        for number in range(12):
            if number == 3:
                shedder.level = HALF
            if number == 5:
                shedder.level = LoadShedder().level
            yield second(value=number)

    blocks = list(SheddingSource(ScriptedSource(script()), shedder).blocks(threading.Event()))
    assert lengths_of(blocks)[3] == (2.0, 0.0, "too slow")
    assert [block.samples[0, 0] for block in blocks if len(block.samples)] == [0, 1, 2, 5, 6, 7, 8, 9, 10, 11]


@pytest.mark.parametrize(("gain_db", "factor"), [(20.0, 10.0), (-6.0206, 0.5)])
def test_the_gain_is_applied_to_the_audio_that_is_kept(gain_db: float, factor: float) -> None:
    quiet = second(0.25, "overrun", value=0.01)
    (loud,) = shed([quiet], None, gain_db)
    np.testing.assert_allclose(loud.samples, quiet.samples * factor, rtol=1e-5)
    assert loud.samples.dtype == np.float32
    assert (loud.gap_samples, loud.gap_cause) == (quiet.gap_samples, "overrun")


def test_audio_that_is_left_out_is_a_sign_of_life() -> None:
    shedder, signs = LoadShedder(), list[int]()
    shedder.level = LoadLevel("20 % of the audio", listen_s=10.0, every_s=50.0)
    taken: list[Block] = []

    def script() -> Iterator[Block]:
        for _ in range(50):
            taken.append(second())
            yield taken[-1]

    source = SheddingSource(ScriptedSource(script()), shedder, left_out=lambda: signs.append(len(taken)))
    assert sum(len(block.samples) for block in source.blocks(threading.Event())) == 10 * RATE_HZ
    assert signs == list(range(11, 51))


def test_it_is_otherwise_the_same_as_its_source() -> None:
    inner = ScriptedSource([])
    source: Source = SheddingSource(inner, LoadShedder())
    assert (source.name, source.sample_rate_hz, source.channels) == ("script", RATE_HZ, 1)
    source.set_min_block(17)
    assert inner.min_blocks == [17]


def test_skipped_audio_and_a_later_overrun_are_two_gaps_in_the_database(tmp_path: Path) -> None:
    clocks = Clocks()
    database = DatabaseWriter(tmp_path, "boot", "model", read=clocks)

    def script() -> Iterator[Block]:
        for gap_s in (0.0, 0.0, 0.0, 0.0, 0.5):
            clocks.advance(1.0 + gap_s)
            block = second(gap_s, "overrun" if gap_s else None)
            yield Block(block.samples, block.gap_samples, block.gap_cause, clocks())

    shedder = LoadShedder()
    shedder.level = HALF
    timekeeper = Timekeeper(clocks(), database.utc)
    pipeline = Pipeline(Model(), RATE_HZ, 1)
    source = SheddingSource(ScriptedSource(script()), shedder)
    run(source, pipeline, database, threading.Event(), timekeeper)
    database.close()
    assert (pipeline.heard_samples, pipeline.lost_samples) == (4 * RATE_HZ, 1.5 * RATE_HZ)
    found = coverage_of(tmp_path)
    assert found.heard_s == pytest.approx(4.0)
    assert found.expected_s == pytest.approx(5.5)
    assert [gap.cause for gap in found.gaps] == ["too slow", "overrun"]
    assert [gap.length_s for gap in found.gaps] == pytest.approx([1.0, 0.5])
    assert [gap.utc_s for gap in found.gaps] == pytest.approx([1_000_003.0, 1_000_004.0])
