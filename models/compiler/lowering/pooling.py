"""MaxPool and AveragePool: strided slices and maxima, and convolutions with equal weights."""

import numpy as np

from avow.models.compiler.context import Context
from avow.models.compiler.graph import Node
from avow.models.compiler.lowering.arithmetic import maximum, multiply
from avow.models.compiler.lowering.convolution import convolve, spatial_of, windows
from avow.models.compiler.lowering.reduction import largest_along, mean_along
from avow.models.compiler.refusal import Refusal
from avow.models.compiler.value import Operand
from avow.models.compiler.views import pad, slice_axis

Sizes = tuple[int, ...]


def _window(node: Node, space: Sizes) -> tuple[Sizes, Sizes, Sizes, Sizes, Sizes, Sizes]:
    """Kernel, strides, dilations, pads before and after, and places beyond them (ceil_mode)."""
    kernel = node.integers("kernel_shape")
    if kernel is None or len(kernel) != len(space):
        raise Refusal(f"kernel {kernel} does not fit {len(space)} spatial axes")
    strides, dilations, before, after = windows(node, space, kernel)
    extra = [0] * len(space)
    if node.integer("ceil_mode", 0):
        parts = zip(space, kernel, strides, dilations, before, after, strict=True)
        for at, (n, size, step, gap, front, back) in enumerate(parts):
            reach = gap * (size - 1) + 1
            places = -(-(n + front + back - reach) // step) + 1
            # A window that would start in the padding behind is left out.
            if (places - 1) * step >= n + front:
                places -= 1
            extra[at] = max((places - 1) * step + reach - n - front - back, 0)
    return kernel, strides, dilations, before, after, tuple(extra)


def max_pool(c: Context) -> list[Operand]:
    """MaxPool, one axis after the other; padding holds the smallest possible value."""
    b, x = c.builder, c.value(0)
    space = x.shape[2:]
    kernel, strides, dilations, before, after, extra = _window(c.node, space)
    ends = [back + more for back, more in zip(after, extra, strict=True)]
    x = pad(b, x, (0, 0, *before), (0, 0, *ends), x.interval.low)
    for at in range(len(space)):
        axis, reach = at + 2, dilations[at] * (kernel[at] - 1) + 1
        places = (x.shape[axis] - reach) // strides[at] + 1
        if places < 1:
            raise Refusal("a kernel larger than its input")
        taps = [
            slice_axis(b, x, axis, tap * dilations[at], strides[at], places)
            for tap in range(kernel[at])
        ]
        x = maximum(b, taps)
    return [x]


def average_pool(c: Context) -> list[Operand]:
    """AveragePool: a convolution of ones by channel, then the reciprocal of each window's count."""
    b, x = c.builder, c.value(0)
    space = spatial_of(x)
    kernel, strides, dilations, before, after, extra = _window(c.node, space)
    ends = tuple(back + more for back, more in zip(after, extra, strict=True))
    counts = _counts(c.node, space, kernel, strides, dilations, before, after, extra)
    window = (strides, dilations, before, ends)
    channels = x.shape[1]
    ones = np.ones((channels, 1, *kernel))
    return [multiply(b, convolve(b, x, ones, None, window, channels), 1.0 / counts)]


def _counts(
    node: Node,
    space: Sizes,
    kernel: Sizes,
    strides: Sizes,
    dilations: Sizes,
    before: Sizes,
    after: Sizes,
    extra: Sizes,
) -> np.ndarray:
    """How many elements each window averages, (1, 1, *places)."""
    padded = node.integer("count_include_pad", 0)
    total = np.ones((1, 1, *[1] * len(space)))
    for at, n in enumerate(space):
        inside = np.zeros(before[at] + n + after[at] + extra[at])
        first, last = (0, before[at] + n + after[at]) if padded else (before[at], before[at] + n)
        inside[first:last] = 1
        reach = dilations[at] * (kernel[at] - 1) + 1
        views = np.lib.stride_tricks.sliding_window_view(inside, reach)
        along = views[:: strides[at], :: dilations[at]].sum(axis=1)
        shape = [1] * total.ndim
        shape[at + 2] = len(along)
        total = total * along.reshape(shape)
    if not total.all():
        raise Refusal("a window that holds nothing but padding")
    return total


def global_average_pool(c: Context) -> list[Operand]:
    """GlobalAveragePool: the mean over all spatial axes."""
    x = c.value(0)
    return [mean_along(c.builder, x, tuple(range(2, len(x.shape))), True)]


def global_max_pool(c: Context) -> list[Operand]:
    """GlobalMaxPool: the largest over all spatial axes."""
    x = c.value(0)
    return [largest_along(c.builder, x, tuple(range(2, len(x.shape))), True)]
