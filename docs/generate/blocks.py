"""Generated blocks in a page: the text between `<!-- name -->` and `<!-- /name -->`."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

BLOCK = re.compile(
    r"(?<=<!-- )(?P<name>[a-z0-9-]+)(?P<mark> -->\n)(?P<text>.*?)(?=<!-- /(?P=name) -->)", re.S
)
Block = Callable[[str], str]  # from the present text of a block to its new text


def filled(page: str, blocks: Mapping[str, Block]) -> str:
    """Return the page with every block filled by its function.

    Raises:
        KeyError: The page has a block whose name is not in `blocks`.
    """
    return BLOCK.sub(lambda m: f"{m['name']}{m['mark']}{blocks[m['name']](m['text'])}", page)


def block_names(page: str) -> set[str]:
    """Return the names of the blocks of a page."""
    return {match["name"] for match in BLOCK.finditer(page)}
