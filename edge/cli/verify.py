"""`birdedge verify`: check that models behave as they did at export."""

from __future__ import annotations

import click

from birdedge.edge.errors import ModelFileError
from birdedge.edge.models.names import bundled_models
from birdedge.edge.system.stdout import print_line


@click.command()
@click.argument("models", nargs=-1, metavar="[MODEL]...")
def verify(models: tuple[str, ...]) -> None:
    """Check that models behave as they did at export.

    The file must be complete, its streamed output must equal its offline output (bit for bit for int8), and its output
    for a fixed input must match that of the machine that exported it. Without MODEL, all bundled models are checked.
    The exit code is 1 if a check fails.

    \b
    Example:
      birdedge verify
      birdedge verify mine.onnx
    """
    from birdedge.edge.diagnostics.verify import FIX, verify_model
    from birdedge.edge.models.model import Model

    failed = 0
    for name in models or sorted(bundled_models()):
        model = Model(name)
        for check in verify_model(model):
            failed += check.state == "fail"
            mark = "ok  " if check.state == "ok" else "FAIL"
            print_line(f"{mark}  {model.card.name}: {check.name}, {check.finding}")
    if failed:
        raise ModelFileError(f"{failed} check(s) failed; {FIX}")
