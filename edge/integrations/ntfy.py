"""ntfy, a service that shows messages on phones: https://docs.ntfy.sh/publish/#publish-as-json."""

from __future__ import annotations

import json
from urllib.parse import urlsplit, urlunsplit

from birdedge.edge.integrations.alert_message import AlertMessage
from birdedge.edge.integrations.alerts import TargetSettings
from birdedge.edge.integrations.http_post import post
from birdedge.edge.integrations.webhook import bearer, url_of

HIGH, NORMAL = 4, 3
TAGS = {"firing": "warning", "resolved": "white_check_mark", "test": "wrench"}
BIRDS = ("first_bird", "many_events")  # conditions that are not trouble


def send(target: TargetSettings, message: AlertMessage) -> str:
    """Send a message, and return the status of the response.

    Raises:
        DeliveryError: The message was not accepted; see `post`.
        SettingsError: The file with the token cannot be used.
    """
    parts = urlsplit(url_of(target))
    path, _, topic = parts.path.rpartition("/")
    is_trouble = message.state == "firing" and message.when not in BIRDS
    body = {
        "topic": topic,
        "title": message.title,
        "message": message.text,
        "priority": HIGH if is_trouble else NORMAL,
        "tags": ["bird" if message.when in BIRDS else TAGS[message.state]],
    }
    url = urlunsplit((parts.scheme, parts.netloc, f"{path}/", "", ""))
    return post(url, json.dumps(body).encode(), bearer(target), target.timeout_s)
