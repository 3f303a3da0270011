"""Each promise has a test that fails when the code breaks it: mutations break the code, one place at a time.

A mutation replaces text in a copy of the checkout, and names the test that must fail there. To add one, append it to
`MUTATIONS`; choose the fastest test that shows the promise, since each mutation runs pytest once.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.waiting import TIMEOUT_VARIABLE

ROOT = Path(__file__).parents[2]
NOT_COPIED = (".*", "build", "dist", "runs", "__pycache__", "*.egg-info")
SUPERVISOR = "tests/edge/recorder/test_supervisor.py::"
KILLED_WRITER = "tests/edge/clips/test_killed_writer.py::"
UTC_LINE = "tests/edge/pipeline/test_utc_line.py::"
DIGITAL_SILENCE = "tests/edge/pipeline/test_digital_silence.py::"
POWER_LOSS = "tests/faults/test_power_loss.py::"
LIVE_SOCKET = "tests/edge/system/test_live_socket.py::"
ALERT_STATE = "tests/edge/companion/test_alert_state.py::"
METRICS = "tests/edge/monitoring/test_metrics.py::"
MQTT_FEED = "tests/edge/companion/test_mqtt_feed.py::"
LIVE_INPUTS = "tests/edge/audio/test_live_inputs.py::"
ARCHIVE_RUN = "tests/edge/archive/test_run.py::"
ATOMIC_FILE = "tests/edge/system/test_atomic_file.py::"


@dataclass(frozen=True)
class Mutation:
    """A change that breaks a promise, and the test that must then fail."""

    name: str
    file: str
    text: str  # must occur once
    replacement: str
    test: str


MUTATIONS = (
    Mutation(
        "an hour that was not heard looks like a quiet one",
        "edge/web/day_charts.py",
        "        if heard.per_hour is None:\n            return None\n",
        "        if heard.per_hour is None:\n            return 0\n",
        "tests/edge/web/test_days.py::test_colours_follow_the_rate_and_hours_not_heard_have_none",
    ),
    Mutation(
        "rates count time that was not heard",
        "edge/monitoring/history.py",
        "self.events * HOUR_S / self.heard_s if",
        "self.events * HOUR_S / self.past_s if",
        "tests/edge/monitoring/test_history.py::test_an_hour_has_its_events_and_its_heard_and_expected_seconds",
    ),
    Mutation(
        "the support bundle shows new settings",
        "edge/companion/redaction.py",
        "    return _STRING.sub(f'\"{HIDDEN}\"', line)\n",
        "    return line\n",
        "tests/edge/web/test_health.py::test_the_bundle_holds_no_secret",
    ),
    Mutation(
        "the support bundle shows addresses",
        "edge/companion/redaction.py",
        '    text = _URL.sub(rf"\\1{HIDDEN}", text)\n',
        "    pass\n",
        "tests/edge/web/test_health.py::test_anything_that_looks_like_a_secret_is_hidden",
    ),
    Mutation(
        "values of a model card have no bounds",
        "edge/models/checked_model.py",
        "        check_bounds(card)\n",
        "        pass\n",
        "tests/edge/models/test_bounds.py::test_a_model_file_with_a_card_out_of_bounds_is_refused",
    ),
    Mutation(
        "results of a model may take unlimited memory",
        "edge/models/shapes.py",
        "if activations > MAX_ACTIVATIONS:",
        "if False:",
        "tests/edge/models/test_shapes.py::test_results_that_keep_doubling_are_refused",
    ),
    Mutation(
        "the first run of a model has no limits",
        "edge/models/model.py",
        "try_in_child(checked)",
        "pass",
        "tests/edge/models/test_trial.py::test_a_file_that_is_not_bundled_is_tried_once",
    ),
    Mutation(
        "commits are not synced",
        "edge/database/connection.py",
        "PRAGMA synchronous = FULL",
        "PRAGMA synchronous = OFF",
        POWER_LOSS + "test_power_loss_loses_no_commit",
    ),
    Mutation(
        "a stuck database feeds the watchdog",
        "edge/recorder/supervisor.py",
        "if not self.database.is_stuck:",
        "if True:",
        SUPERVISOR + "test_a_stuck_database_starves_the_watchdog",
    ),
    Mutation(
        "results still go to a database that is no longer at its path",
        "edge/database/run_log.py",
        "self._file.leave_if_moved()",
        "pass",
        "tests/edge/database/test_moved_database.py::test_a_folder_that_replaces_the_earlier_one_is_used",
    ),
    Mutation(
        "the write-ahead log of another disk is deleted",
        "edge/database/database_file.py",
        "there[1] == self._file_id[1]",
        "False",
        "tests/edge/database/test_moved_database.py::"
        "test_the_write_ahead_log_of_an_earlier_run_on_a_drive_is_kept",
    ),
    Mutation(
        "two recorders may write to one folder",
        "edge/system/folder_lock.py",
        "fcntl.LOCK_EX",
        "fcntl.LOCK_SH",
        "tests/edge/database/test_moved_database.py::test_two_recorders_never_write_to_the_same_folder",
    ),
    Mutation(
        "results that wait at the end are dropped",
        "edge/database/writer.py",
        "        if self._messages:\n            self._save_waiting()",
        "        pass",
        "tests/edge/database/test_rescue.py::test_the_next_start_stores_the_messages_that_waited",
    ),
    Mutation(
        "clips are not synced",
        "edge/system/atomic_file.py",
        "os.fsync(file.fileno())",
        "pass",
        POWER_LOSS + "test_power_loss_leaves_only_whole_clips",
    ),
    Mutation(
        "clips are written under their final names",
        "edge/clips/file.py",
        "with replacing(path) as file, output_errors(path):",
        'with path.open("wb") as file, output_errors(path):',
        KILLED_WRITER + "test_a_process_killed_within_a_file_leaves_no_file_under_its_final_name",
    ),
    Mutation(
        "clips of unknown time get an age",
        "edge/database/clip_queries.py",
        "SELECT boot, boot_s FROM boots_at WHERE clock = 'synchronized'",
        "SELECT boot, boot_s FROM boots_at",
        "tests/edge/database/test_clips.py::"
        "test_clips_of_a_boot_without_a_synchronized_clock_are_never_outdated",
    ),
    Mutation(
        "tables and masks are not synced",
        "edge/sinks/syncing.py",
        "self._try(self._sink.sync)",
        "pass",
        "tests/edge/sinks/test_syncing.py::test_growing_tables_and_masks_are_synced_to_disk",
    ),
    Mutation(
        "clips with voices are written",
        "edge/clips/privacy.py",
        "not self._has_voice(clip)",
        "True",
        "tests/edge/clips/test_sink.py::test_the_clips_of_a_stream_pass_the_privacy_filter_until_its_end",
    ),
    Mutation(
        "files outside the clip folder are deleted",
        "edge/clips/retention.py",
        'if not is_clip_path(path, self._folder / "clips"):',
        "if not path:",
        "tests/edge/clips/test_retention.py::test_a_listed_path_that_is_not_a_clip_is_refused_and_forgotten",
    ),
    Mutation(
        "the watchdog is never fed",
        "edge/recorder/supervisor.py",
        "self.alive()",
        "pass",
        SUPERVISOR + "test_only_analysed_audio_feeds_the_watchdog",
    ),
    Mutation(
        "a hung capture feeds the watchdog",
        "edge/recorder/reconnecting_microphone.py",
        "if not self._is_hanging:",
        "if True:",
        "tests/edge/recorder/test_reconnecting_microphone.py::"
        "test_a_device_that_opens_and_delivers_nothing_is_not_waited_for",
    ),
    Mutation(
        "stopping waits for a reader that has stopped reading",
        "edge/sinks/background.py",
        "self._thread.join(self._close_s)",
        "self._thread.join()",
        "tests/edge/sinks/test_background.py::test_closing_does_not_wait_for_a_hanging_sink",
    ),
    Mutation(
        "a reload cancels the end of the daemon",
        "edge/system/stop_signals.py",
        "self._is_ending = True",
        "pass",
        "tests/edge/system/test_stop_signals.py::test_a_stop_while_the_event_is_being_cleared_is_kept",
    ),
    Mutation(
        "a power cut has a length although no clock measured it",
        "edge/database/schema.py",
        "WHEN 'unknown' NOT IN",
        "WHEN '' NOT IN",
        "tests/edge/database/test_clock_corrections.py::"
        "test_the_length_of_a_power_cut_is_corrected_when_the_clock_is_set",
    ),
    Mutation(
        "the uncertainty of UTC never grows",
        "edge/pipeline/utc_line.py",
        "return self.error_s + self.wander * passed_s",
        "return self.error_s",
        UTC_LINE + "test_after_the_last_reading_the_fitted_rate_applies_and_uncertainty_grows",
    ),
    Mutation(
        "UTC follows the nominal rate of the crystal",
        "edge/pipeline/utc_line.py",
        "self.offset_s, self.rate, self.error_s",
        "self.offset_s, 0.0, self.error_s",
        UTC_LINE + "test_after_the_last_reading_the_fitted_rate_applies_and_uncertainty_grows",
    ),
    Mutation(
        "digital silence moves the noise floor",
        "edge/pipeline/noise_floor.py",
        "else ~silent.reshape(grouped.shape[-3:-1])",
        "else np.ones(grouped.shape[-3:-1], bool)",
        "tests/edge/pipeline/test_noise_floor.py::"
        "test_digital_silence_keeps_the_floor_and_looks_like_steady_noise",
    ),
    Mutation(
        "a frame is judged before its run has ended",
        "edge/pipeline/digital_silence.py",
        "elif not is_end:",
        "elif False:",
        DIGITAL_SILENCE + "test_frames_are_judged_the_same_for_any_blocks",
    ),
    Mutation(
        "a result replaces a file that appeared in the meantime",
        "edge/system/atomic_file.py",
        "os.link(part, path)",
        "part.replace(path)",
        ATOMIC_FILE + "test_a_name_in_use_is_refused_before_and_after_the_block",
    ),
    Mutation(
        "a file that is being written is mistaken for a leftover",
        "edge/system/atomic_file.py",
        "while not _locked(file):",
        "while not _locked(file) and False:",
        ATOMIC_FILE + "test_a_file_removed_as_unfinished_before_it_is_locked_is_created_again",
    ),
    Mutation(
        "the recording of a killed worker is lost",
        "edge/archive/pool.py",
        "            lost.append(task)\n        else:",
        "            pass\n        else:",
        "tests/edge/archive/test_processes.py::"
        "test_a_recording_whose_process_is_killed_is_tried_once_more_alone",
    ),
    Mutation(
        "a local time is mistaken for UTC",
        "edge/formats/start_time.py",
        "microsecond=1000 * int(found[3] or 0), tzinfo=zone)",
        "microsecond=1000 * int(found[3] or 0), tzinfo=UTC)",
        "tests/edge/formats/test_start_time.py::test_a_local_time_in_a_name_needs_a_zone",
    ),
    Mutation(
        "the live feed waits for a viewer that does not read",
        "edge/system/live_socket.py",
        "accepted.setblocking(False)",
        "accepted.settimeout(2.0)",
        LIVE_SOCKET + "test_a_client_that_never_reads_is_dropped_and_delays_nobody",
    ),
    Mutation(
        "a viewer that does not read stays connected",
        "edge/system/live_socket.py",
        "except OSError:  # it left, or reads too slowly\n            self._drop(client)",
        "except OSError:\n            pass",
        LIVE_SOCKET + "test_a_stopped_process_is_dropped",
    ),
    Mutation(
        "the live feed is encoded while nobody watches",
        "edge/sinks/live.py",
        "if not self._server.watched():",
        "if self._server.watched() is None:",
        "tests/edge/sinks/test_live.py::test_nothing_is_encoded_while_nobody_watches",
    ),
    Mutation(
        "live audio leaves a recorder that may hear speech",
        "edge/sinks/live.py",
        "if not self._audio or not self._server.heard:",
        "if not self._server.heard:",
        "tests/edge/sinks/test_live.py::test_no_audio_is_sent_by_a_recorder_that_may_hear_speech",
    ),
    Mutation(
        "the cooldown of an alert is ignored",
        "edge/companion/alert_state.py",
        "and not self._is_cooling(now_utc_s)",
        "",
        ALERT_STATE + "test_within_the_cooldown_nothing_is_sent_again",
    ),
    Mutation(
        "quiet hours are ignored",
        "edge/companion/alert_state.py",
        "if is_quiet(self._alert.quiet_hours, self._alert.timezone, now_utc_s):",
        "if False:",
        ALERT_STATE + "test_a_condition_that_came_and_went_in_quiet_hours_is_not_sent",
    ),
    Mutation(
        "a bird from hours ago triggers an alert",
        "edge/companion/alert_state.py",
        "now_utc_s - finding.utc_s <= FRESH_S",
        "True",
        ALERT_STATE + "test_a_bird_heard_hours_ago_is_not_sent",
    ),
    Mutation(
        "the signature of a webhook omits the timestamp",
        "edge/integrations/webhook.py",
        'timestamp.encode() + b"." + body',
        "body",
        "tests/edge/integrations/test_webhook.py::"
        "test_the_signature_equals_that_of_openssl_over_timestamp_and_body",
    ),
    Mutation(
        "a slow webhook is waited for without a limit",
        "edge/integrations/http_post.py",
        "    timer.start()\n",
        "    pass\n",
        "tests/edge/integrations/test_http_post.py::"
        "test_a_server_that_never_finishes_takes_no_longer_than_the_timeout",
    ),
    Mutation(
        "a message is dropped when its target fails",
        "edge/companion/alert_delivery.py",
        "            return retry_s(",
        "            retry_s(",
        "tests/edge/companion/test_alert_delivery.py::test_an_error_keeps_the_message_and_is_logged_once",
    ),
    Mutation(
        "a corrected gap resets its counter",
        "edge/monitoring/metrics.py",
        "value = held\n",
        "value = value\n",
        METRICS + "test_correcting_a_gap_does_not_reset_its_counter",
    ),
    Mutation(
        "an ongoing gap is not counted",
        "edge/monitoring/metrics.py",
        "lasting_s.get(cause, 0.0)",
        "0.0",
        METRICS + "test_an_open_gap_grows",
    ),
    Mutation(
        "retention deletes locked clips",
        "edge/database/clip_queries.py",
        '_UNLOCKED = "path NOT IN',
        "_UNLOCKED = \"'' NOT IN",
        "tests/edge/recorder/test_clip_index.py::"
        "test_locked_clips_survive_retention_and_manually_deleted_ones_go_at_once",
    ),
    Mutation(
        "a label is attached to an event of another database",
        "edge/database/labels.py",
        "WHERE event = ? AND onset_sample = ? ORDER BY",
        "WHERE event = ? AND ? > 0 ORDER BY",
        "tests/edge/database/test_labels.py::test_a_label_does_not_apply_to_an_event_of_another_database",
    ),
    Mutation(
        "any file named in a row is served as a clip",
        "edge/web/pages/event.py",
        "or not path.resolve().is_relative_to(clips.resolve())",
        "or False",
        "tests/edge/web/test_event.py::test_no_other_file_is_served_as_a_clip",
    ),
    Mutation(
        "a deleted clip is still served",
        "edge/companion/event_view.py",
        'self.listed.clip is not None and self.mark != "deleted"',
        "self.listed.clip is not None",
        "tests/edge/web/test_events.py::test_a_deletion_asks_for_confirmation_and_skips_locked_clips",
    ),
    Mutation(
        "a source without an event on a page restarts at its newest event",
        "edge/companion/event_view.py",
        "last = begin | dict(cursor or {}) | {name",
        "last = begin | {name",
        "tests/edge/companion/test_event_view.py::"
        "test_pages_hold_every_event_of_every_source_once_newest_first",
    ),
    Mutation(
        "the dashboard answers to any host name",
        "edge/web/security.py",
        'if not is_known_host(connection.headers.get("host", ""), self._settings.hosts):',
        "if False:",
        "tests/edge/web/test_security.py::test_a_host_that_is_not_this_machine_is_refused",
    ),
    Mutation(
        "another site may send requests that write",
        "edge/web/security.py",
        'and not is_same_origin(origin, connection.headers["host"])',
        "and False",
        "tests/edge/web/test_security.py::test_another_site_can_neither_write_nor_open_a_socket",
    ),
    Mutation(
        "a form needs no token",
        "edge/web/security.py",
        "if request.method not in READING:",
        "if False:",
        "tests/edge/web/test_routes.py::test_every_route_that_writes_needs_the_form_token",
    ),
    Mutation(
        "a page is served without the token",
        "edge/web/security.py",
        'path == "/login" or path.startswith("/static/")',
        'path in ("/login", "/health") or path.startswith("/static/")',
        "tests/edge/web/test_routes.py::test_no_route_answers_without_the_token",
    ),
    Mutation(
        "tokens may be guessed without limit",
        "edge/web/pages/login.py",
        "        access.tries.take(client)\n",
        "        pass\n",
        "tests/edge/web/test_login.py::test_login_attempts_are_limited_per_client",
    ),
    Mutation(
        "an event counts as published before the broker has acknowledged it",
        "edge/companion/mqtt_feed.py",
        "        self._sent = replace(self._sent, **place)\n",
        "        self._sent = self.progress = replace(self._sent, **place)\n",
        MQTT_FEED + "test_the_position_moves_only_with_acknowledgements",
    ),
    Mutation(
        "an acknowledgement counts for all messages before it",
        "edge/companion/mqtt_feed.py",
        "self._unacknowledged[0].is_acknowledged:",
        "sent in self._unacknowledged:",
        MQTT_FEED + "test_the_position_does_not_skip_unacknowledged_events",
    ),
    Mutation(
        "an old event starts an automation",
        "edge/companion/mqtt_feed.py",
        "for new in latest if not self._is_late(new)",
        "for new in latest",
        MQTT_FEED + "test_an_old_event_is_late_and_starts_no_automation",
    ),
    Mutation(
        "an event queued in the broker starts an automation however late it arrives",
        "edge/companion/mqtt_feed.py",
        "topic, payload, expires_s=expires_s,",
        "topic, payload,",
        MQTT_FEED + "test_a_message_for_automations_expires_when_its_event_is_old",
    ),
    Mutation(
        "an event for automations is lost with its connection",
        "edge/companion/mqtt_feed.py",
        """        if self._waiting("live"):
            self._event_s = float("-inf")
