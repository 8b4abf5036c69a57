"""Every ONNX operator that the compiler knows, and what lowers it."""

from avow.models.compiler.context import Lowering
from avow.models.compiler.lowering import arithmetic, clamping, convolution, linear, shape

LOWERINGS: dict[str, Lowering] = {
    "Abs": arithmetic.lower_abs,
    "Add": arithmetic.lower_add,
    "Clip": clamping.clip,
    "Concat": shape.lower_concat,
    "Conv": convolution.conv,
    "ConvTranspose": convolution.conv_transpose,
    "Expand": shape.expand,
    "Flatten": shape.flatten,
    "Gemm": linear.gemm,
    "Identity": shape.identity,
    "MatMul": linear.matmul,
    "Max": arithmetic.lower_max,
    "Min": arithmetic.lower_min,
    "Mul": arithmetic.lower_mul,
    "Neg": arithmetic.lower_neg,
    "Relu": clamping.relu,
    "Reshape": shape.lower_reshape,
    "Split": shape.split,
    "Squeeze": shape.squeeze,
    "Sub": arithmetic.lower_sub,
    "Sum": arithmetic.lower_sum,
    "Tile": shape.tile,
    "Transpose": shape.lower_transpose,
    "Unsqueeze": shape.unsqueeze,
}
