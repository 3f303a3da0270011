"""What breaks capture elsewhere: here sound is heard before and after, and the ledger names what was not heard.

Each test breaks the real thing beneath the real daemon.
"""

import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import soundfile

from tests.support.daemon import ENVIRONMENT, Daemon

# How well a gap is known. Tried alone, its ends were off by 0.01 and 0.03 s; a test machine may be busy.
LEDGER_S = 0.25
# A loop per core, and one more.
BURN = "while True: pass"


def heard_events(daemon, microphone, song):
    """How many events the daemon finds while the song is played."""
    before = len(daemon.printed())
    microphone.play(song)
    until_s = time.monotonic() + 10.0
    while len(daemon.printed()) == before and time.monotonic() < until_s:
        time.sleep(0.1)
    return len(daemon.printed()) - before


def test_a_sound_server_that_dies_and_comes_back_is_a_gap_and_no_end(breakable_microphone, song, tmp_path):
    microphone = breakable_microphone
    with Daemon(microphone, tmp_path) as daemon:
        daemon.wait_for("listening to")
        assert heard_events(daemon, microphone, song) >= 1
        memory = daemon.resident_bytes()
        died_s = time.time()
        microphone.kill()
        daemon.wait_for("trying again")
        time.sleep(3)
        microphone.start()
        daemon.wait_for("again after")
        back_s = time.time()
        assert heard_events(daemon, microphone, song) >= 1
        assert daemon.resident_bytes() < memory + 30e6
        daemon.stop()
    (gap,) = [g for g in daemon.coverage().gaps if g.utc_s > died_s - 2]
    assert gap.cause == "device lost"
    assert gap.utc_s == pytest.approx(died_s, abs=LEDGER_S)
    assert gap.utc_s + gap.length_s == pytest.approx(back_s, abs=LEDGER_S)
    assert len(daemon.events()) == len(daemon.printed())


def test_a_microphone_unplugged_for_ten_seconds_is_heard_again_under_its_new_index(
    breakable_microphone, song, tmp_path
):
    microphone = breakable_microphone
    with Daemon(microphone, tmp_path) as daemon:
        daemon.wait_for("listening to")
        assert heard_events(daemon, microphone, song) >= 1
        unplugged_s = time.time()
        microphone.unplug()
        time.sleep(10)
        microphone.plug_in()
        daemon.wait_for("again after", timeout_s=45)
        back_s = time.time()
        assert heard_events(daemon, microphone, song) >= 1
        daemon.stop()
    (gap,) = [g for g in daemon.coverage().gaps if g.utc_s > unplugged_s - 2]
    assert gap.cause == "device lost"
    assert gap.utc_s == pytest.approx(unplugged_s, abs=LEDGER_S)
    assert gap.utc_s + gap.length_s == pytest.approx(back_s, abs=LEDGER_S)


def test_a_microphone_that_is_absent_at_start_is_waited_for(breakable_microphone, song, tmp_path):
    microphone = breakable_microphone
    microphone.kill()
    began_s = time.time()
    with Daemon(microphone, tmp_path) as daemon:
        daemon.wait_for("trying again until it is available")
        told_s = time.time()
        time.sleep(2)
        microphone.start()
        daemon.wait_for("listening to")
        listening_s = time.time()
        assert heard_events(daemon, microphone, song) >= 1
        daemon.stop()
    ((cause, length_s),) = daemon.gaps()
    assert cause == "device lost"
    # It began when the process had started, for which a busy machine takes its time.
    assert listening_s - told_s - LEDGER_S <= length_s <= listening_s - began_s + LEDGER_S


def stopped(daemon, microphone, song, seconds):
    """The daemon stands still for so long between sound and sound; when that was, and when the sound after it ended."""
    daemon.wait_for("listening to")
    began_s = time.time()
    time.sleep(2)
    daemon.process.send_signal(signal.SIGSTOP)
    stopped_s = time.time()
    time.sleep(seconds)
    daemon.process.send_signal(signal.SIGCONT)
    time.sleep(2)
    assert heard_events(daemon, microphone, song) >= 1
    played_s = time.time()
    daemon.stop()
    return began_s, stopped_s, played_s


def test_a_daemon_stopped_for_three_seconds_hears_what_the_sound_server_kept(
    breakable_microphone, song, tmp_path
):
    with Daemon(breakable_microphone, tmp_path) as daemon:
        began_s, _, played_s = stopped(daemon, breakable_microphone, song, 3)
    found = daemon.coverage()
    assert not [g for g in found.gaps if g.utc_s > began_s - 1]
    assert found.heard_s >= played_s - began_s - LEDGER_S


def test_a_daemon_stopped_for_longer_than_its_ring_holds_overran(breakable_microphone, song, tmp_path):
    with Daemon(breakable_microphone, tmp_path) as daemon:
        began_s, stopped_s, played_s = stopped(daemon, breakable_microphone, song, 9)
    found = daemon.coverage()
    gaps = [g for g in found.gaps if g.utc_s > began_s - 1]
    assert {g.cause for g in gaps} == {"overrun"}
    # The ring kept its five seconds, and perhaps some more where the reader was quick.
    assert gaps[0].utc_s >= stopped_s + 5 - LEDGER_S
    assert gaps[-1].utc_s + gaps[-1].length_s <= stopped_s + 9 + LEDGER_S
    assert sum(g.length_s for g in gaps) > 1
    assert_all_is_in_the_book(daemon, song, played_s)


