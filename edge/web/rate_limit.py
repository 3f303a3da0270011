"""A limit on the requests of each client per second."""

from __future__ import annotations

import ipaddress
import time
from collections.abc import Callable

MAX_CLIENTS = 4096


class RateLimit:
    """A token bucket for each client: `burst` at once, `per_s` in the long run.

    A client is an address or, for IPv6, a network of 64 bits, which one machine can fill on its own.
    """

    def __init__(self, per_s: float, burst: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._per_s, self._burst, self._clock = per_s, float(burst), clock
        self._buckets: dict[str, tuple[float, float]] = {}  # client: requests left, and at what time

    def has_room(self, client: str) -> bool:
        """Return whether the client may make one more request."""
        return self._left(_network(client)) >= 1.0

    def take(self, client: str) -> bool:
        """Count one more request, and return whether it was allowed."""
        network = _network(client)
        left = self._left(network)
        if left < 1.0:
            return False
        if len(self._buckets) >= MAX_CLIENTS:
            self._forget()
        self._buckets[network] = (left - 1.0, self._clock())
        return True

    def _left(self, network: str) -> float:
        left, at_s = self._buckets.get(network, (self._burst, 0.0))
        return min(self._burst, left + (self._clock() - at_s) * self._per_s)

    def _forget(self) -> None:
        """Forget clients that have been idle for long; if all are busy, forget the oldest half."""
        full = [network for network in self._buckets if self._left(network) >= self._burst]
        for network in full or list(self._buckets)[: MAX_CLIENTS // 2]:
            del self._buckets[network]


def _network(client: str) -> str:
    try:
        address = ipaddress.ip_address(client.partition("%")[0])
    except ValueError:
        return client[:64]
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is None:
            return str(ipaddress.ip_network((address, 64), strict=False))
        address = address.ipv4_mapped
    return str(address)
