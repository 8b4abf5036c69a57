"""The steps of a key blob: evaluations in closed form, each on words that are known before it.

`contracts/src/sumcheck/Tape.sol` runs them. Every word of its tape has a number; a step appends one
word or a vector, and the same step is never written twice.
"""

from collections.abc import Sequence
from enum import IntEnum

from avow.circuits.errors import CircuitError
from avow.verifier.relation.views import R

ONE = 0
_WORDS = 2**16

# (factor, source, cell, step of the source, step of the cell, count)
Run = tuple[int, int, int, int, int, int]


class Step(IntEnum):
    """What a step does; its operands are described in the contract."""

    EQ = 1
    SAME = 2
    CORNER = 3
    LESS = 4
    RAMP = 5
    RANGE = 6
    PRODUCT = 7
    TREE = 8
    TABLE = 9
    FORM = 10
    DOT = 11
    TENSOR = 12
    COPY = 13


class Tape:
    """The tape as the contract will have it: constants, challenges, values sent, then the steps'.

    The steps of the three parts of a proof are kept apart; a later part sees those of the earlier.
    """

    def __init__(self, constants: Sequence[int], known: int) -> None:
        self._constants = {value: number for number, value in enumerate(constants)}
        self.missing: dict[int, None] = {}
        self.top = len(constants) + known
        self.code = b""
        self.count = 0
        self._made: dict[bytes, int] = {}

    def constant(self, value: int) -> int:
        """The word of a constant; one that is not among them is noted as missing."""
        if value % R not in self._constants:
            self.missing[value % R] = None
        return self._constants.get(value % R, ONE)

    def part(self) -> tuple[int, bytes]:
        """Number and bytes of the steps since the last part."""
        count, code = self.count, self.code
        self.count, self.code = 0, b""
        return count, code

    def eq(self, pairs: Sequence[tuple[int, int]]) -> int:
        """prod eq(x, y) of pairs of words; a tail that was multiplied before is not again."""
        rest, word = list(pairs), ONE
        for length in range(len(pairs), 0, -1):
            known = self._made.get(_name(pairs[-length:]))
            if known is not None:
                rest, word = list(pairs[: len(pairs) - length]), known
                break
        while rest:
            count = 1
            while count < len(rest) and rest[-count - 1] == (
                rest[-count][0] - 1,
                rest[-count][1] - 1,
            ):
                count += 1
            x, y = rest[-count]
            word = self._step(Step.EQ, _u16(x, y) + bytes([count]) + _u16(word))
            rest = rest[:-count]
            self._made[_name(pairs[len(rest) :])] = word
        return word

    def same(self, x: int, y: int, variables: int, n: int) -> int:
        """sum over k < n of eq(x, k) eq(y, k)."""
        if n == 2**variables:
            return self.eq([(x + k, y + k) for k in range(variables)])
        return self._step(Step.SAME, _u16(x, y) + bytes([variables]) + _u32(n))

    def corner(self, x: int, variables: int, k: int) -> int:
        """eq(x, k)."""
        if not variables:
            return ONE
        return self._step(Step.CORNER, _u16(x) + bytes([variables]) + _u32(k) + _u16(ONE))

    def less(self, x: int, variables: int, n: int) -> int:
        """sum over k < n of eq(x, k)."""
        while variables and n % 2 == 0:
            # The last variable is free.
            variables, n = variables - 1, n // 2
        if n == 2**variables:
            return ONE
        return self._step(Step.LESS, _u16(x) + bytes([variables]) + _u32(n))

    def ramp(self, x: int, variables: int, n: int) -> int:
        """sum over k < n of k eq(x, k)."""
        return self._step(Step.RAMP, _u16(x) + bytes([variables]) + _u32(n))

    def range_table(self, x: int, variables: int) -> tuple[int, int]:
        """The two columns of the range table."""
        word = self._step(Step.RANGE, _u16(x) + bytes([variables]), 2)
        return word, word + 1

    def product(self, words: Sequence[int]) -> int:
        """The product of words."""
        factors = sorted(word for word in words if word != ONE)
        if len(factors) < 2:
            return factors[0] if factors else ONE
        return self._step(Step.PRODUCT, bytes([len(factors)]) + _u16(*factors))

    def tree(self, x: int, variables: int, n: int) -> int:
        """eq of the first d variables and k at word 2^d + k from the one returned."""
        return self._step(Step.TREE, _u16(x) + bytes([variables]) + _u32(n), 2**variables + n)

    def table(self, x: int, variables: int, n: int) -> int:
        """eq(x, k) for k < n."""
        if not variables:
            return ONE
        return self._step(Step.TABLE, _u16(x) + bytes([variables]) + _u32(n), n)

    def form(self, cells: int, runs: Sequence[Run]) -> int:
        """A vector of cells, each the sum of what runs add to it."""
        code = b"".join(
            _u16(factor, source, cell) + _i16(step) + _i16(cell_step) + _u16(count)
            for factor, source, cell, step, cell_step, count in runs
        )
        return self._step(Step.FORM, _u16(cells, len(runs)) + code, cells)

    def copy(self, x: int, n: int) -> int:
        """Words once more, where they stand next to others."""
        return self._step(Step.COPY, _u16(x) + bytes([n]), n)

    def dot(self, left: int, right: int, n: int) -> int:
        """sum of the products of two vectors."""
        if n == 1:
            return self.product([left, right])
        return self._step(Step.DOT, _u16(left, right, n))

    def tensor(self, number: int, groups: Sequence[tuple[int, int, int]]) -> int:
        """A view of a tensor of the statement: (weights, cells, stride) of every group of axes."""
        code = b"".join(_u16(weights, cells) + _u32(stride) for weights, cells, stride in groups)
        return self._step(Step.TENSOR, bytes([number, len(groups)]) + code)

    def _step(self, step: Step, operands: bytes, words: int = 1) -> int:
        code = bytes([step]) + operands
        if code not in self._made:
            self._made[code] = self.top
            self.top += words
            self.code += code
            self.count += 1
        return self._made[code]


def _name(pairs: Sequence[tuple[int, int]]) -> bytes:
    # No step is named 0.
    return bytes(1) + b"".join(_u16(x, y) for x, y in pairs)


def _u16(*numbers: int) -> bytes:
    if any(number >= _WORDS for number in numbers):
        raise CircuitError("the contract's tape would have more than 65,536 words for this key")
    return b"".join(number.to_bytes(2, "big") for number in numbers)


def _i16(number: int) -> bytes:
    return number.to_bytes(2, "big", signed=True)


def _u32(number: int) -> bytes:
    return number.to_bytes(4, "big")
