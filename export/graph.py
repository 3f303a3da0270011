"""From a trained network to an ONNX graph that takes one chunk of frames and the states, and gives them back."""

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

from birdedge.train.unet import CausalConv, DilatedBlock, UNet, Up

OPSET = 18


class Step(nn.Module):
    """One call of the recorder: probabilities instead of logits, batch norm folded into the convolutions.

    Shape: `frames [1, 2, chunk, bins]` and the states -> `mask [1, chunk, bins]` and the next states.
    """

    def __init__(self, network: UNet) -> None:
        super().__init__()
        self.network = fold_batch_norm(network)

    def forward(self, frames: Tensor, *states: Tensor) -> tuple[Tensor, ...]:
        logits, kept = self.network(frames, states)
        return torch.sigmoid(logits), *kept


def fold_batch_norm(network: UNet) -> UNet:
    """A copy in evaluation mode whose convolutions carry their batch norm."""
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
    """Names of the states, in the order of the graph's inputs."""
    return [f"state_{i:02d}" for i in range(len(network.state_shapes()))]


def to_onnx(network: UNet, chunk_frames: int) -> onnx.ModelProto:
    """The fp32 graph for calls of `chunk_frames` frames; fixed shapes, opset 18, no external data."""
    frames = torch.zeros(1, network.config.input_channels, chunk_frames, network.config.bins)
    names = state_names(network)
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    with warnings.catch_warnings(), redirect_stdout(io.StringIO()), torch.no_grad():
        warnings.simplefilter("ignore")  # of torchvision, which is not there and not needed
        program = torch.onnx.export(
            Step(network),
            (frames, *network.initial_states()),
            input_names=["frames", *names],
            output_names=["mask", *(f"next_{name}" for name in names)],
            opset_version=OPSET,
            dynamo=True,
            verbose=False,
        )
    assert program is not None
    model = program.model_proto
    del model.metadata_props[:]
    for node in model.graph.node:  # where in the source each node came from: paths of this machine
        del node.metadata_props[:]
        node.doc_string = ""
    for value in (*model.graph.value_info, *model.graph.input, *model.graph.output, *model.graph.initializer):
        del value.metadata_props[:]
    model.producer_name, model.producer_version = "birdedge", ""
    onnx.checker.check_model(model)
    return model


def macs_per_frame(model: onnx.ModelProto, chunk_frames: int) -> float:
    """Multiply-accumulates of the convolutions a frame, counted from the graph's own shapes."""
    inferred = onnx.shape_inference.infer_shapes(model)
    values = (*inferred.graph.value_info, *inferred.graph.output)
    shapes = {v.name: [d.dim_value for d in v.type.tensor_type.shape.dim] for v in values}
    weights = {i.name: list(i.dims) for i in inferred.graph.initializer}
    total = 0
    for node in inferred.graph.node:
        if node.op_type == "Conv":
            _, channels, frames, bins = shapes[node.output[0]]
            _, inputs, height, width = weights[node.input[1]]
            total += channels * frames * bins * inputs * height * width
    return total / chunk_frames
