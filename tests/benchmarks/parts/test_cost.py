"""Tests of cost: CPU time relative to a reference in the same run, and memory and start-up of the real process."""

from __future__ import annotations

import pytest

from benchmarks.parts.cost import RepeatedCosts, repeated_costs
from birdedge.edge.models.names import DEFAULT_MODEL


@pytest.fixture(scope="module")
def costs() -> RepeatedCosts:
    """The costs of the default model, one value per repeat."""
    return repeated_costs([DEFAULT_MODEL], minutes=0.5, repeats=4)[DEFAULT_MODEL]


def test_the_pipeline_costs_at_most_30_times_its_spectrogram(costs: RepeatedCosts) -> None:
    # CPU seconds differ between machines, but their ratio hardly does. BirdNET V2.4 costs about 40 times this
    # spectrogram.
    pipeline, spectrogram = (min(costs.stages_cpu_s_per_s[stage]) for stage in ("pipeline", "spectrogram"))
    print(f"pipeline {1e3 * pipeline:.2f} ms per second, {pipeline / spectrogram:.1f} times the spectrogram")
    assert spectrogram < pipeline <= 30 * spectrogram


def test_listening_to_a_file_stays_under_120_mb_resident(costs: RepeatedCosts) -> None:
    peak_mb = max(costs.peak_bytes) / 1e6
    print(f"peak {peak_mb:.0f} MB resident")
    assert 30 < peak_mb < 120


def test_the_first_masks_are_ready_within_a_second_of_cpu_time(costs: RepeatedCosts) -> None:
    # Wall time depends on the load of the machine too.
    print(
        f"start to the end of 3 s of audio: {min(costs.start_cpu_s):.2f} s of CPU, {min(costs.start_s):.2f} s"
    )
    assert min(costs.start_cpu_s) <= 1.0
