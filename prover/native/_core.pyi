from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

def backends() -> list[str]:
    """Name the backends that this processor can run, slowest first; the first is `portable`."""

def backend() -> str:
    """Name the backend in use: the fastest one, or the one that AVOW_NATIVE_BACKEND asked for."""

def set_backend(name: str) -> None:
    """Use another backend for what is made from now on; ValueError if it cannot run here."""

def threads() -> int:
    """Return how many threads a call may use, the caller's own included."""

def set_threads(count: int) -> None:
    """Set it: 1 to 256, otherwise ValueError."""

def field_operations(field: str, a: bytes, b: bytes) -> list[bytes]:
    """Return a + b, a - b, a * b, -a, a * a and 1 / a (of zero: zero) as this backend has them.

    `field` is "r" or "q"; elements are 32 bytes, little-endian, below the prime.
    """

def keccak256(data: bytes) -> bytes:
    """Return the 32 bytes of Ethereum's Keccak-256."""

def tensor_root(
    array: NDArray[np.generic], width: int, lengths: list[int], steps: list[int]
) -> bytes:
    """Return the root over a tensor's chunks of 256 bytes (`verifier.trace.commitment`).

    `array` holds its integers contiguously as int8 to int64, float32 or float64. Stored is, with
    `width` bytes each, the element at sum(i steps) for each i below `lengths`, row-major.
    ValueError where they leave the array, and for a number that is no integer of that width.
    """

def trace_root(statement: bytes, roots: bytes) -> bytes:
    """Return the root over a run's tensors from their roots, 32 bytes each, in order."""

class Transcript:
    """The chained state that challenges are drawn from; `verifier` has the same in Python."""

    def __init__(self) -> None: ...
    def absorb(self, label: int, words: bytes) -> None:
        """Take up 32-byte words under a label of 0 to 255; otherwise ValueError."""

    def challenge(self, label: int) -> int:
        """Draw 248 bits that depend on all that was absorbed and drawn before."""

class Bases:
    """Points of a structured reference string, and commitments by them.

    A committed point is 64 bytes, x || y, big-endian; the identity is 64 zero bytes.
    """

    def __init__(self, points: bytes) -> None:
        """Read x || y, little-endian Montgomery (R = 2^256), as halo2 and snarkjs store them.

        ValueError naming the first that is not a point of the curve; the identity is none.
        """

    @staticmethod
    def of_canonical(points: bytes) -> Bases:
        """Read x || y, big-endian, likewise."""

    def __len__(self) -> int: ...
    def commit_bytes(self, scalars: bytes) -> bytes:
        """Commit to canonical scalars, 32 bytes little-endian each; no more than points."""

    def commit(self, scalars: Frs) -> bytes:
        """Commit to a vector, no longer than there are points."""

    def commit_ints(
        self, rows: NDArray[np.int8] | NDArray[np.int16] | NDArray[np.int32] | NDArray[np.int64]
    ) -> list[bytes]:
        """Commit to every row of a contiguous matrix of integers."""

    def commit_matrices(self, matrices: list[NDArray[Any]]) -> list[bytes]:
        """Commit to every row of every matrix, as `commit_ints`, all at once."""

    def commit_values(self, indices: NDArray[np.int32], values: Frs) -> list[bytes]:
        """Commit to rows of values named by index, -1 meaning zero: equal ones at one price."""

    def commit_values_bytes(self, indices: NDArray[np.int32], values: bytes) -> list[bytes]:
        """Do the same for values as `commit_bytes` takes them."""

def multiples(scalars: bytes) -> bytes:
    """Return each canonical scalar times the generator (1, 2), as `Bases` reads points.

    The identity, of a zero scalar, is 64 zero bytes, which `Bases` refuses.
    """

def point_add(a: bytes, b: bytes) -> bytes:
    """Add two points of 64 bytes, big-endian; ValueError unless both are on the curve."""

def point_mul(point: bytes, scalar: int) -> bytes:
    """Multiply a point of 64 bytes, big-endian, by an integer from 0 to below r."""

def pairing_holds(left: bytes, right: bytes, tau_g2: bytes) -> bool:
    """Say whether e(left, G2) = e(right, tau G2): two points of 64 bytes and one of 128.

    ValueError unless they are canonical, on their curves and in their groups. Coordinates in Fq2
    are c1 || c0, big-endian; the second group's identity has none and is refused.
    """

def check_point2(point: bytes) -> None:
    """Raise ValueError unless these 128 bytes are a point that `pairing_holds` takes."""

_Integers: TypeAlias = NDArray[np.int8] | NDArray[np.int16] | NDArray[np.int32] | NDArray[np.int64]

class Frs:
    """A vector of scalars in the layout of the backend that was in use when it was made.

    Operations take vectors of one backend; ValueError where backends or lengths differ. Arrays
    are contiguous, of int8, int16, int32 or int64.
    """

    @staticmethod
    def zeros(size: int) -> Frs: ...
    @staticmethod
    def of_ints(array: _Integers, scale: int = 1, offset: int = 0) -> Frs:
        """Return scale * array + offset, modulo r."""

    @staticmethod
    def of_bytes(data: bytes) -> Frs:
        """Read canonical scalars, 32 bytes little-endian each; ValueError naming a wrong one."""

    def to_bytes(self) -> bytes: ...
    def __len__(self) -> int: ...
    @property
    def backend(self) -> str: ...
    def at(self, index: int) -> int: ...
    def gather(self, index: NDArray[np.int32]) -> Frs:
        """Return the elements at these indices; -1 gives 0."""

    def inverse(self) -> Frs:
        """Invert every element; ValueError naming the first that is zero."""

    def add(self, other: Frs) -> Frs: ...
    def sub(self, other: Frs) -> Frs: ...
    def mul(self, other: Frs) -> Frs: ...
    def scale(self, by: int) -> Frs: ...
    def addmul(self, other: Frs, by: int) -> None:
        """Add by * other, in place."""

    def set_range(self, at: int, other: Frs) -> None:
        """Put another vector in the place of the elements from `at` on."""

    def sum(self) -> int: ...
    def dot(self, other: Frs) -> int: ...
    def dot_ints(self, array: _Integers) -> int: ...

