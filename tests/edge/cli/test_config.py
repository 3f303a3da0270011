"""`birdedge config` writes a configuration that it then accepts, and reports what is wrong with another."""

from tests.support.commands import birdedge


def test_init_writes_a_configuration_that_check_accepts(tmp_path):
    assert birdedge("config", "init", "config.toml", cwd=tmp_path)[0] == "config.toml\n"
    assert birdedge("config", "check", "config.toml", cwd=tmp_path)[0] == "config.toml: OK\n"


def test_without_a_file_init_writes_that_of_the_user(tmp_path):
    path = tmp_path / "user" / "config.toml"
    environment = {"BIRDEDGE_CONFIG": str(path)}
    assert birdedge("config", "init", cwd=tmp_path, environment=environment)[0] == f"{path}\n"
    assert birdedge("config", "check", cwd=tmp_path, environment=environment)[0] == f"{path}: OK\n"


def test_check_reports_a_missing_file_an_unknown_key_and_a_missing_location(failing, tmp_path):
    assert "there is no configuration" in failing("config", "check", "missing.toml")
    (tmp_path / "key.toml").write_text('devise = "USB"', encoding="utf-8")
    assert "did you mean 'device'?" in failing("config", "check", "key.toml")
    (tmp_path / "sun.toml").write_text('[schedule]\nwindows = ["sunrise..noon"]', encoding="utf-8")
    assert "give latitude_deg" in failing("config", "check", "sun.toml")
