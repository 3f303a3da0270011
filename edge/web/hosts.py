"""The names by which requests may address this machine, and the origin of a request."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Iterable
from urllib.parse import urlsplit


def is_loopback(host: str) -> bool:
    """Return whether a listening address can be reached from this machine only."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def is_known_host(header: str, hosts: Iterable[str]) -> bool:
    """Return whether the Host header of a request names this machine.

    A foreign site can point its own name at this machine (DNS rebinding), and its pages would then count as ours. It
    cannot do so with an address, with the name of this machine in its network, or with the names in `hosts`.
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
    """Return whether an Origin header names the requested host; the scheme is ignored, because a proxy chooses it."""
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
        # `port` raises ValueError unless it is a number.
        is_valid = parts.netloc == header and parts.username is None and parts.port != 0
    except ValueError:
        return None
    return parts.hostname if is_valid else None
