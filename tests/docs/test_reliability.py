"""README.md promises only what a test shows."""

from __future__ import annotations

import pytest

from docs.generate import reliability
from docs.generate.reliability import (
    PROMISES,
    UnfoundedError,
    missing_tests,
    readme_sentences,
    reliability_page,
    unfounded,
)
from tests.support.markdown import ROOT

README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_every_promise_of_the_readme_has_a_test() -> None:
    assert unfounded(README, PROMISES) == []
    assert missing_tests(PROMISES) == []
    page = reliability_page()
    for promise, tests in PROMISES.items():
        assert f"| {promise} |" in page
        assert all(f"`{test}`" in page for test in tests)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("and reduces its load", "never loses a sample, and reduces its load"),
        ("The recorder runs unattended.", "The recorder runs unattended. It names every species."),
        ("# write ~/.config", "# read your mail, write ~/.config"),
    ],
)
def test_a_promise_added_to_the_readme_is_found(old: str, new: str) -> None:
    assert old in README
    (problem,) = unfounded(README.replace(old, new), PROMISES)
    assert problem.startswith("README.md promises more than has a test")


def test_a_promise_removed_from_the_readme_is_found() -> None:
    problems = unfounded(README.replace("survives full disks and power cuts, ", ""), PROMISES)
    assert problems == ["README.md does not say 'survives full disks and power cuts'"]


def test_a_promise_without_a_test_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    promise = "keeps time by counting samples"
    assert unfounded(README, PROMISES | {promise: ()}) == [f"{promise!r} has no test"]
    for test in ("tests/no_file.py::test_it", "tests/docs/test_reliability.py::test_it", "tests/conftest.py"):
        assert missing_tests({promise: (test,)}) == [f"there is no test {test}"]
    monkeypatch.setattr(reliability, "PROMISES", PROMISES | {promise: ()})
    with pytest.raises(UnfoundedError, match=r"has no test: see PROMISES"):
        reliability_page()


def test_sentences_are_read_without_code_tables_links_and_headings() -> None:
    prose = "# A\n\nIt [runs](b.md) `x`. `make`\nworks.\n\n![P](c.png)\n\n<!-- t -->\n| a |\n<!-- /t -->\n\n"
    text = f"{prose}```sh\ny --z   # does it\n```\n\n```python\nx = 1  # no\n```\n\n## Not shown yet\n\nNo.\n"
    assert readme_sentences(text) == ["It runs x.", "make works.", "does it"]
