"""A model file that is not bundled first runs in a child process, which contains any misbehaviour."""

from __future__ import annotations

import shutil
import time
from pathlib import Path

import onnx
import pytest

from birdedge.edge.errors import ModelFileError
from birdedge.edge.models import model, trial
from birdedge.edge.models.checked_model import CheckedModel, check_model
from birdedge.edge.models.model import Model
from birdedge.edge.models.names import DEFAULT_MODEL, bundled_models
from birdedge.edge.models.trial import MAX_MEMORY_BYTES, try_in_child
from birdedge.edge.models.validation import with_digest
from tests.support.models import EditedModel

# Lets any graph pass the checks in the child, as if they did not know its defect.
NO_CHECKS = """
import birdedge.edge.models.validation as validation
from birdedge.edge.models.shapes import Cost
validation.infer_cost = lambda _: Cost(0, MACS)
"""


@pytest.fixture(autouse=True)
def no_trials_before(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trial, "_passed", set())


@pytest.fixture
def checked(edited_model: EditedModel) -> CheckedModel:
    return check_model(edited_model(lambda card: {**card, "name": "garden"}))


def test_a_file_that_is_not_bundled_is_tried_once(
    checked: CheckedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried: list[CheckedModel] = []
    monkeypatch.setattr(model, "try_in_child", tried.append)
    Model(checked.path)
    assert [trial.path for trial in tried] == [checked.path]
    monkeypatch.undo()
    Model(checked.path)
    monkeypatch.setattr("subprocess.run", None)
    Model(checked.path)


def test_a_bundled_model_and_its_copy_are_not_tried(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("subprocess.run", None)
    for name, path in bundled_models().items():
        Model(name)
        Model(path)
    Model(shutil.copy(bundled_models()[DEFAULT_MODEL], tmp_path / "copy.onnx"))


def test_a_graph_that_kills_onnxruntime_is_an_error(
    checked: CheckedModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hostile = onnx.load_from_string(checked.content)
    conv = next(node for node in hostile.graph.node if node.op_type == "Conv")
    (strides,) = (attribute for attribute in conv.attribute if attribute.name == "strides")
    strides.ints[:] = [0, 0]
    del hostile.metadata_props[-1]
    content = with_digest(hostile.SerializeToString())
    card = checked.card
    macs = round(card.macs_per_s * card.chunk_frames * card.grid.hop_s)
    (tmp_path / "sitecustomize.py").write_text(NO_CHECKS.replace("MACS", str(macs)), encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    # Later versions of onnxruntime refuse such strides; up to 1.27 they divide by 0.
    refused = r"ended its first run with SIGFPE|strides must only contain positive"
    with pytest.raises(ModelFileError, match=refused):
        try_in_child(CheckedModel(checked.path, checked.card, content))


@pytest.mark.parametrize(
    ("program", "message"),
    [
        ("import os; os.abort()", "ended its first run with SIGABRT"),
        ("import sys; sys.exit('a.onnx is wrong')", "a.onnx is wrong"),
        ("import sys; sys.exit(3)", "exit code 3"),
        (
            "from birdedge.edge.models.trial import *; limit_process(); bytearray(2 * MAX_MEMORY_BYTES)",
            "MemoryError",
        ),
        (
            "import birdedge.edge.models.trial as t; t.MAX_CPU_S = 1; t.limit_process()\nwhile True: pass",
            "ended its first run with SIG(KILL|XCPU)",
        ),
    ],
)
def test_a_failure_of_the_child_is_reported_as_an_error_of_the_file(
    checked: CheckedModel, program: str, message: str
) -> None:
    with pytest.raises(ModelFileError, match=message):
        try_in_child(checked, program)
    with pytest.raises(ModelFileError, match=message):
        try_in_child(checked, program)  # a failed trial is repeated


def test_a_child_that_does_not_finish_is_stopped(checked: CheckedModel) -> None:
    begin_s = time.monotonic()
    with pytest.raises(ModelFileError, match=r"did not run within 0\.5 s"):
        try_in_child(checked, "import time; time.sleep(60)", timeout_s=0.5)
    assert time.monotonic() - begin_s < 30


def test_the_child_imports_nothing_from_the_working_folder(
    checked: CheckedModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "numpy.py").write_text(
        "raise SystemExit('imported from the working folder')", encoding="utf-8"
    )
    monkeypatch.chdir(tmp_path)
    try_in_child(checked)


def test_a_bundled_model_fits_into_the_memory_of_the_trial() -> None:
    assert MAX_MEMORY_BYTES <= 2**27  # this fits into MemoryMax of the service
    for path in bundled_models().values():
        try_in_child(check_model(path))
