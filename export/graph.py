"""Conversion of a trained network to an ONNX graph with one chunk of frames and the states as inputs and outputs."""

from __future__ import annotations

import copy
import io
import logging
import warnings
from contextlib import redirect_stdout

import onnx
import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from birdedge.edge.models.card import State
from birdedge.export.stacking import stack_finest_level, stack_rows
from birdedge.train.networks.unet import TIME_STRIDE, CausalConv, DilatedBlock, UNet, Up

OPSET = 18


class Step(nn.Module):
    """One call of the recorder: probabilities instead of logits, batch norm folded into the convolutions.

    With `channels_last` the graph suits onnxruntime's int8 kernels. The states are `[1, frames, bins, channels]`, the
    layout of these kernels: frames are then concatenated and sliced as contiguous blocks, and no transpose remains
    between layers. At the finest level, two rows are stacked as the channels of one (see `stacking.py`). The fp32
    kernels have a different internal layout, to which they convert from channels first.
    """

    def __init__(self, network: UNet, channels_last: bool = False) -> None:
        super().__init__()
        self.network = fold_batch_norm(network)
        self.channels_last = channels_last
        if channels_last:
            stack_finest_level(self.network)
            for name in ("up3", "up2", "up1", "up_class"):
                setattr(self.network, name, RepeatingUp(getattr(self.network, name)))

    def initial_states(self) -> list[Tensor]:
        """Return zeros in the layout of the graph."""
        states = self.network.initial_states()
        return [s.permute(0, 2, 3, 1).contiguous() for s in states] if self.channels_last else states

    def forward(self, frames: Tensor, *states: Tensor) -> tuple[Tensor, ...]:
        """Return mask, class map and next states for `frames` and the states.

        Shape: frames `[1, 2, chunk, bins]`; mask `[1, chunk, bins]`; class map `[1, chunk / 4, bins / 4, classes]`.
        """
        if self.channels_last:
            states = tuple(s.permute(0, 3, 1, 2) for s in states)
            frames = stack_rows(frames, TIME_STRIDE)
        logits, class_logits, next_states = self.network(frames, states)
        if self.channels_last:
            next_states = [s.permute(0, 2, 3, 1) for s in next_states]
        return torch.sigmoid(logits), class_logits.permute(0, 2, 3, 1), *next_states


class RepeatingUp(nn.Module):
    """The computation of a folded `Up` without a resize.

    In channels-last memory, repeating channels is the same as repeating bins. Rows are repeated only at the finest
    level, where two of them are also channels.
    """

    def __init__(self, up: Up) -> None:
        super().__init__()
        rows, columns = up.factor
        self.match = nn.Conv2d(up.match.in_channels, up.match.out_channels * rows * columns, 1)
        assert up.match.bias is not None
        with torch.no_grad():
            self.match.weight.copy_(up.match.weight.repeat(rows * columns, 1, 1, 1))
            self.match.bias.copy_(up.match.bias.repeat(rows * columns))  # type: ignore[union-attr]

    def forward(self, deep: Tensor, skip: Tensor) -> Tensor:
        """Return `deep`, upsampled to the shape of `skip`, plus `skip` `[batch, channels, frames, bins]`."""
        batch, channels, frames, bins = skip.shape
        repeated: Tensor = self.match(deep).permute(0, 2, 3, 1).reshape(batch, frames, bins, channels)
        return repeated.permute(0, 3, 1, 2) + skip


def fold_batch_norm(network: UNet) -> UNet:
    """Return a copy in evaluation mode with each batch norm folded into its convolution."""
    folded = copy.deepcopy(network).eval()
    for module in folded.modules():
        if isinstance(module, CausalConv):
            module.conv = fuse_conv_bn_eval(module.conv, module.norm)
        elif isinstance(module, DilatedBlock):
            module.widen = fuse_conv_bn_eval(module.widen, module.norm)
        elif isinstance(module, Up):
            module.match = fuse_conv_bn_eval(module.match, module.norm)
        else:
            continue
        module.norm = nn.Identity()  # type: ignore[assignment]
    return folded


def state_names(network: UNet) -> list[str]:
    """Return the names of the states in the order of the graph's inputs."""
    return [f"state_{i:02d}" for i in range(len(network.state_shapes()))]


def to_onnx(
    network: UNet, chunk_frames: int, channels_last: bool = False, opset: int = OPSET
) -> onnx.ModelProto:
    """Return the fp32 graph for calls of `chunk_frames` frames, with fixed shapes and no external data; see `Step`."""
    step = Step(network, channels_last)
    frames = torch.zeros(1, network.config.input_channels, chunk_frames, network.config.bins)
    names = state_names(network)
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    with warnings.catch_warnings(), redirect_stdout(io.StringIO()), torch.no_grad():
        warnings.simplefilter("ignore")  # about torchvision, which is neither installed nor needed
        program = torch.onnx.export(
            step,
            (frames, *step.initial_states()),
            input_names=["frames", *names],
            output_names=["mask", "classes", *(f"next_{name}" for name in names)],
            opset_version=opset,
            dynamo=True,
            verbose=False,
        )
    assert program is not None
    model = program.model_proto
    del model.metadata_props[:]
    for node in model.graph.node:  # source locations: paths of this machine
        del node.metadata_props[:]
        node.doc_string = ""
    for value in (*model.graph.value_info, *model.graph.input, *model.graph.output, *model.graph.initializer):
        del value.metadata_props[:]
    model.producer_name, model.producer_version = "birdedge", ""
    onnx.checker.check_model(model)
    return model


def graph_states(model: onnx.ModelProto) -> tuple[State, ...]:
    """Return the states of a graph, each with its initial value: zero, or the zero point of an int8 graph."""
    constants = {i.name: i for i in model.graph.initializer}
    inputs = {value.name for value in model.graph.input}
    zero_points = {
        n.input[0]: int(onnx.numpy_helper.to_array(constants[n.input[2]]))
        for n in model.graph.node
        if n.op_type == "DequantizeLinear" and n.input[0] in inputs
    }
    return tuple(
        State(
            value.name,
            tuple(d.dim_value for d in value.type.tensor_type.shape.dim),
            zero_points.get(value.name, 0),
            onnx.helper.tensor_dtype_to_np_dtype(value.type.tensor_type.elem_type).name,
        )
        for value in model.graph.input
        if value.name != "frames"
    )


def macs_per_frame(model: onnx.ModelProto, chunk_frames: int) -> float:
    """Return the multiply-accumulates of the convolutions per frame, counted from the shapes of the graph."""
    inferred = onnx.shape_inference.infer_shapes(model)
    values = (*inferred.graph.value_info, *inferred.graph.output)
    shapes = {v.name: [d.dim_value for d in v.type.tensor_type.shape.dim] for v in values}
    weights = {i.name: list(i.dims) for i in inferred.graph.initializer}
    weights |= {
        n.output[0]: weights[n.input[0]] for n in inferred.graph.node if n.input and n.input[0] in weights
    }
    total = 0
    for node in inferred.graph.node:
        if node.op_type == "Conv":
            _, channels, frames, bins = shapes[node.output[0]]
            _, inputs, height, width = weights[node.input[1]]
            total += channels * frames * bins * inputs * height * width
    return total / chunk_frames
