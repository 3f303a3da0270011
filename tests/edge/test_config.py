"""The configuration file: read with care, written without loss."""

import pytest

from birdedge.edge.config import Config, default_config_path, read_config, write_model
from birdedge.edge.errors import SettingsError
from birdedge.edge.model import DEFAULT_MODEL


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
