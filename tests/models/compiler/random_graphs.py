"""Random small ONNX graphs over the supported operators, with their exact values in float64."""

import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

OPSET = 20
_MOST_ELEMENTS = 400


@dataclass
class Grown:
    """A graph under construction; every node's result is an output of the graph."""

    rng: Random
    shape: tuple[int, ...]
    nodes: list[Any] = field(default_factory=list)
    constants: list[Any] = field(default_factory=list)
    results: dict[str, Any] = field(default_factory=dict)
    positive: set[str] = field(default_factory=set)

    def constant(self, array: Any) -> str:
        """Add an initializer."""
        name = f"c{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.asarray(array), name))
        return name

    def reals(self, *shape: int, size: float = 1.0) -> str:
        """Random weights."""
        count = int(np.prod(shape))
        values = [self.rng.gauss(0, size) for _ in range(count)]
        return self.constant(np.array(values, np.float32).astype(np.float64).reshape(shape))

    def integers(self, *values: int) -> str:
        """A constant list of integers."""
        return self.constant(np.array(values, np.int64))

    def add(self, kind: str, inputs: list[str], parts: int = 1, **attributes: Any) -> bool:
        """Append a node if onnx can evaluate it to finite numbers of moderate size."""
        outputs = [f"t{len(self.nodes)}_{at}" for at in range(parts)]
        node = helper.make_node(kind, inputs, outputs, name=f"n{len(self.nodes)}", **attributes)
        known = {c.name: numpy_helper.to_array(c) for c in self.constants} | self.results
        given = {name: known[name] for name in inputs if name}
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            found = ReferenceEvaluator(node, opsets={"": OPSET}).run(None, given)
        for array in map(np.asarray, found):
            if array.size > _MOST_ELEMENTS or not array.size or array.ndim > 6:
                return False
            if not np.isfinite(array.astype(np.float64)).all() or np.abs(array).max() > 1e4:
                return False
        self.nodes.append(node)
        self.results.update(zip(outputs, map(np.asarray, found), strict=True))
        return True

    def model(self) -> Any:
        """The graph in float64; outputs are every tensor that was computed."""
        types = {"f": TensorProto.DOUBLE, "i": TensorProto.INT64, "b": TensorProto.BOOL}
        outputs = [
            helper.make_tensor_value_info(name, types[array.dtype.kind], array.shape)
            for name, array in self.results.items()
            if name != "x"
        ]
        x = helper.make_tensor_value_info("x", TensorProto.DOUBLE, self.shape)
        graph = helper.make_graph(self.nodes, "g", [x], outputs, self.constants)
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)])


def exact(model: Any, row: Any) -> list[Any]:
    """The graph's outputs in float64."""
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        return [np.asarray(one) for one in ReferenceEvaluator(model).run(None, {"x": row})]


def random_graph(seed: int, nodes: int = 5) -> Any:
    """A model with one float64 input `x` of values in [-2, 2]; the same seed, the same model."""
    rng = Random(seed)
    shape = rng.choice([(1, 6), (1, 2, 5, 4), (2, 3, 4), (1, 3, 8), (4, 4)])
    grown = Grown(rng, shape)
    values = [rng.randint(-256, 256) / 128 for _ in range(int(np.prod(shape)))]
    grown.results["x"] = np.array(values, np.float64).reshape(shape)
    tries = 0
    while len(grown.nodes) < nodes and tries < 40 * nodes:
        tries += 1
        name = rng.choice(list(grown.results)[-4:])
        step = rng.choice(_STEPS)
        try:
            step(grown, name, grown.results[name])
        except (ValueError, RuntimeError, TypeError, IndexError, KeyError):
            # The evaluator's way of saying that shapes or types do not fit.
            continue
    model = grown.model()
    onnx.checker.check_model(model)
    return model


Step = Callable[[Grown, str, Any], object]


def _is_real(array: Any) -> bool:
    return bool(array.dtype.kind == "f")


def _last(g: Grown) -> str:
    return list(g.results)[-1]


def _unary(g: Grown, name: str, array: Any) -> None:
    kinds = "Relu Sigmoid Tanh Elu LeakyRelu HardSigmoid HardSwish Gelu Erf Exp Identity Neg Abs"
    kind = g.rng.choice(kinds.split())
    if _is_real(array) and g.add(kind, [name]) and kind == "Sigmoid":
        g.positive.add(_last(g))


