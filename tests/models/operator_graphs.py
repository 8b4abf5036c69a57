"""One small ONNX model for every operator that this room accepts."""

from collections.abc import Callable, Iterator

import numpy as np
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper, shape_inference

OPSET = 17
Attributes = dict[str, object]


def _weights(*shape: int) -> np.ndarray:
    return np.linspace(-0.5, 0.75, int(np.prod(shape)), dtype=np.float32).reshape(shape)


def _ints(*values: int) -> np.ndarray:
    return np.array(values, dtype=np.int64)


def graph(
    nodes: list[NodeProto],
    shape: tuple[int, ...] = (1, 4),
    constants: dict[str, np.ndarray] | None = None,
    opset: int = OPSET,
    kind: int = TensorProto.FLOAT,
) -> ModelProto:
    """A model from `x` to `y` with the output shape that inference finds."""
    body = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("x", kind, shape)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        [numpy_helper.from_array(value, name) for name, value in (constants or {}).items()],
    )
    model = helper.make_model(body, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)
    return shape_inference.infer_shapes(model, strict_mode=True, data_prop=True)


def _one(
    operator: str,
    shape: tuple[int, ...] = (1, 4),
    constants: dict[str, np.ndarray] | None = None,
    **attributes: object,
) -> ModelProto:
    constants = constants or {}
    node = helper.make_node(operator, ["x", *constants], ["y"], operator, **attributes)
    return graph([node], shape, constants)


def _then_select(operator: str, *, unary: bool = False) -> ModelProto:
    """Booleans come from a comparison with a threshold and choose between x and -x."""
    nodes = [
        helper.make_node("Greater", ["x", "low"], ["a"], "first"),
        helper.make_node("Less", ["x", "high"], ["b"], "second"),
        helper.make_node(operator, ["a"] if unary else ["a", "b"], ["c"], operator),
        helper.make_node("Neg", ["x"], ["n"], "negated"),
        helper.make_node("Where", ["c", "x", "n"], ["y"], "select"),
    ]
    thresholds = {"low": np.array([0.25], np.float32), "high": np.array([0.75], np.float32)}
    return graph(nodes, constants=thresholds)


def _comparison(operator: str) -> ModelProto:
    nodes = [
        helper.make_node(operator, ["x", "t"], ["c"], operator),
        helper.make_node("Neg", ["x"], ["n"], "negated"),
        helper.make_node("Where", ["c", "x", "n"], ["y"], "select"),
    ]
    return graph(nodes, constants={"t": np.array([0.5], np.float32)})


def _to_float(operator: str) -> ModelProto:
    nodes = [
        helper.make_node(operator, ["x"], ["i"], operator, axis=1),
        helper.make_node("Cast", ["i"], ["y"], "cast", to=TensorProto.FLOAT),
    ]
    return graph(nodes)


def _shape() -> ModelProto:
    nodes = [
        helper.make_node("Transpose", ["x"], ["t"], "transpose", perm=[1, 0]),
        helper.make_node("Shape", ["t"], ["s"], "Shape"),
        helper.make_node("Reshape", ["x", "s"], ["y"], "reshape"),
    ]
    return graph(nodes, (2, 3))


def _resize() -> ModelProto:
    constants = {"roi": np.zeros(0, np.float32), "by": np.array([1, 1, 2, 2], np.float32)}
    return _one(
        "Resize",
        (1, 1, 3, 3),
        constants,
        mode="nearest",
        coordinate_transformation_mode="asymmetric",
        nearest_mode="floor",
    )


def _top_k() -> ModelProto:
    nodes = [helper.make_node("TopK", ["x", "k"], ["y", "at"], "TopK", axis=1)]
    return graph(nodes, constants={"k": _ints(2)})


def _scatter() -> ModelProto:
    constants = {"at": _ints(1, 3)[None], "new": _weights(1, 2)}
    return _one("ScatterElements", constants=constants, axis=1)


def _split() -> ModelProto:
    nodes = [
        helper.make_node("Split", ["x", "sizes"], ["a", "b"], "Split", axis=1),
        helper.make_node("Sub", ["a", "b"], ["y"], "sub"),
    ]
    return graph(nodes, constants={"sizes": _ints(2, 2)})


def _added(constant: NodeProto, constants: dict[str, np.ndarray] | None = None) -> ModelProto:
    nodes = [constant, helper.make_node("Add", ["x", "k"], ["y"], "add")]
    return graph(nodes, constants=constants)


def _batch_norm() -> ModelProto:
    ones = np.ones(2, np.float32)
    constants = {"s": ones, "b": ones / 2, "m": ones / 4, "v": ones * 2}
    return _one("BatchNormalization", (1, 2, 3, 3), constants)


