"""One of several sources of a recorder: the table `[[source]]` of the configuration."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, fields

from birdedge.edge.audio.stream_url import check_url
from birdedge.edge.errors import SettingsError

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
RESERVED_NAMES = ("clips",)  # folders of a recorder without sources
HEARD = ("device", "url", "path", "stdin", "demo")


@dataclass(frozen=True)
class SourceSettings:
    """What a source hears, and the settings that differ from the common ones.

    Raises:
        SettingsError: The name cannot name a folder, the source hears more than one thing, or the URL is wrong.
    """

    name: str
    device: str | None = None  # as for the recorder
    url: str | None = None
    path: str | None = None
    stdin: bool = False
    demo: bool = False
    sample_format: str = "s16le"  # format of raw PCM
    site: str | None = None
    latitude_deg: float | None = None
    longitude_deg: float | None = None
    sample_rate_hz: int | None = None
    channels: int | None = None
    channel: int | None = None
    gain_db: float | None = None

    def __post_init__(self) -> None:
        if NAME.fullmatch(self.name) is None or self.name.lower() in RESERVED_NAMES:
            raise SettingsError(
                f"name is {self.name!r}; it must have 1 to 64 letters, digits, - and _, and not be "
                f"{' or '.join(map(repr, RESERVED_NAMES))}, because it names a folder"
            )
        if len(given := [name for name in HEARD if getattr(self, name)]) > 1:
            raise SettingsError(f"{' and '.join(given)} are given; a source hears one of them")
        if self.url is not None:
            check_url(self.url)

    @property
    def is_microphone(self) -> bool:
        """Whether it hears a microphone."""
        return self.url is None and self.path is None and not self.stdin and not self.demo

    @property
    def own(self) -> dict[str, object]:
        """The settings that differ from the common ones, by key."""
        names = {field.name for field in fields(self)} - {"name", "sample_format", *HEARD} | {"device"}
        return {name: value for name in names if (value := getattr(self, name)) is not None}


def check_sources(sources: Sequence[SourceSettings]) -> None:
    """Check that sources differ where they must.

    Raises:
        SettingsError: Two sources have the same name, or read standard input.
    """
    names = [source.name.lower() for source in sources]  # some file systems ignore case
    for source in sources:
        if names.count(source.name.lower()) > 1:
            raise SettingsError(f"two sources have the name {source.name!r}; each needs its own")
    if sum(source.stdin for source in sources) > 1:
        raise SettingsError("several sources read standard input; only one can")
