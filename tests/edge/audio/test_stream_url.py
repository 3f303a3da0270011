"""Stream URLs are checked, and shown without their secrets."""

from __future__ import annotations

from urllib.parse import quote

import pytest

from birdedge.edge.audio.stream_url import check_url, is_url, shown_url, without_secrets
from birdedge.edge.errors import SettingsError


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("rtsp://camera", True),
        ("http://a:b@radio:8000/x", True),
        ("dawn.flac", False),
        ("C:/dawn.flac", False),
        ("-", False),
        ("folder//dawn.flac", False),
    ],
)
def test_a_url_is_distinguished_from_a_file(source: str, expected: bool) -> None:
    assert is_url(source) is expected


@pytest.mark.parametrize(
    "url",
    ["http://radio/forest.mp3", "rtsp://u:p@[::1]:554/x", "udp://0.0.0.0:5000", "srt://h:1?mode=caller"],
)
def test_a_url_of_a_known_scheme_with_a_host_is_accepted(url: str) -> None:
    check_url(url)


@pytest.mark.parametrize(
    "url",
    [
        "file:///etc/passwd",
        "concat://x",
        "http://",
        "http://radio:x/y",
        "http://[::1",
        "http://a b/c",
        "http://a/b\nfile '/etc/passwd'",
    ],
)
def test_any_other_url_is_refused_without_showing_its_password(url: str) -> None:
    with pytest.raises(SettingsError, match="the URL of a stream is"):
        check_url(url)
    with pytest.raises(SettingsError) as caught:
        check_url("gopher://user:secret@host/x?token=t0ken")
    assert "secret" not in str(caught.value)
    assert "t0ken" not in str(caught.value)


@pytest.mark.parametrize("password", ["s/ecret", "s?ecret", "s#ecret", "12/s3cret", "s@e/cret"])
def test_a_password_that_ends_the_host_is_refused_with_how_to_write_it(password: str) -> None:
    with pytest.raises(
        SettingsError, match=r"'rtsp://camera/s' with an @ after the host.* write / as %2F"
    ) as caught:
        check_url(f"rtsp://keeper:{password}@camera/s")
    assert "cret" not in str(caught.value)
    check_url(f"rtsp://keeper:{quote(password, safe='')}@camera/s")


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("rtsp://u:p@camera:554/a/b?token=1#x", "rtsp://camera:554/a/b"),
        ("http://u:p@ss@radio/x", "http://radio/x"),
        ("http://radio?token=1", "http://radio"),
        ("rtsp://u:p/ss@camera/s", "rtsp://camera/s"),
        ("rtsp://u:p?ss@camera/s", "rtsp://camera/s"),
        ("rtsp://u:12/34@camera/s", "rtsp://camera/s"),
        ("rtsp://u:p@s/s#@camera/s?x", "rtsp://camera/s"),
    ],
)
def test_a_url_is_shown_without_user_password_and_query(url: str, shown: str) -> None:
    assert shown_url(url) == shown


def test_the_output_of_a_program_is_shown_without_password_and_query() -> None:
    url = "http://keeper:pa%20ss@radio/x?token=t0ken"
    said = f"cannot open {url}: 'pa ss' and pa%20ss and token=t0ken are wrong"
    assert without_secrets(said, url) == "cannot open http://radio/x: '***' and *** and *** are wrong"
