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
_LONGEST_STEP = 2**15

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
    BRANCH = 8
    TABLE = 9
    FORM = 10
    DOT = 11
    TENSOR = 12
    COPY = 13
    SUM = 14
    CONVOLVE = 15


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
            word = self._step(Step.EQ, numbers(x, y) + bytes([count]) + numbers(word))
            rest = rest[:-count]
            self._made[_name(pairs[len(rest) :])] = word
        return word

    def same(self, x: int, y: int, variables: int, n: int) -> int:
        """sum over k < n of eq(x, k) eq(y, k)."""
        if n == 2**variables:
            return self.eq([(x + k, y + k) for k in range(variables)])
        return self._step(Step.SAME, numbers(x, y) + bytes([variables]) + _u32(n))

    def corner(self, x: int, variables: int, k: int, earlier: int = ONE) -> int:
        """eq(x, k) times an earlier word."""
        if not variables:
            return earlier
        operands = numbers(x) + bytes([variables]) + _u32(k) + numbers(earlier)
        return self._step(Step.CORNER, operands)

    def less(self, x: int, variables: int, n: int) -> int:
        """sum over k < n of eq(x, k)."""
        while variables and n % 2 == 0:
            # The last variable is free.
            variables, n = variables - 1, n // 2
        if n == 2**variables:
            return ONE
        return self._step(Step.LESS, numbers(x) + bytes([variables]) + _u32(n))

    def ramp(self, x: int, variables: int, n: int) -> int:
        """sum over k < n of k eq(x, k)."""
        return self._step(Step.RAMP, numbers(x) + bytes([variables]) + _u32(n))

    def range_table(self, x: int, variables: int) -> tuple[int, int]:
        """The two columns of the range table."""
        word = self._step(Step.RANGE, numbers(x) + bytes([variables]), 2)
        return word, word + 1

    def product(self, words: Sequence[int]) -> int:
        """The product of words."""
        factors = sorted(word for word in words if word != ONE)
        if len(factors) < 2:
            return factors[0] if factors else ONE
        return self._step(Step.PRODUCT, bytes([len(factors)]) + numbers(*factors))

    def sum(self, terms: Sequence[tuple[int, int]]) -> int:
        """The sum of words, each times another."""
        if len(terms) == 1 and terms[0][1] == ONE:
            return terms[0][0]
        return self._step(Step.SUM, sum_code(terms))

    def branches(self, x: int, levels: Sequence[Sequence[int]]) -> int:
        """For each variable from x on its words; for each of these two: times 1 - x, times x."""
        code = b"".join(numbers(len(words), *words) for words in levels)
        count = 2 * sum(map(len, levels))
        return self._step(Step.BRANCH, numbers(x) + bytes([len(levels)]) + code, count)

    def table(self, x: int, variables: int, n: int) -> int:
        """eq(x, k) for k < n."""
        if not variables:
            return ONE
        return self._step(Step.TABLE, numbers(x) + bytes([variables]) + _u32(n), n)

    def form(self, cells: int, runs: Sequence[Run]) -> int:
        """A vector of cells, each the sum of what runs add to it."""
        parts = [part for run in runs for part in _parts(run)]
        code = b"".join(
            numbers(factor, source, cell) + _i16(step) + _i16(cell_step) + numbers(count)
            for factor, source, cell, step, cell_step, count in parts
        )
        return self._step(Step.FORM, numbers(cells, len(parts)) + code, cells)

    def convolve(self, left: int, n: int, right: int, m: int, shift: int) -> int:
        """Cell i + k shift is the sum of left_k right_i, for k < n and i < m."""
        code = numbers(left, n, right, m, shift)
        return self._step(Step.CONVOLVE, code, (n - 1) * shift + m)

    def copy(self, x: int, n: int) -> int:
        """Words once more, where they stand next to others."""
        return self._step(Step.COPY, numbers(x) + bytes([n]), n)

    def dot(self, left: int, right: int, n: int) -> int:
        """sum of the products of two vectors."""
        if n == 1:
            return self.product([left, right])
        return self._step(Step.DOT, numbers(left, right, n))

    def tensor(self, number: int, groups: Sequence[tuple[int, int, int]]) -> int:
        """A view of a tensor of the statement: (weights, cells, stride) of every group of axes."""
        code = b"".join(numbers(weights, cells) + _u32(stride) for weights, cells, stride in groups)
        return self._step(Step.TENSOR, bytes([number, len(groups)]) + code)

    def _step(self, step: Step, operands: bytes, words: int = 1) -> int:
        code = bytes([step]) + operands
        if code not in self._made:
            self._made[code] = self.top
            self.top += words
            self.code += code
            self.count += 1
        return self._made[code]


def sum_code(terms: Sequence[tuple[int, int]]) -> bytes:
    """u8 plain terms, u8 others; the words of the first, word and coefficient of the others."""
    plain = [word for word, factor in terms if factor == ONE]
    others = [pair for pair in terms if pair[1] != ONE]
    if max(len(plain), len(others)) > 255:
        raise CircuitError("a sum has more than 255 terms, which the contract does not read")
    return bytes([len(plain), len(others)]) + numbers(
        *plain, *(word for pair in others for word in pair)
    )


def _name(pairs: Sequence[tuple[int, int]]) -> bytes:
    # No step is named 0.
    return bytes(1) + b"".join(numbers(x, y) for x, y in pairs)


def numbers(*words: int) -> bytes:
    """Numbers of words, u16 each."""
    if any(word >= _WORDS for word in words):
        raise CircuitError("the contract's tape would have more than 65,536 words for this key")
    return b"".join(word.to_bytes(2, "big") for word in words)


def _parts(run: Run) -> list[Run]:
    """A run, or its cells one by one where its steps are longer than a blob says."""
    factor, source, cell, step, cell_step, count = run
    if max(abs(step), abs(cell_step)) < _LONGEST_STEP:
        return [run]
    return [(factor, source + k * step, cell + k * cell_step, 0, 0, 1) for k in range(count)]


def _i16(number: int) -> bytes:
    return number.to_bytes(2, "big", signed=True)


def _u32(number: int) -> bytes:
    return number.to_bytes(4, "big")
