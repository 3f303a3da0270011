"""Fill the parts of README.md that are printed by programs, and MODEL_CARD.md: `python -m benchmarks.report.readme`.

What takes minutes to measure is taken from results.json, where `python -m benchmarks` left it.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import click

from benchmarks.report import results
from benchmarks.report.markdown import markdown_table
from benchmarks.report.model_card import PAGE, models_in_order, page, percent
from birdedge.edge.models.card import ModelCard

README = Path(__file__).parents[2] / "README.md"
LISTEN = ("listen", "--demo", "--fast", "--table", "--duration", "40")


@click.command()
def main() -> None:
    """Rewrites README.md and MODEL_CARD.md in place."""
    text = README.read_text(encoding="utf-8")
    for name, part in {"listen": listen_part(), "figures": figures_part(), **measured_parts()}.items():
        text = filled(text, name, part)
    README.write_text(text, encoding="utf-8")
    PAGE.write_text(page(), encoding="utf-8")


def filled(text: str, name: str, part: str) -> str:
    """The text with this part between its marks, where it has them."""
    return re.sub(rf"(?<=<!-- {name} -->\n).*?(?=<!-- /{name} -->)", lambda _: part, text, flags=re.S)


def measured_parts() -> dict[str, str]:
    """What results.json has for README.md: the aims, and under the name of each part its section and where from."""
    found = results.read()
    parts = {"aims": "\n".join([*results.targets_table(found), ""])}
    for name, result in found.items():
        parts[name] = f"{results.section(name, result)}\n\n({results.where_and_when(result).rstrip('.')})\n"
    return parts


def listen_part() -> str:
    """What the command prints, as a person sees it."""
    command = [sys.executable, "-m", "birdedge", *LISTEN]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=README.parent)
    first, last = done.stderr.splitlines()
    return "\n".join(
        ["```console", f"$ birdedge {' '.join(LISTEN)}", first, done.stdout.rstrip(), last, "```", ""]
    )


def figures_part() -> str:
    """The bundled models' cards as one table."""
    models = models_in_order()
    rows = [[label, *(value(model.card) for model in models)] for label, value in ROWS.items()]
    rows.append(["file", *(f"{model.path.stat().st_size / 1000:.0f} kB" for model in models)])
    return "\n".join([*markdown_table(["", *(f"`{model.card.name}`" for model in models)], rows), ""])


def _figure(section: str, key: str = "iou") -> Callable[[ModelCard], str]:
    return lambda card: percent(card.figures.get(section, {}), key) or "not measured"


def _false_events(card: ModelCard) -> str:
    noise = card.figures.get("noise")
    return f"{noise['per_hour']:g} ({noise['hours']:.2f} h heard)" if noise else "not measured"


def _level_change(card: ModelCard) -> str:
    change = card.figures.get("level_change")
    return f"{100 * max(change.values()):.1f} points" if change else "not measured"


ROWS: dict[str, Callable[[ModelCard], str]] = {
    "IoU, forest recordings painted by hand, pooled": _figure("painted"),
    "the same, mean of the three": _figure("painted", "per_recording"),
    "IoU, unseen birds mixed into unseen noise, pooled": _figure("mixes"),
    "of these at -10..0 dB": _figure("mixes_-10_to_0_db"),
    "at 0..10 dB": _figure("mixes_0_to_10_db"),
    "at 10..25 dB": _figure("mixes_10_to_25_db"),
    "IoU, unseen birds as recorded": _figure("focal"),
    "event F1 in mixes, box IoU 0.5": _figure("mixes", "event_f1_at_0.5"),
    "boxed bellbirds covered by events": _figure("boxes", "covered"),
    "events an hour in unseen bird-free recordings": _false_events,
    "IoU changes from -30 to +20 dB of level by": _level_change,
    "parameters": lambda card: f"{card.parameters:,}",
    "multiply-accumulates a second of sound": lambda card: f"{card.macs_per_s / 1e6:.0f} million",
    "lookahead and one call": lambda card: (
        f"{1000 * (card.lookahead_frames + card.chunk_frames) * card.grid.hop_s:.0f} ms"
    ),
}


if __name__ == "__main__":
    main()
