"""The results of all parts in results.json, and the page printed from them, RESULTS.md.

A part is a module with `TITLE`, `measure(quick, data)` and `section(figures)`. `measure` returns figures that JSON can
hold, or the reason why it could not measure, as `skipped`. `section` returns Markdown. `plot(figures, path)` and
`targets(figures)`, which returns a list of `Target`, are optional.
"""

from __future__ import annotations

import importlib
import json
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any, TypedDict

from benchmarks.report.markdown import markdown_table

PARTS = (
    "latency",
    "cost",
    "live",
    "scaling",
    "archive",
    "accuracy",
    "peers",
    "instructions",
    "aarch64",
    "raspberry_pi",
)
FOLDER = Path(__file__).parents[1]

Figures = dict[str, Any]
Results = dict[str, dict[str, Any]]  # by part: the circumstances and the figures


class Skipped(TypedDict):
    """The reason why a part could not be measured, in place of its figures."""

    skipped: str


def part(name: str) -> ModuleType:
    """Return the module of a part."""
    return importlib.import_module("benchmarks.peers" if name == "peers" else f"benchmarks.parts.{name}")


def read(folder: Path = FOLDER) -> Results:
    """Return the stored results, or an empty dict if there are none."""
    path = folder / "results.json"
    return dict(json.loads(path.read_text(encoding="utf-8"))) if path.exists() else {}


def write(results: Results, folder: Path = FOLDER) -> None:
    """Write results.json and RESULTS.md, each atomically."""
    ordered = {name: results[name] for name in PARTS if name in results}
    for name, text in (
        ("results.json", json.dumps(ordered, indent=1, ensure_ascii=False) + "\n"),
        ("RESULTS.md", page(ordered, folder)),
    ):
        temporary = folder / f".{name}"
        temporary.write_text(text, encoding="utf-8")
        temporary.replace(folder / name)


def plot(name: str, figures: Figures, folder: Path = FOLDER) -> None:
    """Draw the plot of a part, if it has one.

    Raises:
        ModuleNotFoundError: matplotlib is not installed.
    """
    module = part(name)
    if hasattr(module, "plot") and "skipped" not in figures:
        (folder / "plots").mkdir(parents=True, exist_ok=True)
        module.plot(figures, folder / "plots" / f"{name}.png")


def page(results: Results, folder: Path = FOLDER) -> str:
    """Return RESULTS.md: the targets, then one section per part.

    Args:
        results: Results by part.
        folder: The folder of the page, which holds `plots/` and may hold `studies/SOAK.md`.
    """
    missing = [name for name in PARTS if name not in results]
    lines = [
        "# Benchmark results",
        "",
        "Printed by `python -m benchmarks` from results.json. CPU time is user plus system time. Each section states "
        "its command, date, commit and machine.",
        "",
        *targets_table(results),
        "",
    ]
    for name, result in results.items():
        lines += [f"## {part(name).TITLE}", "", where_and_when(result), "", section(name, result), ""]
        if (folder / "plots" / f"{name}.png").exists():
            lines += [f"![{part(name).TITLE}](plots/{name}.png)", ""]
    if (soak := folder / "studies" / "SOAK.md").exists():  # written by `python -m benchmarks.studies.soak`
        lines += [f"#{soak.read_text(encoding='utf-8')}"]
    if missing:
        commands = ", ".join(f"`python -m benchmarks {name}`" for name in missing)
        lines += [f"Not measured: {commands}.", ""]
    return "\n".join(lines)


def targets_table(results: Results) -> list[str]:
    """Return the targets of all measured parts as the lines of a Markdown table, or no lines if there are none."""
    rows = [
        (target.name, target.limit, target.measured, "yes" if target.reached else "**no**")
        for name, result in results.items()
        if hasattr(part(name), "targets") and "skipped" not in result["figures"]
        for target in part(name).targets(result["figures"])
    ]
    return markdown_table(("target", "limit", "measured", "reached"), rows) if rows else []


def section(name: str, result: Mapping[str, Any]) -> str:
    """Return the section of a part as Markdown, or the reason why it was skipped."""
    figures = result["figures"]
    if "skipped" in figures:
        return f"Skipped: {figures['skipped']}."
    return str(part(name).section(figures)).rstrip()


def where_and_when(result: Mapping[str, Any]) -> str:
    """Return the circumstances of a result as one line: command, date, commit, machine, versions and load."""
    versions = ", ".join(f"{package} {number}" for package, number in result["versions"].items())
    return (
        f"`{result['command']}`, {result['date']}, commit {result['commit']}; {result['machine']}; {versions}; load "
        f"average {result['load_before']:.1f} before and {result['load_after']:.1f} after."
    )
