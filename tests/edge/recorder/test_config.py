"""The configuration file is read strictly, and written without loss."""

import dataclasses
import os
import re
import stat
import subprocess
import sys
import tomllib
from pathlib import Path

import click
import pytest

from birdedge.edge.clips.settings import ClipSettings, PrivacySettings, RetentionSettings
from birdedge.edge.errors import OutputError, SettingsError
from birdedge.edge.formats.tables import FORMATS, TABLE_NAMES
from birdedge.edge.integrations.alerts import AlertSettings
from birdedge.edge.models.names import DEFAULT_MODEL
from birdedge.edge.recorder.config import (
    Config,
    default_config_path,
    read_config,
    template,
    user_config_dir,
    write_model,
    write_template,
)
from birdedge.edge.recorder.schedule import ScheduleSettings
from birdedge.edge.system.atomic_file import replacing


def test_without_a_configuration_file_all_settings_are_defaults(tmp_path, monkeypatch):
    monkeypatch.setenv("BIRDEDGE_CONFIG", str(tmp_path / "none.toml"))
    assert default_config_path() == tmp_path / "none.toml"
    assert read_config() == Config(model=DEFAULT_MODEL)


@pytest.mark.parametrize("platform", ["linux", "darwin", "win32"])
@pytest.mark.parametrize("variables", [(), ("XDG_CONFIG_HOME", "APPDATA")])
def test_the_configuration_folder_is_the_one_click_uses(monkeypatch, tmp_path, platform, variables):
    monkeypatch.setattr(sys, "platform", platform)
    monkeypatch.setattr("click.utils.WIN", platform == "win32")
    for name in ("XDG_CONFIG_HOME", "APPDATA"):
        monkeypatch.delenv(name, raising=False)
    for name in variables:
        monkeypatch.setenv(name, str(tmp_path / name))
    assert user_config_dir() == Path(click.get_app_dir("birdedge"))


def test_without_birdedge_config_the_file_is_in_the_configuration_folder(monkeypatch, tmp_path):
    monkeypatch.delenv("BIRDEDGE_CONFIG", raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    assert default_config_path() == tmp_path / "birdedge" / "config.toml"


def test_a_home_that_is_not_a_folder_gives_the_default_configuration(monkeypatch):
    for name in ("BIRDEDGE_CONFIG", "XDG_CONFIG_HOME", "APPDATA"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", os.devnull)
    assert read_config() == Config()


def test_a_user_without_a_home_gets_no_folder_named_tilde(monkeypatch):
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    monkeypatch.setattr(os.path, "expanduser", lambda path: path)  # as with a user ID without a name
    assert user_config_dir().is_absolute()


def test_a_named_configuration_must_exist(tmp_path):
    with pytest.raises(SettingsError, match="there is no configuration"):
        read_config(tmp_path / "none.toml")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("modell = 'x'", "did you mean 'model'"),
        ("model = 3", "it must be str"),
        ("model = ", "not valid TOML"),
        (b"\xff\xfe", "not valid TOML"),
        ("x = " + 10_000 * "[", "not valid TOML"),
    ],
)
def test_an_invalid_configuration_is_refused(tmp_path, text, sentence):
    path = tmp_path / "config.toml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(SettingsError, match=sentence):
        read_config(path)


@pytest.mark.parametrize("model", ["birdedge-fp32", '/srv/my models/a"b\\c.onnx'])
def test_the_model_is_written_and_the_rest_is_kept(tmp_path, model):
    path = tmp_path / "folder" / "config.toml"
    write_model(path, "first")
    path.write_text(f"# mine\n{path.read_text(encoding='utf-8')}# the end\n", encoding="utf-8")
    write_model(path, model)
    assert read_config(path).model == model
    text = path.read_text(encoding="utf-8")
    assert text.startswith("# mine\n")
    assert text.endswith("# the end\n")
    assert text.count("model =") == 1


@pytest.mark.parametrize(
    ("write", "model"),
    [
        (lambda path: write_model(path, "birdedge-fp32"), "birdedge-fp32"),
        (lambda path: write_template(path, force=True), DEFAULT_MODEL),
    ],
)
def test_a_private_configuration_stays_private_and_a_link_stays_one(tmp_path, write, model):
    path, link = tmp_path / "real.toml", tmp_path / "config.toml"
    path.write_text("site = 'oak'\n", encoding="utf-8")
    path.chmod(0o600)
    owner = (1234, 2345) if os.geteuid() == 0 else (os.getuid(), os.getgid())
    os.chown(path, *owner)
    link.symlink_to(path)
    write(link)
    assert link.is_symlink()
    assert read_config(path).model == model
    status = path.stat()
    assert (stat.S_IMODE(status.st_mode), status.st_uid, status.st_gid) == (0o600, *owner)