def _positive(g: Grown, name: str, array: Any) -> None:
    """Something that is never near zero, or a function of it."""
    if name not in g.positive and _is_real(array) and g.add("Mul", [name, name]):
        if g.add("Add", [_last(g), g.constant(np.array(0.5))]):
            g.positive.add(_last(g))
    if _last(g) in g.positive and g.rng.random() < 0.8:
        kind = g.rng.choice(["Sqrt", "Reciprocal", "Log", "Pow"])
        extra = [g.constant(np.array(-0.5))] if kind == "Pow" else []
        g.add(kind, [_last(g), *extra])


def _clip(g: Grown, name: str, array: Any) -> None:
    if _is_real(array):
        low, high = sorted([g.rng.uniform(-2, 1), g.rng.uniform(0, 2)])
        g.add("Clip", [name, g.constant(np.array(low)), g.constant(np.array(high))])


def _binary(g: Grown, name: str, array: Any) -> None:
    kind = g.rng.choice(["Add", "Sub", "Mul", "Max", "Min"])
    other = g.rng.choice(
        [other for other, found in g.results.items() if found.dtype == array.dtype]
    )
    if g.rng.random() < 0.4 and _is_real(array):
        other = g.reals(*array.shape[-1:]) if array.ndim else g.reals(1)
    if array.dtype.kind != "b":
        g.add(kind, [name, other])


def _divide(g: Grown, name: str, array: Any) -> None:
    if _is_real(array) and g.positive and g.rng.random() < 0.7:
        g.add("Div", [name, g.rng.choice(sorted(g.positive))])
    elif _is_real(array):
        g.add("Div", [name, g.constant(np.array(g.rng.choice([3.0, -0.7, 8.0])))])


def _dense(g: Grown, name: str, array: Any) -> None:
    if _is_real(array) and array.ndim >= 1:
        g.add("MatMul", [name, g.reals(array.shape[-1], g.rng.randint(1, 5), size=0.5)])


def _gemm(g: Grown, name: str, array: Any) -> None:
    if _is_real(array) and array.ndim == 2:
        n = g.rng.randint(1, 4)
        weight = g.reals(n, array.shape[1], size=g.rng.choice([0.02, 0.5, 3.0]))
        g.add("Gemm", [name, weight, g.reals(n)], transB=1, alpha=g.rng.choice([1.0, 0.5]))


def _attention(g: Grown, name: str, array: Any) -> None:
    if _is_real(array) and array.ndim >= 2:
        order = [*range(array.ndim - 2), array.ndim - 1, array.ndim - 2]
        if g.add("Transpose", [name], perm=order):
            g.add("MatMul", [name, list(g.results)[-1]])


