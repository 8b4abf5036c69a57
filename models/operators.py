"""Which ONNX operators each way of proving takes, and what is said of a node that none takes."""

from collections.abc import Callable, Sequence

from onnx import ModelProto, NodeProto

from avow.models.compiler.lowering.table import LOWERINGS

# Measured with ezkl 23.0.5 (decision 0031): each compiles in a model of its own and its answer
# is that of onnxruntime. tests/models/test_operators.py measures it again.
EZKL = frozenset(
    """
    Abs Acos Add And ArgMax ArgMin Asin Asinh Atan Atanh AveragePool BatchNormalization
    Cast Ceil Celu Clip Concat Constant ConstantOfShape Conv ConvTranspose Cos Cosh
    CumSum DepthToSpace Div Dropout Einsum Elu Equal Erf Exp Expand Flatten Floor Gather
    GatherElements GatherND Gemm GlobalAveragePool GlobalMaxPool Greater GreaterOrEqual
    HardSigmoid HardSwish Hardmax Identity LayerNormalization LeakyRelu Less LessOrEqual
    Log LogSoftmax MatMul Max MaxPool Mean Min Mul Neg Not Or PRelu Pad Pow Reciprocal
    ReduceL1 ReduceL2 ReduceLogSumExp ReduceMax ReduceMean ReduceMin ReduceSum
    ReduceSumSquare Relu Reshape Resize Round Selu Shape Sigmoid Sign Sin Sinh Slice
    Softmax Softplus Softsign SpaceToDepth Split Sqrt Squeeze Sub Sum Tan Tanh
    ThresholdedRelu TopK Transpose Unsqueeze Where Xor
    """.split()
)

# What the compiler to the integer program lowers.
PROGRAM = frozenset(LOWERINGS)

_STANDARD_DOMAINS = ("", "ai.onnx")
_NEED_STRIDES = frozenset({"AveragePool", "Conv", "ConvTranspose", "MaxPool"})

Reason = Callable[[NodeProto], str | None]


def intake_reason(node: NodeProto) -> str | None:
    """Why no system could prove a model with this node, or None.

    One system may still refuse what another takes; it says so when the model is compiled for it.
    """
    if node.domain not in _STANDARD_DOMAINS:
        return f"operators of domain {node.domain[:60]!r}"
    if node.op_type not in EZKL | PROGRAM:
        return "not among the operators that any system compiles"
    if any(item.HasField("g") or item.graphs for item in node.attribute):
        return "nested graphs"
    return None


def ezkl_reason(node: NodeProto) -> str | None:
    """Why a node that was taken in cannot be compiled for `ezkl/v1`, or None."""
    if node.op_type not in EZKL:
        return "not among the operators that ezkl/v1 compiles"
    attributes = {item.name: item for item in node.attribute}
    if node.op_type in _NEED_STRIDES and "strides" not in attributes:
        return "ezkl/v1 needs the attribute strides, even for strides of 1"
    dilations = attributes.get("dilations")
    if dilations is not None and any(one != 1 for one in dilations.ints):
        return f"dilations {list(dilations.ints)[:8]}, ezkl/v1 takes only 1"
    return None


def problems(proto: ModelProto, reason: Reason) -> list[str]:
    """Every node that `reason` speaks against, each named with the reason."""
    found = [(at, node, reason(node)) for at, node in enumerate(proto.graph.node)]
    return [named(at, node, why) for at, node, why in found if why is not None]


def named(at: int, node: NodeProto, why: str) -> str:
    """A node by its name (or position) and operator, and what is wrong with it."""
    return f"{(node.name or f'node {at}')[:80]!r} ({node.op_type[:40]}: {why})"


def listed(found: Sequence[str]) -> str:
    """One line for all the problems."""
    return f"{len(found)} unsupported {'node' if len(found) == 1 else 'nodes'}: {'; '.join(found)}"
