"""Numbers, dates and durations as the languages of the pages write them."""

from __future__ import annotations

from datetime import date

from jinja2 import pass_context
from jinja2.runtime import Context

MONTHS = {
    "en": "January February March April May June July August September October November December",
    "de": "Januar Februar März April Mai Juni Juli August September Oktober November Dezember",
    "es": "enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre",
    "fr": "janvier février mars avril mai juin juillet août septembre octobre novembre décembre",
    "nl": "januari februari maart april mei juni juli augustus september oktober november december",
}
SHORT_MONTHS = {
    "en": "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec",
    "de": "Jan Feb März Apr Mai Juni Juli Aug Sep Okt Nov Dez",
    "es": "ene feb mar abr may jun jul ago sept oct nov dic",
    "fr": "janv. févr. mars avr. mai juin juil. août sept. oct. nov. déc.",
    "nl": "jan feb mrt apr mei jun jul aug sep okt nov dec",
}
# Thousands separator and decimal mark. Spaces are non-breaking.
MARKS = {
    "en": (",", "."),
    "de": (".", ","),
    "es": ("\N{NO-BREAK SPACE}", ","),
    "fr": ("\N{NARROW NO-BREAK SPACE}", ","),
    "nl": (".", ","),
}
DATES = {
    "en": "{day} {month} {year}",
    "de": "{day}. {month} {year}",
    "es": "{day} de {month} de {year}",
    "fr": "{day} {month} {year}",
    "nl": "{day} {month} {year}",
}
DAYS = {"en": "days", "de": "Tage", "es": "días", "fr": "jours", "nl": "dagen"}
UNITS = ("B", "kB", "MB", "GB", "TB")
FRENCH_UNITS = ("o", "ko", "Mo", "Go", "To")


def number(value: float, language: str, decimals: int = 0) -> str:
    """Return a number with separators; 1234 has none in Spanish, as the Spanish academies ask."""
    thousands, mark = MARKS[language]
    text = f"{value:,.{decimals}f}"
    if language == "es" and abs(value) < 10_000:
        thousands = ""
    return text.replace(",", "\0").replace(".", mark).replace("\0", thousands)


def full_date(day: date, language: str) -> str:
    """Return a date, such as 1 May 2026."""
    text = "1er" if language == "fr" and day.day == 1 else str(day.day)
    return DATES[language].format(day=text, month=MONTHS[language].split()[day.month - 1], year=day.year)


def month_name(day: date, language: str) -> str:
    """Return a month with its year, such as May 2026, as a heading."""
    month = MONTHS[language].split()[day.month - 1].capitalize()
    return f"{month} de {day.year}" if language == "es" else f"{month} {day.year}"


def size(size_bytes: float, language: str) -> str:
    """Return a number of bytes in a unit that makes it readable."""
    unit = 0
    while size_bytes >= 999.5 and unit < len(UNITS) - 1:
        size_bytes, unit = size_bytes / 1000, unit + 1
    units = FRENCH_UNITS if language == "fr" else UNITS
    decimals = 1 if unit and size_bytes < 99.95 else 0
    return f"{number(size_bytes, language, decimals)}\N{NO-BREAK SPACE}{units[unit]}"


def duration(seconds: float, language: str) -> str:
    """Return a duration in seconds, minutes, hours or days."""
    if seconds < 59.5:
        unit, value = "s", seconds
    elif seconds < 3570.0:
        unit, value = "min", seconds / 60.0
    elif seconds < 172_800.0:
        unit, value = "h", seconds / 3600.0
    else:
        unit, value = DAYS[language], seconds / 86_400.0
    decimals = 1 if value < 9.95 and unit != "min" else 0
    return f"{number(value, language, decimals)}\N{NO-BREAK SPACE}{unit}"


@pass_context
def _number(context: Context, value: float, decimals: int = 0) -> str:
    return number(value, context["language"], decimals)


@pass_context
def _date(context: Context, day: date) -> str:
    return full_date(day, context["language"])


@pass_context
def _month(context: Context, day: date) -> str:
    return month_name(day, context["language"])


@pass_context
def _month_short(context: Context, day: date) -> str:
    return SHORT_MONTHS[context["language"]].split()[day.month - 1]


@pass_context
def _size(context: Context, size_bytes: float) -> str:
    return size(size_bytes, context["language"])


@pass_context
def _duration(context: Context, seconds: float) -> str:
    return duration(seconds, context["language"])


FILTERS = {
    "number": _number,
    "date": _date,
    "month": _month,
    "month_short": _month_short,
    "size": _size,
    "duration": _duration,
}