_IMAGE = (1, 2, 6, 6)
_BUILDERS: dict[str, Callable[[], ModelProto]] = {
    **{
        name: (lambda name=name: _one(name))
        for name in (
            "Abs Ceil Cos Cosh Elu Erf Exp Floor HardSigmoid HardSwish Identity LeakyRelu Log "
            "Neg Reciprocal Relu Round Selu Sigmoid Sign Sin Sinh Softmax Softplus Sqrt Tan Tanh "
            "Acos Asin Asinh Atan Atanh Celu ThresholdedRelu Softsign LogSoftmax"
        ).split()
    },
    **{
        name: (lambda name=name: _one(name, constants={"k": _weights(1, 4) + 2}))
        for name in "Add Sub Mul Div Min Sum Mean".split()
    },
    **{name: (lambda name=name: _then_select(name)) for name in ("And", "Or", "Xor")},
    "Not": lambda: _then_select("Not", unary=True),
    "Where": lambda: _comparison("Greater"),
    **{
        name: (lambda name=name: _comparison(name))
        for name in "Equal Greater GreaterOrEqual Less LessOrEqual".split()
    },
    "Shape": _shape,
    "Resize": _resize,
    "TopK": _top_k,
    "ScatterElements": _scatter,
    "Dropout": lambda: _one("Dropout"),
    "LpNormalization": lambda: _one("LpNormalization"),
    "Hardmax": lambda: _one("Hardmax"),
    "SpaceToDepth": lambda: _one("SpaceToDepth", (1, 1, 4, 4), blocksize=2),
    "ArgMax": lambda: _to_float("ArgMax"),
    "ArgMin": lambda: _to_float("ArgMin"),
    "Cast": lambda: _to_float("ArgMax"),
    "Max": lambda: _one("Max", constants={"k": np.array([0.5], np.float32)}),
    "Pow": lambda: _one("Pow", constants={"e": np.array(2, np.float32)}),
    "PRelu": lambda: _one("PRelu", constants={"s": np.array([0.1], np.float32)}),
    "Clip": lambda: _one(
        "Clip", constants={"lo": np.array(0, np.float32), "hi": np.array(1, np.float32)}
    ),
    "Gemm": lambda: _one("Gemm", constants={"w": _weights(4, 3), "b": _weights(3)}),
    "MatMul": lambda: _one("MatMul", constants={"w": _weights(4, 3)}),
    "Einsum": lambda: _one("Einsum", constants={"w": _weights(4, 3)}, equation="ij,jk->ik"),
    "Conv": lambda: _one(
        "Conv", _IMAGE, {"w": _weights(3, 2, 3, 3), "b": _weights(3)}, strides=[1, 1]
    ),
    "ConvTranspose": lambda: _one(
        "ConvTranspose", _IMAGE, {"w": _weights(2, 3, 3, 3)}, strides=[1, 1]
    ),
    "AveragePool": lambda: _one("AveragePool", _IMAGE, kernel_shape=[2, 2], strides=[2, 2]),
    "MaxPool": lambda: _one("MaxPool", _IMAGE, kernel_shape=[2, 2], strides=[2, 2]),
    "GlobalAveragePool": lambda: _one("GlobalAveragePool", _IMAGE),
    "GlobalMaxPool": lambda: _one("GlobalMaxPool", _IMAGE),
    "BatchNormalization": _batch_norm,
    "InstanceNormalization": lambda: _one(
        "InstanceNormalization", _IMAGE, {"s": _weights(2), "b": _weights(2)}
    ),
    "LayerNormalization": lambda: _one(
        "LayerNormalization", constants={"s": _weights(4), "b": _weights(4)}
    ),
    "Flatten": lambda: _one("Flatten", _IMAGE),
    "Reshape": lambda: _one("Reshape", constants={"to": _ints(2, 2)}),
    "Squeeze": lambda: _one("Squeeze", (1, 4, 1), {"axes": _ints(2)}),
    "Unsqueeze": lambda: _one("Unsqueeze", constants={"axes": _ints(0)}),
    "Transpose": lambda: _one("Transpose", (1, 2, 3), perm=[0, 2, 1]),
    "Expand": lambda: _one("Expand", constants={"to": _ints(3, 4)}),
    "Tile": lambda: _one("Tile", constants={"by": _ints(1, 2)}),
    "Slice": lambda: _one("Slice", constants={"from": _ints(1), "to": _ints(3), "on": _ints(1)}),
    "Concat": lambda: _one("Concat", constants={"k": _weights(1, 2)}, axis=1),
    "Split": _split,
    "Pad": lambda: _one("Pad", constants={"by": _ints(0, 1, 0, 1)}),
    "Gather": lambda: _one("Gather", constants={"at": _ints(0, 2)}, axis=1),
    "GatherElements": lambda: _one("GatherElements", constants={"at": _ints(0, 2)[None]}, axis=1),
    "GatherND": lambda: _one("GatherND", constants={"at": np.array([[0, 1]])}),
    "DepthToSpace": lambda: _one("DepthToSpace", (1, 4, 2, 2), blocksize=2),
    "CumSum": lambda: _one("CumSum", constants={"axis": np.array(1, np.int64)}),
    "Trilu": lambda: _one("Trilu", (4, 4)),
    "ReduceSum": lambda: _one("ReduceSum", constants={"axes": _ints(1)}),
    **{
        name: (lambda name=name: _one(name, axes=[1]))
        for name in "ReduceMean ReduceMax ReduceMin ReduceProd ReduceL1 ReduceL2 "
        "ReduceSumSquare ReduceLogSumExp".split()
    },
    "Constant": lambda: _added(
        helper.make_node(
            "Constant", [], ["k"], "Constant", value=numpy_helper.from_array(_weights(1, 4))
        )
    ),
    "ConstantOfShape": lambda: _added(
        helper.make_node(
            "ConstantOfShape",
            ["shape"],
            ["k"],
            "ConstantOfShape",
            value=numpy_helper.from_array(np.array([0.5], np.float32)),
        ),
        {"shape": _ints(1, 4)},
    ),
}


def names() -> Iterator[str]:
    """Every operator for which there is a graph."""
    return iter(sorted(_BUILDERS))


def build(operator: str) -> ModelProto:
    """The model that uses `operator`."""
    return _BUILDERS[operator]()
