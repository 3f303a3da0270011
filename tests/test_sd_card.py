"""The first boot of an SD card: `examples/sd-card/`."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from tests.support.commands import ROOT

SOURCE = ROOT / "examples" / "sd-card"
CMDLINE = "console=tty1 root=PARTUUID=35684e8a-02 rootwait systemd.run=/boot/firmware/birdedge/firstrun.sh "
CMDLINE += "systemd.run_success_action=reboot systemd.run_failure_action=reboot "
CMDLINE += "systemd.unit=kernel-command-line.target quiet\n"

# Each program that changes the machine records how it was called. An environment gets a python and a birdedge that do
# the same, and fails to install the package that FAILS names.
RECORD = '#!/bin/bash\necho "${0##*/} $*" >> "$CALLS"\n'
TOOLS = {
    "apt-get": RECORD,
    "systemctl": RECORD,
    "dpkg-query": '#!/bin/bash\nprintf "$INSTALLED"\n',
    "python3": RECORD
    + 'mkdir -p "$3/bin"\ncp "${0%/*}/apt-get" "$3/bin/birdedge"\ncp "${0%/*}/pip" "$3/bin/python"\n',
    "pip": RECORD + '[[ -z $FAILS || $* != *"$FAILS"* ]]\n',
}


class Card:
    """A folder like on the boot partition, and a machine whose programs only record their calls."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.tools, self.units = folder / "birdedge", folder / "tools", folder / "units"
        self.config, self.cmdline, self._calls = (
            folder / "config.toml",
            folder / "cmdline.txt",
            folder / "calls",
        )
        shutil.copytree(SOURCE, self.folder)
        self.tools.mkdir()
        self.units.mkdir()
        for name, text in TOOLS.items():
            (self.tools / name).write_text(text, encoding="utf-8")
            (self.tools / name).chmod(0o755)
        self.wheel = self.folder / "birdedge-0.1.0-py3-none-any.whl"
        self.wheel.touch()
        self.environment = folder / "environment"

    def run(self, script: str, installed: str = "installed installed ", fails: str = "") -> tuple[int, str]:
        """Run a script of the card; return its exit code and its output."""
        variables = {
            "PATH": f"{self.tools}:{os.environ['PATH']}",
            "CALLS": str(self._calls),
            "INSTALLED": installed,
            "FAILS": fails,
            "BIRDEDGE_ENVIRONMENT": str(self.environment),
            "BIRDEDGE_CONFIG": str(self.config),
            "UNIT_DIR": str(self.units),
            "CMDLINE": str(self.cmdline),
        }
        done = subprocess.run(
            ["bash", self.folder / script],
            env=variables,
            cwd="/",
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        return done.returncode, done.stdout + done.stderr

    @property
    def calls(self) -> list[str]:
        """The calls so far."""
        return self._calls.read_text(encoding="utf-8").splitlines() if self._calls.exists() else []


@pytest.fixture
def card(tmp_path: Path) -> Card:
    return Card(tmp_path)


def test_cloud_init_runs_the_first_run_script_and_does_not_wait_for_the_installation() -> None:
    text = (SOURCE / "user-data").read_text(encoding="utf-8")
    assert text.startswith("#cloud-config\n")
    assert yaml.safe_load(text) == {
        "runcmd": [
            ["bash", "/boot/firmware/birdedge/firstrun.sh"],
            ["systemctl", "start", "--no-block", "birdedge-setup.service"],
        ]
    }


def test_the_first_run_script_installs_a_unit_that_retries_the_setup_until_it_succeeds(card: Card) -> None:
    card.cmdline.write_text(CMDLINE, encoding="utf-8")
    assert card.run("firstrun.sh") == (0, "")
    assert card.calls == ["systemctl enable birdedge-setup.service"]
    assert (
        card.cmdline.read_text(encoding="utf-8") == "console=tty1 root=PARTUUID=35684e8a-02 rootwait quiet\n"
    )
    unit = card.units / "birdedge-setup.service"
    assert "Restart=on-failure" in unit.read_text(encoding="utf-8")
    done = subprocess.run(
        ["systemd-analyze", "verify", unit], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_the_first_run_script_needs_no_kernel_command_line_under_cloud_init(card: Card) -> None:
    assert card.run("firstrun.sh") == (0, "")
    assert not card.cmdline.exists()


def test_a_failed_first_run_is_not_repeated_at_each_boot(card: Card) -> None:
    card.cmdline.write_text(CMDLINE, encoding="utf-8")
    card.units.rmdir()
    assert card.run("firstrun.sh")[0] != 0
    assert "systemd." not in card.cmdline.read_text(encoding="utf-8")


def test_the_setup_installs_packages_and_both_services(card: Card) -> None:
    assert card.run("setup.sh", installed="") == (0, "")
    packages = "--no-install-recommends python3-venv libportaudio2"
    services = f"--config {card.config} --out /var/lib/birdedge"
    assert card.calls == [
        "apt-get update -qq",
        f"apt-get install -qq --yes {packages}",
        f"python3 -m venv {card.environment}",
        f"python -m pip install --quiet --disable-pip-version-check --only-binary :all: {card.wheel}[mqtt,web]",
        f"birdedge service install {services}",
        f"birdedge service install --companion {services}",
    ]


def test_without_internet_the_setup_installs_from_the_card(card: Card) -> None:
    (card.folder / "wheels").mkdir()
    assert card.run("setup.sh") == (0, "")
    assert f"--no-index --find-links {card.folder}/wheels" in card.calls[1]
    assert not any(call.startswith("apt-get") for call in card.calls)


def test_the_configuration_on_the_card_is_copied_only_the_first_time(card: Card) -> None:
    own = card.folder / "config.toml"
    own.write_text('site = "oak"\n', encoding="utf-8")
    assert card.run("setup.sh") == (0, "")
    assert card.config.read_text(encoding="utf-8") == 'site = "oak"\n'
    card.config.write_text('site = "pond"\n', encoding="utf-8")
    assert card.run("setup.sh") == (0, "")
    assert card.config.read_text(encoding="utf-8") == 'site = "pond"\n'


def test_a_setup_that_cannot_install_the_wheel_fails_and_starts_nothing(card: Card) -> None:
    assert card.run("setup.sh", fails="birdedge-0.1.0")[0] != 0
    assert not any(call.startswith("birdedge ") for call in card.calls)


@pytest.mark.parametrize(
    "names", [(), ("birdedge-0.1.0-py3-none-any.whl", "birdedge-0.2.0-py3-none-any.whl")]
)
def test_a_card_without_exactly_one_wheel_is_an_error(card: Card, names: tuple[str, ...]) -> None:
    card.wheel.unlink()
    for name in names:
        (card.folder / name).touch()
    sentence = f"{card.folder} must hold one wheel, birdedge-VERSION-py3-none-any.whl\n"
    assert card.run("setup.sh") == (1, sentence)
    assert card.calls == []