def test_a_sound_server_that_drops_what_nobody_fetches_overran(breakable_microphone, song, tmp_path):
    # It keeps four megabytes, which at this rate is 2.7 s, and tells nobody of the rest.
    fast = "sample_rate_hz = 192000\nchannels = 2\n[clips]\nkeep = 'none'\n"
    with Daemon(breakable_microphone, tmp_path, fast) as daemon:
        began_s, stopped_s, played_s = stopped(daemon, breakable_microphone, song, 4.5)
    (gap,) = [g for g in daemon.coverage().gaps if g.utc_s > began_s - 1]
    assert gap.cause == "overrun"
    assert gap.length_s == pytest.approx(4.5 - 2.73, abs=0.4)
    assert stopped_s + 4.5 - gap.length_s - LEDGER_S <= gap.utc_s <= stopped_s + 4.5 + 1
    assert_all_is_in_the_book(daemon, song, played_s)


def assert_all_is_in_the_book(daemon, song, played_s):
    """What was heard and the gaps are the time that passed, and what was played after them is in its place."""
    found = daemon.coverage()
    streams = daemon.rows("SELECT began_s + offset_s FROM streams JOIN boot_of_stream ON stream = id")
    ended = daemon.rows("SELECT runs.ended_s + boots.offset_s FROM runs JOIN boots ON boots.id = runs.boot")
    gaps_s = sum(g.length_s for g in found.gaps if g.utc_s >= streams[0][0])
    assert found.heard_s + gaps_s == pytest.approx(ended[-1][0] - streams[0][0], abs=LEDGER_S)
    song_s = soundfile.info(song).duration
    onsets_s = [utc_s for utc_s, *_ in daemon.events() if utc_s > played_s - 20]
    assert all(played_s - 11 - song_s < utc_s < played_s for utc_s in onsets_s), (onsets_s, played_s)


def test_beside_full_load_nothing_is_lost_or_it_is_counted(breakable_microphone, song, tmp_path):
    microphone = breakable_microphone
    load = [subprocess.Popen([sys.executable, "-c", BURN]) for _ in range((os.cpu_count() or 1) + 1)]
    try:
        with Daemon(microphone, tmp_path) as daemon:
            daemon.wait_for("listening to", timeout_s=60)
            began_s = time.time()
            assert heard_events(daemon, microphone, song) >= 1
            time.sleep(5)
            lasted_s = time.time() - began_s
            daemon.stop()
    finally:
        for process in load:
            process.kill()
            process.wait()
    found = daemon.coverage()
    lost_s = sum(g.length_s for g in found.gaps if g.utc_s > began_s - 1)
    assert found.heard_s + lost_s >= lasted_s - 0.5


@pytest.mark.parametrize("seed", range(3))
def test_killed_while_writing_it_goes_on_and_the_gap_is_named(breakable_microphone, song, tmp_path, seed):
    microphone = breakable_microphone
    with Daemon(microphone, tmp_path) as daemon:
        daemon.wait_for("listening to")
        player = subprocess.Popen(["paplay", song], env=microphone.environment)
        time.sleep(3 + 0.41 * seed)
        printed, killed_s = len(daemon.printed()), time.time()
        daemon.process.kill()
        daemon.process.wait()
        player.wait()
        assert printed - 3 <= len(daemon.events()) <= printed + 1
        daemon.start()
        daemon.wait_for("listening to", times=2)
        again_s = time.time()
        assert heard_events(daemon, microphone, song) >= 1
        daemon.stop()
    restarts = [g for g in daemon.coverage().gaps if g.cause == "restart"]
    assert len(restarts) == 1
    assert killed_s - 1.5 <= restarts[0].utc_s <= killed_s + LEDGER_S
    assert restarts[0].utc_s + restarts[0].length_s <= again_s
    assert not list(daemon.out.rglob("*.part")), "a torn clip"


def test_a_new_configuration_is_read_on_sighup_and_a_wrong_one_changes_nothing(
    breakable_microphone, song, tmp_path
):
    microphone = breakable_microphone
    with Daemon(microphone, tmp_path) as daemon:
        daemon.wait_for("listening to")
        assert heard_events(daemon, microphone, song) >= 1
        config = tmp_path / "config.toml"
        config.write_text("modell = 'x'\n", encoding="utf-8")
        daemon.process.send_signal(signal.SIGHUP)
        daemon.wait_for("did you mean 'model'?; the configuration stays as it was")
        daemon.wait_for("listening to", times=2)
        config.write_text("min_score = 0.8\nmodel = 'birdedge-fp32'\ntables = ['csv']\n", encoding="utf-8")
        daemon.process.send_signal(signal.SIGHUP)
        daemon.wait_for("tables: takes effect when birdedge restarts")
        daemon.wait_for("with birdedge-fp32")
        assert heard_events(daemon, microphone, song) >= 1
        daemon.stop()
    reloads = [g for g in daemon.coverage().gaps if g.cause == "restart"]
    assert len(reloads) == 2
    assert all(g.length_s < 2 for g in reloads)


