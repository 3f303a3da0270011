"""The server of the dashboard."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from birdedge.edge.errors import SettingsError
from birdedge.edge.integrations.web import WebSettings
from birdedge.edge.system.sd_notify import Notifier
from birdedge.edge.web.app import create_app
from birdedge.edge.web.hosts import is_loopback
from birdedge.edge.web.today import Place

MAX_CONNECTIONS = 120  # without WebSockets
MAX_HEADER_BYTES, MAX_HEADER_S = 16_384, 5.0
MAX_SOCKET_MESSAGE_BYTES = 4096  # of a message from a browser
STOP_S = 2  # for responses in progress


def serve(
    paths: tuple[Path, ...],
    settings: WebSettings,
    token_digest: str | None,
    started: Callable[[str], object],
    place: Place | None = None,
    config_file: Path | None = None,
) -> None:
    """Serve the dashboard until SIGTERM or SIGINT.

    Args:
        paths: Folders of recorders, or folders above them.
        settings: Where it listens, and how it is reached.
        token_digest: The hash of the token; None if there is none.
        started: Called with the URL of the dashboard as soon as browsers can connect.
        place: Latitude and longitude of the recorders in degrees; None if unknown.
        config_file: The configuration file for the support bundle; None for the user's own.

    Raises:
        SettingsError: The address is not of this machine or in use, or others can reach it and there is no token.
    """
    if token_digest is None and not is_loopback(settings.host):
        raise SettingsError(
            f"others can reach {settings.listen}: make a token first with `birdedge serve token`, or use 127.0.0.1"
        )
    config = uvicorn.Config(
        create_app(paths, settings, token_digest, place, config_file),
        http=_Protocol,
        ws="websockets-sansio",
        loop="asyncio",
        ws_max_size=MAX_SOCKET_MESSAGE_BYTES,
        h11_max_incomplete_event_size=MAX_HEADER_BYTES,
        limit_concurrency=MAX_CONNECTIONS,
        timeout_graceful_shutdown=STOP_S,
        proxy_headers=False,  # the application knows its proxies
        server_header=False,
        access_log=False,  # it would record what people looked at
        log_level="warning",
    )
    with _bound(settings) as listener:
        started(_url(settings, listener.getsockname()[1]))
        Notifier().ready()
        with suppress(KeyboardInterrupt):
            uvicorn.Server(config).run(sockets=[listener])


class _Protocol(H11Protocol):
    """HTTP that closes a connection on which no request arrives in time."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.loop.call_later(MAX_HEADER_S, self._close_without_request)

    def _close_without_request(self) -> None:
        if self in self.connections and self.cycle is None:
            self.transport.close()


def _bound(settings: WebSettings) -> socket.socket:
    is_ipv6 = ":" in settings.host
    try:
        return socket.create_server(
            (settings.host, settings.port),
            family=socket.AF_INET6 if is_ipv6 else socket.AF_INET,
            dualstack_ipv6=settings.host == "::" and socket.has_dualstack_ipv6(),
        )
    except OSError as error:
        raise SettingsError(
            f"listen is {settings.listen!r}, where nothing can listen ({error.strerror}); "
            "give an address of this machine and a free port"
        ) from error


def _url(settings: WebSettings, port: int) -> str:
    host = settings.listen.rpartition(":")[0]
    name = socket.gethostname() if settings.host in ("0.0.0.0", "::") else host
    return f"http://{name}:{port}{settings.root_path}/"
