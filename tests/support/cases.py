"""The option `--fewer-cases`: enough to see whether another version of a package still works."""

from __future__ import annotations

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option."""
    parser.addoption(
        "--fewer-cases",
        action="store_true",
        help="run only the first and the last case of each parametrized test",
    )


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Deselect the cases between the first and the last of each test."""
    if not config.getoption("--fewer-cases"):
        return
    cases: dict[str, list[pytest.Item]] = {}
    for item in items:
        cases.setdefault(item.nodeid.partition("[")[0], []).append(item)
    kept = {item for of_one in cases.values() for item in (of_one[0], of_one[-1])}
    config.hook.pytest_deselected(items=[item for item in items if item not in kept])
    items[:] = [item for item in items if item in kept]
