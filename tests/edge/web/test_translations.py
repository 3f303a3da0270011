"""The catalogue has exactly the texts of the pages, in all languages."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import birdedge.edge.web
from birdedge.edge.web.translations import catalogue

ROOM = Path(birdedge.edge.web.__file__).parent
CALL = re.compile(r"""\b_\(\s*("(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')\s*\)""")


def texts() -> Iterator[str]:
    """Yield the texts that templates and handlers translate; each is a literal, so that this function can find it."""
    for path in (*ROOM.rglob("*.html"), *ROOM.rglob("*.py")):
        source = path.read_text(encoding="utf-8")
        found = CALL.findall(source)
        assert len(found) == len(re.findall(r"\b_\(", source)), f"{path.name}: a text is not a literal"
        yield from map(ast.literal_eval, found)


def test_the_catalogue_holds_exactly_the_texts_in_use() -> None:
    assert set(catalogue()["en"]) == set(texts())


def test_every_text_has_all_translations_with_the_same_placeholders() -> None:
    for language, translations in catalogue().items():
        for text, translation in translations.items():
            assert translation, f"{text!r} lacks {language}"
            assert sorted(re.findall(r"{\w*}", translation)) == sorted(re.findall(r"{\w*}", text)), (
                translation
            )


def test_the_catalogue_has_five_languages_and_no_duplicate_text() -> None:
    lines = (ROOM / "translations.tsv").read_text(encoding="utf-8").splitlines()
    assert lines[0].split("\t") == ["en", "de", "es", "fr", "nl"] == list(catalogue())
    keys = [line.split("\t")[0] for line in lines]
    assert len(keys) == len(set(keys))
    assert {line.count("\t") for line in lines} == {4}
