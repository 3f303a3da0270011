"""A POST request that ends in time, follows no redirect and reads no more than the head of the response."""

from __future__ import annotations

import http.client
import socket
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

from birdedge import __version__
from birdedge.edge.errors import DeliveryError, DeliveryRefusedError

MAX_RETRY_AFTER_S = 3600.0


class ServerBusyError(DeliveryError):
    """The server asks to try again later, perhaps after `retry_after_s` seconds."""

    def __init__(self, message: str, retry_after_s: float | None) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


def post(url: str, body: bytes, headers: Mapping[str, str], timeout_s: float) -> str:
    """Send a JSON body, and return the status of the response as a sentence.

    Args:
        url: URL with http or https.
        body: The JSON.
        headers: Headers in addition to the headers of every request.
        timeout_s: Timeout of the whole request, except for the name lookup.

    Raises:
        DeliveryError: The server cannot be reached, redirects, fails or is busy: it may take the request later.
        DeliveryRefusedError: The server refuses the request.
    """
    parts = urlsplit(url)
    host = parts.netloc
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    connection = kind(parts.hostname or "", parts.port, timeout=timeout_s)
    is_late = threading.Event()

    def cut() -> None:
        is_late.set()
        with suppress(OSError, AttributeError):  # the connection is not open yet, or no longer
            connection.sock.shutdown(socket.SHUT_RDWR)

    timer = threading.Timer(timeout_s, cut)
    timer.daemon = True
    timer.start()
    try:
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        fixed = {"Content-Type": "application/json", "User-Agent": f"birdedge/{__version__}"}
        connection.request("POST", target, body, {**fixed, **headers})
        response = connection.getresponse()
        if is_late.is_set():  # a truncated status line passes as a complete one
            raise TimeoutError
    except (OSError, http.client.HTTPException, ValueError) as error:
        if is_late.is_set():
            reason = f"no answer within {timeout_s:g} s"
        elif isinstance(error, OSError | http.client.HTTPException):
            reason = str(error) or repr(error)
        else:  # any other ValueError, whose text may hold a secret; that of a certificate is an OSError too
            reason = "the URL or a header has a character that HTTP does not allow"
        raise DeliveryError(
            f"{host} cannot be reached ({reason}); check the address and the network"
        ) from error
    finally:
        timer.cancel()
        connection.close()
    answer = f"{host} answered {response.status} {response.reason}".rstrip()
    _require_success(answer, response)
    return answer


def _require_success(answer: str, response: http.client.HTTPResponse) -> None:
    status = response.status
    if 200 <= status < 300:
        return
    if 300 <= status < 400:
        raise DeliveryError(f"{answer}; redirects are not followed: give the URL that it leads to")
    if status in (408, 425, 429) or status >= 500:
        raise ServerBusyError(
            f"{answer}; it will be retried", _retry_after_s(response.getheader("Retry-After"))
        )
    raise DeliveryRefusedError(f"{answer}; check the URL and the token")


def _retry_after_s(value: str | None) -> float | None:
    """Return the seconds that a server asks to wait, as a number or a date; None if it does not say."""
    if value is None:
        return None
    if value.strip().isdecimal() and value.isascii():
        seconds = float(value)
    else:
        try:
            seconds = parsedate_to_datetime(value).timestamp() - time.time()
        except (ValueError, OverflowError):
            return None
    return min(max(seconds, 0.0), MAX_RETRY_AFTER_S)
