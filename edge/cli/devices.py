"""`birdedge devices`: list the microphones."""

from __future__ import annotations

import json

import click

from birdedge.edge.system.stdout import print_line


@click.command()
@click.option("--all", "show_all", is_flag=True, help="Also list ALSA plug-ins, such as dmix.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def devices(show_all: bool, as_json: bool) -> None:
    """List the microphones. The default one is marked with a star.

    Hardware comes first. Other devices are listed only if they are the default, or with --all.

    \b
    Example:
      birdedge devices
    """
    from birdedge.edge.audio.devices import input_devices

    known = sorted(input_devices(), key=lambda d: not d.is_hardware)
    found = [d for d in known if show_all or d.is_hardware or d.is_default]
    if as_json:
        keys = ("name", "host_api", "channels", "default_rate_hz", "is_default", "is_hardware")
        print_line(json.dumps([{key: getattr(d, key) for key in keys} for d in found], ensure_ascii=False))
        return
    if not found:
        print_line("no microphone")
    if len(found) < len(known):
        click.echo(f"birdedge: --all also lists {len(known) - len(found)} ALSA plug-in(s)", err=True)
    for d in found:
        mark = "*" if d.is_default else " "
        print_line(f"{mark} {d.name}  ({d.host_api}, {d.channels} ch, {d.default_rate_hz} Hz)")
