"""Fill the parts of README.md that are printed by programs: `python -m benchmarks.readme`.

With `--cost` the benchmark is run too, which takes minutes and wants a quiet machine; without, its part stays.
"""

from __future__ import annotations

import os
import platform
import re
import subprocess
import sys
from collections.abc import Callable
from datetime import date
from pathlib import Path

import onnxruntime

from birdedge.edge.card import ModelCard
from birdedge.edge.model import Model, bundled_models

README = Path(__file__).parents[1] / "README.md"
LISTEN = ("listen", "--demo", "--fast", "--table", "--duration", "40")


def main() -> None:
    """Rewrites README.md in place."""
    text = README.read_text(encoding="utf-8")
    parts = {"listen": listen_part(), "figures": figures_part()}
    if "--cost" in sys.argv[1:]:
        parts["cost"] = cost_part()
    for name, part in parts.items():
        text = re.sub(
            rf"(<!-- {name} -->\n).*?(<!-- /{name} -->)", lambda m, p=part: m[1] + p + m[2], text, flags=re.S
        )
    README.write_text(text, encoding="utf-8")


def listen_part() -> str:
    """What the command prints, as a person sees it."""
    done = subprocess.run(
        [sys.executable, "-m", "birdedge", *LISTEN],
        capture_output=True,
        text=True,
        check=True,
        cwd=README.parent,
    )
    first, last = done.stderr.splitlines()
    return "\n".join(
        ["```console", f"$ birdedge {' '.join(LISTEN)}", first, done.stdout.rstrip(), last, "```", ""]
    )


def figures_part() -> str:
    """The bundled models' cards as one table."""
    cards = {name: Model(path) for name, path in sorted(bundled_models().items(), reverse=True)}
    rows = [["", *(f"`{name}`" for name in cards)]]
    for label, value in ROWS.items():
        rows.append([label, *(value(model.card) for model in cards.values())])
    rows.append(["file", *(f"{model.path.stat().st_size / 1000:.0f} kB" for model in cards.values())])
    lines = ["| " + " | ".join(row) + " |" for row in rows]
    return "\n".join([lines[0], "|---" * len(rows[0]) + "|", *lines[1:], ""])


def cost_part() -> str:
    """What the benchmark prints, and on what it ran."""
    command = ["-m", "benchmarks.cost", "--minutes", "5", "--birdnet"]
    done = subprocess.run(
        [sys.executable, *command], capture_output=True, text=True, check=True, cwd=README.parent
    )
    where = f"{processor()}, {os.cpu_count()} cores, onnxruntime {onnxruntime.__version__}, {date.today()}"
    return "\n".join(
        ["```console", f"$ python {' '.join(command)}", f"{where}", done.stdout.rstrip(), "```", ""]
    )


def processor() -> str:
    """The processor's name, where Linux tells it."""
    info = Path("/proc/cpuinfo")
    names = re.findall(r"model name\s*: (.+)", info.read_text()) if info.exists() else []
    return names[0] if names else platform.machine()


def _percent(section: str, key: str = "iou") -> Callable[[ModelCard], str]:
    return lambda card: (
        f"{100 * card.figures[section][key]:.1f} %" if section in card.figures else "not measured"
    )


def _false_events(card: ModelCard) -> str:
    noise = card.figures.get("noise")
    return f"{noise['per_hour']} ({noise['hours']:.2f} h heard)" if noise else "not measured"


ROWS: dict[str, Callable[[ModelCard], str]] = {
    "IoU, forest recordings painted by hand, pooled": _percent("painted"),
    "the same, mean of the three": _percent("painted", "per_recording"),
    "IoU, unseen birds mixed into unseen noise or as recorded, pooled": _percent("mixes"),
    "mixes at -10..0 dB": _percent("mixes_-10_to_0_db"),
    "at 0..10 dB": _percent("mixes_0_to_10_db"),
    "at 10..25 dB": _percent("mixes_10_to_25_db"),
    "events an hour in unseen bird-free recordings": _false_events,
    "parameters": lambda card: f"{card.parameters:,}",
    "multiply-accumulates a second of sound": lambda card: f"{card.macs_per_s / 1e6:.0f} million",
    "lookahead and one call": lambda card: (
        f"{1000 * (card.lookahead_frames + card.chunk_frames) * card.grid.hop_s:.0f} ms"
    ),
}


if __name__ == "__main__":
    main()
