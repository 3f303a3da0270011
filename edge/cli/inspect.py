"""`birdedge inspect`: print the card of a model."""

from __future__ import annotations

import click

from birdedge.edge.models.names import DEFAULT_MODEL
from birdedge.edge.system.printable import printable
from birdedge.edge.system.stdout import print_line


@click.command()
@click.argument("model", default=DEFAULT_MODEL)
@click.option("--json", "as_json", is_flag=True, help="Print the complete card as JSON.")
@click.option(
    "--public-key",
    metavar="KEY",
    help="Require a signature in MODEL.minisig by this minisign key, given as text or as a file.",
)
def inspect(model: str, as_json: bool, public_key: str | None) -> None:
    """Print the card of a model.

    The card lists its input, cost, accuracy and training data. The digest in the file shows that the file is complete;
    only a signature shows who made it.

    \b
    Example:
      birdedge inspect
      birdedge inspect mine.onnx --json
      birdedge inspect mine.onnx --public-key minisign.pub
    """
    from birdedge.edge.models.card_text import card_page
    from birdedge.edge.models.checked_model import check_model

    checked = check_model(model)
    if public_key is not None:
        from birdedge.edge.models.signature import verify_signature

        comment = verify_signature(checked.path, checked.content, public_key)
        click.echo(f"birdedge: valid signature, trusted comment: {printable(comment)}", err=True)
    print_line(*[checked.card.to_json()] if as_json else card_page(checked.card, checked.path).split("\n"))
