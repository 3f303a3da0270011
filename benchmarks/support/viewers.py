"""Watch a dashboard as browsers do: `python -m benchmarks.support.viewers URL COUNT`, until it is stopped.

Each viewer opens the live view, requests the changing parts of the page, and leaves after 5 to 30 seconds; then
another one arrives. One viewer in five reads nothing of what it is sent.
"""

from __future__ import annotations

import asyncio
import random
import sys
from contextlib import suppress
from urllib.request import urlopen

from websockets.asyncio.client import connect
from websockets.exceptions import WebSocketException

MIN_STAY_S, MAX_STAY_S, PAUSE_S = 5.0, 30.0, 0.5
PARTS_EVERY_S = 5.0
LAZY = 5  # one viewer in this many reads nothing


async def watch(url: str, number: int) -> None:
    """Visit the dashboard again and again, for a random time each."""
    rng = random.Random(number)
    while True:
        with suppress(OSError, WebSocketException, TimeoutError):
            async with asyncio.timeout(rng.uniform(MIN_STAY_S, MAX_STAY_S)):
                await asyncio.gather(_look(url, is_lazy=number % LAZY == LAZY - 1), _ask(url))
        await asyncio.sleep(PAUSE_S)


async def _look(url: str, is_lazy: bool) -> None:
    async with connect(url.replace("http", "ws", 1) + "api/stream", compression=None, max_queue=4) as socket:
        if is_lazy:
            await asyncio.sleep(MAX_STAY_S)
        async for _ in socket:
            pass


async def _ask(url: str) -> None:
    def ask() -> None:
        with urlopen(f"{url}api/now", timeout=10) as answer:
            answer.read()

    while True:
        await asyncio.to_thread(ask)
        await asyncio.sleep(PARTS_EVERY_S)


async def main(url: str, count: int) -> None:
    """Run all viewers."""
    print("seeds 0 to", count - 1)
    await asyncio.gather(*(watch(url, number) for number in range(count)))


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):
        asyncio.run(main(sys.argv[1], int(sys.argv[2])))
