"""The page Health shows what is known about a recorder; the support bundle has the same for others, without secrets."""

from __future__ import annotations

import io
import re
import time
import zipfile
from pathlib import Path

import pytest

from birdedge.edge.companion.folders import find_folders
from birdedge.edge.companion.redaction import redacted, redacted_setting
from birdedge.edge.companion.support_bundle import support_bundle
from birdedge.edge.health import Health
from birdedge.edge.messages import HealthReported
from tests.support.streams import Clocks, MessageStream, kill, started
from tests.support.web import TOKEN, browser, log_in

SECRETS = ("hunter2", "s3cr3t-Token", "tk_AbCdEf123", "52.51627", "13.37770", "annavdb", "10.1.2.3", "p w")
CONFIG = """
site = "Oak 3"
latitude_deg = 52.51627
longitude_deg = 13.37770
device = "rtsp://annavdb:hunter2@10.1.2.3/stream?token=tk_AbCdEf123"
denoised = "/home/annavdb/birds.flac"

[schedule]
timezone = "Europe/Berlin"

[web]
hosts = ["hunter2.example.org", "s3cr3t-Token"]
root_path = "/p w  # default"

[mqtt]
host = "10.1.2.3"
user = "annavdb"
password_file = "/etc/hunter2"

[[alert]]
name = "no sound"
when = "no_audio"
targets = ["phone"]

[[target]]
name = "phone"
kind = "ntfy"
url = "https://ntfy.example.org/tk_AbCdEf123"
token_file = "/etc/s3cr3t-Token"
"""


def texts_of(bundle: bytes) -> dict[str, str]:
    with zipfile.ZipFile(io.BytesIO(bundle)) as files:
        assert files.testzip() is None
        return {name: files.read(name).decode() for name in files.namelist()}


@pytest.fixture
def leaky(tmp_path: Path) -> Path:
    """A recorder whose site, devices and problems hold secrets."""
    clocks = Clocks(utc_s=time.time() - 40.0)
    folder = tmp_path / "data" / "oak"
    folder.mkdir(parents=True)
    run_log = started(folder, clocks)
    url = "rtsp://annavdb:hunter2@10.1.2.3/stream?token=tk_AbCdEf123"
    stream = MessageStream(run_log.apply, clocks, source=url)
    stream.hear(30)
    problem = f"{url} cannot be opened, password=s3cr3t-Token, Authorization: Bearer s3cr3t-Token"
    run_log.apply(HealthReported(stream.timekeeper.stamp(0), Health(device=url, output_problem=problem)))
    stream.break_off()
    kill(run_log)
    (tmp_path / "config.toml").write_text(CONFIG)
    return tmp_path


def test_the_bundle_holds_no_secret(leaky: Path) -> None:
    texts = texts_of(support_bundle(find_folders([leaky / "data"]), leaky / "config.toml"))
    for name, text in texts.items():
        for secret in SECRETS:
            assert secret not in text, f"{name} holds {secret}"


def test_the_bundle_holds_what_helps_to_find_a_fault(leaky: Path) -> None:
    texts = texts_of(support_bundle(find_folders([leaky / "data"]), leaky / "config.toml"))
    assert set(texts) == {
        *("configuration.txt", "versions.txt", "checks.txt"),
        *("oak/status.txt", "oak/log.csv", "oak/model.json"),
    }
    assert 'timezone = "Europe/Berlin"' in texts["configuration.txt"]
    assert 'keep = "events"  # default' in texts["configuration.txt"]
    assert re.search(r"^birdedge \d", texts["versions.txt"], re.MULTILINE)
    assert "clock" in texts["checks.txt"]
    assert "with birdedge-int8" in texts["oak/status.txt"]
    assert "gap,device lost" in texts["oak/log.csv"].replace('"', "")
    assert '"name": "birdedge-int8"' in texts["oak/model.json"]


def test_an_invalid_configuration_is_reported_without_its_values(leaky: Path) -> None:
    (leaky / "config.toml").write_text('[web]\nlisten = "hunter2"\n')
    texts = texts_of(support_bundle(find_folders([leaky / "data"]), leaky / "config.toml"))
    assert "listen is '***'; it must be HOST:PORT" in texts["configuration.txt"]


def test_a_bundle_is_made_of_what_can_be_read(tmp_path: Path) -> None:
    (tmp_path / "oak").mkdir()
    (tmp_path / "oak" / "birdedge.sqlite").write_bytes(b"no database")
    texts = texts_of(support_bundle(find_folders([tmp_path]), tmp_path / "missing.toml"))
    assert "there is no configuration" in texts["configuration.txt"]
    assert "cannot be read" in texts["oak/problem.txt"]


def test_the_bundle_is_a_download_that_needs_the_token(leaky: Path) -> None:
    client = browser(leaky / "data", token=TOKEN)
    client.application.state.config_file = leaky / "config.toml"
    assert client.get("/health/bundle", headers={"Accept": "*/*"}).status_code == 401
    log_in(client)
    answer = client.get("/health/bundle")
    assert answer.headers["content-disposition"].startswith('attachment; filename="birdedge-support-')
    assert TOKEN not in "".join(texts_of(answer.content).values())


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("rtsp://user:pass@cam.local/1", "rtsp://***"),
        ("rtsp://user:p@ss@cam.local/1", "rtsp://***"),
        ("https://ntfy.sh/birds?auth=abc def", "https://*** def"),
        ("password: hunter2, next", "password: ***, next"),
        ("api_key='a b' x", "api_key=*** x"),
        ("Authorization: Bearer abc.def", "Authorization: ***"),
        ("nothing to hide at 12:30", "nothing to hide at 12:30"),
    ],
)
def test_anything_that_looks_like_a_secret_is_hidden(text: str, expected: str) -> None:
    assert redacted(text) == expected


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ('unheard_of = "x"  # /etc/config.toml', 'unheard_of = "***"  # /etc/config.toml'),
        ('command = ["a", "b # default"]  # f', 'command = ["***", "***"]  # f'),
        ('password = "a  # default"  # f', 'password = "***"  # f'),
        (r'password = "a\"b"  # f', 'password = "***"  # f'),
        ("gain_db = 3.0  # f", "gain_db = 3.0  # f"),
        ('password_file = ""  # default', 'password_file = ""  # default'),
        ("longitude_deg = 13.4  # f", "longitude_deg = ***"),
        ("[web]", "[web]"),
    ],
)
def test_settings_are_hidden_unless_they_are_known_to_be_public(line: str, expected: str) -> None:
    assert redacted_setting(line) == expected


@pytest.fixture
def fresh(tmp_path: Path) -> Path:
    """A recorder that lost its microphone a moment ago."""
    clocks = Clocks(utc_s=time.time() - 40.0)
    folder = tmp_path / "oak"
    folder.mkdir()
    run_log = started(folder, clocks)
    stream = MessageStream(run_log.apply, clocks)
    stream.hear(30)
    stream.break_off()
    kill(run_log)
    return folder


def test_the_page_shows_state_gaps_disk_and_versions(fresh: Path) -> None:
    page = browser(fresh).get("/health").text
    for text in ("needs attention", "no microphone", "unknown: less than a day", "Versions", "birdedge-int8"):
        assert text in page
    assert "health/bundle" in page


def test_an_unreadable_database_is_a_one_sentence_error(tmp_path: Path) -> None:
    (tmp_path / "oak").mkdir()
    (tmp_path / "oak" / "birdedge.sqlite").write_bytes(b"no database")
    page = browser(tmp_path).get("/health")
    assert page.status_code == 200
    assert re.search('role="alert"[^>]*>[^<]*cannot be read', page.text)
