"""Reads key blobs as docs/reference/sumcheck-evm.md describes them, and nothing else."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from math import prod

from avow.verifier.argument.proof import R
from avow.verifier.tensor import Tensor

Words = list[int]


@dataclass
class Reader:
    """Bytes of a blob, from `at` on."""

    data: bytes
    at: int = 0

    def number(self, octets: int, signed: bool = False) -> int:
        """The next number."""
        self.at += octets
        assert self.at <= len(self.data)
        return int.from_bytes(self.data[self.at - octets : self.at], "big", signed=signed)

    def words(self, count: int) -> Words:
        """The next numbers of words."""
        return [self.number(2) for _ in range(count)]


@dataclass
class Challenges:
    """What the verifier draws, points with as many coordinates as the blob says."""

    draw: Callable[[], int]
    points: dict[str, Words] = field(default_factory=dict)

    def point(self, name: str, count: int) -> Words:
        """The point of that name."""
        return self.points.setdefault(name, [self.draw() for _ in range(count)])

    def one(self, name: str) -> int:
        """The challenge of that name."""
        return self.point(name, 1)[0]


def corners(point: Sequence[int]) -> Words:
    """eq(point, k) for every k."""
    table = [1]
    for x in point:
        table = [part for whole in table for part in (whole * (1 - x) % R, whole * x % R)]
    return table


def power_sum(values: Sequence[int], base: int) -> int:
    """sum of base^i * value_i."""
    return sum(value * pow(base, i, R) for i, value in enumerate(values)) % R


class Blob:
    """A blob, and its tape as the contract fills it."""

    def __init__(self, code: bytes, challenges: Challenges, tensors: Sequence[Tensor]) -> None:
        self.code, self.drawn = Reader(code), challenges
        self.tensors: list[Sequence[int]] = [tensor.values for tensor in tensors]
        read = self.code
        assert (read.number(1), read.number(1)) == (0, 1)
        self.n, self.k, self.degree, self.logsize, self.logrows = (read.number(1) for _ in range(5))
        self.width, self.batch_bits, self.batch = read.number(1), read.number(1), read.number(4)
        self.key_rows, *self.matrices = read.words(5)
        self.reads, self.factors, self.constants = read.words(3)
        self.ends_of, self.equal = (read.number(1), read.number(1)), read.number(1)
        self.at_r, self.at_s, self.at_z, self.first_weight = read.words(4)
        self.room, self.inner, self.ends = read.number(4), read.number(1), read.number(1)
        read.at = 272 + 64 * self.key_rows
        for _ in range(sum(self.ends_of)):
            elements = read.number(4)
            read.at += 17
            assert elements == prod(read.number(4) for _ in range(read.number(1)))
        read.at += 2 * self.equal
        self.tape = [read.number(32) for _ in range(self.constants)]
        self.tape[1:3] = challenges.one("lambda"), challenges.one("alpha")
        counts = (("r", self.n), ("s", self.k), ("tau", self.batch_bits), ("u", self.inner))
        for name, count in (*counts, ("z", self.logsize)):
            self.tape += challenges.point(name, count)
        self.tape += challenges.point("sent", self.reads + self.factors)

    def run(self, steps: int) -> None:
        """The next steps."""
        for _ in range(steps):
            self.tape += getattr(self, f"_step_{self.code.number(1)}")()

    def identities(self) -> tuple[int, int]:
        """What eq(rho, r) is multiplied with, and the tables' sums."""
        self.run(self.at_r)
        read, tape, gamma = self.code, self.tape, self.drawn.one("gamma")
        zeros = []
        for _ in range(read.number(2)):
            kind = read.number(1)
            if kind == 4:
                zeros.append(self._sum() * self._sum() + self._sum())
                continue
            words = [tape[at] for at in read.words((5, 4, 9, 2)[kind])]
            if kind == 1:
                a, b, c, d = words
                zeros.append((a - b) * (c - d))
                continue
            helper, live, *words = words
            row = self._sum() if kind == 3 else tape[2] + live * words[0] + words[1] - words[2]
            if kind == 2:
                row += words[3] * (words[4] - words[5] - words[6])
            zeros.append(helper * row - live)
        sums = []
        for _ in range(read.number(1)):
            total = 0
            for _ in range(read.number(2)):
                factor, first, count = read.words(3)
                total += tape[factor] * sum(tape[first : first + count])
            sums.append(total)
        return power_sum(zeros, gamma), pow(gamma, len(zeros), R) * power_sum(sums, gamma) % R

    def bilinears(self) -> tuple[int, int]:
        """The claim of the second sumcheck, and what is at its end."""
        if not self.degree:
            return 0, 0
        read, tape, theta = self.code, self.tape, self.drawn.one("theta")
        claims = [tape[read.number(2)] - self._sum() for _ in range(read.number(2))]
        self.run(self.at_s)
        terms = []
        for _ in range(read.number(2)):
            share, shared = (tape[at] for at in read.words(2))
            terms.append(share * shared * self._sum() * self._sum())
        return power_sum(claims, theta), power_sum(terms, theta)

    def forms(self) -> tuple[int, int]:
        """The forms of all claims at z; of a batch's inputs and outputs."""
        self.run(self.at_z)
        return self._forms(self.reads + self.factors, "eta"), self._forms(self.ends, "kappa")

    def sample(self) -> int:
        """What a batch says of one sample; nothing is left of the blob then."""
        if self.batch == 1:
            assert self.code.at == len(self.code.data)
            return 0
        self.run(self.code.number(2))
        top = len(self.tape)
        self.run(self.ends)
        assert self.code.at == len(self.code.data)
        return power_sum(self.tape[top:], self.drawn.one("kappa"))

    def _forms(self, count: int, base: str) -> int:
        claims = [self.code.words(2) for _ in range(count)]
        return power_sum([self.tape[a] * self.tape[b] for a, b in claims], self.drawn.one(base))

    def _sum(self) -> int:
        plain, others = self.code.number(1), self.code.number(1)
        total = sum(self.tape[at] for at in self.code.words(plain))
        return total + sum(prod(self.tape[at] for at in self.code.words(2)) for _ in range(others))

    def _point(self, count: int = 1) -> tuple[list[Words], int]:
        starts = self.code.words(count)
        variables = self.code.number(1)
        return [self.tape[x : x + variables] for x in starts], variables

    # Steps, by their numbers; each returns the words that it appends.

    def _step_1(self) -> Words:
        (x, y), _ = self._point(2)
        factors = [1 - a - b + 2 * a * b for a, b in zip(x, y, strict=True)]
        return [prod(factors) * self.tape[self.code.number(2)] % R]

    def _step_2(self) -> Words:
        (x, y), _ = self._point(2)
        pairs = list(zip(corners(x), corners(y), strict=True))
        return [sum(a * b for a, b in pairs[: self.code.number(4)]) % R]

    def _step_3(self) -> Words:
        (x,), _ = self._point()
        weight = corners(x)[self.code.number(4)]
        return [weight * self.tape[self.code.number(2)] % R]

    def _step_4(self) -> Words:
        (x,), _ = self._point()
        return [sum(corners(x)[: self.code.number(4)]) % R]

    def _step_5(self) -> Words:
        (x,), _ = self._point()
        return [sum(k * c for k, c in enumerate(corners(x)[: self.code.number(4)])) % R]

    def _step_6(self) -> Words:
        (x,), _ = self._point()
        tops = [max(k.bit_length() - 1, 0) for k in range(2 ** len(x))]
        columns = [max(k, 1) - 2**top for k, top in enumerate(tops)], tops
        return [
            sum(a * c for a, c in zip(values, corners(x), strict=True)) % R for values in columns
        ]

    def _step_7(self) -> Words:
        return [prod(self.tape[at] for at in self.code.words(self.code.number(1))) % R]

    def _step_8(self) -> Words:
        (x,), _ = self._point()
        top = len(self.tape)
        for one in x:
            for at in self.code.words(self.code.number(2)):
                self.tape += [self.tape[at] * (1 - one) % R, self.tape[at] * one % R]
        made = self.tape[top:]
        del self.tape[top:]
        return made

    def _step_9(self) -> Words:
        (x,), variables = self._point()
        count = self.code.number(4)
        assert 2 ** (variables - 1) < count <= 2**variables
        return corners(x)[:count]

    def _step_10(self) -> Words:
        cells, runs = self.code.words(2)
        vector = [0] * cells
        for _ in range(runs):
            factor, word, cell = self.code.words(3)
            step, stride = self.code.number(2, True), self.code.number(2, True)
            for k in range(self.code.number(2)):
                at = cell + k * stride
                assert at >= 0
                vector[at] = (vector[at] + self.tape[factor] * self.tape[word + k * step]) % R
        return vector

    def _step_11(self) -> Words:
        x, y, n = self.code.words(3)
        return [sum(self.tape[x + k] * self.tape[y + k] for k in range(n)) % R]

    def _step_12(self) -> Words:
        number, groups = self.code.number(1), self.code.number(1)
        entries = [(1, 0)]
        for _ in range(groups):
            (weights, cells), stride = self.code.words(2), self.code.number(4)
            entries = [
                (weight * self.tape[weights + k] % R, at + k * stride)
                for weight, at in entries
                for k in range(cells)
            ]
        assert stride == 1
        return [sum(weight * self.tensors[number][at] for weight, at in entries) % R]

    def _step_13(self) -> Words:
        (x,), _ = self._point()
        return x

    def _step_14(self) -> Words:
        return [self._sum() % R]

    def _step_15(self) -> Words:
        a, n, b, m, shift = self.code.words(5)
        vector = [0] * ((n - 1) * shift + m)
        for k in range(n):
            for i in range(m):
                at = i + k * shift
                vector[at] = (vector[at] + self.tape[a + k] * self.tape[b + i]) % R
        return vector
