"""Print the generated parts of the documentation: `python -m docs.generate`, or `--check` to compare them."""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path

import click

from benchmarks.report import model_card
from benchmarks.studies.archives import archives_table
from benchmarks.studies.boards import boards_table, stored_boards
from benchmarks.studies.speech import speech_table
from birdedge.cli import COMMANDS
from docs.generate import (
    alert,
    commands,
    configuration,
    database,
    drawing,
    figures,
    listening,
    messages,
    metrics,
    mqtt,
    reliability,
)
from docs.generate.blocks import Block, block_names, filled
from docs.generate.reliability import UnfoundedError
from docs.generate.rooms import ROOT

DOCS = ROOT / "docs"
DRAWING = DOCS / "images" / "rooms.svg"
MEASURED = ("accuracy", "cost", "peers", "aarch64", "raspberry_pi")
BLOCKS: dict[str, Block] = {
    "listen": listening.listen_block,
    "summary": lambda _: figures.summary_table(),
    "cards": lambda _: figures.card_table(),
    "targets": lambda _: figures.targets_table(),
    "configuration": lambda _: configuration.template_block(),
    "messages": lambda _: messages.messages_table(),
    "alert": lambda _: alert.alert_block(),
    "metrics": lambda _: metrics.metrics_table(),
    "boards": lambda _: boards_table(stored_boards()),
    "speech": lambda _: speech_table(),
    "archives": lambda _: archives_table(),
    "mqtt-topics": lambda _: mqtt.topics_table(),
    "mqtt-payloads": lambda _: mqtt.payloads_block(),
    "schema": lambda _: database.schema_block(),
    "labels": lambda _: database.labels_block(),
    **{
        name.replace("_", "-"): partial(lambda name, _: figures.measured_block(name), name)
        for name in MEASURED
    },
}


@click.command()
@click.option("--check", is_flag=True, help="Change nothing; exit with 1 if a page is stale.")
def main(check: bool) -> None:
    """Print the pages and blocks of the documentation.

    \b
    Example:
      python -m docs.generate
      python -m docs.generate --check
    """
    try:
        stale = stale_pages()
    except UnfoundedError as error:
        sys.exit(str(error))
    if check:
        if stale:
            names = ", ".join(str(path.relative_to(ROOT)) for path in stale)
            sys.exit(f"stale: {names}; run `python -m docs.generate`")
        return
    for path, text in stale.items():
        if text is None:
            path.unlink()
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(drawing.svg(text) if path == DRAWING else text, encoding="utf-8")
        click.echo(str(path.relative_to(ROOT)))


def stale_pages() -> dict[Path, str | None]:
    """Return the pages that differ from what the programs print, with their new text; None for a page to delete.

    For the drawing, the text is its Graphviz text.
    """
    found: dict[Path, str | None] = {
        path: text for path, text in (printed_pages() | pages_with_blocks()).items() if text != _present(path)
    }
    graph = drawing.graph()
    if drawing.digest(graph) not in _present(DRAWING):
        found[DRAWING] = graph
    obsolete = set((DOCS / "commands").glob("*.md")) - set(printed_pages())
    return found | dict.fromkeys(obsolete)


def printed_pages() -> dict[Path, str]:
    """Return the pages that are generated as a whole."""
    folder = DOCS / "commands"
    pages = {folder / f"{name}.md": commands.command_page(name) for name in COMMANDS}
    pages[folder / "index.md"] = commands.commands_page()
    return pages | {model_card.PAGE: model_card.page(), reliability.PAGE: reliability.reliability_page()}


def pages_with_blocks() -> dict[Path, str]:
    """Return README.md and the pages of docs/ that hold generated blocks, with the blocks filled."""
    paths = (ROOT / "README.md", *sorted(DOCS.glob("*.md")))
    pages = {path: path.read_text(encoding="utf-8") for path in paths}
    return {path: filled(page, BLOCKS) for path, page in pages.items() if block_names(page)}


def _present(path: Path) -> str:
    return path.read_text(encoding="utf-8") if path.exists() else ""


if __name__ == "__main__":
    main()
