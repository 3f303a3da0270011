"""Sources that a test scripts."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import TypeVar

from birdedge.edge.block import Block
from birdedge.edge.messages import Message

Kind = TypeVar("Kind")


@dataclass
class ScriptedSource:
    """Yields the given blocks; an exception among them is raised."""

    script: Iterable[Block | Exception]
    name: str = "script"
    sample_rate_hz: int = 32_000
    channels: int = 1
    min_blocks: list[int] = field(default_factory=list)

    def blocks(self, stop: threading.Event) -> Iterator[Block]:
        for item in self.script:
            if stop.is_set():
                return
            if isinstance(item, Exception):
                raise item
            yield item

    def set_min_block(self, samples: int) -> None:
        self.min_blocks.append(samples)


@dataclass
class MessageLog:
    """Keeps every message."""

    messages: list[Message] = field(default_factory=list)
    closed: int = 0

    def write(self, message: Message) -> None:
        self.messages.append(message)

    def close(self) -> None:
        self.closed += 1

    def of(self, kind: type[Kind]) -> list[Kind]:
        """Return the messages of a type."""
        return [message for message in self.messages if isinstance(message, kind)]
