"""Samples become time, though sound arrives late by a delay that changes."""

import numpy as np
import pytest

from birdedge.edge.pipeline.timekeeper import ARRIVAL_S, Timekeeper

RATE_HZ = 48_000


def arrivals(hours, drift, seed=0, began_s=1000.0):
    """(sample, boot_s) each second: of a crystal that is `drift` off, late by 20 ms and up to half a second more."""
    rng = np.random.default_rng(seed)
    true_s = np.arange(1, hours * 3600 + 1.0)
    samples = np.round(true_s * RATE_HZ * (1 + drift)).astype(int)
    return zip(
        samples.tolist(), (began_s + true_s + 0.02 + rng.exponential(0.05, len(true_s))).tolist(), strict=True
    )


@pytest.mark.parametrize("drift", [0.0, 50e-6, -52e-6, 300e-6])
def test_the_crystals_drift_is_found_and_times_are_right_to_a_tenth_of_a_second(drift):
    timebase = Timekeeper(RATE_HZ)
    for sample, boot_s in arrivals(3, drift):
        timebase.arrived(sample, boot_s)
    assert timebase.drift == pytest.approx(drift, abs=3e-6)
    for true_s in (7200.0, 9000.0, 10_800.0):
        assert timebase.boot_s(round(true_s * RATE_HZ * (1 + drift))) == pytest.approx(1000 + true_s, abs=0.1)
    assert ARRIVAL_S <= timebase.uncertainty_s < ARRIVAL_S + 0.1


def test_at_the_beginning_the_nominal_rate_counts_and_the_least_late_arrival():
    timebase = Timekeeper(RATE_HZ)
    for sample, boot_s in [(48_000, 11.5), (96_000, 12.1), (144_000, 13.9)]:
        timebase.arrived(sample, boot_s)
    assert timebase.drift == 0.0
    assert timebase.boot_s(0) == pytest.approx(10.1)
    assert timebase.boot_s(96_000) == pytest.approx(12.1)


def test_a_jump_that_no_crystal_makes_is_not_taken_for_drift():
    timebase = Timekeeper(RATE_HZ)
    for sample, boot_s in arrivals(1, 0.0):
        timebase.arrived(sample, boot_s + (60.0 if boot_s > 2800 else 0.0))
    assert timebase.drift == 0.0
    assert timebase.uncertainty_s > 1.0
