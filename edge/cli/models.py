"""`birdedge models`: list the bundled models."""

from __future__ import annotations

import json

import click

from birdedge.edge.system.stdout import print_line


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print the model cards as a JSON list.")
def models(as_json: bool) -> None:
    """List the models that come with birdedge.

    \b
    Example:
      birdedge models
    """
    from birdedge.edge.models.checked_model import check_model
    from birdedge.edge.models.names import DEFAULT_MODEL, bundled_models

    found = [check_model(name) for name in sorted(bundled_models())]
    if as_json:
        print_line(json.dumps([json.loads(m.card.to_json()) for m in found], ensure_ascii=False))
        return
    print_line(f"{'name':22}{'kB':>5}{'MMAC/s':>8}{'call':>9}  {'IoU painted':14}{'IoU mixes':12}licence")
    for m in found:
        card = m.card
        painted, mixes = (card.figures.get(name, {}).get("iou", "-") for name in ("painted", "mixes"))
        mark = "*" if card.name == DEFAULT_MODEL else " "
        print_line(
            f"{card.name + mark:22}{m.path.stat().st_size / 1000:5.0f}{card.macs_per_s / 1e6:8.0f}"
            f"{1000 * card.chunk_frames * card.grid.hop_s:6.0f} ms  {painted!s:14}{mixes!s:12}{card.licence}"
        )
    print_line("* default of `birdedge listen`; call: audio per call of the network")