class Lazy:
    """A vector that is not written out."""

    def __len__(self) -> int: ...
    def written(self) -> Frs:
        """All elements."""

class Picked(Lazy):
    """A table's elements: element i is table[index[i]], and where that is -1 table[rest], or zero.

    The index is a contiguous array of int32; ValueError where it is out of the table's range.
    """

    def __init__(self, table: Frs, index: NDArray[np.int32], rest: int | None = None) -> None: ...
    def of(self, table: Frs, rest: int | None = None) -> Picked:
        """The same indices of another table."""

    def dots(self, weights: Frs) -> Frs:
        """Each run of as many elements as weights, times them, summed; ValueError with a rest."""

    def fold_rows(self, weights: Frs) -> Frs:
        """As a matrix of as many rows as weights: their sum, weighted; ValueError with a rest."""

class Integers(Lazy):
    """Integers, taken as scalars where they are read."""

    def __init__(self, array: _Integers) -> None: ...

def eq_table(point: list[int]) -> Frs:
    """Return eq(point, x) for all x, variable 1 the most significant bit of the index."""

def fold_ints(array: _Integers, weights: Frs) -> Frs:
    """Return the sum of a matrix's rows, each times its weight."""

def fold_rows(array: _Integers, weights: Frs) -> Frs:
    """Return every row's sum, each column times its weight."""

def contract(
    values: _Integers | Frs,
    outer: int,
    inner: int,
    rows: int,
    cols: int,
    at_row: NDArray[np.int32],
    at_col: NDArray[np.int32],
    weights: Frs,
) -> Frs:
    """Apply a sparse map to the middle axis of values [outer, cols, inner].

    out[o, t, i] = sum over the entries e with at_row[e] = t of
    weights[e] * values[o, at_col[e], i].
    """

def outer_add(target: Frs, at: int, scale: int, factors: list[Frs]) -> None:
    """Add scale times the outer product of the factors, row-major, from `at` on."""

def fold_pairs(f: Frs, z: int) -> Frs:
    """Return (1 - z) times the even coefficients plus z times the odd ones."""

def evaluate(f: Frs, x: int) -> int:
    """Return the sum of f[i] x^i."""

def divide(f: Frs, root: int) -> tuple[Frs, int]:
    """Divide by X - root; return the quotient, one shorter, and the remainder."""

def divide_eighths(f: Frs, x: int) -> tuple[Frs, list[int]]:
    """Divide by X^8 - x; return the quotient, eight shorter, and the remainder's eight numbers.

    They are, at x, the polynomials of every eighth coefficient, from number 0, 1, ..., 7 on.
    """

class ZeroCheck:
    """Prover of sum_x [eq(rho, x) (sum coef a b + sum coef l) + sum coef 2^-(n-m) s].

    Over n variables, variable 1 (the most significant bit of an index) bound first; a vector of
    2^m elements, m <= n, is a function of the last m. Where the factors of a product differ in
    length, the longer one's m counts. Nothing is assumed of the sum; vectors are not changed.
    """

    def __init__(
        self,
        variables: int,
        rho: list[int],
        products: list[tuple[int, Frs | Lazy, Frs | Lazy]],
        linear: list[tuple[int, Frs | Lazy]],
        sums: list[tuple[int, Frs | Lazy]],
    ) -> None: ...
    def round(self) -> tuple[int, int, int]:
        """Return the round's polynomial at 0, 2 and 3."""

    def bind(self, r: int) -> None:
        """Set this round's variable to the challenge."""

class ProductSum:
    """Prover of sum_x sum coef 2^-(n-m) a b [c], over n variables as in `ZeroCheck`."""

    def __init__(self, variables: int, terms: list[tuple[int, Frs, Frs, Frs | None]]) -> None: ...
    def round(self) -> tuple[int, ...]:
        """Return the round's polynomial at 0 and 2, and at 3 if any term has three factors."""

    def bind(self, r: int) -> None:
        """Set this round's variable to the challenge."""

    def values(self) -> list[tuple[int, int, int | None]]:
        """Return every term's factors at the challenges, after the last round."""

class FractionTree:
    """Prover of a sum of fractions p / q, added up two by two, layer by layer, up to the root.

    The leaves, at least two, are followed by 0 / 1 up to 2^depth. Layer k has a sumcheck of
    sum_x eq(t, x) (p0 q1 + p1 q0 + mu q0 q1)(x) over k variables, the last one bound first, where
    p0 / q0 and p1 / q1 are the children 2x and 2x + 1. Leaves 2^stride apart are worked on
    together, which saves time where they are picked, and many are 0 / c alike: 0 to 30.
    """

    def __init__(self, p: Frs | Lazy, q: Frs | Lazy, stride: int = 0) -> None: ...
    @property
    def depth(self) -> int: ...
    def nodes(self) -> tuple[int, int, int, int]:
        """Return p0, p1, q0, q1 where the layer's sumcheck ended; at first, of the root."""

    def descend(self, u: int, mu: int) -> None:
        """Go on to the next layer, at the point that ended and u."""

    def round(self) -> tuple[int, int]:
        """Return q(1) - q(0) and the leading coefficient of the round's polynomial q.

        That is without the eq of what is bound and of this variable.
        """

    def bind(self, x: int) -> None:
        """Set this round's variable to the challenge."""
