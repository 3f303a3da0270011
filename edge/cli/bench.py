"""`birdedge bench`: measure models on this machine and choose the fastest."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from birdedge.edge.cli.options import NumberRange
from birdedge.edge.system.printable import printable
from birdedge.edge.system.stdout import print_line

if TYPE_CHECKING:  # loads onnxruntime
    from birdedge.edge.diagnostics.speed import Cost, OperatorCost
    from birdedge.edge.models.model import Model

CANDIDATES = ("birdedge-int8", "birdedge-int8-s8", "birdedge-fp32")  # the same network


@click.command()
@click.argument("models", nargs=-1, metavar="[MODEL]...")
@click.option(
    "--seconds",
    "duration_s",
    type=NumberRange(0.1),
    default=5.0,
    show_default=True,
    help="Duration of the measurement.",
)
@click.option("--profile", is_flag=True, help="Print the time by type of operator, and choose no model.")
@click.option(
    "--config",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Configuration that --write changes.  [default: the user's]",
)
@click.option("--write", is_flag=True, help="Make the fastest model the default of `birdedge listen`.")
@click.option("--json", "as_json", is_flag=True, help="Print every measurement as JSON.")
def bench(
    models: tuple[str, ...],
    duration_s: float,
    profile: bool,
    config: Path | None,
    write: bool,
    as_json: bool,
) -> None:
    """Find the fastest model for this machine.

    With --write, the fastest becomes the default of `birdedge listen`. Without MODEL, the default network is measured
    as int8 in two variants, whose results are identical, and as fp32.

    \b
    Example:
      birdedge bench
      birdedge bench mine.onnx mine-fp32.onnx --write
      birdedge bench birdedge-int8 --profile
    """
    from birdedge.edge.diagnostics import speed
    from birdedge.edge.models.model import Model
    from birdedge.edge.models.names import bundled_models
    from birdedge.edge.recorder.config import default_config_path, write_model

    opened = [Model(name) for name in models or CANDIDATES]
    if profile:
        for model in opened:
            _print_profile(model, speed.profile(model.path))
        return
    costs = speed.measure(opened, duration_s)
    if as_json:
        turns = {str(cost.model.path): cost.turns for cost in costs}
        print_line(json.dumps({"cpu_s_per_s": turns}, ensure_ascii=False))
    else:
        _print_costs(costs, speed.matrix_peak_macs_per_s())
    fastest = speed.fastest_live_model(costs)
    if fastest is None:
        too_late = (
            f"each model marks a sound more than {speed.MAX_LIVE_LATENCY_S:g} s after it began, too late to listen "
            "with: give one with fewer frames per call"
        )
        if write:
            raise click.ClickException(too_late)
        click.echo(f"birdedge: {too_late}", err=True)
        return
    if not write:
        click.echo(f"birdedge: {fastest.card.name} is the fastest; --write makes it the default", err=True)
        return
    is_bundled = fastest.path in bundled_models().values()  # the name is no proof: any card may claim it
    path = config or default_config_path()
    write_model(path, fastest.card.name if is_bundled else str(fastest.path.resolve()))
    click.echo(
        f"birdedge: {fastest.card.name} is now the default of `birdedge listen` ({printable(str(path))})",
        err=True,
    )


def _print_costs(costs: list[Cost], peak_macs_per_s: float) -> None:
    print_line(f"{'':22}{'CPU ms per second of audio':28}{'of the first':>12}{'of fp32 matrix peak':>22}")
    for cost in costs:
        low_ms, high_ms = 1000 * min(cost.turns), 1000 * max(cost.turns)
        spread = f"{1000 * cost.median_s:.2f} ({low_ms:.2f} to {high_ms:.2f})"
        peak_share = cost.macs_per_cpu_s / peak_macs_per_s
        print_line(
            f"{cost.model.card.name:22}{spread:28}{cost.relative_to(costs[0]):12.2f}{peak_share:22.0%}"
        )


def _print_profile(model: Model, operators: list[OperatorCost]) -> None:
    print_line(
        f"{model.card.name}, {model.card.macs_per_s / 1e6:.0f} million multiply-accumulates per second of audio"
    )
    print_line(f"  {'operator':24}{'time':>7}{'largest':>9}{'nodes':>7}{'MB/s moved':>12}")
    for cost in operators:
        print_line(
            f"  {cost.operator:24}{cost.share:7.1%}{cost.max_share:9.1%}{cost.nodes:7d}"
            f"{cost.bytes_per_s / 1e6:12.1f}"
        )
