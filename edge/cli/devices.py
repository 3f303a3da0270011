"""`birdedge devices`: list the microphones."""

from __future__ import annotations

import json

import click

from birdedge.edge.system.stdout import print_line


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def devices(as_json: bool) -> None:
    """List the microphones. The default one is marked with a star.

    \b
    Example:
      birdedge devices
    """
    from birdedge.edge.audio.devices import input_devices

    found = input_devices()
    if as_json:
        keys = ("name", "host_api", "channels", "default_rate_hz", "is_default")
        print_line(json.dumps([{key: getattr(d, key) for key in keys} for d in found], ensure_ascii=False))
        return
    if not found:
        print_line("no microphone")
    for d in found:
        mark = "*" if d.is_default else " "
        print_line(f"{mark} {d.name}  ({d.host_api}, {d.channels} ch, {d.default_rate_hz} Hz)")
