"""The site is built from the Markdown of the repository, without broken links, and loads nothing from elsewhere."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from docs.generate.site import OUTSIDE, SITE, external_parts, with_site_links
from tests.support.markdown import ROOT

HAS_BUILDER = importlib.util.find_spec("zensical") is not None


@pytest.fixture(scope="module")
def site() -> Path:
    if not HAS_BUILDER:
        pytest.skip("the site needs the extra docs: pip install '.[docs]'")
    command = [sys.executable, "-m", "docs.generate.site"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return SITE


def test_every_page_is_in_the_site(site: Path) -> None:
    for name in ["index.md", "getting-started.md", "commands/listen.md", *OUTSIDE.values()]:
        path = site / name.removesuffix(".md").removesuffix("index") / "index.html"
        assert "<h1" in path.read_text(encoding="utf-8"), name


def test_the_search_index_finds_a_word_of_a_page(site: Path) -> None:
    found = [
        item
        for item in json.loads((site / "search.json").read_text("utf-8"))["items"]
        if "watchdog" in str(item)
    ]
    assert any("field-recorder" in item["location"] for item in found)


@pytest.mark.parametrize(
    "part",
    [
        '<script src="https://cdn.example.org/a.js"></script>',
        '<link rel="stylesheet" href="//fonts.example.org/a.css">',
        '<img src="http://example.org/a.png">',
        '<iframe src="https://example.org/"></iframe>',
    ],
)
def test_a_part_from_another_host_is_found(tmp_path: Path, part: str) -> None:
    (tmp_path / "a.html").write_text(f'<a href="https://example.org/">a link is allowed</a>{part}')
    assert len(external_parts(tmp_path)) == 1


def test_a_font_from_another_host_is_found(tmp_path: Path) -> None:
    (tmp_path / "a.css").write_text("@font-face { src: url(https://fonts.example.org/a.woff2) }")
    assert external_parts(tmp_path) == ["a.css: https://fonts.example.org/a.woff2"]


def test_links_lead_to_pages_of_the_site_and_links_to_other_files_become_text(tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    page, card, code = tmp_path / "docs" / "a.md", tmp_path / "CARD.md", tmp_path / "code.py"
    page.write_text(
        "[card](../CARD.md#x) [code](../code.py) [gone](../gone.md) [web](https://example.org/a.md) "
    )
    card.touch()
    code.touch()
    names = {page: "a.md", card: "cards/card.md"}
    assert with_site_links(page, names) == (
        "[card](cards/card.md#x) code [gone](../gone.md) [web](https://example.org/a.md) "
    )
