"""docs/reliability.md: each promise of README.md with the tests that fail when it is broken.

A promise is quoted word for word. A sentence of README.md without a promise, a promise that README.md no longer makes,
and a test that does not exist are errors, so that README.md cannot make a promise that no test shows.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping
from pathlib import Path

from benchmarks.report.markdown import markdown_table
from docs.generate.rooms import ROOT

PAGE = ROOT / "docs" / "reliability.md"
END = "## Not shown yet"  # the text after it promises nothing
MAX_FREE_WORDS = 2  # in a row in a sentence, outside its promises: "It", "and"
HEAD = """# Reliability

Each promise of the [README](../README.md), word for word, and the tests that fail when it is broken. Printed by
`python -m docs.generate`, which fails if a promise has no test. `bash .ci/run` runs all tests, and a skipped test is a
failure there unless `CI_OPTIONAL=1` is set. `tests/mutations/` breaks the code on purpose, one place at a time, and
requires that the named test fails.
"""

FAULTS = "tests/faults/"
CLI = "tests/edge/cli/"
DOCTOR = CLI + "test_doctor.py::test_each_check_is_a_line_with_its_fix"
RESULTS = "tests/benchmarks/report/test_results.py::test_each_part_has_a_section_of_complete_tables"
LINKS = "tests/docs/test_pages.py::test_every_link_leads_to_a_file_and_a_heading_in_it"
COMMANDS = "tests/test_readme.py::test_every_command_it_shows_exists_with_its_options"
INSTALL = "tests/test_readme.py::test_it_says_how_to_install"
WHEEL = "tests/test_package.py::test_the_installed_wheel_finds_events_in_the_demo"
STALE = "tests/docs/test_generate.py::test_no_page_is_stale"
PROMISES: dict[str, tuple[str, ...]] = {
    "birdedge segments bird sound live": (
        "tests/test_live_microphone.py::test_a_microphone_gives_the_same_events_and_mask_as_the_file",
    ),
    "on computers as small as a Raspberry Pi": (
        "tests/aarch64/test_aarch64.py",
        "tests/edge/models/test_model.py::test_a_bundled_model_is_within_the_budget_of_a_recorder",
    ),
    "it marks the time-frequency bins of a spectrogram that hold bird sound": (
        "tests/edge/pipeline/test_segmenter.py::test_probabilities_are_between_0_and_1_and_high_for_calls",
        "tests/edge/models/test_bundled.py::test_wind_rain_and_insects_alone_yield_no_events",
    ),
    "groups them into events with onset, duration, frequency band and score": (
        CLI + "test_listen.py::test_an_event_is_a_line_of_json_with_all_columns",
    ),
    "It needs no network, no account, no GPU, no Docker and no database server": (
        "tests/test_offline.py::test_a_recording_is_segmented_without_a_network",
    ),
    "On the recorder it needs no PyTorch": (
        "tests/test_package.py::test_importing_every_module_of_edge_loads_no_training_package",
    ),
    "numpy, onnxruntime, sounddevice, soundfile, soxr, astral and click: under 200 MB of packages "
    "(a test checks this)": (
        "tests/test_package.py::test_the_recorder_part_is_at_most_200_mb_and_has_no_torch",
    ),
    "The extra plot adds matplotlib for figures": (
        "tests/edge/plots/test_figure.py::test_without_matplotlib_the_error_names_the_extra",
    ),
    "On Debian or Raspberry Pi OS (64 bit) with Python 3.11 or newer, from a checkout, do one of:": (
        INSTALL,
        WHEEL,
    ),
    "into the active environment": (INSTALL, WHEEL),
    "or as a command of its own, with uv": (INSTALL, WHEEL),
    "or with pipx": (INSTALL, WHEEL),
    "or only try it: installs the recorder part and listens to the microphone": (
        INSTALL,
        "tests/test_live_microphone.py::test_a_microphone_gives_the_same_events_and_mask_as_the_file",
    ),
    "for development: installs everything and runs all tests": (INSTALL,),
    "make listen listens to a demo soundscape if there is no microphone": (
        CLI + "test_bad_devices.py::test_without_portaudio_the_demo_is_used_on_request",
    ),
    "make names each missing system package with the command that installs it": (
        "tests/test_makefile.py::test_the_error_for_a_missing_interpreter_names_the_command_that_installs_it",
        CLI + "test_bad_devices.py::test_without_portaudio_the_error_names_the_package",
    ),
    "Getting started has the details": (LINKS,),
    "print each event; without a file: the microphone": (
        CLI + "test_listen.py::test_listen_and_segment_find_the_same_events_and_mask",
    ),
    "recordings at full speed, as tables": (
        CLI + "test_segment.py::test_segment_writes_the_requested_tables_and_a_combined_one",
    ),
    "their masks as .npz files": (
        "tests/edge/archive/test_segment.py::test_the_mask_states_where_its_bins_lie",
    ),
    "each candidate for an event, and the decision": (
        CLI + "test_why.py::test_each_event_of_a_recording_is_a_line",
        CLI + "test_why.py::test_a_rejected_region_is_a_line_with_its_class",
    ),
    "check microphone, clock and disk; suggest fixes": (DOCTOR,),
    "All commands, table and mask formats": (COMMANDS, LINKS),
    "From Python has the rest; examples/ has programs to start from": (
        LINKS,
        "tests/test_examples.py::test_every_example_is_run_by_a_test",
        "tests/test_examples.py::test_the_python_example_of_the_readme_prints_the_events",
    ),
    "Brackets hold the 95 % bootstrap interval over recordings": (
        "tests/train/evaluation/test_intervals.py::"
        "test_the_interval_contains_the_truth_about_nineteen_times_in_twenty",
    ),
    "Benchmarks has all figures, the machine they were measured on, and the comparison with other programs, which are "
    "better in places": (STALE, RESULTS),
    "check microphone, level, clock, disk and speed": (DOCTOR,),
    "write ~/.config/birdedge/config.toml": (
        CLI + "test_config.py::test_without_a_file_init_writes_the_configuration_of_the_user",
    ),
    "run it by hand, or as a service:": (
        FAULTS + "test_signals.py::test_sigterm_while_the_daemon_starts_ends_it_cleanly",
        "tests/edge/recorder/test_systemd_service.py::test_install_writes_the_unit_and_starts_it",
    ),
    "coverage, gaps and their causes, events, disk, clock": (
        "tests/edge/monitoring/test_status.py::test_gaps_of_today_are_listed_and_the_latest_are_shown",
    ),
    "The recorder runs unattended": (
        FAULTS + "test_device_loss.py::test_the_daemon_waits_for_a_microphone_that_is_absent_at_the_start",
        "tests/edge/recorder/test_supervisor.py::test_only_analysed_audio_feeds_the_watchdog",
        FAULTS + "test_watchdog.py::test_an_open_microphone_that_delivers_nothing_does_not_feed_the_watchdog",
        FAULTS + "test_watchdog.py::test_a_hung_inference_does_not_feed_the_watchdog",
        FAULTS + "test_standard_output.py::test_a_reader_that_stops_reading_does_not_stall_the_daemon",
    ),
    "reopens a lost microphone": (
        FAULTS
        + "test_device_loss.py::test_a_microphone_unplugged_for_ten_seconds_is_opened_under_its_new_index",
    ),
    "records every gap with its length and cause": (
        FAULTS
        + "test_overrun.py::test_a_daemon_stopped_for_longer_than_its_ring_buffer_holds_records_an_overrun",
        FAULTS + "test_kill.py::test_a_daemon_killed_while_it_detects_events_restarts_and_records_the_gap",
        "tests/edge/database/test_message_rows.py::test_lost_samples_and_a_lost_device_are_gaps_of_the_right_length",
    ),
    "keeps time by counting samples": (
        "tests/edge/pipeline/test_timekeeper.py::"
        "test_over_14_days_with_three_losses_every_time_and_every_gap_is_right_to_a_tenth_of_a_second",
    ),
    "writes clips and tables": (
        "tests/edge/clips/test_writer.py::test_clips_are_written_in_order_with_the_fields_of_all_clips",
        "tests/edge/sinks/test_recording.py::test_live_tables_have_each_event_at_once",
    ),
    "survives full disks and power cuts": (
        FAULTS + "test_disk_faults.py::test_a_full_disk_pauses_clips_and_loses_no_event",
        FAULTS + "test_power_loss.py::test_power_loss_loses_no_commit",
        FAULTS + "test_power_loss.py::test_power_loss_leaves_only_whole_clips",
    ),
    "reduces its load if it cannot keep up": (
        FAULTS + "test_overload.py::"
        "test_a_network_slower_than_real_time_runs_less_often_and_skipped_audio_is_counted",
    ),
    "Clips are audio and hold the voices of people near the recorder": (
        "tests/edge/clips/test_privacy.py::test_a_clip_with_a_voice_is_handled_according_to_the_settings",
    ),
    "They stay in the data folder": (
        FAULTS + "test_privacy.py::test_no_other_user_can_read_what_is_written",
    ),
    "the recorder sends nothing anywhere": (
        "tests/test_offline.py::test_a_recording_is_segmented_without_a_network",
    ),
    'keep = "none" under [clips] turns them off': (
        "tests/edge/clips/test_cutter.py::test_keep_none_writes_nothing",
    ),
    "[privacy] drops clips with speech or erases the speech band, but misses some speech": (
        "tests/edge/clips/test_privacy.py::test_a_clip_with_a_voice_is_handled_according_to_the_settings",
        "tests/edge/clips/test_privacy.py::test_no_file_of_an_erased_clip_contains_speech",
    ),
    "make demo opens this page on a demo soundscape": (
        "tests/test_makefile.py::test_the_demo_shows_moving_masks_within_30_seconds_and_leaves_nothing_behind",
    ),
    "birdedge serve /mnt/birds runs next to a recorder and costs it no sample, whatever its viewers do": (
        "tests/faults/test_live_feed.py::test_no_viewer_costs_a_sample",
    ),
    "a dashboard with live view": (
        "tests/edge/web/test_now_page.py::test_the_live_picture_moves_with_boxes_and_the_last_events_are_listed",
        "tests/edge/web/test_now_page.py::test_the_mask_moves_within_half_a_second_of_the_sound",
    ),
    "events, labels, days and health": (
        "tests/edge/web/test_events.py",
        "tests/edge/web/test_days.py",
        "tests/edge/web/test_health.py",
    ),
    "MQTT for Home Assistant": (
        "tests/test_home_assistant.py::test_home_assistant_accepts_the_discovery",
        "tests/edge/companion/test_mqtt_faults.py",
    ),
    "metrics and alerts": (
        "tests/edge/monitoring/test_metrics.py::test_promtool_reports_no_problem",
        "tests/edge/companion/test_alert_delivery.py",
    ),
    "A recorder also listens to network streams": ("tests/faults/test_network_streams.py",),
    "several sources at once": (
        "tests/faults/test_several_sources.py::test_a_fault_in_one_source_does_not_affect_the_others",
    ),
    "birdedge archive divides very large archives among machines and writes the same bytes as one machine": (
        "tests/edge/archive/test_run.py::test_two_processes_and_two_shards_write_the_same_bytes_as_one_process",
        "tests/edge/archive/test_run.py::test_a_plan_and_run_killed_at_any_moment_can_be_resumed",
    ),
    "Field recorder says how; tests/faults/ provokes these failures under the real daemon": (LINKS,),
}


class UnfoundedError(Exception):
    """README.md makes a promise that no test shows."""


def reliability_page() -> str:
    """Return the page.

    Raises:
        UnfoundedError: A sentence makes a promise without a test, a promise is not in README.md, or a test does not
            exist.
    """
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    if problems := [*unfounded(readme, PROMISES), *missing_tests(PROMISES)]:
        raise UnfoundedError("; ".join(problems) + ": see PROMISES in docs/generate/reliability.py")
    rows = [(promise, "<br>".join(f"`{test}`" for test in tests)) for promise, tests in PROMISES.items()]
    return "\n".join([HEAD, *markdown_table(("promise", "tests that fail when it is broken"), rows), ""])


def unfounded(readme: str, promises: Mapping[str, tuple[str, ...]]) -> list[str]:
    """Return a sentence for each promise without a test, and for each that the README does not make."""
    sentences = readme_sentences(readme)
    problems = [f"README.md does not say {p!r}" for p in promises if not any(p in s for s in sentences)]
    problems += [f"{promise!r} has no test" for promise, tests in promises.items() if not tests]
    quotes = re.compile("|".join(map(re.escape, sorted(promises, key=len, reverse=True))))
    for sentence in sentences:
        free = (re.findall(r"[\w~]+", part) for part in quotes.split(sentence))
        if any(len(words) > MAX_FREE_WORDS for words in free):
            problems.append(f"README.md promises more than has a test: {sentence!r}")
    return problems


def readme_sentences(readme: str) -> list[str]:
    """Return the sentences of the prose, and the comments in code blocks, as plain text."""
    text = readme.partition(END)[0]
    comments = re.findall(r"(?m)^(?!#).*?\s#\s(.*)$", "\n".join(re.findall(r"(?ms)^```sh\n(.*?)^```", text)))
    prose = re.sub(r"(?ms)^```.*?^```|^<!-- (\w+) -->.*?^<!-- /\1 -->|^#.*?$|^!\[.*?\]\(.*?\)", "", text)
    prose = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", prose).replace("`", "")
    paragraphs = (" ".join(part.split()) for part in re.split(r"\n\s*\n", prose))
    sentences = (s for part in paragraphs for s in re.split(r"(?<=[.!?])\s+(?=[A-Z]|make )", part) if s)
    return [*sentences, *comments]


def missing_tests(promises: Mapping[str, tuple[str, ...]]) -> list[str]:
    """Return a sentence for each test that does not exist."""
    tests = sorted({test for tests in promises.values() for test in tests})
    return [f"there is no test {test}" for test in tests if not _exists(test)]


def _exists(test: str) -> bool:
    file, _, name = test.partition("::")
    path = ROOT / Path(file)
    if not path.is_file():
        return False
    body = ast.parse(path.read_text(encoding="utf-8")).body
    tests = {
        node.name for node in body if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
    }
    return name in tests if name else bool(tests)
