"""The contrast of a spectrogram image ignores outliers and has a minimum range."""

import numpy as np
import pytest

from birdedge.edge.plots.contrast import contrast_db


def test_the_range_spans_from_the_background_to_the_loudest_bins():
    level_db = np.linspace(-90, 10, 1001, dtype=np.float32)
    assert contrast_db(level_db) == pytest.approx((-70, 9.9), abs=1e-3)


def test_a_quiet_recording_spans_20_db():
    assert contrast_db(np.full((10, 10), -60, np.float32)) == (-60, -40)


def test_bins_that_are_not_finite_are_ignored():
    level_db = np.array([-np.inf, np.nan, -60, -60], np.float32)
    assert contrast_db(level_db) == (-60, -40)
    assert contrast_db(level_db[:2]) == (0, 1)