def _conv(g: Grown, name: str, array: Any) -> None:
    if not _is_real(array) or array.ndim not in (3, 4):
        return
    rng, space = g.rng, array.ndim - 2
    kernel = [rng.randint(1, 3) for _ in range(space)]
    attributes: dict[str, Any] = {
        "strides": [rng.randint(1, 2) for _ in range(space)],
        "pads": [rng.randint(0, 1) for _ in range(2 * space)],
    }
    if rng.random() < 0.3:
        out = rng.randint(1, 2)
        g.add(
            "ConvTranspose",
            [name, g.reals(array.shape[1], out, *kernel), g.reals(out)],
            **attributes,
        )
        return
    groups = rng.choice([1, array.shape[1]])
    out = groups * rng.randint(1, 2)
    weight = g.reals(out, array.shape[1] // groups, *kernel, size=0.5)
    g.add("Conv", [name, weight, g.reals(out)], group=groups, **attributes)


def _pool(g: Grown, name: str, array: Any) -> None:
    if not _is_real(array) or array.ndim not in (3, 4):
        return
    space = array.ndim - 2
    kind = g.rng.choice(["MaxPool", "AveragePool", "GlobalAveragePool"])
    if kind == "GlobalAveragePool":
        g.add(kind, [name])
        return
    extra = {"count_include_pad": g.rng.randint(0, 1)} if kind == "AveragePool" else {}
    # onnx 1.23's evaluator forgets the padding behind where that in front differs.
    pads = [g.rng.randint(0, 1)] * (2 * space)
    strides = [g.rng.randint(1, 2) for _ in range(space)]
    g.add(kind, [name], kernel_shape=[2] * space, pads=pads, strides=strides, **extra)


def _normalise(g: Grown, name: str, array: Any) -> None:
    if not _is_real(array) or array.ndim < 2:
        return
    n = array.shape[-1]
    if n > 1 and g.rng.random() < 0.6:
        g.add("LayerNormalization", [name, g.reals(n), g.reals(n)], epsilon=1e-2)
    elif array.ndim > 2:
        c = array.shape[1]
        variance = g.constant(np.array([g.rng.uniform(0.2, 2) for _ in range(c)]))
        g.add("BatchNormalization", [name, g.reals(c), g.reals(c), g.reals(c), variance])


def _softmax(g: Grown, name: str, array: Any) -> None:
    if _is_real(array) and array.ndim:
        g.add(g.rng.choice(["Softmax", "LogSoftmax"]), [name], axis=g.rng.randrange(array.ndim))


def _reduce(g: Grown, name: str, array: Any) -> None:
    if array.ndim and array.dtype.kind != "b":
        axis = g.rng.randrange(array.ndim)
        if g.rng.random() < 0.25:
            g.add("ArgMax", [name], axis=axis, select_last_index=g.rng.randint(0, 1))
            return
        kind = g.rng.choice(["ReduceSum", "ReduceMax"] + ["ReduceMean"] * _is_real(array))
        g.add(kind, [name, g.integers(axis)], keepdims=g.rng.randint(0, 1))


def _compare(g: Grown, name: str, array: Any) -> None:
    if array.dtype.kind == "b":
        g.add(g.rng.choice(["Not", "And", "Or"]), [name, name][: g.rng.randint(1, 2)])
    elif _is_real(array):
        others = [other for other, found in g.results.items() if found.dtype == array.dtype]
        g.add(g.rng.choice(["Less", "Greater", "Equal"]), [name, g.rng.choice(others)])


def _where(g: Grown, name: str, array: Any) -> None:
    if array.dtype.kind == "b":
        yes = g.rng.choice([other for other, found in g.results.items() if _is_real(found)])
        no = g.constant(np.array(g.rng.uniform(-1, 1)))
        g.add("Where", [name, yes, no] if g.rng.random() < 0.5 else [name, no, yes])
    else:
        g.add("Cast", [name], to=TensorProto.INT64 if _is_real(array) else TensorProto.DOUBLE)


def _view(g: Grown, name: str, array: Any) -> None:
    rng, rank = g.rng, array.ndim
    kind = rng.choice(
        [
            "Flatten",
            "Reshape",
            "Transpose",
            "Slice",
            "Pad",
            "Concat",
            "Split",
            "Tile",
            "Gather",
            "Unsqueeze",
            "Squeeze",
            "Expand",
        ]
    )
    if kind == "Flatten" and rank:
        g.add(kind, [name], axis=rng.randint(0, rank))
    elif kind == "Reshape":
        g.add(kind, [name, g.integers(-1)])
    elif kind == "Transpose" and rank:
        g.add(kind, [name], perm=rng.sample(range(rank), rank))
    elif kind == "Slice" and rank:
        axis, step = rng.randrange(rank), rng.choice([-1, 1, 2])
        first, last = (-1, -100) if step < 0 else (rng.randint(0, 1), 100)
        g.add(kind, [name, *(g.integers(n) for n in (first, last, axis, step))])
    elif kind == "Pad" and rank:
        pads = [rng.randint(0, 1) for _ in range(2 * rank)]
        mode = rng.choice(["constant", "edge"])
        g.add(kind, [name, g.integers(*pads)], mode=mode)
    elif kind == "Concat" and rank:
        others = [other for other, found in g.results.items() if found.dtype == array.dtype]
        g.add(kind, [name, rng.choice(others)], axis=rng.randrange(rank))
    elif kind == "Split" and rank and array.shape[-1] > 1:
        g.add(kind, [name, g.integers(1, array.shape[-1] - 1)], parts=2, axis=-1)
    elif kind == "Tile" and rank:
        g.add(kind, [name, g.integers(*(rng.randint(1, 2) for _ in range(rank)))])
    elif kind == "Gather" and rank:
        axis = rng.randrange(rank)
        places = [rng.randrange(array.shape[axis]) for _ in range(3)]
        g.add(kind, [name, g.integers(*places)], axis=axis)
    elif kind == "Unsqueeze" and rank < 5:
        g.add(kind, [name, g.integers(rng.randint(0, rank))])
    elif kind == "Squeeze":
        g.add(kind, [name])
    elif kind == "Expand":
        g.add(kind, [name, g.integers(2, *([1] * rank))])


_STEPS: tuple[Step, ...] = (
    _unary,
    _unary,
    _unary,
    _positive,
    _clip,
    _binary,
    _binary,
    _divide,
    _dense,
    _gemm,
    _attention,
    _conv,
    _conv,
    _pool,
    _normalise,
    _softmax,
    _reduce,
    _compare,
    _where,
    _view,
    _view,
)
