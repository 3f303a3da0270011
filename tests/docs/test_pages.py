"""Everything that the pages show exists and works: links, commands, queries, configuration, navigation."""

from __future__ import annotations

import re
import sqlite3
import tomllib
from pathlib import Path

import pytest

from birdedge.edge.database.rejected import MAX_PER_INTERVAL
from birdedge.edge.database.rows import KEPT_ROWS
from birdedge.edge.recorder.config import Config
from birdedge.edge.settings import from_table
from docs.generate.database import schema
from docs.generate.site import OUTSIDE
from tests.support.markdown import (
    PAGES,
    ROOT,
    WRITTEN_PAGES,
    anchors,
    code_blocks,
    links,
    shell_commands,
    unknown_words,
)

NAMES = [str(path.relative_to(ROOT)) for path in PAGES]
WRITTEN_NAMES = [str(path.relative_to(ROOT)) for path in WRITTEN_PAGES]


def test_the_table_of_extras_lists_all_but_those_of_developers() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    page = (ROOT / "docs" / "getting-started.md").read_text(encoding="utf-8")
    listed = re.findall(r"^\| `(\w+)` \| ", page, re.MULTILINE)
    assert set(listed) == project["optional-dependencies"].keys() - {"dev"}


@pytest.mark.parametrize("name", NAMES)
def test_every_link_leads_to_a_file_and_a_heading_in_it(name: str) -> None:
    page = ROOT / name
    for target in links(page.read_text(encoding="utf-8")):
        if re.match(r"https?:", target):
            continue
        file, _, anchor = target.partition("#")
        path = page.parent / file if file else page
        assert path.exists(), target
        if anchor:
            assert anchor in anchors(path.read_text(encoding="utf-8")), target


@pytest.mark.parametrize("name", WRITTEN_NAMES)
def test_every_command_shown_exists_with_its_options(name: str) -> None:
    commands = shell_commands((ROOT / name).read_text(encoding="utf-8"))
    assert [(words, unknown_words(words)) for words in commands if unknown_words(words)] == []


def test_every_query_runs_on_the_schema() -> None:
    page = (ROOT / "docs" / "database.md").read_text(encoding="utf-8")
    made, *queries = code_blocks(page, "sql")
    assert made.strip() == schema()
    assert len(queries) >= 3
    database = sqlite3.connect(":memory:")
    database.executescript(made)
    for query in queries:
        assert database.execute(query).fetchall() == []


@pytest.mark.parametrize(
    "name",
    ["docs/field-recorder.md", "docs/dashboard.md", "docs/configuration.md", "docs/metrics-and-alerts.md"],
)
def test_every_configuration_shown_is_valid(name: str) -> None:
    blocks = code_blocks((ROOT / name).read_text(encoding="utf-8"), "toml")
    assert blocks
    for block in blocks:
        assert isinstance(from_table(Config, tomllib.loads(block), name), Config)


def test_every_setting_in_the_changelog_exists_by_its_new_name() -> None:
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    template = code_blocks((ROOT / "docs" / "configuration.md").read_text(encoding="utf-8"), "toml")[0]
    rows = re.findall(r"^ *\| [^|]+ \| ([^|]+) \| ([^|]+) \|$", changelog, re.MULTILINE)[2:]
    assert len(rows) >= 7
    for old, new in rows:
        for key in re.findall(r"`(\w+)`", new):
            assert re.search(rf"^(# )?{key} = ", template, re.MULTILINE), key
        for key in re.findall(r"`(\w+)`", old):
            assert not re.search(rf"^(# )?{key} = ", template, re.MULTILINE), key


def test_the_navigation_names_every_page_of_the_site() -> None:
    site = tomllib.loads((ROOT / "zensical.toml").read_text(encoding="utf-8"))["project"]
    pages = {path.relative_to(ROOT / "docs").as_posix() for path in (ROOT / "docs").rglob("*.md")}
    assert sorted(_named(site["nav"])) == sorted(pages | set(OUTSIDE.values()))


@pytest.mark.parametrize("name", ["CONTRIBUTING.md", "docs/architecture.md"])
def test_every_file_mentioned_exists(name: str) -> None:
    text = (ROOT / name).read_text(encoding="utf-8")
    files = re.findall(r"`((?:edge|train|export|benchmarks|tests|examples|docs|birdedge)/[\w./]*)`", text)
    missing = [file for file in files if "NAME" not in file and not Path(ROOT / file).exists()]
    assert len(files) >= 5
    assert missing == []


def _named(entries: object) -> list[str]:
    if isinstance(entries, str):
        return [entries]
    values = entries.values() if isinstance(entries, dict) else entries
    assert hasattr(values, "__iter__")
    return [page for value in values for page in _named(value)]


def test_the_page_on_the_database_states_the_limits_of_rejected_regions() -> None:
    page = " ".join((ROOT / "docs" / "database.md").read_text(encoding="utf-8").split())
    assert MAX_PER_INTERVAL == 10
    assert "The ten with the highest `score` of each minute" in page
    assert f"the newest {KEPT_ROWS['rejected_rows']:,} of all" in page
    assert f"newest {KEPT_ROWS['anchors']:,} rows each" in page