""",
        "",
        MQTT_FEED + "test_an_unacknowledged_event_for_automations_is_sent_again",
    ),
    Mutation(
        "events of a new database are skipped",
        "edge/companion/mqtt_feed.py",
        "if not belongs_to(self.progress, db):",
        "if False:",
        "tests/edge/companion/test_mqtt.py::test_another_database_in_the_folder_is_published_from_its_first_event",
    ),
    Mutation(
        "a killed companion stays online",
        "edge/integrations/mqtt_connection.py",
        "if will is not None:",
        "if False:",
        "tests/edge/companion/test_mqtt_faults.py::test_a_killed_companion_is_reported_offline",
    ),
    Mutation(
        "the certificate of a broker is not checked",
        "edge/integrations/mqtt_connection.py",
        "ssl.create_default_context(",
        "ssl._create_unverified_context(",
        "tests/edge/integrations/test_mqtt_connection.py::test_the_certificates_of_broker_and_client_are_both_checked",
    ),
    Mutation(
        "a secret is read from a world-readable file",
        "edge/system/secret_file.py",
        "stat.S_IRWXO | stat.S_IWGRP",
        "stat.S_IWGRP",
        "tests/edge/system/test_secret_file.py::test_a_file_that_others_can_use_is_refused",
    ),
    Mutation(
        "a browser is not informed of missed frames",
        "edge/companion/live.py",
        'self._missed = {"frames", "audio"}',
        "self._missed = set()",
        "tests/edge/companion/test_live.py::test_a_viewer_that_is_too_slow_misses_frames_and_gets_a_gap_marker",
    ),
    Mutation(
        "a stream that ended is not reopened",
        "edge/audio/live_stream.py",
        "            if self._may_reopen:\n                raise\n",
        "",
        LIVE_INPUTS + "test_a_stream_that_ends_is_lost_and_can_be_opened_again",
    ),
    Mutation(
        "a stream that delivers nothing never counts as stalled",
        "edge/audio/live_stream.py",
        "if silent_s >= self._stall_s:",
        "if False:",
        LIVE_INPUTS + "test_a_stalled_stream_is_distinguished_from_one_that_ended",
    ),
    Mutation(
        "audio that a server had buffered arrives all at once",
        "edge/audio/live_stream.py",
        "if self._closing.wait(max(0.0, due_s - monotonic_s())):",
        "if self._closing.is_set():",
        LIVE_INPUTS + "test_audio_that_a_server_buffered_is_read_in_real_time",
    ),
    Mutation(
        "ffmpeg outlives a killed recorder",
        "edge/audio/decoder.py",
        '"--pdeathsig", "KILL"',
        '"--pdeathsig", "clear"',
        "tests/edge/audio/test_decoder.py::"
        "test_a_decoder_that_writes_nothing_ends_with_its_process_and_shows_no_password",
    ),
    Mutation(
        "the password of a stream is shown",
        "edge/audio/stream_url.py",
        "rest.rpartition('@')[2]",
        "rest",
        "tests/edge/audio/test_stream_url.py::test_a_url_is_shown_without_user_password_and_query",
    ),
    Mutation(
        "a lost microphone closes the streams of other sources",
        "edge/audio/devices.py",
        "if _open_streams:",
        "if False:",
        "tests/edge/audio/test_devices.py::"
        "test_devices_are_not_rescanned_while_a_stream_of_another_source_is_open",
    ),
    Mutation(
        "a failed source is not restarted",
        "edge/recorder/recorder_group.py",
        "            self._wait(wait_s)\n",
        "            break\n",
        "tests/edge/recorder/test_recorder_group.py::"
        "test_a_recorder_that_fails_is_restarted_and_the_others_keep_running",
    ),
    Mutation(
        "a part of an archive run appears before it is complete",
        "edge/archive/parts.py",
        "    with replacing(path) as file, output_errors(path):\n",
        "    path.parent.mkdir(parents=True, exist_ok=True)\n    with output_errors(path), path.open('wb') as file:\n",
        ARCHIVE_RUN + "test_a_full_disk_ends_the_run_with_a_one_sentence_error_and_loses_nothing",
    ),
    Mutation(
        "an archive run accepts other settings",
        "edge/archive/manifest.py",
        "if earlier.fingerprint != settings.fingerprint:",
        "if False:",
        "tests/edge/archive/test_manifest.py::test_a_folder_keeps_one_model_and_one_set_of_settings",
    ),
    Mutation(
        "an archive run accepts a recording that changed after it was planned",
        "edge/archive/worker.py",
        "return (status.st_size, str(status.st_mtime_ns)) == (file.size_bytes, file.modified)",
        "return True",
        ARCHIVE_RUN + "test_an_unreadable_recording_is_a_row_with_its_error_and_can_be_retried",
    ),
    Mutation(
        "an outline omits half a frame",
        "edge/formats/event_shape.py",
        "np.add(ring, (first_frame - 0.5, first_bin - 0.5))",
        "np.add(ring, (first_frame, first_bin - 0.5))",
        "tests/edge/formats/test_event_shape.py::test_an_outline_rasterizes_back_to_the_mask_bit_for_bit",
    ),
    Mutation(
        "an annotation of something other than a bird becomes a label",
        "edge/formats/aoef_reader.py",
        "& NOT_BIRDS:\n                continue",
        "& NOT_BIRDS:\n                pass",
        "tests/edge/cli/test_aoef.py::test_an_export_of_a_recorder_holds_its_clips_with_events_and_labels",
    ),
)


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a copy of the checkout: what a test needs is there, so that only a mutation makes it fail."""
    folder = tmp_path_factory.mktemp("copy") / "checkout"
    shutil.copytree(ROOT, folder, symlinks=True, ignore=shutil.ignore_patterns(*NOT_COPIED))
    return folder


