"""The ONNX operators that the ezkl system can compile, and what it asks of their attributes."""

from onnx import NodeProto

# Measured with ezkl 23.0.5 (decision 0031): each compiles in a model of its own and its answer
# is that of onnxruntime. tests/models/test_operators.py measures it again.
SUPPORTED = frozenset(
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

_STANDARD_DOMAINS = ("", "ai.onnx")
_NEED_STRIDES = frozenset({"AveragePool", "Conv", "ConvTranspose", "MaxPool"})


def reason_against(node: NodeProto) -> str | None:
    """Why a node cannot be compiled for `ezkl/v1`, or None."""
    if node.domain not in _STANDARD_DOMAINS:
        return f"operators of domain {node.domain[:60]!r}"
    if node.op_type not in SUPPORTED:
        return "not among the operators that ezkl/v1 compiles"
    if any(item.HasField("g") or item.graphs for item in node.attribute):
        return "nested graphs"
    attributes = {item.name: item for item in node.attribute}
    if node.op_type in _NEED_STRIDES and "strides" not in attributes:
        return "ezkl/v1 needs the attribute strides, even for strides of 1"
    dilations = attributes.get("dilations")
    if dilations is not None and any(one != 1 for one in dilations.ints):
        return f"dilations {list(dilations.ints)[:8]}, ezkl/v1 takes only 1"
    return None
