"""`birdedge completion` prints scripts with which shells complete commands and options."""

import subprocess
import sys

import pytest

from tests.support.commands import birdedge, run


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_each_shell_gets_a_script(tmp_path, shell):
    output, _ = birdedge("completion", shell, cwd=tmp_path)
    assert f"_BIRDEDGE_COMPLETE={shell}_complete" in output


def test_bash_loads_the_script(tmp_path):
    output, _ = birdedge("completion", "bash", cwd=tmp_path)
    done = subprocess.run(["bash", "-c", output + "\ncomplete -p birdedge"], capture_output=True, check=True)
    assert b"birdedge" in done.stdout


@pytest.mark.parametrize(
    ("words", "completed"),
    [
        ("birdedge seg", "segment"),
        ("birdedge segment --skip", "--skip-existing"),
        ("birdedge nonsense x", None),
    ],
)
def test_words_are_completed_without_output_on_stderr(tmp_path, words, completed):
    environment = {
        "_BIRDEDGE_COMPLETE": "bash_complete",
        "COMP_WORDS": words,
        "COMP_CWORD": str(len(words.split()) - 1),
    }
    code = "import sys; sys.argv = ['birdedge']; from birdedge.cli import main; main()"
    done = run(sys.executable, "-c", code, cwd=tmp_path, environment=environment)
    assert done.stderr == b""
    assert [line.split(",")[1] for line in done.stdout.decode().split()] == ([completed] if completed else [])
