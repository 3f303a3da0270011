"""Field numbers of the ONNX messages: all fields that a model file may have.

https://github.com/onnx/onnx/blob/main/onnx/onnx.proto
"""

from __future__ import annotations

from enum import IntEnum


class ModelField(IntEnum):
    """Fields of ModelProto."""

    IR_VERSION = 1
    PRODUCER_NAME = 2
    PRODUCER_VERSION = 3
    DOMAIN = 4
    MODEL_VERSION = 5
    DOC_STRING = 6
    GRAPH = 7
    OPSET_IMPORT = 8
    METADATA_PROPS = 14
    TRAINING_INFO = 20
    FUNCTIONS = 25


class OpsetField(IntEnum):
    """Fields of OperatorSetIdProto."""

    DOMAIN = 1
    VERSION = 2


class EntryField(IntEnum):
    """Fields of StringStringEntryProto."""

    KEY = 1
    VALUE = 2


class GraphField(IntEnum):
    """Fields of GraphProto."""

    NODE = 1
    NAME = 2
    INITIALIZER = 5
    DOC_STRING = 10
    INPUT = 11
    OUTPUT = 12
    VALUE_INFO = 13
    SPARSE_INITIALIZER = 15
    METADATA_PROPS = 16


class NodeField(IntEnum):
    """Fields of NodeProto."""

    INPUT = 1
    OUTPUT = 2
    NAME = 3
    OP_TYPE = 4
    ATTRIBUTE = 5
    DOC_STRING = 6
    DOMAIN = 7
    METADATA_PROPS = 9


class AttributeField(IntEnum):
    """Fields of AttributeProto."""

    NAME = 1
    FLOAT = 2
    INT = 3
    STRING = 4
    TENSOR = 5
    GRAPH = 6
    INTS = 8
    TENSORS = 10
    GRAPHS = 11
    DOC_STRING = 13
    TYPE = 20
    SPARSE_TENSOR = 22
    SPARSE_TENSORS = 23


class TensorField(IntEnum):
    """Fields of TensorProto."""

    DIMS = 1
    DATA_TYPE = 2
    FLOAT_DATA = 4
    INT32_DATA = 5
    NAME = 8
    RAW_DATA = 9
    DOC_STRING = 12
    EXTERNAL_DATA = 13
    DATA_LOCATION = 14
    METADATA_PROPS = 16


class ValueInfoField(IntEnum):
    """Fields of ValueInfoProto."""

    NAME = 1
    TYPE = 2
    DOC_STRING = 3
    METADATA_PROPS = 4


class TypeField(IntEnum):
    """Fields of TypeProto."""

    TENSOR = 1


class TensorTypeField(IntEnum):
    """Fields of TypeProto.Tensor."""

    ELEM_TYPE = 1
    SHAPE = 2


class ShapeField(IntEnum):
    """Fields of TensorShapeProto."""

    DIM = 1


class DimensionField(IntEnum):
    """Fields of TensorShapeProto.Dimension."""

    VALUE = 1
    PARAM = 2
