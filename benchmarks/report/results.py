"""What was measured, part by part, as results.json, and the page that is printed from it, RESULTS.md.

A part is a module of this folder: `TITLE`, `measure(quick, data)` gives figures that JSON can hold (or the sentence
why there are none, as `left_out`), `section(figures)` says them in Markdown. It may have `plot(figures, path)`, and
`aims(figures)`: what was aimed at, what was measured, and whether that is reached.
"""

from __future__ import annotations

import importlib
import json
import os
import platform
import re
import subprocess
from collections.abc import Mapping
from datetime import date
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from types import ModuleType
from typing import Any

from benchmarks.report.markdown import markdown_table

PARTS = (
    "latency",
    "cost",
    "live",
    "scaling",
    "archive",
    "energy",
    "accuracy",
    "peers",
    "instructions",
    "aarch64",
)
FOLDER = Path(__file__).parents[1]
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
PACKAGES = ("numpy", "onnxruntime", "soxr", "sounddevice")

Figures = dict[str, Any]
Results = dict[str, dict[str, Any]]  # by part: where, when and how it was measured, and its figures


def part(name: str) -> ModuleType:
    """The module of a part."""
    return importlib.import_module("benchmarks.peers" if name == "peers" else f"benchmarks.parts.{name}")


def read(folder: Path = FOLDER) -> Results:
    """What was measured until now; empty before anything was."""
    path = folder / "results.json"
    return dict(json.loads(path.read_text(encoding="utf-8"))) if path.exists() else {}


def write(results: Results, folder: Path = FOLDER) -> None:
    """Keeps the results and prints their page, both whole or not at all."""
    ordered = {name: results[name] for name in PARTS if name in results}
    for name, text in (
        ("results.json", json.dumps(ordered, indent=1, ensure_ascii=False) + "\n"),
        ("RESULTS.md", page(ordered, folder)),
    ):
        whole = folder / f".{name}"
        whole.write_text(text, encoding="utf-8")
        whole.replace(folder / name)


def plot(name: str, figures: Figures, folder: Path = FOLDER) -> None:
    """Draws a part's plot, if it has one. Raises: ModuleNotFoundError where matplotlib is not installed."""
    module = part(name)
    if hasattr(module, "plot") and "left_out" not in figures:
        (folder / "plots").mkdir(parents=True, exist_ok=True)
        module.plot(figures, folder / "plots" / f"{name}.png")


def page(results: Results, folder: Path = FOLDER) -> str:
    """RESULTS.md: the aims, then a section a part; `folder` is where the plots lie."""
    missing = [name for name in PARTS if name not in results]
    lines = [
        "# What birdedge costs, and how well it hears",
        "",
        "Printed by `python -m benchmarks` from results.json; nothing here is typed by hand. CPU time is user and "
        "system time. Each section says when, where and by which command it was measured.",
        "",
        *aims(results),
        "",
    ]
    for name, result in results.items():
        lines += [f"## {part(name).TITLE}", "", where_and_when(result), "", section(name, result), ""]
        if (folder / "plots" / f"{name}.png").exists():
            lines += [f"![{part(name).TITLE}](plots/{name}.png)", ""]
    if (soak := folder / "SOAK.md").exists():  # an hour at real time, by `python -m benchmarks.studies.soak`
        lines += [f"#{soak.read_text(encoding='utf-8')}"]
    if missing:
        commands = ", ".join(f"`python -m benchmarks {name}`" for name in missing)
        lines += [f"Not measured here: {commands}.", ""]
    return "\n".join(lines)


def aims(results: Results) -> list[str]:
    """A table of what was aimed at by the parts that were measured, and whether it is reached."""
    rows = []
    for name, result in results.items():
        if hasattr(part(name), "aims") and "left_out" not in result["figures"]:
            for aim, measured, reached in part(name).aims(result["figures"]):
                rows.append((aim, measured, "yes" if reached else "**no**"))
    return markdown_table(("aim", "measured", "reached"), rows) if rows else []


def section(name: str, result: Mapping[str, Any]) -> str:
    """A part's figures, or why there are none."""
    figures = result["figures"]
    if "left_out" in figures:
        return f"Left out: {figures['left_out']}."
    return str(part(name).section(figures)).rstrip()


def where_and_when(result: Mapping[str, Any]) -> str:
    """One line: the command, the day, the commit, the machine."""
    versions = ", ".join(f"{package} {number}" for package, number in result["versions"].items())
    return (
        f"`{result['command']}`, {result['date']}, commit {result['commit']}; {result['machine']}; {versions}; load "
        f"of the machine {result['load_before']:.1f} before and {result['load_after']:.1f} after."
    )


def circumstances(command: str) -> dict[str, Any]:
    """What a result says of itself, but for the load after it."""
    return {
        "date": str(date.today()),
        "commit": _commit(),
        "command": command,
        "machine": f"{processor()}, {os.cpu_count()} cores, {platform.system()} {platform.machine()}",
        "versions": {"Python": platform.python_version(), **_versions()},
        "load_before": os.getloadavg()[0],
    }


def processor() -> str:
    """The processor's name, where Linux tells it."""
    info = Path("/proc/cpuinfo")
    names = re.findall(r"model name\s*: (.+)", info.read_text()) if info.exists() else []
    return names[0] if names else platform.machine()


def _versions() -> dict[str, str]:
    found = {}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "not installed"
    return found


def _commit() -> str:
    """Of the checkout, and whether programs or models in it were changed since."""
    try:
        commit = _git("rev-parse", "--short=10", "HEAD")
        changed = _git("status", "--porcelain", "--", "*.py", "*.onnx")
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return f"{commit} with changes" if changed else commit


def _git(*arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=FOLDER.parent, capture_output=True, text=True, check=True)
    return done.stdout.strip()
