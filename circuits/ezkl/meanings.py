"""Graphs that ezkl 23.0.5 compiles without a word into something else than ONNX says.

Each rule was measured against onnxruntime. A key for such a graph would be honestly made from
the ONNX file and compute another function, so that neither compiling nor checking takes it.
"""

import math
from collections.abc import Mapping

import numpy as np
from onnx import GraphProto, ModelProto, NodeProto, TensorProto, numpy_helper, shape_inference
from onnx.helper import get_attribute_value

from avow.circuits.errors import CircuitError

_REALS = frozenset({TensorProto.FLOAT, TensorProto.DOUBLE, TensorProto.FLOAT16})
# ezkl pads with zeros where ONNX pads with what no maximum can be.
_NEVER_NEGATIVE = frozenset({"Abs", "Relu", "Sigmoid"})
# Other truth values reach a cast at a scale that makes 1 a small fraction.
_CASTABLE = frozenset({"Greater", "GreaterOrEqual", "Less", "LessOrEqual"})
# ezkl repeats every value; only these ways of rounding mean that.
_REPEATING = frozenset({("asymmetric", "floor"), ("half_pixel", "round_prefer_floor")})


def refuse_changed_meanings(model: ModelProto) -> None:
    """Raise `CircuitError` naming the first node whose circuit would differ from ONNX."""
    graph = model.graph
    types = _element_types(shape_inference.infer_shapes(model).graph)
    makers = {name: node for node in graph.node for name in node.output if name}
    constants = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    for at, node in enumerate(graph.node):
        why = _difference(node, types, makers, constants)
        if why is not None:
            raise CircuitError(
                f"ezkl would change the meaning of {(node.name or f'node {at}')[:80]!r} "
                f"({node.op_type}): {why}"
            )


def _difference(
    node: NodeProto,
    types: Mapping[str, int],
    makers: Mapping[str, NodeProto],
    constants: Mapping[str, np.ndarray],
) -> str | None:
    found = {item.name: get_attribute_value(item) for item in node.attribute}
    reals = [value for item in node.attribute for value in (item.f, *item.floats)]
    if not all(map(math.isfinite, reals)):
        return "an attribute is NaN or infinite"
    source = makers.get(node.input[0]) if node.input else None
    made_by = source.op_type if source is not None else ""
    padded = any(found.get("pads", ())) or found.get("auto_pad", b"NOTSET") in (
        b"SAME_UPPER",
        b"SAME_LOWER",
    )
    match node.op_type:
        case "AveragePool" if padded and not found.get("count_include_pad", 0):
            return "its averages would count the padding; set count_include_pad to 1"
        case "MaxPool" if padded and made_by not in _NEVER_NEGATIVE:
            return "its padding would count as zeros; pad after Relu only"
        case "Celu" if found.get("alpha", 1.0) != 1.0:
            return "its alpha would be applied otherwise; only 1 is computed right"
        case "Pow" if node.input[0] not in constants and not _is_positive(constants, node.input[1]):
            return "its exponent must be an initializer without negative values"
        case "Resize":
            way = tuple(
                found.get(name, default).decode("ascii", "replace")
                for name, default in (
                    ("coordinate_transformation_mode", b"half_pixel"),
                    ("nearest_mode", b"round_prefer_floor"),
                )
            )
            return None if way in _REPEATING else f"{way[0]} with {way[1]} would repeat values"
        case "Cast":
            return _cast(types.get(node.input[0]), found["to"], made_by)
    return None


def _cast(given: int | None, wanted: int, made_by: str) -> str | None:
    if given in _REALS and wanted not in _REALS:
        return "reals would be rounded down, or not at all for truth values; use Floor or Greater"
    if given == TensorProto.BOOL and (wanted not in _REALS or made_by not in _CASTABLE):
        return "only what Greater and Less give can be cast, and to float; use Where"
    return "the type of its input cannot be told" if given is None else None


def _is_positive(constants: Mapping[str, np.ndarray], name: str) -> bool:
    return name in constants and bool((constants[name] >= 0).all())


def _element_types(graph: GraphProto) -> dict[str, int]:
    values = (*graph.input, *graph.value_info, *graph.output)
    types = {value.name: value.type.tensor_type.elem_type for value in values}
    return types | {tensor.name: tensor.data_type for tensor in graph.initializer}
