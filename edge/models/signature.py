"""Minisign signatures of model files: they show who made a file; its digest shows only that the file is complete.

A signature is optional. MODEL.minisig lies next to MODEL, as `minisign -S -m MODEL` writes it.
https://jedisct1.github.io/minisign/ describes the format.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from pathlib import Path

from birdedge.edge.errors import ExtraMissingError, ModelFileError

ALGORITHM = b"ED"  # Ed25519 of the BLAKE2b-512 digest
KEY_ALGORITHM = b"Ed"
ID_BYTES, KEY_BYTES, SIGNATURE_BYTES = 8, 32, 64
TRUSTED_COMMENT = "trusted comment: "
MAX_CHARACTERS = 10_000


def verify_signature(path: Path, content: bytes, public_key: str) -> str:
    """Return the trusted comment of the signature of a model file.

    Args:
        path: The model file; the signature is in the file with `.minisig` after its name.
        content: Its content.
        public_key: The key as minisign prints it, or the file that holds it.

    Raises:
        ModelFileError: The key or the signature cannot be read, or the signature does not match the file and the key.
        ExtraMissingError: The package `cryptography` is not installed.
    """
    try:
        from cryptography.exceptions import InvalidSignature
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    except ImportError as error:
        raise ExtraMissingError(
            "signatures need the package cryptography: pip install 'birdedge[signature]'"
        ) from error
    key_id, key = _public_key(public_key)
    signature_path = path.with_name(f"{path.name}.minisig")
    signature_id, signature, comment, comment_signature = _signature(signature_path)
    if signature_id != key_id:
        raise ModelFileError(
            f"{signature_path} was made with key {_shown(signature_id)}, not {_shown(key_id)}; give its public key"
        )
    try:
        verifier = Ed25519PublicKey.from_public_bytes(key)
        verifier.verify(signature, hashlib.blake2b(content).digest())
        verifier.verify(comment_signature, signature + comment.encode())
    except InvalidSignature:
        raise ModelFileError(
            f"{signature_path} is not the signature of {path}; do not use the file, and get both again"
        ) from None
    return comment


def _public_key(text_or_path: str) -> tuple[bytes, bytes]:
    """Return the identifier and the bytes of a public key."""
    text = text_or_path
    if len(text_or_path) != 56:  # the length of a key; anything else is a file
        text = _lines(Path(text_or_path))[-1]
    content = _decoded(text, len(KEY_ALGORITHM) + ID_BYTES + KEY_BYTES)
    if not content.startswith(KEY_ALGORITHM):
        raise ModelFileError(f"{text_or_path} is not a public key of minisign; give the key or its file")
    return content[2 : 2 + ID_BYTES], content[2 + ID_BYTES :]


def _signature(path: Path) -> tuple[bytes, bytes, str, bytes]:
    """Return the key's identifier, the signature, the trusted comment and its signature."""
    lines = _lines(path)
    if len(lines) == 4 and lines[2].startswith(TRUSTED_COMMENT):
        content = _decoded(lines[1], len(ALGORITHM) + ID_BYTES + SIGNATURE_BYTES)
        comment_signature = _decoded(lines[3], SIGNATURE_BYTES)
        if content.startswith(ALGORITHM) and comment_signature:
            comment = lines[2].removeprefix(TRUSTED_COMMENT)
            return content[2 : 2 + ID_BYTES], content[2 + ID_BYTES :], comment, comment_signature
    raise ModelFileError(f"{path} is not a signature; make one with `minisign -S -m {path.stem}`")


def _lines(path: Path) -> list[str]:
    try:
        with path.open(encoding="utf-8") as file:
            return file.read(MAX_CHARACTERS).splitlines() or [""]
    except FileNotFoundError:
        raise ModelFileError(f"there is no file {path}; a signature and its public key are needed") from None
    except (OSError, UnicodeDecodeError, ValueError) as error:
        raise ModelFileError(f"{path} cannot be read ({error}); give a file that minisign wrote") from error


def _decoded(text: str, length: int) -> bytes:
    """Return decoded base64; empty if it is invalid or of another length."""
    try:
        content = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return b""
    return content if len(content) == length else b""


def _shown(key_id: bytes) -> str:
    return key_id[::-1].hex().upper()
