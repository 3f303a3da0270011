"""No command replaces an existing file unless `--force` is given."""

import pytest

from tests.support.commands import birdedge

REFUSED = [
    (("config", "init", "mine.toml"), "mine.toml"),
    (("demo", "mine.wav", "--duration", 1), "mine.wav"),
    (("demo", "mine.wav", "--duration", 1), "mine.truth.csv"),
    (("plot", "good.wav", "-o", "mine.png"), "mine.png"),
    (("plot", "good.wav"), "good.png"),
    (("listen", "good.wav", "--fast", "--denoised", "mine.flac"), "mine.flac"),
    (("listen", "good.wav", "--fast", "--out", "."), "good.labels.txt"),
    (("listen", "good.wav", "--fast", "--json", "--masks", "."), "good.npz"),
    (("segment", "good.wav", "--out", "."), "good.csv"),
    (("segment", "good.wav", "--masks", ".", "--jobs", 2), "good.npz"),
]


@pytest.mark.usefixtures("good")
@pytest.mark.parametrize(("arguments", "name"), REFUSED)
def test_an_existing_file_is_kept_unless_force_is_given(failing, run_here, tmp_path, arguments, name):
    (tmp_path / name).write_bytes(b"mine")
    error = failing(*arguments)
    assert f"{name} exists already" in error
    assert "--force" in error
    assert (tmp_path / name).read_bytes() == b"mine"
    done = run_here(*arguments, "--force")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / name).read_bytes() != b"mine"


def test_live_results_get_a_number(good, tmp_path):
    for _ in range(2):
        birdedge("listen", "--demo", "--fast", "--duration", 2, "--denoised", "alone.wav", cwd=tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {good.name, "alone.wav", "alone-2.wav"}
