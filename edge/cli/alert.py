"""`birdedge alert`: test alert targets, and evaluate the rules."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import click

from birdedge.edge.system.stdout import print_line

config_option = click.option(
    "--config",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Configuration in TOML.  [default: BIRDEDGE_CONFIG, else the user's]",
)


@click.group(no_args_is_help=False)
def alert() -> None:
    """Test alert targets, or evaluate the rules.

    `birdedge serve` watches recorders and sends alerts if the configuration has tables [[alert]] and [[target]].

    \b
    Example:
      birdedge alert test
      birdedge alert check birds/
    """


@alert.command()
@click.argument("name", required=False)
@config_option
def test(name: str | None, config: Path | None) -> None:
    """Send a test message, and print what happened.

    The message goes to the targets of the alert NAME, or to all targets. The exit code is 0 if each accepted it.

    \b
    Example:
      birdedge alert test
      birdedge alert test no_audio
    """
    from birdedge.edge.companion.alert_targets import sender
    from birdedge.edge.companion.alerts import check_message
    from birdedge.edge.errors import BirdedgeError, SettingsError
    from birdedge.edge.integrations.alerts import targets_of
    from birdedge.edge.recorder.config import default_config_path, read_config

    settings = read_config(config)
    file = config or default_config_path()
    targets = list(settings.target)
    if name is not None:
        named = {rule.name: rule for rule in settings.alert}
        if name not in named:
            raise SettingsError(f"{file} has no alert {name!r}; it has {', '.join(named) or 'none'}")
        targets = targets_of(named[name], targets)
    if not targets:
        raise SettingsError(f"{file} has no target; add a table [[target]], as in docs/metrics-and-alerts.md")
    failed, message = False, check_message(name or "test")
    for target in targets:
        try:
            said = sender(target, settings.mqtt)(message)
        except BirdedgeError as error:
            failed, said = True, f"failed: {error}"
        print_line(f"{target.name}: {said}")
    sys.exit(1 if failed else 0)


@alert.command()
@click.argument(
    "folders", nargs=-1, required=True, metavar="DIR...", type=click.Path(path_type=Path, file_okay=False)
)
@config_option
def check(folders: tuple[Path, ...], config: Path | None) -> None:
    """Evaluate the rules now, without sending anything.

    DIR is the folder of a recorder, or a folder that contains several. The exit code is 1 if the condition of any rule
    holds. Minimum durations (for_s), cooldowns and quiet hours are ignored.

    \b
    Example:
      birdedge alert check birds/
    """
    from birdedge.edge.companion.alerts import answers
    from birdedge.edge.companion.folders import expected_folders
    from birdedge.edge.errors import SettingsError
    from birdedge.edge.recorder.config import default_config_path, read_config

    rules = read_config(config).alert
    if not rules:
        raise SettingsError(
            f"{config or default_config_path()} has no alert; add a table [[alert]], as in docs/metrics-and-alerts.md"
        )
    holds = False
    for folder in expected_folders(folders):
        for rule, finding, _ in answers(rules, folder, time.time()):
            word = {True: "ALERT", False: "OK", None: "unknown"}[finding.holds]
            print_line(f"{word:7}  {folder.name}: {rule.name}{f': {finding.text}' if finding.text else ''}")
            holds = holds or bool(finding.holds)
    sys.exit(1 if holds else 0)
