"""Nodes whose operands are all constant, computed at compile time, alike on every machine.

Only operators that move elements, count in integers, or that IEEE 754 rounds in exactly one way.
"""

import warnings

import numpy as np
from onnx import NodeProto, helper, numpy_helper

from avow.models.compiler.graph import Node
from avow.models.compiler.refusal import Refusal
from avow.models.compiler.value import Array

_EXACT = frozenset(
    """
    Abs Add And Cast Ceil Clip Concat Constant ConstantOfShape Div Equal Expand Flatten Floor
    Gather GatherElements Greater GreaterOrEqual Identity Less LessOrEqual Max Min Mod Mul Neg Not
    Or Pad Reciprocal Relu Reshape Shape Sign Size Slice Split Sqrt Squeeze Sub Tile
    Transpose Unsqueeze Where Xor
    """.split()
)
# Sums and products are exact in integers only.
_EXACT_IN_INTEGERS = frozenset(["ReduceProd", "ReduceSum", "ReduceMax", "ReduceMin", "CumSum"])
# A shape asked of a file may be absurd.
_MOST_ELEMENTS = 2**26


def foldable(node: Node) -> bool:
    """Whether a node of constant operands might be computed at compile time."""
    return node.operator in _EXACT or node.operator in _EXACT_IN_INTEGERS


def fold(node: Node, operands: list[Array | None], opset: int) -> list[Array] | None:
    """The node's outputs, or None where it has to be computed by the program itself."""
    if node.operator == "Constant":
        return [_constant(node)]
    if node.domain or (node.operator not in _EXACT and not _counts(node, operands)):
        return None
    if node.operator in ("ConstantOfShape", "Expand", "Tile"):
        _refuse_absurd(node, operands)
    # Few models have what it computes, and loading it takes a while.
    from onnx.reference import ReferenceEvaluator

    given = {name: array for name, array in zip(node.inputs, operands, strict=True) if name}
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        try:
            session = ReferenceEvaluator(_proto(node), opsets={"": opset})
            results = session.run(None, given)
        except Exception as error:
            # The reference evaluator raises whatever numpy does for operands that do not fit.
            raise Refusal(f"its constant operands do not fit ({type(error).__name__})") from error
    return [np.asarray(result) for result in results]


def _counts(node: Node, operands: list[Array | None]) -> bool:
    return node.operator in _EXACT_IN_INTEGERS and all(
        operand is None or operand.dtype.kind in "iu" for operand in operands
    )


def _constant(node: Node) -> Array:
    for name, value in node.attributes.items():
        if name == "value" and isinstance(value, np.ndarray):
            return value
        if name in ("value_float", "value_floats"):
            return np.array(value, np.float32)
        if name in ("value_int", "value_ints"):
            return np.array(value, np.int64)
    raise Refusal(f"a constant given as {sorted(node.attributes)}")


def _proto(node: Node) -> NodeProto:
    proto = helper.make_node(node.operator, list(node.inputs), list(node.outputs), node.name)
    for name, value in node.attributes.items():
        tensor = numpy_helper.from_array(value) if isinstance(value, np.ndarray) else value
        proto.attribute.append(helper.make_attribute(name, tensor))
    return proto


def _refuse_absurd(node: Node, operands: list[Array | None]) -> None:
    last = operands[-1]
    if last is None or last.dtype.kind not in "iu":
        return
    size = float(np.prod(np.abs(last.astype(np.float64)))) if last.size else 1.0
    first = operands[0]
    whole = size * (first.size if first is not None and node.operator == "Tile" else 1)
    if whole > _MOST_ELEMENTS:
        raise Refusal(f"a constant of {whole:g} elements")
