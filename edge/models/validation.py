"""Validation of a model file before onnxruntime opens it, so that a damaged or hostile file raises an error.

A valid file is complete (its last entry is the SHA-256 of everything before it), uses only the standard operators that
`birdedge export` writes, in the way it writes them, refers to no other file, and costs no more than a recorder has.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from birdedge.edge.errors import ModelFileError
from birdedge.edge.models.onnx_fields import EntryField, ModelField, OpsetField
from birdedge.edge.models.onnx_graph import RefusedError, TensorType, check_domain, known_fields, read_graph
from birdedge.edge.models.protobuf_reader import ProtobufError, Value, as_message, as_text
from birdedge.edge.models.shapes import infer_cost

DIGEST_KEY = "birdedge_sha256"  # the last of the metadata_props
MAX_BYTES = 32 * 2**20
ADVICE = "give a complete .onnx file that `birdedge export` wrote"
OPSETS = range(18, 23)  # versions of the operators that `birdedge export` writes
ORT_FORMAT = b"ORTM"  # at byte 4; onnxruntime does not read such a file as protobuf


@dataclass(frozen=True)
class ModelFile:
    """The metadata of a valid file, the inputs and outputs of its graph by name, and its cost."""

    metadata: dict[str, str]
    inputs: dict[str, TensorType]
    outputs: dict[str, TensorType]
    macs: int  # multiply-accumulates per call


def read_content(path: Path) -> bytes:
    """Return the content of a model file.

    Raises:
        ModelFileError: The file cannot be read, or is larger than any model.
    """
    try:
        size = path.stat().st_size
        if size <= MAX_BYTES:
            return path.read_bytes()
    except OSError as error:
        raise ModelFileError(f"{path} cannot be read: {error.strerror or error}") from error
    raise ModelFileError(
        f"{path} has {size} bytes, more than the {MAX_BYTES} that a recorder accepts; {ADVICE}"
    )


def validate(content: bytes, path: Path) -> ModelFile:
    """Return the parts of a model file whose content was read from `path`.

    Raises:
        ModelFileError: The file is not a complete, unchanged file that `birdedge export` wrote.
    """
    try:
        return _validated(content)
    except ProtobufError:
        reason = "is not an ONNX model, or was truncated"
    except RefusedError as error:
        reason = str(error)
    raise ModelFileError(f"{path} {reason}; {ADVICE}")


def with_digest(content: bytes) -> bytes:
    """Return a serialized ONNX model with its SHA-256 appended as the last entry of its metadata."""
    key, value = DIGEST_KEY.encode(), hashlib.sha256(content).hexdigest().encode()
    entry = b"\x0a" + bytes([len(key)]) + key + b"\x12" + bytes([len(value)]) + value
    return content + b"\x72" + bytes([len(entry)]) + entry


def _validated(content: bytes) -> ModelFile:
    """Return the parsed file, or raise `RefusedError` or `ProtobufError`."""
    metadata: dict[str, str] = {}
    graph, last_start = None, 0
    if content[4:8] == ORT_FORMAT:
        raise RefusedError("is a model in the format of onnxruntime, not of ONNX")
    repeated = ModelField.OPSET_IMPORT, ModelField.METADATA_PROPS
    opsets = []
    for number, value, start in known_fields(memoryview(content), ModelField, repeated):
        last_start = start
        match number:
            case ModelField.GRAPH:
                graph = as_message(value)
            case ModelField.OPSET_IMPORT:
                opsets.append(_opset(as_message(value)))
            case ModelField.METADATA_PROPS:
                entry = {number: text for number, text, _ in known_fields(as_message(value), EntryField)}
                metadata[_text(entry, EntryField.KEY)] = _text(entry, EntryField.VALUE)
            case ModelField.TRAINING_INFO | ModelField.FUNCTIONS:
                raise RefusedError("contains training steps or functions of its own")
    if graph is None:
        raise RefusedError("is not an ONNX model")
    if content != with_digest(content[:last_start]):
        raise RefusedError(
            "was truncated, damaged or changed after its export"
            if DIGEST_KEY in metadata
            else "has no digest"
        )
    if len(opsets) != 1 or opsets[0] not in OPSETS:
        raise RefusedError(f"uses the operators of version {opsets}, not {OPSETS.start} to {OPSETS.stop - 1}")
    checked = read_graph(graph)
    return ModelFile(metadata, checked.inputs, checked.outputs, infer_cost(checked).macs)


def _opset(message: memoryview) -> Value:
    """Return the version of the standard operators."""
    opset = {number: value for number, value, _ in known_fields(message, OpsetField)}
    check_domain(_text(opset, OpsetField.DOMAIN))
    return opset.get(OpsetField.VERSION, 0)


def _text(fields: dict[int, Value], number: int) -> str:
    return as_text(fields[number]) if number in fields else ""
