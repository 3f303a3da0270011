"""Minisign signatures: files that minisign 0.11 wrote, and files that are not signatures."""

from __future__ import annotations

import base64
import shutil
import sys
from pathlib import Path

import pytest

from birdedge.edge.errors import ExtraMissingError, ModelFileError
from birdedge.edge.models.names import DEFAULT_MODEL, bundled_models
from birdedge.edge.models.signature import verify_signature
from tests.support.commands import birdedge

CONTENT = b"a small file\n"
KEY = "RWTPA7k82CrdTEZAmqihRnyHL5vB+lVMJQoB/rNhLcE8Xwo/GiUfo/aG"
SIGNATURE = """untrusted comment: signature from minisign secret key
RUTPA7k82CrdTI0HzN2KBFmD8C0zRe/HIOx1Ayh7v6v1qWNCFvyb2lM9NKsIexAhmgfWsQc1XfREj7NoeyelCIRK++gNiT1iUAg=
trusted comment: birdedge test 1
8UN5E7ueM7E4AfZz6uyc5vTb9waY8U8O87n84fnUFo4nxVPuafuPxihygLP1B+z+3n/rn+RaiRKyL+CTH8ehAg==
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return a file next to its signature."""
    path = tmp_path / "model.onnx"
    path.write_bytes(CONTENT)
    (tmp_path / "model.onnx.minisig").write_text(SIGNATURE, encoding="utf-8")
    return path


def test_a_signature_by_minisign_is_valid_with_the_key_or_its_file(path: Path) -> None:
    assert verify_signature(path, CONTENT, KEY) == "birdedge test 1"
    file = path.with_name("test.pub")
    file.write_text(f"untrusted comment: minisign public key 4CDD2AD83CB903CF\n{KEY}\n", encoding="utf-8")
    assert verify_signature(path, CONTENT, str(file)) == "birdedge test 1"


def test_a_changed_file_or_comment_is_refused(path: Path) -> None:
    with pytest.raises(ModelFileError, match="is not the signature of"):
        verify_signature(path, CONTENT + b"\n", KEY)
    changed = SIGNATURE.replace("test 1", "test 2")
    path.with_name("model.onnx.minisig").write_text(changed, encoding="utf-8")
    with pytest.raises(ModelFileError, match="is not the signature of"):
        verify_signature(path, CONTENT, KEY)


def test_the_signature_of_another_key_is_refused(path: Path) -> None:
    key = bytearray(base64.b64decode(KEY))
    key[-1] ^= 1
    with pytest.raises(ModelFileError, match="is not the signature of"):
        verify_signature(path, CONTENT, base64.b64encode(key).decode())
    key[2] ^= 1
    with pytest.raises(ModelFileError, match="was made with key 4CDD2AD83CB903CF, not 4CDD2AD83CB903CE"):
        verify_signature(path, CONTENT, base64.b64encode(key).decode())


@pytest.mark.parametrize(
    "text",
    ["", "a\nb\nc\nd\n", SIGNATURE[:200], SIGNATURE.replace("RUT", "RWT"), SIGNATURE.replace("8UN5", "8UN")],
)
def test_a_file_that_is_not_a_signature_is_refused(path: Path, text: str) -> None:
    path.with_name("model.onnx.minisig").write_text(text, encoding="utf-8")
    with pytest.raises(
        ModelFileError, match=r"is not a signature; make one with `minisign -S -m model\.onnx`"
    ):
        verify_signature(path, CONTENT, KEY)


def test_a_missing_file_and_a_wrong_key_are_refused(path: Path) -> None:
    for key in ("x" * 56, str(path)):
        with pytest.raises(ModelFileError, match="is not a public key of minisign"):
            verify_signature(path, CONTENT, key)
    with pytest.raises(ModelFileError, match=r"there is no file no\.pub"):
        verify_signature(path, CONTENT, "no.pub")
    path.with_name("model.onnx.minisig").unlink()
    with pytest.raises(ModelFileError, match=r"there is no file .*model\.onnx\.minisig"):
        verify_signature(path, CONTENT, KEY)


def test_without_the_extra_the_error_names_it(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cryptography.exceptions", None)
    with pytest.raises(ExtraMissingError, match=r"birdedge\[signature\]"):
        verify_signature(path, CONTENT, KEY)


def test_inspect_refuses_a_model_with_the_signature_of_another_file(path: Path) -> None:
    shutil.copy(bundled_models()[DEFAULT_MODEL], path)
    output, error = birdedge("inspect", path, "--public-key", KEY, cwd=path.parent, exit_code=1)
    assert output == ""
    assert "is not the signature of" in error
