"""Conv and ConvTranspose over one or two spatial axes."""

import numpy as np

from avow.models.compiler.builder import Builder
from avow.models.compiler.constants import Reals, reals
from avow.models.compiler.context import Context
from avow.models.compiler.graph import Node
from avow.models.compiler.lowering.linear import bias_of, linear_error, weights_of, within_reach
from avow.models.compiler.refusal import Refusal
from avow.models.compiler.scaling import narrow
from avow.models.compiler.value import Array, Operand, Value
from avow.models.compiler.views import pad, slices
from avow.verifier.program.operations import Convolution

Sizes = tuple[int, ...]


def spatial_of(x: Value) -> Sizes:
    """The spatial axes' lengths; refuses what is not one- or two-dimensional."""
    if len(x.shape) not in (3, 4):
        raise Refusal(f"{max(len(x.shape) - 2, 0)} spatial axes, only 1 or 2 are supported")
    return x.shape[2:]


def windows(node: Node, space: Sizes, kernel: Sizes) -> tuple[Sizes, Sizes, Sizes, Sizes]:
    """Strides, dilations, pads before and after, auto_pad resolved."""
    rank = len(space)
    strides = node.integers("strides") or (1,) * rank
    dilations = node.integers("dilations") or (1,) * rank
    pads = node.integers("pads") or (0,) * (2 * rank)
    if not len(strides) == len(dilations) == rank == len(kernel) or len(pads) != 2 * rank:
        raise Refusal(f"kernel, strides, dilations or pads do not fit {rank} spatial axes")
    before, after = pads[:rank], pads[rank:]
    mode = node.text("auto_pad", "NOTSET")
    if mode == "VALID":
        before = after = (0,) * rank
    elif mode in ("SAME_UPPER", "SAME_LOWER"):
        parts = zip(space, kernel, strides, dilations, strict=True)
        sums = [
            max((-(-n // step) - 1) * step + (size - 1) * gap + 1 - n, 0)
            for n, size, step, gap in parts
        ]
        small, large = tuple(n // 2 for n in sums), tuple(n - n // 2 for n in sums)
        before, after = (small, large) if mode == "SAME_UPPER" else (large, small)
    elif mode != "NOTSET":
        raise Refusal(f"auto_pad {mode[:40]!r}")
    if min((*before, *after)) < 0:
        raise Refusal("negative pads")
    return strides, dilations, before, after


def convolve(
    b: Builder,
    x: Value,
    weight: Array,
    bias: Reals | None,
    window: tuple[Sizes, Sizes, Sizes, Sizes],
    groups: int,
) -> Value:
    """Cross-correlation with constant weights (outputs, channels / groups, *kernel)."""
    x = narrow(b, x)
    found = weights_of(b, weight, x)
    x = within_reach(b, x, found)
    scale = x.scale + found.scale
    offset = bias_of(found, bias, scale)
    numbers = b.blob(found.integers), b.blob(offset.integers)
    operation = Convolution((x.tensor,), *numbers, *window, groups)
    return b.emit(operation, [x], scale, linear_error(x, found, offset.errors))


def conv(c: Context) -> list[Operand]:
    """Conv with constant weights."""
    x, weight = c.value(0), c.constant(1, "the weights")
    space = spatial_of(x)
    if weight.ndim != len(x.shape):
        raise Refusal(f"weights of rank {weight.ndim} for an input of rank {len(x.shape)}")
    window = windows(c.node, space, weight.shape[2:])
    bias = c.maybe(2, "the bias")
    offset = None if bias is None else reals(bias).reshape(-1)
    return [convolve(c.builder, x, weight, offset, window, c.node.integer("group", 1))]


def conv_transpose(c: Context) -> list[Operand]:
    """ConvTranspose: zeros between the elements, then a convolution with flipped weights."""
    b, node = c.builder, c.node
    x, weight = c.value(0), reals(c.constant(1, "the weights"))
    space, groups = spatial_of(x), node.integer("group", 1)
    rank = len(space)
    if weight.ndim != rank + 2 or weight.shape[0] != x.shape[1] or weight.shape[0] % groups:
        raise Refusal(f"weights {list(weight.shape)} do not fit {x.shape[1]} channels")
    kernel = weight.shape[2:]
    strides = node.integers("strides") or (1,) * rank
    dilations = node.integers("dilations") or (1,) * rank
    reach = tuple(gap * (size - 1) for gap, size in zip(dilations, kernel, strict=True))
    before, after, extra = _transpose_pads(node, space, strides, reach)
    grouped = weight.reshape(groups, -1, *weight.shape[1:]).swapaxes(1, 2)
    flipped = np.flip(grouped, axis=tuple(range(3, 3 + rank)))
    outer = flipped.reshape(-1, flipped.shape[2], *kernel)
    # A transposed convolution's padding takes positions away instead of adding them.
    fronts = [width - take for width, take in zip(reach, before, strict=True)]
    backs = [width - take + more for width, take, more in zip(reach, after, extra, strict=True)]
    x = narrow(b, x)
    x = pad(
        b,
        x,
        (0, 0, *(max(front, 0) for front in fronts)),
        (0, 0, *(max(back, 0) for back in backs)),
        0,
        (0, 0, *(step - 1 for step in strides)),
    )
    starts = [0, 0, *(max(-front, 0) for front in fronts)]
    ends = [0, 0, *(max(-back, 0) for back in backs)]
    sizes = [n - start - end for n, start, end in zip(x.shape, starts, ends, strict=True)]
    if min(sizes) < 1:
        raise Refusal("pads that leave nothing")
    x = slices(b, x, starts, [1] * (rank + 2), sizes)
    bias = c.maybe(2, "the bias")
    offset = None if bias is None else reals(bias).reshape(-1)
    window = ((1,) * rank, tuple(dilations), (0,) * rank, (0,) * rank)
    return [convolve(b, x, outer, offset, window, groups)]


def _transpose_pads(node: Node, space: Sizes, strides: Sizes, reach: Sizes) -> tuple[Sizes, ...]:
    """Pads before and after, and output padding, auto_pad and output_shape resolved."""
    rank = len(space)
    extra = node.integers("output_padding") or (0,) * rank
    pads = node.integers("pads") or (0,) * (2 * rank)
    wanted = node.integers("output_shape")
    mode = node.text("auto_pad", "NOTSET")
    if wanted is not None:
        wanted = wanted[-rank:]
    elif mode in ("SAME_UPPER", "SAME_LOWER"):
        wanted = tuple(n * step for n, step in zip(space, strides, strict=True))
    if wanted is None:
        if mode == "VALID":
            pads = (0,) * (2 * rank)
        return pads[:rank], pads[rank:], extra
    parts = zip(space, strides, reach, extra, wanted, strict=True)
    sums = [step * (n - 1) + more + width + 1 - out for n, step, width, more, out in parts]
    small = tuple(n // 2 for n in sums)
    large = tuple(n - n // 2 for n in sums)
    before, after = (small, large) if mode == "SAME_UPPER" else (large, small)
    if min(before) < 0:
        # ONNX's formula puts part of what is missing in front, runtimes all of it behind.
        raise Refusal(f"an output of {list(wanted)}, larger than what the kernel reaches")
    return before, after, extra
