"""Damaged and hostile model files raise an error: never a crash, a hang, or unbounded memory."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from birdedge.edge.errors import ModelFileError
from birdedge.edge.models.checked_model import check_model
from birdedge.edge.models.model import Model
from birdedge.edge.models.names import DEFAULT_MODEL, bundled_models
from birdedge.edge.models.validation import DIGEST_KEY, MAX_BYTES, read_content, validate, with_digest

MUTANTS = 1000
MAX_RESIDENT_MB = 300
# Opens mutants of a model with a recomputed, valid digest, and calls those that open.
OPEN_MUTANTS = """
import resource, sys
resource.setrlimit(resource.RLIMIT_AS, (4 << 30, 4 << 30))
from pathlib import Path
from birdedge.edge.errors import ModelFileError
from birdedge.edge.models.checked_model import check_content
from birdedge.edge.models.model import open_session
from tests.edge.models.test_validation import mutant
refused = 0
for seed in range(int(sys.argv[1]), int(sys.argv[2])):
    try:
        open_session(check_content(mutant(seed, signed=True), Path("mutant.onnx")))  # without a trial in a child
    except ModelFileError as error:
        assert "\\n" not in str(error) and len(str(error)) < 1000, error
        refused += 1
# Not ru_maxrss, which starts at the peak of the parent.
status = Path("/proc/self/status").read_text(encoding="ascii")
print(refused, int(status.partition("VmHWM:")[2].split()[0]) // 1000)
"""


def body() -> onnx.ModelProto:
    """Return the bundled model without its digest."""
    model = onnx.load(bundled_models()[DEFAULT_MODEL])
    del model.metadata_props[[entry.key for entry in model.metadata_props].index(DIGEST_KEY)]
    return model


def mutant(seed: int, signed: bool) -> bytes:
    """Return the bundled model with a few bits flipped, or bytes deleted, inserted or overwritten."""
    rng = random.Random(seed)
    content = bytearray(
        body().SerializeToString() if signed else bundled_models()[DEFAULT_MODEL].read_bytes()
    )
    at = rng.randrange(len(content))
    match rng.randrange(4):
        case 0:
            for _ in range(rng.randint(1, 8)):
                content[rng.randrange(len(content))] ^= 1 << rng.randrange(8)
        case 1:
            del content[at : at + rng.randint(1, 64)]
        case 2:
            content[at:at] = rng.randbytes(rng.randint(1, 16))
        case 3:
            content[at : at + 4] = rng.randbytes(4)
    return with_digest(bytes(content)) if signed else bytes(content)


def refusal(tmp_path: Path, model: onnx.ModelProto | bytes) -> str:
    path = tmp_path / "hostile.onnx"
    path.write_bytes(with_digest(model.SerializeToString()) if isinstance(model, onnx.ModelProto) else model)
    with pytest.raises(ModelFileError) as refused:
        validate(path.read_bytes(), path)
    assert str(path) in str(refused.value)
    return str(refused.value)


def test_the_digest_covers_the_content_before_it() -> None:
    whole = bundled_models()[DEFAULT_MODEL].read_bytes()
    assert with_digest(body().SerializeToString(deterministic=True)) == whole
    file = validate(whole, bundled_models()[DEFAULT_MODEL])
    frames = check_model(DEFAULT_MODEL).card.chunk_frames
    assert file.inputs["frames"] == ("float32", (1, 2, frames, 256))
    assert file.outputs["mask"] == ("float32", (1, frames, 256))


def test_a_thousand_mutants_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "mutant.onnx"
    whole = bundled_models()[DEFAULT_MODEL].read_bytes()
    for seed in range(MUTANTS):
        content = mutant(seed, signed=False)
        if content != whole:
            with pytest.raises(ModelFileError, match=r"give a complete \.onnx file"):
                validate(content, path)


def test_mutants_with_a_valid_digest_are_refused_or_run_within_a_memory_bound() -> None:
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}
    done = subprocess.run(
        [sys.executable, "-c", OPEN_MUTANTS, "0", "250"],
        capture_output=True,
        text=True,
        timeout=120,
        env=env,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    refused, resident_mb = map(int, done.stdout.split())
    assert 100 < refused < 250
    assert resident_mb < MAX_RESIDENT_MB


def test_a_file_that_is_too_large_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "large.onnx"
    with path.open("wb") as file:
        file.truncate(MAX_BYTES + 1)
    with pytest.raises(ModelFileError, match="more than the 33554432 that a recorder accepts"):
        read_content(path)


def with_initializer(tensor: TensorProto) -> onnx.ModelProto:
    model = body()
    model.graph.initializer.append(tensor)
    return model


def with_node(node: onnx.NodeProto) -> onnx.ModelProto:
    model = body()
    model.graph.node.append(node)
    return model


def external() -> onnx.ModelProto:
    tensor = numpy_helper.from_array(np.zeros(4, np.float32), "elsewhere")
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="/etc/passwd")
    return with_initializer(tensor)


def huge() -> onnx.ModelProto:
    tensor = TensorProto(name="huge", data_type=TensorProto.FLOAT, dims=[2**20, 2**20])
    return with_initializer(tensor)


def short() -> onnx.ModelProto:
    tensor = TensorProto(name="short", data_type=TensorProto.FLOAT, dims=[1000], raw_data=b"0123")
    return with_initializer(tensor)


def many() -> onnx.ModelProto:
    model = body()
    for index in range(5):
        model.graph.initializer.append(
            TensorProto(name=f"t{index}", data_type=TensorProto.FLOAT, dims=[2**21])
        )
    return model


def looping() -> onnx.ModelProto:
    graph = helper.make_graph([], "inside", [], [])
    return with_node(helper.make_node("Relu", ["frames"], ["x"], body=graph))


def dynamic() -> onnx.ModelProto:
    model = body()
    model.graph.input[0].type.tensor_type.shape.dim[2].dim_param = "frames"
    return model


def empty_input() -> onnx.ModelProto:
    model = body()
    model.graph.input[0].type.tensor_type.shape.dim[2].dim_value = 0
    return model


def other_opset() -> onnx.ModelProto:
    model = body()
    model.opset_import[0].version = 17
    return model


def two_opsets() -> onnx.ModelProto:
    model = body()
    model.opset_import.add(domain="ai.onnx", version=18)
    return model


def overridden() -> onnx.ModelProto:
    return with_initializer(numpy_helper.from_array(np.zeros((1, 2, 16, 256), np.float32), "frames"))


def many_operators() -> onnx.ModelProto:
    model = body()
    model.graph.node.extend(helper.make_node("Relu", ["frames"], [f"x{i}"]) for i in range(4000))
    return model


def other_output() -> onnx.ModelProto:
    model = body()
    (mask,) = (o for o in model.graph.output if o.name == "mask")
    mask.type.tensor_type.shape.dim[1].dim_value = 32
    return model


def foreign_opset() -> onnx.ModelProto:
    model = body()
    model.opset_import.add(domain="com.example", version=1)
    return model


def function() -> onnx.ModelProto:
    model = body()
    model.functions.add(name="f", domain="")
    return model


HOSTILE: dict[str, tuple[Callable[[], onnx.ModelProto], str]] = {
    "foreign operator": (lambda: with_node(helper.make_node("Loop", ["frames"], ["x"])), "operator 'Loop'"),
    "foreign domain": (
        lambda: with_node(helper.make_node("Relu", ["frames"], ["x"], domain="com.example")),
        "operators of 'com.example'",
    ),
    "foreign opset": (foreign_opset, "operators of 'com.example'"),
    "function": (function, "functions of its own"),
    "graph inside": (looping, "an operator that contains a graph"),
    "external data": (external, "stores tensors in another file"),
    "huge tensor": (huge, "too large for a recorder"),
    "many tensors": (many, "more than the"),
    "truncated tensor": (short, "a tensor of 1000 elements in 4 bytes"),
    "strings": (
        lambda: with_initializer(TensorProto(name="s", data_type=TensorProto.STRING, dims=[1])),
        "a tensor of data type 8",
    ),
    "far padding": (
        lambda: with_node(helper.make_node("Conv", ["frames"], ["x"], pads=[10**6] * 4)),
        "an attribute above 4096",
    ),
    "no fixed shape": (dynamic, "without a fixed shape"),
    "empty input": (empty_input, "without a fixed shape"),
    "other opset": (other_opset, "uses the operators of version [17]"),
    "two opsets": (two_opsets, "uses the operators of version [18, 18]"),
    "constant that is an input": (overridden, "a constant that is an input"),
    "repeated name": (lambda: with_initializer(body().graph.initializer[0]), "two values with the name"),
    "many operators": (many_operators, "has 4371 operators"),
    "output of another shape": (other_output, "has an output 'mask' of shape (1, 16, 256)"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_model_unfit_for_a_recorder_is_refused_before_a_session_exists(tmp_path: Path, name: str) -> None:
    make, message = HOSTILE[name]
    assert message in refusal(tmp_path, make())


def test_a_file_that_readers_interpret_differently_is_refused(tmp_path: Path) -> None:
    content = body().SerializeToString()
    graph = onnx.ModelProto(graph=onnx.GraphProto(name="merged")).SerializeToString()
    assert "repeated" in refusal(tmp_path, with_digest(content + graph))
    assert "unknown" in refusal(tmp_path, with_digest(content + b"\xf8\x07\x01"))  # field 127
    ort = b"\x12\x06\x00\x00ORTM" + content  # a producer name to us, and its own file format to onnxruntime
    assert onnx.ModelProto.FromString(ort).graph == body().graph
    assert "the format of onnxruntime" in refusal(tmp_path, with_digest(ort))


def test_a_missing_digest_and_a_changed_file_are_distinguished(tmp_path: Path) -> None:
    assert "has no digest" in refusal(tmp_path, body().SerializeToString())
    whole = bytearray(bundled_models()[DEFAULT_MODEL].read_bytes())
    whole[len(whole) // 2] ^= 1
    assert "damaged or changed" in refusal(tmp_path, bytes(whole))


def test_a_graph_that_only_onnxruntime_refuses_is_an_error(tmp_path: Path) -> None:
    model = body()
    state = next(i.name for i in model.graph.input if i.type.tensor_type.elem_type == TensorProto.UINT8)
    model.graph.node.append(helper.make_node("Sigmoid", [state], ["of integers"]))
    path = tmp_path / "broken.onnx"
    path.write_bytes(with_digest(model.SerializeToString()))
    with pytest.raises(ModelFileError, match="not a model that onnxruntime can run"):
        Model(path)
