"""The option `--fail-on-skip`: CI installs everything that the tests need, so a skip means that CI misses a test."""

from __future__ import annotations

from collections.abc import Generator

import pytest

ALLOWED_FIXTURE = "shared_data"  # the recordings are not part of the checkout, and a bare machine has none


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option."""
    parser.addoption(
        "--fail-on-skip",
        action="store_true",
        help=f"report a skipped test as failed, unless it uses the fixture {ALLOWED_FIXTURE}",
    )


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Report a skipped test as failed."""
    report = yield
    expected_failure = hasattr(report, "wasxfail")
    if not expected_failure and ALLOWED_FIXTURE not in getattr(item, "fixturenames", ()):
        _fail_if_skipped(report, item.config)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """Report a file whose tests are all skipped as an error."""
    report = yield
    _fail_if_skipped(report, collector.config)
    return report


def _fail_if_skipped(report: pytest.TestReport | pytest.CollectReport, config: pytest.Config) -> None:
    if report.skipped and config.getoption("--fail-on-skip"):
        path, line, reason = (
            report.longrepr if isinstance(report.longrepr, tuple) else ("", "", report.longrepr)
        )
        report.outcome = "failed"
        report.longrepr = f"{path}:{line}: {reason}\nA skip is a failure here because of --fail-on-skip."