@pytest.fixture
def mutated(checkout: Path, mutation: Mutation) -> Iterator[Path]:
    """Return the copy with one mutation, which is reverted afterwards."""
    path = checkout / mutation.file
    original = path.read_text(encoding="utf-8")
    assert original.count(mutation.text) == 1, f"{mutation.file} has {mutation.text!r} not exactly once"
    path.write_text(original.replace(mutation.text, mutation.replacement), encoding="utf-8")
    try:
        yield checkout
    finally:
        path.write_text(original, encoding="utf-8")


def run_test(checkout: Path, test: str) -> tuple[str, dict[str, int]]:
    """Run a test of the copy; return pytest's output, and the number of tests by outcome."""
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-x", "-n0", "-p", "no:cacheprovider", test],
        cwd=checkout,
        env={
            **os.environ,
            "PYTHONPATH": str(checkout),
            # With bytecode: a mutated file is newer than that of the run before, which took seconds.
            "PYTHONDONTWRITEBYTECODE": "",
            TIMEOUT_VARIABLE: "8",
        },
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    closing_line = done.stdout.rstrip().rpartition("\n")[2]
    outcomes = re.findall(r"(\d+) (passed|failed|skipped|errors?)", closing_line)
    return done.stdout + done.stderr, {outcome: int(count) for count, outcome in outcomes}


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.name)
def test_a_mutation_makes_its_test_fail(mutation: Mutation, mutated: Path) -> None:
    output, outcomes = run_test(mutated, mutation.test)
    if outcomes.keys() == {"skipped"}:
        pytest.skip(f"{mutation.test} is skipped on this machine")
    assert "failed" in outcomes, output
    assert not outcomes.keys() & {"error", "errors"}, output
