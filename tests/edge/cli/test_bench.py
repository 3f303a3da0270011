"""`birdedge bench` chooses a model, which `birdedge listen` then uses."""

from tests.support.commands import birdedge


def test_no_configuration_is_written_unless_asked(tmp_path):
    config = tmp_path / "config.toml"
    birdedge("bench", "birdedge-fp32", "--seconds", 0.1, "--config", config, cwd=tmp_path)
    assert not config.exists()


def test_listen_uses_the_model_that_bench_chose_unless_another_is_given(tmp_path, demo):
    config = tmp_path / "config.toml"
    output, stderr = birdedge(
        "bench", "birdedge-fp32", "--seconds", 0.1, "--config", config, "--write", cwd=tmp_path
    )
    assert "birdedge-fp32" in output
    assert str(config) in stderr
    _, stderr = birdedge("listen", demo, "--fast", "--json", "--config", config, cwd=tmp_path)
    assert "with birdedge-fp32" in stderr
    _, stderr = birdedge(
        "listen", demo, "--fast", "--json", "--config", config, "--model", "birdedge-int8", cwd=tmp_path
    )
    assert "with birdedge-int8 " in stderr


def test_the_profile_shows_the_time_by_operator(tmp_path):
    output, _ = birdedge("bench", "birdedge-int8", "--profile", cwd=tmp_path)
    assert "QLinearConv" in output
    assert output.count("%") >= 2 * 10


def test_a_model_that_is_too_late_to_listen_with_is_not_written(run_here, tmp_path):
    arguments = ("birdedge-int8-256", "--seconds", 0.1, "--config", tmp_path / "config.toml")
    for options, code in ((), 0), (("--write",), 1):
        done = run_here("bench", *arguments, *options)
        assert b"more than 0.25 s after it began" in done.stderr
        assert done.returncode == code
    assert not (tmp_path / "config.toml").exists()
