"""The committed pages and blocks equal what programs print."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from importlib.metadata import version

import pytest

from docs.generate.__main__ import BLOCKS, pages_with_blocks
from docs.generate.blocks import block_names, filled
from docs.generate.listening import same_run
from tests.support.markdown import ROOT, WRITTEN_PAGES

PINNED_CLICK = re.search(
    r"^click==(.+)$", (ROOT / "constraints.txt").read_text(encoding="utf-8"), re.MULTILINE
)
RUN = """$ birdedge listen
        onset    length
    00:01.000    0.32 s
    00:02.500    0.97 s
birdedge: 2 event(s)
"""


@pytest.mark.skipif(
    PINNED_CLICK is None or version("click") != PINNED_CLICK[1],
    reason="another click prints --help differently",
)
def test_no_page_is_stale() -> None:
    command = [sys.executable, "-m", "docs.generate", "--check"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_every_block_that_can_be_printed_is_on_a_page() -> None:
    shown = set().union(*(block_names(path.read_text(encoding="utf-8")) for path in WRITTEN_PAGES))
    assert shown == set(BLOCKS)


def test_only_the_text_between_the_marks_of_a_block_is_replaced() -> None:
    page = "a\n<!-- x -->\nold\n<!-- /x -->\nb\n<!-- y -->\n<!-- /y -->\nc\n"
    new = filled(page, {"x": lambda present: present.upper(), "y": lambda _: "new\n"})
    assert new == "a\n<!-- x -->\nOLD\n<!-- /x -->\nb\n<!-- y -->\nnew\n<!-- /y -->\nc\n"


def test_a_block_with_an_unknown_name_is_an_error() -> None:
    with pytest.raises(KeyError, match="z"):
        filled("<!-- z -->\n<!-- /z -->", {})


def test_pages_without_blocks_are_left_alone() -> None:
    assert ROOT / "docs" / "troubleshooting.md" not in pages_with_blocks()


@pytest.mark.parametrize(
    ("other", "same"),
    [
        (RUN, True),
        (RUN.replace("00:01.000", "00:01.080"), True),
        (RUN.replace("0.97 s", "0.95 s"), True),
        (RUN.replace("00:01.000", "00:01.200"), False),
        (RUN.replace("    00:02.500    0.97 s\n", ""), False),
        (RUN.replace("length", "duration"), False),
        ("", False),
    ],
)
def test_runs_are_the_same_if_their_events_differ_by_at_most_a_tenth_of_a_second(
    other: str, same: bool
) -> None:
    assert same_run(RUN, other) is same
