"""A model file contains everything needed to run it, and an inconsistent file is refused."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray

from birdedge.edge.errors import ModelMissingError
from birdedge.edge.models.model import Model
from birdedge.edge.models.names import ARCHIVE_MODEL, DEFAULT_MODEL, LIGHT_MODEL, SMALL_MODEL, bundled_models
from birdedge.edge.models.validation import with_digest
from birdedge.edge.pipeline.noise_floor import NetworkInput
from birdedge.edge.pipeline.segmenter import Segmenter
from tests.support.models import Card, Change, EditedModel, refusal


def test_both_precisions_are_bundled_and_named_by_file_and_card() -> None:
    assert DEFAULT_MODEL in bundled_models()
    for name, path in bundled_models().items():
        model = Model(name)
        assert model.path == path
        assert f"-{model.card.precision}" in name
        assert model.card.name == name
    assert {Model(name).card.precision for name in bundled_models()} == {"int8", "fp32"}


def test_the_bundled_models_differ_only_in_precision() -> None:
    int8, fp32 = Model("birdedge-int8").card, Model("birdedge-fp32").card
    for field in ("grid", "scaling", "chunk_frames", "time_stride_frames", "lookahead_frames", "parameters"):
        assert getattr(int8, field) == getattr(fp32, field)
    # Two rows, or four rows of the input, are stacked as the channels of one: see export/stacking.py.
    finest_level = (0, 1, 2, -2, -1)
    for number, (stacked, state) in enumerate(zip(int8.states, fp32.states, strict=True)):
        _, channels, frames, bins = state.shape
        if number in {i % len(fp32.states) for i in finest_level}:
            assert stacked.shape[1:3] == (1, bins)
            assert stacked.shape[3] in (2 * channels, 4 * channels)
        else:
            assert stacked.shape == (1, frames, bins, channels)
    assert {s.dtype for s in int8.states} == {"uint8"}
    assert {s.dtype for s in fp32.states} == {"float32"}


@pytest.mark.parametrize("name", sorted(bundled_models()))
def test_the_card_lists_the_inputs_and_outputs_of_the_graph(name: str) -> None:
    model = Model(name)
    card, session = model.card, model.session
    inputs = {node.name: node.shape for node in session.get_inputs()}
    outputs = {node.name: node.shape for node in session.get_outputs()}
    assert inputs.pop("frames") == [1, 2, card.chunk_frames, card.grid.bins]
    assert outputs.pop("mask") == [1, card.chunk_frames, card.grid.bins]
    rows, columns = card.chunk_frames // card.time_stride_frames, card.grid.bins // card.class_bins
    assert outputs.pop("classes") == [1, rows, columns, len(card.classes)]
    assert inputs == {state.name: list(state.shape) for state in card.states}
    assert outputs == {f"next_{state.name}": list(state.shape) for state in card.states}


@pytest.mark.parametrize("name", sorted(bundled_models()))
def test_a_bundled_model_is_within_the_budget_of_a_recorder(name: str) -> None:
    card = Model(name).card
    assert card.macs_per_s <= (200e6 if card.precision == "fp32" else 220e6)  # int8 has zeros in some kernels
    assert card.parameters <= 200_000
    if name in (ARCHIVE_MODEL, LIGHT_MODEL, SMALL_MODEL):
        return  # for files, for less power, and for a recorder that is behind anyway
    wait_s = (card.lookahead_frames + card.chunk_frames) * card.grid.hop_s
    assert wait_s + card.grid.n_fft / card.grid.sample_rate_hz <= 0.25  # sound to mask


@pytest.mark.parametrize("name", sorted(bundled_models()))
def test_a_model_runs_on_one_thread(name: str) -> None:
    options = Model(name).session.get_session_options()
    assert options.intra_op_num_threads == 1
    assert options.inter_op_num_threads == 1
    assert options.get_session_config_entry("session.intra_op.allow_spinning") == "0"


def test_a_model_opens_by_path_or_by_name(tmp_path: Path) -> None:
    path = tmp_path / "mine.onnx"
    shutil.copy(bundled_models()[DEFAULT_MODEL], path)
    assert Model(path).card == Model(DEFAULT_MODEL).card
    assert Model(str(path)).path == path


def test_the_card_in_the_file_is_used(edited_model: EditedModel) -> None:
    card = Model(edited_model(lambda card: {**card, "name": "garden"})).card
    assert card.name == "garden"


def test_the_error_for_a_missing_model_lists_the_bundled_ones() -> None:
    with pytest.raises(ModelMissingError, match=r"'no-such'; .*birdedge-int8"):
        Model("no-such")
    with pytest.raises(FileNotFoundError):
        Model("no-such")


@pytest.mark.parametrize("content", [b"", b"hello", b"\x00" * 1000, bytes(range(256)) * 20])
def test_a_file_that_is_not_onnx_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "wrong.onnx"
    path.write_bytes(content)
    refusal(path)


@pytest.mark.parametrize("kept", [0.01, 0.5, 0.99])
def test_a_truncated_model_is_refused(tmp_path: Path, kept: float) -> None:
    whole = bundled_models()[DEFAULT_MODEL].read_bytes()
    path = tmp_path / "cut.onnx"
    path.write_bytes(whole[: int(kept * len(whole))])
    refusal(path)


def without_last_state(card: Card) -> Card:
    return {**card, "states": card["states"][:-1]}


def with_one_state_more(card: Card) -> Card:
    return {**card, "states": [*card["states"], {"name": "more", "shape": [1, 1], "initial": 0.0}]}


def with_a_wider_state(card: Card) -> Card:
    first, *others = card["states"]
    return {**card, "states": [{**first, "shape": [*first["shape"][:-1], 999]}, *others]}


@pytest.mark.parametrize(
    "change",
    [
        without_last_state,
        with_one_state_more,
        with_a_wider_state,
        lambda card: {**card, "chunk_frames": 2 * card["chunk_frames"]},
        lambda card: {**card, "grid": {**card["grid"], "bins": 128}},
        lambda card: {**card, "macs_per_s": card["macs_per_s"] + 1},
    ],
)
def test_a_card_that_contradicts_its_graph_is_refused(edited_model: EditedModel, change: Change) -> None:
    assert "contradicts its graph" in refusal(edited_model(change))


@pytest.mark.parametrize(
    "change",
    [
        {"time_stride_frames": 5},
        {"grid": {"hop": 1024}},
        {"grid": {"n_fft": 64}},
        {"scaling": {"group_frames": 3}},
    ],
)
def test_a_card_that_contradicts_itself_is_refused(edited_model: EditedModel, change: dict[str, Any]) -> None:
    def changed(card: Card) -> Card:
        return card | {k: {**card[k], **v} if isinstance(v, dict) else v for k, v in change.items()}

    assert "contradicts itself" in refusal(edited_model(changed))


def test_a_graph_with_an_input_of_another_type_is_refused(tmp_path: Path) -> None:
    model = onnx.load(bundled_models()["birdedge-fp32"])
    state = onnx.helper.make_tensor_value_info("unused", onnx.TensorProto.DOUBLE, [1, 1])
    model.graph.input.append(state)
    model.graph.output.append(
        onnx.helper.make_tensor_value_info("next_unused", onnx.TensorProto.DOUBLE, [1, 1])
    )
    model.graph.node.append(onnx.helper.make_node("Relu", ["unused"], ["next_unused"]))
    path = tmp_path / "double.onnx"
    path.write_bytes(with_digest(model.SerializeToString()))
    sentence = refusal(path)
    assert "'type 11'" in sentence
    assert "'unused'" in sentence or "'next_unused'" in sentence


def test_a_stream_starts_from_the_initial_states_of_the_card(edited_model: EditedModel) -> None:
    def changed(card: Card) -> Card:
        first, *others = card["states"]
        return {**card, "states": [{**first, "initial": 7.0}, *others]}

    model = Model(edited_model(changed))
    card = model.card
    print("seed 2")
    shape = (card.chunk_frames, card.grid.bins)
    frames = np.random.default_rng(2).normal(-5, 2, shape).astype(np.float32)
    network_input, _ = NetworkInput(card.scaling).push(frames)

    def first_mask(initial: float) -> NDArray[np.float32]:
        states = {s.name: np.full(s.shape, s.initial, s.dtype) for s in card.states}
        states[card.states[0].name][:] = initial
        mask: NDArray[np.float32] = model.session.run(["mask"], {"frames": network_input[None], **states})[0][
            0
        ]
        return mask

    mask = Segmenter(model).push(frames).mask
    np.testing.assert_array_equal(mask, first_mask(7)[card.lookahead_frames :])
    assert (mask != first_mask(Model().card.states[0].initial)[card.lookahead_frames :]).any()
