"""Text from outside is printed without terminal control characters."""

from __future__ import annotations

import json
import logging
import unicodedata
from pathlib import Path

import pytest

from birdedge.edge.audio import devices
from birdedge.edge.system.log import JournalFormatter, LineFormatter
from birdedge.edge.system.printable import printable
from tests.support.commands import BIRDEDGE, run

HOSTILE = "a\x1b[2J\n\x9b31mb\u202egpj\udcff"
SHOWN = r"a\u001b[2J\u000a\u009b31mb\u202egpj\udcff"


def test_control_characters_are_escaped() -> None:
    assert printable(HOSTILE) == SHOWN
    for number in range(0x110000):
        character = chr(number)
        if unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp") or unicodedata.bidirectional(
            character
        ) in ("LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"):
            assert printable(character) == f"\\u{number:04x}"


@pytest.mark.parametrize(
    "text", ["", "Zaunkönig", "鳥.wav", "🐦 café", "\u0645\u06cc\u200c\u062e", "C:\\birds"]
)
def test_other_text_is_unchanged(text: str) -> None:
    assert printable(text) == text


def test_escaped_json_is_the_same_text() -> None:
    assert json.loads(printable(json.dumps({HOSTILE: HOSTILE}, ensure_ascii=False))) == {HOSTILE: HOSTILE}


def test_a_log_message_is_one_line_without_control_characters() -> None:
    record = logging.LogRecord("birdedge", logging.WARNING, "", 0, "lost %s", (HOSTILE,), None)
    assert JournalFormatter().format(record) == f"<4>lost {SHOWN}"
    assert LineFormatter("birdedge: %(message)s").format(record) == f"birdedge: lost {SHOWN}"


def test_device_names_are_printable(monkeypatch: pytest.MonkeyPatch) -> None:
    device = {
        "name": HOSTILE[:12],
        "hostapi": 0,
        "index": 0,
        "max_input_channels": 1,
        "default_samplerate": 48000.0,
    }

    class PortAudio:
        default = type("Default", (), {"hostapi": 0})

        def query_hostapis(self) -> list[dict[str, object]]:
            return [{"name": "AL\x1bSA", "default_input_device": 0}]

        def query_devices(self) -> list[dict[str, object]]:
            return [device, {**device, "index": 1}]

    monkeypatch.setattr(devices, "portaudio", PortAudio)
    for found in devices.input_devices():
        assert found.name.isprintable()
        assert found.host_api == r"AL\u001bSA"


@pytest.mark.parametrize("command", ["segment", "plot", "listen", "inspect", "why"])
def test_a_file_name_in_an_error_is_printable(tmp_path: Path, command: str) -> None:
    for name in ("\x1b[2Jx.wav", "x\ny.wav", "x\u202e.wav"):
        (tmp_path / name).write_bytes(b"no audio")
        done = run(*BIRDEDGE, command, name, cwd=tmp_path)
        assert done.returncode == 1
        text = (done.stdout + done.stderr).decode()
        assert "Error: " in text
        for line in text.splitlines():
            assert line.isprintable()
        assert name not in text
