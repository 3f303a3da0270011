"""`config show` and `config schema` support arrays of tables."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from birdedge.edge.recorder import config, config_page


@dataclass(frozen=True)
class Bell:
    name: str
    volume_db: float = 0.0


@dataclass(frozen=True)
class ConfigWithBells(config.Config):
    bell: tuple[Bell, ...] = ()


TEXT = "[web]\nlanguage = 'de'\n[[bell]]\nname = 'a'\n[[bell]]\nname = 'b'\nvolume_db = 3\n"
TEMPLATE = "# [[bell]]\n# name = 'front'  # what it is called\n# volume_db = 0.0\n"


@pytest.fixture(autouse=True)
def _bells(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(config, "Config", ConfigWithBells)
    monkeypatch.setattr(config_page, "Config", ConfigWithBells)
    monkeypatch.setattr(config_page, "template", lambda: TEMPLATE)


def test_each_table_of_an_array_is_shown_and_can_be_read_back(tmp_path: Path) -> None:
    path, shown = tmp_path / "a.toml", tmp_path / "b.toml"
    path.write_text(TEXT, encoding="utf-8")
    lines = list(config_page.config_lines(path))
    assert lines[-8:] == [
        *("", "[[bell]]", f'name = "a"  # {path}', "volume_db = 0.0  # default"),
        *("", "[[bell]]", f'name = "b"  # {path}', f"volume_db = 3.0  # {path}"),
    ]
    shown.write_text("\n".join(lines), encoding="utf-8")
    assert config.read_config(shown) == config.read_config(path)


def test_without_tables_nothing_of_the_array_is_shown() -> None:
    assert not [line for line in config_page.config_lines() if "bell" in line]


def test_the_schema_has_the_array_with_its_keys_and_their_meanings() -> None:
    schema = config_page.config_schema()
    items = schema["properties"]["bell"]["items"]
    assert items["required"] == ["name"]
    assert items["properties"]["name"] == {"type": "string", "description": "what it is called"}
    assert items["properties"]["volume_db"] == {"type": "number", "default": 0.0}
    assert schema["properties"]["bell"]["type"] == "array"
