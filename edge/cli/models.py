"""`birdedge models`, `inspect`, `verify`, `bench`: what models there are, what they promise, and what they do here."""

from __future__ import annotations

import json
import statistics
from pathlib import Path

import click

from birdedge.edge.diagnostics import speed as measuring
from birdedge.edge.diagnostics.speed import NodeCost
from birdedge.edge.diagnostics.verify import verify_model
from birdedge.edge.errors import ModelFileError
from birdedge.edge.models.card_text import card_page
from birdedge.edge.models.model import Model
from birdedge.edge.models.names import DEFAULT_MODEL, bundled_models
from birdedge.edge.recorder.config import default_config_path, write_model
from birdedge.edge.system.stdout import print_line

CANDIDATES = ("birdedge-int8", "birdedge-int8-s8", "birdedge-fp32")  # one network in three forms


@click.command()
@click.option("--json", "as_json", is_flag=True, help="The cards as a JSON list.")
def models(as_json: bool) -> None:
    """List the models that come with birdedge.

    \b
    Example:
      birdedge models
    """
    found = [Model(name) for name in sorted(bundled_models())]
    if as_json:
        print_line(json.dumps([json.loads(m.card.to_json()) for m in found], ensure_ascii=False))
        return
    print_line(f"{'name':22}{'kB':>5}{'MMAC/s':>8}{'frames':>8}  {'IoU painted':14}{'IoU mixes':12}licence")
    for m in found:
        card = m.card
        painted, mixes = (card.figures.get(name, {}).get("iou", "-") for name in ("painted", "mixes"))
        mark = "*" if card.name == DEFAULT_MODEL else " "
        print_line(
            f"{card.name + mark:22}{m.path.stat().st_size / 1000:5.0f}{card.macs_per_s / 1e6:8.0f}"
            f"{card.chunk_frames:8d}  {painted!s:14}{mixes!s:12}{card.licence}"
        )
    print_line(
        "* is what `birdedge listen` uses where nothing else is said; frames: of 8 ms, in a call of the network"
    )


@click.command()
@click.argument("model", default=DEFAULT_MODEL)
@click.option("--json", "as_json", is_flag=True, help="The whole card as JSON.")
def inspect(model: str, as_json: bool) -> None:
    """Print the card of a model: what it hears, what it costs, how well it was measured to do.

    \b
    Example:
      birdedge inspect
      birdedge inspect mine.onnx --json
    """
    opened = Model(model)
    print_line(opened.card.to_json() if as_json else card_page(opened.card, opened.path))


@click.command()
@click.argument("models", nargs=-1, metavar="[MODEL]...")
def verify(models: tuple[str, ...]) -> None:
    """Check that models do on this machine what they did where they were exported.

    The file must be whole, its stream must equal its offline form (int8 bit for bit), and it must answer a fixed input
    as it did at export. Without MODEL, all that come with birdedge. The exit code is 1 where a check fails.

    \b
    Example:
      birdedge verify
      birdedge verify mine.onnx
    """
    failed = 0
    for name in models or sorted(bundled_models()):
        model = Model(name)
        for check in verify_model(model):
            failed += not check.passed
            print_line(
                f"{'ok  ' if check.passed else 'FAIL'}  {model.card.name}: {check.name}, {check.found}"
            )
    if failed:
        raise ModelFileError(
            f"{failed} check(s) failed; export the model again, or report this with the processor"
        )


@click.command()
@click.argument("models", nargs=-1, metavar="[MODEL]...")
@click.option(
    "--seconds",
    "duration_s",
    type=click.FloatRange(0.1),
    default=5.0,
    show_default=True,
    help="Time to measure for.",
)
@click.option(
    "--profile", is_flag=True, help="Print where the time goes in each, by kind of operator; choose none."
)
@click.option(
    "--config",
    type=click.Path(path_type=Path, dir_okay=False),
    help="The configuration to write the choice to.  [default: the user's own]",
)
@click.option("--dry-run", is_flag=True, help="Measure, and write nothing.")
@click.option("--json", "as_json", is_flag=True, help="Every turn of every model.")
def bench(
    models: tuple[str, ...],
    duration_s: float,
    profile: bool,
    config: Path | None,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Measure models on this machine, and let `birdedge listen` use the fastest from now on.

    Without MODEL, the forms of the default network: int8 in two ways, which give the same bits, and fp32.

    \b
    Example:
      birdedge bench
      birdedge bench mine.onnx mine-fp32.onnx --dry-run
      birdedge bench birdedge-int8 --profile
    """
    opened = [Model(name) for name in models or CANDIDATES]
    if profile:
        for model in opened:
            _print_profile(model, measuring.profile(model.path))
        return
    costs = measuring.measure(opened, duration_s)
    if as_json:
        turns = {str(c.model.path): c.turns for c in costs}
        print_line(json.dumps({"cpu_s_per_s": turns}, ensure_ascii=False))
    else:
        peak = measuring.matrix_peak_macs_per_s()
        print_line(f"{'':22}{'CPU ms a second of sound':28}{'of the first':>12}{'of fp32 matrix peak':>22}")
        for cost in costs:
            low, high = (1000 * f(cost.turns) for f in (min, max))
            ratio = statistics.median(a / b for a, b in zip(cost.turns, costs[0].turns, strict=True))
            rate = cost.model.card.macs_per_s / cost.median_s
            spread = f"{1000 * cost.median_s:.2f} ({low:.2f} to {high:.2f})"
            print_line(f"{cost.model.card.name:22}{spread:28}{ratio:12.2f}{rate / peak:22.0%}")
    chosen = measuring.choose(costs)
    if chosen is None:
        click.echo("birdedge: none is soon enough to listen with: take fewer frames a call", err=True)
        return
    path = config or default_config_path()
    if not dry_run:
        write_model(
            path, chosen.card.name if chosen.card.name in bundled_models() else str(chosen.path.resolve())
        )
    done = "is the fastest" if dry_run else f"is what `birdedge listen` uses from now on ({path})"
    click.echo(f"birdedge: {chosen.card.name} {done}", err=True)


def _print_profile(model: Model, rows: list[NodeCost]) -> None:
    print_line(
        f"{model.card.name}, {model.card.macs_per_s / 1e6:.0f} million multiply-accumulates a second of sound"
    )
    print_line(f"  {'operator':24}{'time':>7}{'largest':>9}{'nodes':>7}{'MB/s moved':>12}")
    for row in rows:
        print_line(
            f"  {row.operator:24}{row.share:7.1%}{row.max_share:9.1%}{row.nodes:7d}{row.bytes_per_s / 1e6:12.1f}"
        )
