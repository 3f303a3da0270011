"""The texts of the pages in five languages: one catalogue, in which the English text is the key."""

from __future__ import annotations

import csv
from collections.abc import Callable, Mapping
from functools import cache
from importlib import resources

NAMES = {"en": "English", "de": "Deutsch", "es": "Español", "fr": "Français", "nl": "Nederlands"}
Translate = Callable[[str], str]


@cache
def catalogue() -> Mapping[str, Mapping[str, str]]:
    """Return the translations by language and English text. A text keeps its placeholders, such as {count}."""
    text = (resources.files("birdedge.edge.web") / "translations.tsv").read_text(encoding="utf-8")
    rows = list(csv.DictReader(text.splitlines(), delimiter="\t", quoting=csv.QUOTE_NONE))
    return {language: {row["en"]: row[language] for row in rows} for language in rows[0]}


def translator(language: str) -> Translate:
    """Return the function that templates call as `_`."""
    texts = catalogue()[language]
    return lambda text: texts.get(text, text)


def preferred(accept_language: str) -> str:
    """Return the language of the catalogue that a browser prefers, by its Accept-Language header."""
    ranked = []
    for place, item in enumerate(accept_language.split(",")[:20]):
        tag, _, quality = item.strip().partition(";q=")
        try:
            ranked.append((-float(quality or 1), place, tag[:2].lower()))
        except ValueError:
            continue
    return next((language for _, _, language in sorted(ranked) if language in catalogue()), "en")
