"""Sources of a configuration: each has one input, and overrides the shared settings that it names."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from birdedge.edge.errors import SettingsError
from birdedge.edge.models.checked_model import check_model
from birdedge.edge.recorder.config import Config, read_config, source_config, template
from birdedge.edge.recorder.config_page import config_lines
from birdedge.edge.recorder.memory import DECODER_MB, SOURCE_MB, WAITING_MB, max_memory_mb
from birdedge.edge.recorder.source_settings import SourceSettings

TWO = """
site = "the wood"
channels = 2
[[source]]
name = "oak"
device = "USB"
gain_db = 6
[[source]]
name = "pond"
url = "rtsp://keeper:passw0rd@camera/stream?token=t0ken"
site = "the pond"
"""


def read(folder: Path, text: str) -> Config:
    path = folder / "config.toml"
    path.write_text(text, encoding="utf-8")
    return read_config(path)


def test_a_source_has_the_shared_settings_unless_it_sets_its_own(tmp_path: Path) -> None:
    config = read(tmp_path, TWO)
    oak, pond = (source_config(config, name) for name in ("oak", "pond"))
    assert (oak.site, oak.channels, oak.device, oak.gain_db) == ("the wood", 2, "USB", 6.0)
    assert (pond.site, pond.channels, pond.device, pond.gain_db) == ("the pond", 2, None, 0.0)
    assert [source.name for source in pond.source] == ["pond"]


def test_a_removed_source_is_an_error() -> None:
    with pytest.raises(SettingsError, match="has no source 'oak' any more"):
        source_config(Config(), "oak")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("[[source]]\nname = 'a/b'", "name is 'a/b'; it must have 1 to 64 letters"),
        ("[[source]]\nname = '..'", "name is '..'"),
        ("[[source]]\nname = 'Clips'", "not be 'clips'"),
        ("[[source]]\ndevice = 'USB'", "source 1 lacks name"),
        (
            "[[source]]\nname = 'a'\nurl = 'http://x/y'\npath = 'z'",
            "source 1: url and path are given; a source hears one of them",
        ),
        ("[[source]]\nname = 'a'\n[[source]]\nname = 'A'", "two sources have the name 'a'"),
        (
            "[[source]]\nname = 'a'\nstdin = true\n[[source]]\nname = 'b'\nstdin = true",
            "several sources read standard input",
        ),
        ("[[source]]\nname = 'a'\nurl = 'ftp://x/y'", "source 1: the URL of a stream is 'ftp://x/y'"),
        (
            "denoised = 'a.flac'\n[[source]]\nname = 'a'",
            "denoised is 'a.flac', and there are several sources",
        ),
    ],
)
def test_an_invalid_source_is_refused_with_the_reason(tmp_path: Path, text: str, sentence: str) -> None:
    with pytest.raises(SettingsError, match=re.escape(sentence)):
        read(tmp_path, text)


def test_the_template_has_exactly_the_keys_of_a_source() -> None:
    section = template().partition("# [[source]]\n")[2].partition("\n\n")[0]
    keys = re.findall(r"(?m)^# (\w+) = ", section)
    assert keys == list(SourceSettings.__dataclass_fields__)


def test_show_omits_secrets(tmp_path: Path) -> None:
    read(tmp_path, TWO)
    shown = "\n".join(config_lines(tmp_path / "config.toml"))
    assert 'url = "rtsp://camera/stream"' in shown
    assert "passw0rd" not in shown
    assert "t0ken" not in shown


def test_memory_grows_with_sources_except_for_shared_parts() -> None:
    card = check_model("birdedge-int8").card
    sources = tuple(SourceSettings(f"s{number}", url="http://radio/x") for number in range(4))
    one = max_memory_mb(Config(source=sources[:1]), card)
    four = max_memory_mb(Config(source=sources), card)
    of_one_mb = one - 110.0 - DECODER_MB
    assert of_one_mb > WAITING_MB
    assert four == pytest.approx(110.0 + 4 * (of_one_mb + DECODER_MB) + 3 * SOURCE_MB)
