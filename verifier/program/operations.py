"""The operations of the integer program: what each is made of, not yet what it means.

`of` names the operands: a tensor's number counts the program's inputs first, then the results of
its operations in order. Other integers that name constants are positions in the program's list of
blobs. Shapes exclude any batch: a program speaks of one sample.
"""

from dataclasses import dataclass

Shape = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Constant:
    """y = blob."""

    of: tuple[int, ...]
    blob: int


@dataclass(frozen=True, slots=True)
class Dense:
    """y[..., n] = bias[n] + sum_k weight[n, k] x[..., k]. weight (N, K), bias (N)."""

    of: tuple[int, ...]
    weight: int
    bias: int


@dataclass(frozen=True, slots=True)
class Convolution:
    """Cross-correlation over one or two spatial axes, zeros outside.

    x (B, C, *spatial), weight (O, C / groups, *kernel), bias (O). Spatial attributes have one
    entry per spatial axis:
    y[b, o, p] = bias[o] + sum_{c, t} weight[o, c, t] x[b, group(o) C/groups + c,
    p strides + t dilations - pads_before], in each spatial axis alike.
    """

    of: tuple[int, ...]
    weight: int
    bias: int
    strides: tuple[int, ...]
    dilations: tuple[int, ...]
    pads_before: tuple[int, ...]
    pads_after: tuple[int, ...]
    groups: int


@dataclass(frozen=True, slots=True)
class Contract:
    """y[g, m, n] = sum_k a[g, m, k] b[g, k, n]; g stands for any equal leading axes."""

    of: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Multiply:
    """y = a b, element by element, equal shapes."""

    of: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Affine:
    """y = constant + sum_i coefficients[i] x_i, element by element, equal shapes."""

    of: tuple[int, ...]
    coefficients: tuple[int, ...]
    constant: int


@dataclass(frozen=True, slots=True)
class Sum:
    """Sum over the given axes (increasing), which disappear."""

    of: tuple[int, ...]
    axes: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Rescale:
    """t = floor((a + 2^(bits-1)) / 2^bits), for bits = 0 just a; then clamped to [low, high]."""

    of: tuple[int, ...]
    bits: int
    low: int | None
    high: int | None


@dataclass(frozen=True, slots=True)
class Divide:
    """y = floor(a / b), element by element; b is at least 1."""

    of: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Maximum:
    """y = max(a, b), element by element, equal shapes."""

    of: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Table:
    """y = blob[t - first], element by element."""

    of: tuple[int, ...]
    blob: int
    first: int


@dataclass(frozen=True, slots=True)
class LookupRow:
    """y[..., d] = blob[t[...], d]; blob (rows, D)."""

    of: tuple[int, ...]
    blob: int


@dataclass(frozen=True, slots=True)
class Reshape:
    """The same elements in row-major order, in another shape."""

    of: tuple[int, ...]
    shape: Shape


@dataclass(frozen=True, slots=True)
class Transpose:
    """Axis i of y is axis `axes[i]` of x."""

    of: tuple[int, ...]
    axes: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Slice:
    """y[i] = x[starts + i steps] in every axis, `sizes` elements of each; steps may be negative."""

    of: tuple[int, ...]
    starts: tuple[int, ...]
    steps: tuple[int, ...]
    sizes: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Pad:
    """`value` before, after and between (that many) the elements of every axis."""

    of: tuple[int, ...]
    before: tuple[int, ...]
    after: tuple[int, ...]
    between: tuple[int, ...]
    value: int


@dataclass(frozen=True, slots=True)
class Concat:
    """The operands one behind the other along an axis."""

    of: tuple[int, ...]
    axis: int


@dataclass(frozen=True, slots=True)
class Broadcast:
    """Axes of length 1 repeated; `shape` has the rank of x."""

    of: tuple[int, ...]
    shape: Shape


@dataclass(frozen=True, slots=True)
class Gather:
    """y[.., i, ..] = x[.., blob[i], ..] along an axis; blob (I)."""

    of: tuple[int, ...]
    axis: int
    indices: int


Operation = (
    Constant
    | Dense
    | Convolution
    | Contract
    | Multiply
    | Affine
    | Sum
    | Rescale
    | Divide
    | Maximum
    | Table
    | LookupRow
    | Reshape
    | Transpose
    | Slice
    | Pad
    | Concat
    | Broadcast
    | Gather
)

# Wire names; the number of operands each takes, None for one or more.
NAMES: dict[str, type[Operation]] = {
    "constant": Constant,
    "dense": Dense,
    "convolution": Convolution,
    "contract": Contract,
    "multiply": Multiply,
    "affine": Affine,
    "sum": Sum,
    "rescale": Rescale,
    "divide": Divide,
    "maximum": Maximum,
    "table": Table,
    "lookup_row": LookupRow,
    "reshape": Reshape,
    "transpose": Transpose,
    "slice": Slice,
    "pad": Pad,
    "concat": Concat,
    "broadcast": Broadcast,
    "gather": Gather,
}
OPERANDS: dict[type[Operation], int | None] = {
    Constant: 0,
    Dense: 1,
    Convolution: 1,
    Contract: 2,
    Multiply: 2,
    Affine: None,
    Sum: 1,
    Rescale: 1,
    Divide: 2,
    Maximum: 2,
    Table: 1,
    LookupRow: 1,
    Reshape: 1,
    Transpose: 1,
    Slice: 1,
    Pad: 1,
    Concat: None,
    Broadcast: 1,
    Gather: 1,
}


def name_of(operation: Operation) -> str:
    """The wire name of an operation."""
    return next(name for name, kind in NAMES.items() if type(operation) is kind)
