"""Field numbers of the ONNX messages that validation reads.

https://github.com/onnx/onnx/blob/main/onnx/onnx.proto
"""

from __future__ import annotations

from enum import IntEnum


class ModelField(IntEnum):
    """Fields of ModelProto."""

    GRAPH = 7
    OPSET_IMPORT = 8
    METADATA_PROPS = 14
    TRAINING_INFO = 20
    FUNCTIONS = 25


class GraphField(IntEnum):
    """Fields of GraphProto."""

    NODE = 1
    INITIALIZER = 5
    INPUT = 11
    OUTPUT = 12
    SPARSE_INITIALIZER = 15


class NodeField(IntEnum):
    """Fields of NodeProto."""

    OP_TYPE = 4
    ATTRIBUTE = 5
    DOMAIN = 7


class AttributeField(IntEnum):
    """Fields of AttributeProto."""

    INT = 3
    TENSOR = 5
    GRAPH = 6
    INTS = 8
    TENSORS = 10
    GRAPHS = 11
    SPARSE_TENSOR = 22
    SPARSE_TENSORS = 23


class TensorField(IntEnum):
    """Fields of TensorProto."""

    DIMS = 1
    DATA_TYPE = 2
    RAW_DATA = 9
    EXTERNAL_DATA = 13
    DATA_LOCATION = 14


class ValueInfoField(IntEnum):
    """Fields of ValueInfoProto."""

    NAME = 1
    TYPE = 2
