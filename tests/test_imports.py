"""Commands import little: help and the commands for a recorder's owner start fast and need little memory."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from benchmarks.support.virtual_microphone import VirtualMicrophone
from tests.support.commands import ENVIRONMENT, birdedge, command_words, run

HEAVY = {"matplotlib", "onnxruntime", "torch"}


def loaded_packages(*arguments: object, cwd: Path, exit_code: int | None = 0) -> set[str]:
    """Run a command in a fresh interpreter, and return the names of the packages that it imports.

    An exit code of None stands for any.
    """
    done = run(sys.executable, "-X", "importtime", "-m", "birdedge", *arguments, cwd=cwd)
    stderr = done.stderr.decode()
    assert "Traceback" not in stderr
    assert exit_code in (None, done.returncode), stderr
    modules = re.findall(r"^import time: +\d+ \| +\d+ \| +(\S+)", stderr, re.MULTILINE)
    assert "birdedge.cli" in modules
    return {module.partition(".")[0] for module in modules}


def test_loading_onnxruntime_is_detected(tmp_path: Path) -> None:
    assert "onnxruntime" in loaded_packages("verify", "birdedge-int8", cwd=tmp_path)


@pytest.mark.parametrize("words", [(), *command_words()], ids=" ".join)
def test_help_loads_no_heavy_package(tmp_path: Path, words: tuple[str, ...]) -> None:
    assert loaded_packages(*words, "--help", cwd=tmp_path) & HEAVY == set()


def test_devices_loads_no_heavy_package(tmp_path: Path) -> None:
    script = "import birdedge.edge.audio.devices as d; d.input_devices()"
    has_portaudio = run(sys.executable, "-c", script, cwd=tmp_path).returncode == 0
    assert loaded_packages("devices", cwd=tmp_path, exit_code=1 - has_portaudio) & HEAVY == set()


def test_config_loads_no_heavy_package(tmp_path: Path) -> None:
    assert loaded_packages("config", "init", "config.toml", cwd=tmp_path) & HEAVY == set()
    assert loaded_packages("config", "check", "config.toml", cwd=tmp_path) & HEAVY == set()


@pytest.mark.parametrize("command", ["models", "inspect"])
def test_model_cards_are_shown_without_a_heavy_package(tmp_path: Path, command: str) -> None:
    assert loaded_packages(command, cwd=tmp_path) & HEAVY == set()


@pytest.mark.parametrize("arguments", [("install", "--print"), ("status",), ("remove",)])
def test_service_loads_no_heavy_package(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    unit_dir = ("--unit-dir", tmp_path) if arguments != ("status",) else ()
    packages = loaded_packages("service", *arguments, *unit_dir, cwd=tmp_path, exit_code=None)
    assert packages & HEAVY == set()


def test_status_loads_neither_a_heavy_package_nor_numpy(
    tmp_path: Path, virtual_microphone: VirtualMicrophone
) -> None:
    environment = {**ENVIRONMENT, **virtual_microphone.environment}
    birdedge("listen", "--out", "out", "--duration", 2, cwd=tmp_path, environment=environment)
    packages = loaded_packages("status", "out", cwd=tmp_path, exit_code=1)  # it is stopped
    assert "sqlite3" in packages
    assert packages & {*HEAVY, "numpy"} == set()
    packages = loaded_packages("status", "out", "--prometheus", cwd=tmp_path)
    assert packages & {*HEAVY, "numpy"} == set()


def test_status_of_a_missing_folder_loads_no_numpy(tmp_path: Path) -> None:
    packages = loaded_packages("status", "missing", cwd=tmp_path, exit_code=1)
    assert packages & {*HEAVY, "numpy"} == set()
