"""Container images, as defined in `Dockerfile`, `.dockerignore` and `compose.yaml`."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

from birdedge.cli import COMMANDS
from tests.support.commands import ROOT

HADOLINT = Path(sys.executable).with_name("hadolint")
IMAGES = ("recorder", "companion")
USER = "1000"

Instruction = tuple[str, str]


def read_stages(text: str) -> dict[str, list[Instruction]]:
    """Return the instructions of each stage by its name, including those of the stages it builds on."""
    stages: dict[str, list[Instruction]] = {}
    stage: list[Instruction] = []
    lines = re.sub(r"^#.*\n", "", text, flags=re.MULTILINE).replace("\\\n", " ").splitlines()
    for line in filter(None, lines):
        name, _, rest = line.partition(" ")
        if name == "FROM":
            base, _, alias = rest.partition(" AS ")
            stage = stages[alias] = [*stages.get(base, []), (name, base)]
        else:
            stage.append((name, rest.strip()))
    return stages


DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")
STAGES = read_stages(DOCKERFILE)


def values(stage: str, name: str) -> list[str]:
    """Return the arguments of an instruction in a stage."""
    return [rest for instruction, rest in STAGES[stage] if instruction == name]


def lint(text: str) -> str:
    """Return hadolint's messages about a Dockerfile, by the rules of this project."""
    command = (HADOLINT, "--config", ROOT / ".hadolint.yaml", "-")
    done = subprocess.run(command, input=text, capture_output=True, text=True, timeout=60, check=False)
    return done.stdout + done.stderr


def test_hadolint_finds_no_mistakes() -> None:
    assert lint(DOCKERFILE) == ""


@pytest.mark.parametrize(
    ("line", "rule"),
    [
        ("USER root", "DL3002"),
        ("CMD birdedge listen", "DL3025"),
        ("RUN apt-get update && apt-get install --yes --no-install-recommends alsa-utils", "DL3009"),
        ("RUN pip install numpy", "DL3013"),
        ("FROM debian", "DL3006"),
    ],
)
def test_hadolint_finds_mistakes(line: str, rule: str) -> None:
    assert rule in lint(f"{DOCKERFILE}{line}\n")


def test_the_base_image_is_pinned_to_a_date() -> None:
    assert re.search(r"^ARG BASE=debian:\w+-20\d{6}-slim$", DOCKERFILE, re.MULTILINE)


@pytest.mark.parametrize("image", IMAGES)
def test_an_image_runs_birdedge_as_a_user_without_a_shell(image: str) -> None:
    assert values(image, "USER") == [USER]
    assert f"useradd --uid {USER} " in DOCKERFILE
    assert json.loads(values(image, "ENTRYPOINT")[-1]) == ["birdedge"]
    command = json.loads(values(image, "CMD")[-1])
    assert command[0] in COMMANDS
    assert "/data" in command
    assert json.loads(values(image, "VOLUME")[-1]) == ["/data"]
    assert all(
        f"org.opencontainers.image.{name}=" in values(image, "LABEL")[-1] for name in ("title", "licenses")
    )


def test_the_health_checks_use_the_status_of_the_recorder_and_the_port_of_the_companion() -> None:
    checks = {image: values(image, "HEALTHCHECK")[-1].partition(" CMD ") for image in IMAGES}
    assert json.loads(checks["recorder"][2]) == ["birdedge", "status", "/data"]
    port = values("companion", "EXPOSE")[-1]
    assert f"('127.0.0.1', {port})" in json.loads(checks["companion"][2])[-1]
    assert json.loads(values("companion", "CMD")[-1])[-1] == f"0.0.0.0:{port}"
    assert all("--timeout=" in options and "--start-period=" in options for options, _, _ in checks.values())


def test_the_packages_are_installed_before_the_source_is_copied() -> None:
    steps = STAGES["recorder-environment"]
    copies = [index for index, (name, _) in enumerate(steps) if name == "COPY"]
    (install,) = [index for index, (_, rest) in enumerate(steps) if "--require-hashes" in rest]
    assert copies[0] < install < copies[1]
    assert steps[copies[0]][1] == "requirements.txt ./"


def test_copied_files_exist_are_not_ignored_and_include_what_the_wheel_needs() -> None:
    copied = set()
    for name, rest in [step for stage in STAGES.values() for step in stage]:
        if name == "COPY" and not rest.startswith("--from="):
            copied.update(shlex.split(rest)[:-1])
    ignore = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    assert ignore[0] == "*"
    assert {line[1:] for line in ignore if line.startswith("!")} == copied
    assert all((ROOT / name).exists() for name in copied)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    needed = {
        "birdedge",
        *project["tool"]["setuptools"]["package-dir"].values(),
        project["project"]["readme"],
    }
    needed |= {name.partition("/")[0] for name in project["project"]["license-files"]}
    assert needed <= copied


def test_recorder_and_companion_share_the_data_and_the_live_view_socket() -> None:
    compose = yaml.safe_load((ROOT / "compose.yaml").read_text(encoding="utf-8"))
    services = compose["services"]
    assert set(services) == set(IMAGES)
    for image, service in services.items():
        assert service["build"]["target"] == image
        mounted = dict(volume.split(":") for volume in service["volumes"])
        assert mounted == {"data": "/data", "config": "/etc/birdedge", "live": "/run/birdedge"}
        assert set(mounted) == set(compose["volumes"])
        # A new volume gets the owner of its folder in the image.
        assert all(f"{path}" in STAGES["python"][1][1] for path in mounted.values())
        assert service["read_only"]
        assert service["cap_drop"] == ["ALL"]
        assert service["init"]
    assert services["recorder"]["devices"] == ["/dev/snd:/dev/snd"]
    assert f"uid={USER}," in compose["volumes"]["live"]["driver_opts"]["o"]
    assert services["companion"]["ports"] == ["${LISTEN:-127.0.0.1:8088}:8088"]
