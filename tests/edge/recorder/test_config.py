"""The configuration file: read with care, written without loss."""

import dataclasses
import os
import re
import tomllib

import pytest

from birdedge.edge.clips.settings import ClipSettings, RetentionSettings
from birdedge.edge.errors import OutputError, SettingsError
from birdedge.edge.models.names import DEFAULT_MODEL
from birdedge.edge.recorder.config import (
    TEMPLATE,
    Config,
    default_config_path,
    read_config,
    write_model,
    write_template,
)
from birdedge.edge.recorder.schedule import ScheduleSettings
from birdedge.edge.system.atomic_file import replacing


def test_without_a_configuration_all_is_default(tmp_path, monkeypatch):
    monkeypatch.setenv("BIRDEDGE_CONFIG", str(tmp_path / "none.toml"))
    assert default_config_path() == tmp_path / "none.toml"
    assert read_config() == Config(model=DEFAULT_MODEL)


def test_a_configuration_that_was_named_must_be_there(tmp_path):
    with pytest.raises(SettingsError, match="there is no configuration"):
        read_config(tmp_path / "none.toml")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("modell = 'x'", "did you mean 'model'"),
        ("model = 3", "it must be str"),
        ("model = ", "not valid TOML"),
        (b"\xff\xfe", "not valid TOML"),
    ],
)
def test_a_wrong_configuration_is_refused_in_a_sentence(tmp_path, text, sentence):
    path = tmp_path / "config.toml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(SettingsError, match=sentence):
        read_config(path)


@pytest.mark.parametrize("model", ["birdedge-fp32", '/srv/my models/a"b\\c.onnx'])
def test_the_model_is_written_and_the_rest_kept(tmp_path, model):
    path = tmp_path / "folder" / "config.toml"
    write_model(path, "first")
    path.write_text(f"# mine\n{path.read_text(encoding='utf-8')}# the end\n", encoding="utf-8")
    write_model(path, model)
    assert read_config(path).model == model
    text = path.read_text(encoding="utf-8")
    assert text.startswith("# mine\n")
    assert text.endswith("# the end\n")
    assert text.count("model =") == 1


def test_a_configuration_that_is_wrong_is_not_written_over(tmp_path):
    path = tmp_path / "config.toml"
    path.write_text("other = 1\n", encoding="utf-8")
    with pytest.raises(SettingsError, match="unknown key"):
        write_model(path, "x")
    assert path.read_text(encoding="utf-8") == "other = 1\n"


def test_a_device_is_not_replaced_by_a_file(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with pytest.raises(OutputError, match="is a device or pipe"), replacing(pipe):
        pass
    assert pipe.is_fifo()


def test_the_commented_configuration_shows_each_key_with_its_default(tmp_path):
    path = tmp_path / "config.toml"
    write_template(path)
    assert read_config(path) == Config()
    with pytest.raises(SettingsError, match="is there already"):
        write_template(path)
    # What is shown behind a # is a value the key may have.
    text = re.sub(r"(?m)^# (?=\w+ = )", "", TEMPLATE)
    path.write_text(text, encoding="utf-8")
    shown = read_config(path)
    tables = tomllib.loads(text)
    for cls, table in (
        (Config, tables),
        (ScheduleSettings, tables["schedule"]),
        (ClipSettings, tables["clips"]),
        (RetentionSettings, tables["retention"]),
    ):
        assert {f.name for f in dataclasses.fields(cls)} == set(table)
    for name in ("schedule", "clips"):
        assert getattr(shown, name) == getattr(Config(), name)
    for name in ("site", "model", "tables", "commit_s", "gain_db", "channels"):
        assert getattr(shown, name) == getattr(Config(), name)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("latitude_deg = 91.0", "latitude_deg is 91.0; it must lie in -90..90"),
        ("gain_db = 100.0", "gain_db is 100.0"),
        ("commit_s = 0.0", "commit_s is 0.0"),
        ('tables = ["xls"]', "tables names 'xls'"),
        ("[clips]\nkepe = 'events'", "did you mean 'keep'"),
        ('[schedule]\nwindows = ["dawn"]', "'dawn'"),
        ("min_score = 2.0", "min_score is 2.0"),
    ],
)
def test_a_value_out_of_range_is_refused_in_a_sentence(tmp_path, text, sentence):
    path = tmp_path / "config.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(SettingsError, match=re.escape(sentence)):
        read_config(path)