def test_the_bird_alone_keeps_its_time_through_a_lost_device_and_a_new_configuration(
    breakable_microphone, song, tmp_path
):
    microphone, path = breakable_microphone, tmp_path / "alone.flac"
    with Daemon(microphone, tmp_path, f"denoised = '{path}'\n") as daemon:
        daemon.wait_for("listening to")
        assert heard_events(daemon, microphone, song) >= 1
        microphone.kill()
        daemon.wait_for("trying again")
        time.sleep(2)
        microphone.start()
        daemon.wait_for("again after")
        assert heard_events(daemon, microphone, song) >= 1
        daemon.process.send_signal(signal.SIGHUP)
        daemon.wait_for("the configuration was read again")
        daemon.wait_for(", 1 channel(s), with birdedge-int8", times=2)
        assert heard_events(daemon, microphone, song) >= 1
        lasting = soundfile.info(path).duration
        daemon.stop()
    found = daemon.coverage()
    assert {g.cause for g in found.gaps} == {"device lost", "restart"}
    sound, rate_hz = soundfile.read(path)
    assert lasting < len(sound) / rate_hz == pytest.approx(found.expected_s, abs=LEDGER_S)
    (lost,) = [g for g in found.gaps if g.cause == "device lost"]
    began_s = daemon.rows("SELECT began_s + offset_s FROM heard JOIN boot_of_stream USING (stream)")[0][0]
    first = round((lost.utc_s - began_s) * rate_hz)
    silent = sound[first : first + round(lost.length_s * rate_hz)]
    assert not silent[round(LEDGER_S * rate_hz) : -round(LEDGER_S * rate_hz)].any()
    assert min(np.abs(sound[:first]).max(), np.abs(sound[first + len(silent) :]).max()) > 0.001


def test_outside_its_schedule_it_is_paused_and_says_so(breakable_microphone, tmp_path):
    every = "[schedule]\nlisten_s = 6\nevery_s = 12\n[clips]\nkeep = 'none'\n"
    with Daemon(breakable_microphone, tmp_path, every) as daemon:
        daemon.wait_for("paused by schedule", timeout_s=20)
        time.sleep(1.5)  # longer than the ledger waits with a commit
        state = subprocess.run(
            [sys.executable, "-m", "birdedge", "status", str(daemon.out)],
            capture_output=True,
            text=True,
            env=ENVIRONMENT,
            check=False,
        )
        daemon.wait_for("again after", timeout_s=20)
        time.sleep(2)
        daemon.stop()
    assert state.returncode == 0, state.stdout + state.stderr
    assert state.stdout.startswith("paused")
    paused = [g.length_s for g in daemon.coverage().gaps if g.cause == "paused by schedule"]
    assert max(paused) == pytest.approx(6, abs=1.2)


# In place of the network, one that takes 1.5 s of a processor's time for each second of sound.
SLOW = """
import time
from birdedge.edge.pipeline.segmenter import Segmenter
call = Segmenter.call
def slow(segmenter):
    call(segmenter)
    time.sleep(1.5 * segmenter.card.chunk_frames * segmenter.card.grid.hop_s)
Segmenter.call = slow
"""


def test_a_model_slower_than_the_sound_makes_it_lighter_and_all_that_is_not_looked_at_is_counted(
    breakable_microphone, tmp_path
):
    (tmp_path / "sitecustomize.py").write_text(SLOW, encoding="utf-8")
    # A microphone that gives nothing but zeros for half a minute is dead, and this one may need as long.
    hiss = subprocess.Popen(
        ["paplay", "--raw", "--volume=20000", "/dev/urandom"], env=breakable_microphone.environment
    )
    try:
        with Daemon(breakable_microphone, tmp_path, path=tmp_path) as daemon:
            daemon.wait_for("listening to")
            began_s = time.time()
            daemon.wait_for("overloaded: analysing all audio in longer calls", timeout_s=30)
            daemon.wait_for("overloaded: analysing 50 % of the audio", timeout_s=60)
            time.sleep(15)
            lasted_s = time.time() - began_s
            daemon.stop()
    finally:
        hiss.kill()
        hiss.wait()
    found = daemon.coverage()
    lost = [g for g in found.gaps if g.utc_s > began_s - 1]
    assert {g.cause for g in lost} == {"overrun", "too slow"}  # the ring's, and what was left out
    assert (
        found.heard_s + sum(g.length_s for g in lost) >= lasted_s - 6.0
    )  # the ring's five seconds were still to come
    levels = [level for (level,) in daemon.rows("SELECT level FROM load_levels")]
    assert levels[:3] == [
        "all audio in longer calls",
        "all audio with the smaller model",
        "50 % of the audio",
    ]