def test_the_model_is_set_on_its_own_line_in_the_template(tmp_path):
    path = tmp_path / "config.toml"
    write_template(path)
    write_model(path, "birdedge-fp32")
    assert read_config(path) == Config(model="birdedge-fp32")
    changed = zip(template().splitlines(), path.read_text(encoding="utf-8").splitlines(), strict=True)
    assert [new for old, new in changed if new != old] == ['model = "birdedge-fp32"']


def test_an_invalid_configuration_is_not_overwritten(tmp_path):
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


def test_the_template_changes_no_default_and_replaces_no_file(tmp_path):
    path = tmp_path / "config.toml"
    write_template(path)
    assert read_config(path) == Config()
    path.write_text("site = 'mine'", encoding="utf-8")
    with pytest.raises(OutputError, match="exists already"):
        write_template(path)
    assert path.read_text(encoding="utf-8") == "site = 'mine'"


def is_table(value):
    """Return whether a value of TOML is a table, or an array of them."""
    return isinstance(value, dict) or (
        isinstance(value, list) and any(isinstance(item, dict) for item in value)
    )


def test_the_template_shows_every_key_in_order_with_its_default_or_a_valid_example(tmp_path):
    text = re.sub(r"(?ms)^# \[\[source\]\]\n.*?\n\n", "", template())  # its examples are mutually exclusive
    text = re.sub(r"(?m)^# (?=\w+ = |\[\[)", "", text)
    path = tmp_path / "config.toml"
    path.write_text(text, encoding="utf-8")
    shown, tables = read_config(path), tomllib.loads(text)
    rows = (
        (shown, Config(), tables),
        (shown.schedule, ScheduleSettings(), tables["schedule"]),
        (shown.clips, ClipSettings(), tables["clips"]),
        (shown.retention, RetentionSettings(), tables["retention"]),
        (shown.alert[0], AlertSettings("no_audio", "no_audio"), tables["alert"][0]),
    )
    for values, defaults, table in rows:
        names = [field.name for field in dataclasses.fields(defaults) if field.name != "source"]
        assert list(table) == names
        for name in names:
            if name in table and not is_table(table[name]):
                default = getattr(defaults, name)
                assert default is None or getattr(values, name) == default, name


def test_the_tables_are_named_after_their_formats():
    assert list(TABLE_NAMES) == list(FORMATS)
    assert Config().tables == TABLE_NAMES


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("latitude_deg = 91.0", "latitude_deg is 91.0; it must lie in -90..90"),
        ("gain_db = 100.0", "gain_db is 100.0"),
        ("commit_s = 0.0", "commit_s is 0.0"),
        ('denoised = "birds.mp3"', "denoised is 'birds.mp3'; name a .wav or .flac file"),
        ('tables = ["xls"]', "tables is 'xls'; it must be one of raven, audacity, csv, jsonl"),
        ("[clips]\nkepe = 'events'", "did you mean 'keep'"),
        ("[clips]\nkeep = 'all'", "clips: keep is 'all'; it must be one of events, everything, none"),
        ('[schedule]\nwindows = ["dawn"]', "'dawn'"),
        (
            "[retention]\ndelete_first = 'lowest'",
            "delete_first is 'lowest'; it must be one of oldest, lowest_score",
        ),
        ("min_score = 2.0", "min_score is 2.0"),
    ],
)
def test_a_disallowed_value_is_named(tmp_path, text, sentence):
    path = tmp_path / "config.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(SettingsError, match=re.escape(sentence)):
        read_config(path)


def test_a_configuration_is_checked_without_the_audio_packages():
    modules = ("clips.settings", "recorder.config", "recorder.schedule", "recorder.systemd_service")
    program = (
        f"import sys, {', '.join(f'birdedge.edge.{module}' for module in modules)};"
        "birdedge.edge.recorder.config.read_config();"
        "print(*(name.partition('.')[0] for name in sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert "birdedge" in loaded
    assert loaded & {"numpy", "onnxruntime", "soxr", "soundfile", "sounddevice", "astral", "click"} == set()


def test_denoised_audio_is_refused_if_speech_is_not_kept():
    privacy = PrivacySettings("drop-clips")
    with pytest.raises(SettingsError, match="the denoised audio may hold speech, and speech is 'drop-clips'"):
        Config(denoised="birds.flac", privacy=privacy)
    Config(privacy=privacy)
