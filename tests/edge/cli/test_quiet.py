"""`--quiet` leaves results and errors, and nothing else."""

import pytest

from tests.support.commands import birdedge, events


@pytest.mark.parametrize("command", [("segment",), ("segment", "--jobs", 2), ("listen", "--fast", "--json")])
def test_a_quiet_command_prints_only_its_results(demo, tmp_path, command):
    stdout, stderr = birdedge(*command, demo, "-q", cwd=tmp_path)
    assert len(events(stdout)) > 0
    assert stderr == ""


def test_a_quiet_command_prints_its_errors(failing):
    assert "missing.wav does not exist" in failing("segment", "missing.wav", "--quiet")


@pytest.mark.parametrize("command", [("segment",), ("listen", "--fast", "--json"), ("why", "--json")])
def test_events_below_the_minimum_score_are_omitted(demo, tmp_path, command):
    def scores(*options):
        found = events(birdedge(*command, demo, *options, cwd=tmp_path)[0])
        return [event["score"] for event in found if not event.get("reason")]

    usual = scores()
    limit = sorted(usual)[len(usual) // 2]
    higher = scores("--min-score", limit)
    assert 0 < len(higher) < len(usual)
    assert all(score >= limit - 0.0006 for score in higher)
    assert len(scores("--min-score", 0)) >= len(usual)


def test_plot_omits_events_below_the_minimum_score(demo, tmp_path):
    stdout, _ = birdedge("plot", demo, "--min-score", 1, cwd=tmp_path)
    assert stdout == "demo.png: 0 event(s)\n"
