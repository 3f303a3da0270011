"""The settings of the dashboard."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from typing import Literal

from birdedge.edge.errors import SettingsError

Language = Literal["", "en", "de", "es", "fr", "nl"]


@dataclass(frozen=True)
class WebSettings:
    """The table `[web]` of the configuration.

    Raises:
        SettingsError: A value is out of range.
    """

    listen: str = "127.0.0.1:8088"  # HOST:PORT
    hosts: tuple[str, ...] = ()  # host names that browsers may use in addition to those of this machine
    root_path: str = ""  # path prefix that a proxy does not strip
    trusted_proxies: tuple[str, ...] = ()  # addresses or networks whose X-Forwarded-For and -Proto are used
    language: Language = ""  # "" for the browser's

    def __post_init__(self) -> None:
        host, colon, port = self.listen.rpartition(":")
        if not (host and colon and port.isdecimal() and int(port) < 65_536):
            raise SettingsError(f"listen is {self.listen!r}; it must be HOST:PORT, such as 127.0.0.1:8088")
        if self.root_path and not (self.root_path.startswith("/") and not self.root_path.endswith("/")):
            raise SettingsError(
                f"root_path is {self.root_path!r}; it must start with / and not end with it, such as /birds"
            )
        for proxy in self.trusted_proxies:
            try:
                ipaddress.ip_network(proxy)
            except ValueError:
                raise SettingsError(
                    f"trusted_proxies holds {proxy!r}; it must be an address or a network, such as 127.0.0.1"
                ) from None

    @property
    def trusted_addresses(self) -> list[str]:
        """The proxies, those in IPv4 also as a socket that listens on both kinds of addresses sees them."""
        networks = [ipaddress.ip_network(proxy) for proxy in self.trusted_proxies]
        mapped = [
            f"::ffff:{network.network_address}/{96 + network.prefixlen}"
            for network in networks
            if network.version == 4
        ]
        return [*map(str, networks), *mapped]

    @property
    def host(self) -> str:
        """The address to listen on."""
        return self.listen.rpartition(":")[0].strip("[]")

    @property
    def port(self) -> int:
        """The port to listen on."""
        return int(self.listen.rpartition(":")[2])
