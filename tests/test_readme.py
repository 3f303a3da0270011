"""The README says what programs print."""

from __future__ import annotations

import re

from benchmarks.report.model_card import PAGE, page
from benchmarks.report.readme import README, figures_part, listen_part, measured_parts

TEXT = README.read_text(encoding="utf-8")


def test_the_figures_are_those_of_the_bundled_cards() -> None:
    assert f"<!-- figures -->\n{figures_part()}<!-- /figures -->" in TEXT, (
        "run `python -m benchmarks.report.readme`"
    )


def test_the_model_card_page_is_that_of_the_bundled_cards() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "run `python -m benchmarks.report.readme`"


def test_every_measured_figure_is_that_of_results_json() -> None:
    parts = measured_parts()
    quoted = [name for name in re.findall(r"<!-- ([a-z0-9]+) -->", TEXT) if name not in ("listen", "figures")]
    assert {"aims", "cost", "accuracy", "aarch64"} <= set(quoted)
    for name in quoted:
        assert f"<!-- {name} -->\n{parts[name]}<!-- /{name} -->" in TEXT, (
            "run `python -m benchmarks.report.readme`"
        )


def test_the_run_shown_is_what_the_command_prints_today() -> None:
    """Event by event; a processor with other int8 kernels may move an edge, so times agree within 0.1 s."""
    shown = re.search(r"<!-- listen -->\n(.*?)<!-- /listen -->", TEXT, re.DOTALL)
    assert shown is not None
    rows = [_onsets(text) for text in (shown[1], listen_part())]
    assert len(rows[0]) == len(rows[1]) >= 5
    assert all(abs(a - b) <= 0.1 for a, b in zip(*rows, strict=True))


def _onsets(text: str) -> list[float]:
    return [60 * int(m) + float(s) for m, s in re.findall(r"^ +(\d\d):(\d\d\.\d{3}) ", text, re.MULTILINE)]
