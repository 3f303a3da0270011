"""The settings of the dashboard are checked when they are read."""

from __future__ import annotations

import pytest

from birdedge.edge.errors import SettingsError
from birdedge.edge.integrations.web import WebSettings


@pytest.mark.parametrize(
    ("listen", "host", "port"),
    [("127.0.0.1:8088", "127.0.0.1", 8088), ("[::1]:80", "::1", 80), ("oak.local:0", "oak.local", 0)],
)
def test_an_address_is_a_host_and_a_port(listen: str, host: str, port: int) -> None:
    settings = WebSettings(listen=listen)
    assert (settings.host, settings.port) == (host, port)


@pytest.mark.parametrize("listen", ["", "8088", ":8088", "oak", "oak:", "oak:http", "oak:65536"])
def test_an_address_without_host_or_port_is_an_error(listen: str) -> None:
    with pytest.raises(SettingsError, match="it must be HOST:PORT"):
        WebSettings(listen=listen)


@pytest.mark.parametrize("root_path", ["birds", "/birds/", "/"])
def test_a_root_path_starts_with_a_slash_and_does_not_end_with_one(root_path: str) -> None:
    with pytest.raises(SettingsError, match="root_path"):
        WebSettings(root_path=root_path)
