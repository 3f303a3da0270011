"""Fill the parts of README.md that are printed by programs, and MODEL_CARD.md: `python -m benchmarks.readme`.

Parts that take minutes are printed anew with `--cost` and `--data` alone; without, they stay.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from datetime import date
from pathlib import Path

import click
import onnxruntime

from benchmarks.aarch64 import section
from benchmarks.markdown import markdown_table
from benchmarks.model_card import PAGE, models_in_order, page, percent
from benchmarks.results import processor
from birdedge.edge.card import ModelCard

README = Path(__file__).parents[1] / "README.md"
LISTEN = ("listen", "--demo", "--fast", "--table", "--duration", "40")


@click.command()
@click.option("--cost", is_flag=True, help="Run the cost benchmark too: minutes, on a quiet machine.")
@click.option(
    "--data",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    help="Score the bundled models and the classical baselines on these recordings too: minutes.",
)
@click.option(
    "--aarch64", is_flag=True, help="Run the emulated ARM processors too (make test-arm first): minutes."
)
def main(cost: bool, data: Path | None, aarch64: bool) -> None:
    """Rewrites README.md and MODEL_CARD.md in place."""
    text = README.read_text(encoding="utf-8")
    parts = {"listen": listen_part(), "figures": figures_part()}
    if cost:
        parts["cost"] = cost_part()
    if data:
        parts["baselines"] = baselines_part(data)
    if aarch64:
        parts["aarch64"] = section() + "\n"
    for name, part in parts.items():
        text = re.sub(
            rf"(<!-- {name} -->\n).*?(<!-- /{name} -->)", lambda m, p=part: m[1] + p + m[2], text, flags=re.S
        )
    README.write_text(text, encoding="utf-8")
    PAGE.write_text(page(), encoding="utf-8")


def listen_part() -> str:
    """What the command prints, as a person sees it."""
    done = _run("birdedge", *LISTEN)
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


def cost_part() -> str:
    """What the benchmark prints, and on what it ran."""
    command = ["benchmarks.cost", "--minutes", "5", "--birdnet"]
    done = _run(*command)
    where = f"{processor()}, {os.cpu_count()} cores, onnxruntime {onnxruntime.__version__}, {date.today()}"
    return "\n".join(
        ["```console", f"$ python -m {' '.join(command)}", f"{where}", done.stdout.rstrip(), "```", ""]
    )


def baselines_part(data: Path) -> str:
    """IoU of the bundled int8 models and of the classical baselines, scored side by side."""
    names = [model.card.name for model in models_in_order() if model.card.precision == "int8"]
    command = ["evaluate", *names, "--baselines", "--data"]
    done = _run("birdedge", *command, str(data.resolve()), "--json")
    sets = {"painted": "painted by hand", "mixes": "mixes", "focal": "as recorded"}
    rows = [
        [figures["name"], *(percent(figures[name], "iou") for name in sets)]
        for figures in json.loads(done.stdout)
    ]
    table = markdown_table(["", *sets.values()], rows)
    return "\n".join([*table, "", f"(`birdedge {' '.join(command)} recordings/`, {date.today()})", ""])


def _run(module: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """`python -m module arguments`, from the checkout."""
    return subprocess.run(
        [sys.executable, "-m", module, *arguments],
        capture_output=True,
        text=True,
        check=True,
        cwd=README.parent,
    )


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
