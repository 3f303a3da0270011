"""The names by which this machine may be asked, and where a request came from."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Iterable
from urllib.parse import urlsplit


def is_loopback(host: str) -> bool:
    """Return whether an address to listen at can be reached from this machine only."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def is_known_host(header: str, hosts: Iterable[str]) -> bool:
    """Return whether the Host header of a request names this machine.

    A foreign page can make its own name lead to this machine (DNS rebinding), and would then be read as one of ours.
    It cannot do so with an address, the name of this machine in its network, or those in `hosts`.
    """
    name = _name(header)
    if name is None:
        return False
    try:
        ipaddress.ip_address(name)
        return True
    except ValueError:
        machine = socket.gethostname().lower()
        return name in {"localhost", machine, f"{machine}.local", *(host.lower() for host in hosts)}


def is_same_origin(origin: str, host: str) -> bool:
    """Return whether an Origin header names the host that was asked; the scheme is the proxy's."""
    try:
        asked = urlsplit(origin)
        default = {"http": ":80", "https": ":443"}[asked.scheme]
    except (ValueError, KeyError):
        return False
    return asked.netloc.lower().removesuffix(default) == host.lower().removesuffix(default)


def _name(header: str) -> str | None:
    """Return the name or address in a Host header without its port; None if it is not valid."""
    try:
        parts = urlsplit(f"//{header}")
        # Raises for no number.
        is_valid = parts.netloc == header and parts.username is None and parts.port != 0
    except ValueError:
        return None
    return parts.hostname if is_valid else None
