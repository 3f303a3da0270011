"""File names that are not UTF-8 or too long, a folder that is gone, and a terminal that lacks characters."""

import os
import subprocess
import sys

import pytest

from tests.support.commands import BIRDEDGE, ENVIRONMENT, birdedge, error_of, run

NOT_UTF_8 = os.fsdecode(b"lat\xe9in.wav")
CONTROL = "tab\tline\nfeed\x1b.wav"
LONG = "x" * 245 + ".wav"  # a table's name would have more than 255 characters
TOO_LONG = "x" * 300 + ".wav"


@pytest.mark.parametrize("jobs", [1, 2])
def test_an_odd_name_does_not_affect_other_recordings(good, tmp_path, jobs):
    names = (NOT_UTF_8, CONTROL, LONG)
    for name in names:
        (tmp_path / name).write_bytes(good.read_bytes())
    files = [tmp_path / name for name in (TOO_LONG, *names)]
    options = ("--format", "raven", "--masks", "out", "--jobs", jobs)
    _, stderr = birdedge("segment", *files, good, "--out", "out", *options, cwd=tmp_path, exit_code=1)
    assert "Traceback" not in stderr
    assert stderr.count("Error: ") == stderr.count("(File name too long)") == 2
    assert "3 of 5 file(s)" in stderr
    stems = ("good", NOT_UTF_8.removesuffix(".wav"), CONTROL.removesuffix(".wav"))
    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        "all.selections.txt",
        *(stem + suffix for stem in stems for suffix in (".selections.txt", ".npz")),
    }


@pytest.mark.parametrize("command", [("plot",), ("why",), ("listen", "--fast"), ("segment",)])
@pytest.mark.parametrize("locale", [{}, {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}])
def test_commands_read_a_name_that_is_not_utf_8(good, tmp_path, command, locale):
    good.rename(tmp_path / NOT_UTF_8)
    _, stderr = birdedge(command[0], NOT_UTF_8, *command[1:], cwd=tmp_path, environment=locale)
    assert "Error" not in stderr


@pytest.mark.parametrize(
    "command",
    [
        ("segment", TOO_LONG),
        ("listen", TOO_LONG),
        ("plot", TOO_LONG),
        ("why", TOO_LONG),
        ("demo", TOO_LONG),
        ("listen", "good.wav", "--fast", "--denoised", TOO_LONG),
        ("listen", "good.wav", "--fast", "--out", TOO_LONG),
        ("status", TOO_LONG),
        ("inspect", TOO_LONG),
        ("config", "check", TOO_LONG),
        ("config", "init", TOO_LONG),
    ],
)
@pytest.mark.usefixtures("good")
def test_a_name_that_is_too_long_is_an_error(failing, command):
    assert "(File name too long)" in failing(*command)


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_a_character_that_the_terminal_lacks_is_shown_as_its_code(good, tmp_path, encoding):
    good.rename(tmp_path / "鳥.wav")
    environment = {"PYTHONIOENCODING": encoding}
    stdout, _ = birdedge("plot", "鳥.wav", cwd=tmp_path, environment=environment)
    assert stdout.startswith("\\u9ce5.png: ")
    done = run(*BIRDEDGE, "plot", "鶏.wav", cwd=tmp_path, environment=environment)
    assert ".wav does not exist" in error_of(done)


@pytest.mark.parametrize(
    "arguments", ["segment good.wav", "segment .", "doctor", "demo a.wav", "status", "config init c.toml"]
)
def test_a_deleted_current_folder_is_an_error_without_a_traceback(tmp_path, arguments):
    code = (
        "import os, sys; from birdedge.cli import main; os.mkdir('gone'); os.chdir('gone'); os.rmdir('../gone');"
        f"sys.argv = ['birdedge', *{arguments.split()!r}]; main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env=ENVIRONMENT,
        capture_output=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 1
    assert b"Traceback" not in done.stderr
    assert b"Error: " in done.stderr


def test_recordings_are_segmented_from_a_deleted_current_folder(good, tmp_path):
    code = (
        "import os, sys; from birdedge.cli import main; os.mkdir('gone'); os.chdir('gone'); os.rmdir('../gone');"
        f"sys.argv = ['birdedge', 'segment', {str(good)!r}, '--out', {str(tmp_path / 'out')!r}]; main()"
    )
    done = run(sys.executable, "-c", code, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "out" / "good.csv").exists()


def test_a_command_works_without_a_home(good, tmp_path):
    environment = {
        name: value for name, value in ENVIRONMENT.items() if name not in ("HOME", "BIRDEDGE_CONFIG")
    }
    done = subprocess.run(
        [*BIRDEDGE, "listen", good, "--fast", "--json"],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr


def test_an_inaccessible_folder_does_not_affect_other_recordings(good, tmp_path):
    locked = tmp_path / "locked"
    locked.mkdir()
    inside = locked / "a.wav"
    inside.write_bytes(good.read_bytes())
    links = tmp_path / "links"
    links.mkdir()
    (links / "card").symlink_to(locked / "card")
    (links / "b.wav").symlink_to(inside)
    locked.chmod(0)
    # Root may enter all folders unless it drops that capability.
    as_user = ("setpriv", "--bounding-set=-dac_override,-dac_read_search") if os.geteuid() == 0 else ()
    try:
        done = run(*as_user, *BIRDEDGE, "segment", locked, inside, links, good, "--out", "out", cwd=tmp_path)
    finally:
        locked.chmod(0o700)
    stderr = done.stderr.decode()
    assert done.returncode == 1, stderr
    assert "Traceback" not in stderr
    assert stderr.count("Error: ") == stderr.count("(Permission denied)") == 4
    assert (tmp_path / "out" / "good.csv").exists()
