"""Webhooks: a POST of JSON, signed so that the receiver knows who sent it and when.

The signature is HMAC-SHA256 with the shared key over the timestamp, a dot and the body.
"""

from __future__ import annotations

import hashlib
import hmac
import time
from pathlib import Path

from birdedge.edge.errors import SettingsError
from birdedge.edge.integrations.alert_message import AlertMessage
from birdedge.edge.integrations.alerts import TargetSettings, require_url
from birdedge.edge.integrations.http_post import post
from birdedge.edge.system.secret_file import read_secret


def send(target: TargetSettings, message: AlertMessage) -> str:
    """Send a message, and return the status of the response.

    Raises:
        DeliveryError: The message was not accepted; see `post`.
        SettingsError: A file with a secret cannot be used.
    """
    body = message.json()
    headers = {"Idempotency-Key": message.id, **bearer(target)}
    if target.secret_file:
        timestamp = str(int(time.time()))
        headers["X-Birdedge-Timestamp"] = timestamp
        headers["X-Birdedge-Signature"] = (
            f"sha256={signature(read_secret(Path(target.secret_file)), timestamp, body)}"
        )
    return post(url_of(target), body, headers, target.timeout_s)


def signature(key: str, timestamp: str, body: bytes) -> str:
    """Return the signature of a request in hexadecimal digits."""
    return hmac.new(key.encode(), timestamp.encode() + b"." + body, hashlib.sha256).hexdigest()


def url_of(target: TargetSettings) -> str:
    """Return the URL of a target.

    Raises:
        SettingsError: The file with the URL cannot be used.
    """
    if not target.url_file:
        return target.url
    url = read_secret(Path(target.url_file))
    try:
        require_url(url, target.kind)
    except SettingsError:  # its message would show the URL
        raise SettingsError(
            f"{target.url_file} holds no URL that can be used; write one line to it"
        ) from None
    return url


def bearer(target: TargetSettings) -> dict[str, str]:
    """Return the header with the token of a target, if it has one.

    Raises:
        SettingsError: The file with the token cannot be used.
    """
    if not target.token_file:
        return {}
    return {"Authorization": f"Bearer {read_secret(Path(target.token_file))}"}
