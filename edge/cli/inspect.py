"""`birdedge inspect`: print the card of a model."""

from __future__ import annotations

import click

from birdedge.edge.models.names import DEFAULT_MODEL
from birdedge.edge.system.stdout import print_line


@click.command()
@click.argument("model", default=DEFAULT_MODEL)
@click.option("--json", "as_json", is_flag=True, help="Print the complete card as JSON.")
def inspect(model: str, as_json: bool) -> None:
    """Print the card of a model.

    The card lists its input, cost, accuracy and training data.

    \b
    Example:
      birdedge inspect
      birdedge inspect mine.onnx --json
    """
    from birdedge.edge.models.card_text import card_page
    from birdedge.edge.models.checked_model import check_model

    checked = check_model(model)
    print_line(*[checked.card.to_json()] if as_json else card_page(checked.card, checked.path).split("\n"))
