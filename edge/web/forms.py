"""The fields of a form."""

from __future__ import annotations

from urllib.parse import parse_qsl

from starlette.requests import Request


async def read_form(request: Request) -> dict[str, str]:
    """Return the fields of a form that was sent; of several with one name the last."""
    return dict(parse_qsl((await request.body()).decode(errors="replace"), keep_blank_values=True))
