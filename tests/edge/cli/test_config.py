"""`birdedge config` accepts the configuration that it writes, and reports errors in others."""

import json
import re
from dataclasses import fields, is_dataclass

from birdedge.edge.recorder.config import Config, read_config, template, write_model
from birdedge.edge.recorder.config_page import config_schema
from tests.support.commands import birdedge


def test_init_writes_a_configuration_that_check_accepts(tmp_path):
    assert birdedge("config", "init", "config.toml", cwd=tmp_path)[0] == "config.toml\n"
    assert birdedge("config", "check", "config.toml", cwd=tmp_path)[0] == (
        "config.toml: OK, up to 176 MB of memory\n"
    )


def test_without_a_file_init_writes_the_configuration_of_the_user(tmp_path):
    path = tmp_path / "user" / "config.toml"
    environment = {"BIRDEDGE_CONFIG": str(path)}
    assert birdedge("config", "init", cwd=tmp_path, environment=environment)[0] == f"{path}\n"
    assert birdedge("config", "check", cwd=tmp_path, environment=environment)[0].startswith(f"{path}: OK")


def test_check_reports_a_missing_file_an_unknown_key_and_a_missing_location(failing, tmp_path):
    assert "there is no configuration" in failing("config", "check", "missing.toml")
    (tmp_path / "key.toml").write_text('devise = "USB"', encoding="utf-8")
    assert "did you mean 'device'?" in failing("config", "check", "key.toml")
    (tmp_path / "sun.toml").write_text('[schedule]\nwindows = ["sunrise..noon"]', encoding="utf-8")
    assert "give latitude_deg" in failing("config", "check", "sun.toml")


def test_check_and_listen_refuse_a_schedule_that_never_opens(failing, tmp_path, monkeypatch):
    never = '[schedule]\nwindows = ["04:30..04:50"]\nlisten_s = 600\nevery_s = 3600\n'
    (tmp_path / "never.toml").write_text(never, encoding="utf-8")
    assert "is closed for the next 400 days" in failing("config", "check", "never.toml")
    monkeypatch.setenv("BIRDEDGE_CONFIG", str(tmp_path / "never.toml"))
    assert "is closed for the next 400 days" in failing("listen", "--out", "out")
    assert not list((tmp_path / "out").glob("*.sqlite"))


def test_check_prints_when_the_schedule_opens_and_closes(tmp_path):
    text = '[schedule]\nwindows = ["04:30..09:00"]\ntimezone = "Europe/Berlin"\n'
    (tmp_path / "config.toml").write_text(text, encoding="utf-8")
    printed = birdedge("config", "check", "config.toml", cwd=tmp_path)[0].splitlines()[1]
    opens, closes = (rf"\d{{4}}-\d\d-\d\d {clock}:00 CES?T" for clock in ("04:30", "09:00"))
    assert re.fullmatch(rf"schedule: (closed until {opens}, then )?open until {closes}", printed)


def test_show_prints_each_value_and_where_it_comes_from(tmp_path):
    path = tmp_path / "c.toml"
    path.write_text('site = "Hütte \\"Nord\\""\n[clips]\nkeep = "none"\n', encoding="utf-8")
    output, _ = birdedge("config", "show", path, cwd=tmp_path)
    lines = output.splitlines()
    assert f'site = "Hütte \\"Nord\\""  # {path}' in lines
    assert "gain_db = 0.0  # default" in lines
    assert "# device is not set  # default" in lines
    assert lines.index("[clips]") < lines.index(f'keep = "none"  # {path}') < lines.index("[retention]")
    shown = tmp_path / "shown.toml"
    shown.write_text(output, encoding="utf-8")
    assert read_config(shown) == read_config(path)


def test_show_reports_an_invalid_configuration(failing, tmp_path):
    (tmp_path / "key.toml").write_text('devise = "USB"', encoding="utf-8")
    assert "did you mean 'device'?" in failing("config", "show", "key.toml")


def test_the_schema_has_each_key_its_type_and_its_meaning(tmp_path):
    schema = json.loads(birdedge("config", "schema", cwd=tmp_path)[0])
    keys = schema["properties"]
    assert keys["channels"] == {"type": "integer", "default": 1}
    assert keys["latitude_deg"] == {"type": "number", "description": keys["latitude_deg"]["description"]}
    assert keys["tables"]["items"]["enum"] == ["raven", "audacity", "csv", "jsonl"]
    clips = keys["clips"]["properties"]
    assert clips["keep"]["enum"] == ["events", "everything", "none"]
    assert clips["before_s"] == {"type": "number", "default": 3.0, "description": "audio before an event"}
    assert schema["additionalProperties"] is keys["clips"]["additionalProperties"] is False
    assert "#:schema ./config.schema.json" in template()


def test_the_schema_has_the_keys_of_the_configuration():
    def keys(cls):
        return {
            field.name: keys(type(getattr(cls(), field.name)))
            if is_dataclass(getattr(cls(), field.name))
            else None
            for field in fields(cls)
        }

    def names(schema):
        return {
            key: names(value) if "properties" in value else None
            for key, value in schema["properties"].items()
        }

    assert names(config_schema()) == keys(Config)


def test_an_empty_configuration_is_an_error_and_a_byte_order_mark_is_not(failing, tmp_path):
    (tmp_path / "empty.toml").touch()
    assert "empty.toml is empty (0 bytes)" in failing("config", "check", "empty.toml")
    assert "is empty (0 bytes)" in failing(
        "listen", "--demo", environment={"BIRDEDGE_CONFIG": str(tmp_path / "empty.toml")}
    )
    path = tmp_path / "windows.toml"
    path.write_bytes(b'\xef\xbb\xbfmodel = "birdedge-fp32"\r\n')
    assert read_config(path).model == "birdedge-fp32"
    write_model(path, "birdedge-int8")
    assert read_config(path).model == "birdedge-int8"
    path.write_bytes("site = 1".encode("utf-16"))
    assert "is not valid TOML" in failing("config", "check", "windows.toml")


def test_check_refuses_settings_that_need_more_memory_than_the_service_has(failing, tmp_path):
    (tmp_path / "bats.toml").write_text(
        "sample_rate_hz = 384000\nchannels = 2\n[clips]\nkeep = 'everything'\n", encoding="utf-8"
    )
    error = failing("config", "check", "bats.toml")
    assert "need up to 918 MB of memory, and the service may use 300 MB; lower sample_rate_hz" in error
    arguments = ("config", "check", "bats.toml", "--memory-max", 1000)
    assert birdedge(*arguments, cwd=tmp_path)[0] == "bats.toml: OK, up to 918 MB of memory\n"
