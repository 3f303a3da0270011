"""Text and names are plain engineering English: phrases and names of an earlier dialect do not come back.

The text of a Python file is its strings, docstrings and comments. Its names are read as text too, with spaces instead
of underscores, because test names are sentences.
"""

from __future__ import annotations

import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FOLDERS = ("edge", "export", "train", "benchmarks", "tests", "examples")
PAGES = ("*.md", "docs/**/*.md", "train/**/*.md", "benchmarks/**/*.md", ".github/**/*.md")

UNIT = "second|minute|hour|day|night"
PHRASES = (
    r"anew",
    r"for ever",
    r"mend(?:s|ed|ing)?",
    r"(?:is|are|be|was|were) well(?: again)?(?=\s*(?:[.,;:)\"'`]|$))",
    r"ends? well",
    r"set aside",
    r"beside",
    r"tells",
    r"deaf",
    r"whoever",
    r"begun",
    r"as (?:it|they) should",
    r"no numbers|(?:is|are|was|were) no (?:finite )?number|that is no (?:finite )?number",
    r"where nobody",
    r"gives? back",
    r"(?:is|are|was|were|be|been|being) asked for",
    r"(?:is|are|was|were|be|been|being) told(?! apart)",
    r"until then what",
    r"(?:after|every|for|of|until) so (?:long|many|much)",
    r"so (?:many|much) (?:are|is|of|was|were|wait)",
    r"of these(?=\s*(?:[.,;:)\"'`]|$))",
    r"how (?:a|an|it|that|the|this|they) (?:[a-z]+ )?do(?:es)?(?=\s*(?:[.,;:)\"'`]|$))",
    rf"(?:{UNIT})s? of sound|s of sound",
    rf"(?:audio|file|frames|recording|silence|sound) of (?:a|an|half an?|one) (?:{UNIT})",
    # Rates: "per second", not "a second".
    rf"(?:[A-Z]*MACs?|MB|accumulates|alarms|bytes|calls|clips|events|frames|ms|samples|seconds) an? (?:{UNIT})",
    r"(?:bytes|frames|samples|seconds) a (?:bin|call|channel|frame|sample)",
    r"--(?:largest|least|longest|lowest|most|shortest)-[a-z]+",
)
NAMES = (
    r"_*(?:Book|Capture|Found|Ledger|Masker|Mode|OpenSound|Overload|Overruns|PatientOutput|Printer|Reading)",
    r"_*(?:RecordingOutput|Segmentation|Segmented|Song|SoundOutput|Wanted)",
    r"MISTAKES|begun|deaf|free_floor_mb|keep_threshold|masters|set_aside|start_threshold|want|well",
    r"_*(?:largest|least|longest|lowest|most(?!_common)|shortest)_\w+",
)
# A line break, in a comment too, counts as a space.
PHRASE = re.compile(
    rf"(?<![\w-])(?:{'|'.join(PHRASES)})(?![\w-])".replace(" ", r"\s+(?:#\s+)?"), re.IGNORECASE
)
NAME = re.compile("|".join(NAMES))


def python_files() -> list[Path]:
    """Return all Python files but this one, relative to the checkout."""
    files = [path for folder in FOLDERS for path in (ROOT / folder).rglob("*.py")]
    files += (ROOT / "birdedge").glob("*.py")
    return sorted(path.relative_to(ROOT) for path in files if path != Path(__file__))


def pages() -> list[Path]:
    """Return all Markdown files, relative to the checkout."""
    return sorted({path.relative_to(ROOT) for pattern in PAGES for path in ROOT.glob(pattern)})


def phrases_in(text: str, first_line: int = 1) -> Iterator[str]:
    """Yield the phrases in a text that are not allowed, with their lines."""
    for found in PHRASE.finditer(text):
        line = first_line + text.count("\n", 0, found.start())
        yield f"line {line}: {' '.join(found[0].split())}"


def dialect_in(source: str) -> Iterator[str]:
    """Yield the phrases and names in Python source that are not allowed, with their lines."""
    comment, comment_line = "", 0
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        line = token.start[0]
        if token.type == tokenize.COMMENT:
            comment, comment_line = comment + token.string + "\n", comment_line or line
        elif token.type != tokenize.NL:
            yield from phrases_in(comment, comment_line)
            comment, comment_line = "", 0
            if token.type != tokenize.NAME:
                yield from phrases_in(token.string, line)
            elif NAME.fullmatch(token.string):
                yield f"line {line}: {token.string}"
            else:
                yield from phrases_in(token.string.replace("_", " "), line)


@pytest.mark.parametrize("path", python_files(), ids=str)
def test_a_python_file_is_in_plain_english(path: Path) -> None:
    assert list(dialect_in((ROOT / path).read_text(encoding="utf-8"))) == []


@pytest.mark.parametrize("path", pages(), ids=str)
def test_a_page_is_in_plain_english(path: Path) -> None:
    assert list(phrases_in((ROOT / path).read_text(encoding="utf-8"))) == []


@pytest.mark.parametrize(
    "text",
    [
        "read the settings anew",
        "It is tried again for ever.",
        "what mends it",
        "the disk is well again",
        "a table beside the database",
        "200 MMAC a second of sound",
        "20.0 s of sound",
        "false events an hour",
        "frames a call",
        "`birdedge listen` does as it should",
        "samples that are no numbers",
        "a value that is no finite number",
        "Stop after so many seconds.",
        "So many were lost.",
        "the gap between two of these.",
        "Print how the recorder does.",
        "a missing file is\n    told",
        "the sound of an hour",
        "--largest-loss",
    ],
)
def test_dialect_is_found(text: str) -> None:
    assert list(phrases_in(text))
    assert list(dialect_in(f'"""{text}"""\n'))


@pytest.mark.parametrize(
    "source",
    [
        "class Wanted: ...",
        "longest_s = 3",
        "def test_a_missing_file_is_told(): ...",
        "# The disk is\n# well.\nx = 1",
        "x = 1  # anew",
        "f'{x} of these'",
    ],
)
def test_dialect_is_found_in_names_and_comments(source: str) -> None:
    assert list(dialect_in(source))


@pytest.mark.parametrize(
    "text",
    [
        "a well-kept tool, which is well known; as well as others",
        "besides, wait half a second or up to an hour",
        "so much that it fails; so many samples that they fit; they cannot be told apart",
        "of these models the first",
        "call it once a second, twice a day",
        "a farewell to mending-free amends",
        "the number is written; no number of files",
        "a Counter has most_common",
    ],
)
def test_plain_english_is_allowed(text: str) -> None:
    assert list(phrases_in(text)) == []
    assert list(dialect_in(f'"""{text}"""\nCounter().most_common(1)\n')) == []


def test_the_line_of_a_phrase_is_reported() -> None:
    source = 'x = 1\n"""First.\n\nIt is\ntold."""\n# Now\n# beside\ny = 2\n'
    assert list(dialect_in(source)) == ["line 4: is told", "line 7: beside"]
