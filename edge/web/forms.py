"""The fields of a form."""

from __future__ import annotations

from urllib.parse import parse_qsl

from starlette.requests import Request


async def read_form(request: Request) -> dict[str, str]:
    """Return the fields of a submitted form; a repeated name keeps its last value."""
    return dict(parse_qsl((await request.body()).decode(errors="replace"), keep_blank_values=True))
