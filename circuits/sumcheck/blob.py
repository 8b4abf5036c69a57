"""Key blobs: what the verifier contract needs for a key and batch size, as an account's code.

The contract knows the protocol; a blob says what a frame says, and how views are evaluated. It is
made from the key alone, so that anybody can make it again. docs/reference/sumcheck-evm.md has the
format byte by byte.
"""

from collections.abc import Sequence

from avow.circuits.errors import CircuitError
from avow.circuits.sumcheck.links import coefficient, eq_pairs, public
from avow.circuits.sumcheck.steps import ONE, Tape
from avow.verifier.program.program import output_specs
from avow.verifier.relation.relation import Axis, Expression, Kind, Read
from avow.verifier.relation.views import size
from avow.verifier.srs import srs_digest, tau_g2_octets
from avow.verifier.systems.sumcheck.frame import Frame, Positions, Spot, frame
from avow.verifier.systems.sumcheck.key import Key
from avow.verifier.systems.sumcheck.proof import HALF, R
from avow.verifier.tensor import TensorSpec

VERSION = 1
LAMBDA_WORD = 1
# Stands for lambda among the constants: the contract writes the challenge there.
LAMBDA = R
# EIP-170.
MOST_BYTES = 24_576


def blob(key: Key, batch: int = 1) -> bytes:
    """The runtime code for a key's proofs of so many runs; `CircuitError` where it cannot be."""
    relation = key.relation(batch)
    places = frame(relation, key.logrows)
    constants = [1, LAMBDA]
    while True:
        draft = _Draft(key, places, constants)
        code = draft.code()
        if not draft.tape.missing:
            break
        constants += draft.tape.missing
    if len(code) > MOST_BYTES:
        raise CircuitError(f"the key's blob has {len(code)} bytes, a contract at most {MOST_BYTES}")
    return code


def creation_code(runtime: bytes) -> bytes:
    """What a transaction without a recipient sends to make an account with this code."""
    # PUSH2 length, DUP1, PUSH1 11, RETURNDATASIZE, CODECOPY, RETURNDATASIZE, RETURN.
    return b"\x61" + len(runtime).to_bytes(2, "big") + bytes.fromhex("80600a3d393df3") + runtime


class _Draft:
    """One attempt, with the constants that the earlier ones were found to need."""

    def __init__(self, key: Key, places: Frame, constants: Sequence[int]) -> None:
        self.key, self.places, self.relation = key, places, places.relation
        self.constants = tuple(constants)
        self.reads, self.factors = places.reads(), places.factors()
        self.first = len(constants)
        self.z = self.first + places.variables + places.summed
        sent = self.z + places.stack.logsize
        self.at_r = {spot: sent + number for number, spot in enumerate(self.reads)}
        sent += len(self.reads)
        self.at_s = {spot: sent + number for number, spot in enumerate(self.factors)}
        self.tape = Tape(constants, sent + len(self.factors) - self.first)
        self.tensors, self.equalities = self._statement()

    def code(self) -> bytes:
        """Everything, in the order in which the contract reads it."""
        tape, places = self.tape, self.places
        identities = self._identities()
        steps_r = tape.part()
        claim = self._bilinear_claim()
        more_r = tape.part()
        at_s = self._bilinear_at()
        steps_s = tape.part()
        claims, weights = self._claims()
        steps_z = tape.part()
        # What only the claim of the bilinears reads was known before, too.
        steps_r = (steps_r[0] + more_r[0], steps_r[1] + more_r[1])
        body = [
            b"".join(self.key.rows),
            *map(_schema, self._specs()),
            b"".join(bytes(pair) for pair in self.equalities),
            b"".join((value % R).to_bytes(32, "big") for value in self.constants),
            steps_r[1],
            identities,
            *((claim, steps_s[1], at_s) if self.relation.bilinears else ()),
            steps_z[1],
            claims,
        ]
        # Room for one entry that a table writes beyond its end, and for the sums of all tables.
        words = tape.top + 1 + len(self.relation.tables)
        key, program = self.key, self.key.program
        _, witness, helpers = places.stack.matrices
        numbers = (
            (0, 1),
            (VERSION, 1),
            (places.variables, 1),
            (places.summed, 1),
            (places.degree if self.relation.bilinears else 0, 1),
            (places.stack.logsize, 1),
            (places.stack.logrows, 1),
            (key.width, 1),
            (key.logrows, 1),
            (self.relation.batch, 4),
            (len(key.rows), 2),
            (witness.first_row, 2),
            (witness.rows, 2),
            (helpers.first_row, 2),
            (helpers.rows, 2),
            (len(self.reads), 2),
            (len(self.factors), 2),
            (len(self.constants), 2),
            (len(program.inputs), 1),
            (len(program.outputs), 1),
            (len(self.equalities), 1),
            (steps_r[0], 2),
            (steps_s[0], 2),
            (steps_z[0], 2),
            (weights, 2),
            (words, 4),
            (0, 4),
        )
        head = b"".join(_number(value, octets) for value, octets in numbers)
        digests = (program.digest(), key.digest(), srs_digest(key.tau_g2))
        return head + b"".join(digests) + tau_g2_octets(key.tau_g2) + b"".join(body)

    # The statement.

    def _specs(self) -> tuple[TensorSpec, ...]:
        program = self.key.program
        return (*program.inputs, *output_specs(program, self.key.bounds()))

    def _statement(self) -> tuple[dict[int, int], list[tuple[int, int]]]:
        """The statement's number of each of the program's tensors, and which two are one."""
        program = self.key.program
        numbers = [*range(len(program.inputs)), *(output.tensor for output in program.outputs)]
        found: dict[int, int] = {}
        equalities = []
        for number, tensor in enumerate(numbers):
            if tensor in found:
                equalities.append((found[tensor], number))
            found.setdefault(tensor, number)
        return found, equalities

    # Equations.

    def _words(self, positions: Positions) -> list[int]:
        return [self.first + at for at in positions]

    def _word(self, read: Read, positions: Positions, sent: dict[Spot, int]) -> int:
        column = (
            self.relation.columns[read.column] if read.column < len(self.relation.columns) else None
        )
        if column is None or column.kind is not Kind.PUBLIC:
            return sent[read, positions]
        return public(self.tape, column, self.tensors, read.view, self._words(positions))

    def _sum(
        self, expression: Expression | None, positions: Positions, sent: dict[Spot, int]
    ) -> bytes:
        terms = expression.terms if expression else ()
        return self._terms(
            [
                (self._word(read, positions, sent), self.tape.constant(factor))
                for factor, read in terms
            ]
        )

    def _terms(self, terms: Sequence[tuple[int, int]]) -> bytes:
        """u8 plain terms, u8 others; u16 word of plain ones, u16 word and coefficient of others."""
        plain = [word for word, factor in terms if factor == ONE]
        others = [pair for pair in terms if pair[1] != ONE]
        words = [*plain, *(word for pair in others for word in pair)]
        counts = _number(len(plain), 1) + _number(len(others), 1)
        return counts + b"".join(_number(word, 2) for word in words)

    def _tail(self, expression: Expression) -> bytes:
        return self._sum(expression, self.places.tail(expression.variables), self.at_r)

    def _row(self, components: Sequence[Expression]) -> bytes:
        """sum lambda^i component_i as one sum."""
        terms = []
        for power, component in enumerate(components):
            positions = self.places.tail(component.variables)
            for factor, read in component.terms:
                weight = self.tape.product([LAMBDA_WORD] * power + [self.tape.constant(factor)])
                terms.append((self._word(read, positions, self.at_r), weight))
        return self._terms(terms)

    def _live(self, live: Expression) -> int:
        ((factor, read),) = live.terms
        if factor != 1:
            raise CircuitError("what tells live cells is not a column as it stands")
        return self._word(read, self.places.tail(live.variables), self.at_r)

    def _share(self, missing: int) -> int:
        """The word of 2^-missing."""
        return self.tape.constant(pow(HALF, missing, R))

    def _identities(self) -> bytes:
        places, relation = self.places, self.relation
        helpers = iter([self.at_r[spot] for spot in places.helpers()])
        code = _number(len(relation.tables) + len(relation.lookups), 2)
        sums: list[list[tuple[int, int]]] = []
        for table in relation.tables:
            variables, helper = table.live.variables, next(helpers)
            count = self.at_r[relation.whole(table.multiplicity), places.tail(variables)]
            live = self.tape.product([self._live(table.live), count])
            code += _number(helper, 2) + _number(live, 2) + self._row(table.components)
            share = -pow(HALF, places.variables - variables, R)
            sums.append([(helper, self.tape.constant(share))])
        for lookup in relation.lookups:
            helper, live = next(helpers), self._live(lookup.live)
            code += _number(helper, 2) + _number(live, 2) + self._row(lookup.components)
            share = self._share(places.variables - lookup.live.variables)
            sums[lookup.table].append((helper, share))
        code += _number(len(relation.products), 2)
        for product in relation.products:
            factors = product.factors or ()
            code += _number(len(factors), 1) + b"".join(map(self._tail, factors))
            code += self._tail(product.rest)
        return code + _number(len(sums), 1) + b"".join(map(self._terms, sums))

    def _bilinear_claim(self) -> bytes:
        code = _number(len(self.relation.bilinears), 2)
        for bilinear in self.relation.bilinears:
            result = self.relation.whole(bilinear.result)
            positions = self.places.tail(size(result.view.outs))
            code += _number(self._word(result, positions, self.at_r), 2)
            code += self._sum(bilinear.bias, positions, self.at_r)
        return code

    def _bilinear_at(self) -> bytes:
        places = self.places
        code = _number(len(self.relation.bilinears), 2)
        for bilinear in self.relation.bilinears:
            pairs: list[tuple[int, int]] = []
            for summed, result in bilinear.shared:
                left = places.axis(bilinear, Axis(True, summed))
                right = places.axis(bilinear, Axis(False, result))
                pairs += zip(self._words(left), self._words(right), strict=True)
            code += _number(self._share(places.summed - size(bilinear.summed)), 2)
            code += _number(self.tape.eq(pairs), 2)
            for factor, positions in places.sides(bilinear):
                code += self._sum(factor, positions, self.at_s)
        return code

    # Claims.

    def _claims(self) -> tuple[bytes, int]:
        """Every claim's coefficient and three parts of its column's place; the word of row 0."""
        stack, tape = self.places.stack, self.tape
        variables, columns = stack.logsize, stack.logrows
        z = [self.z + k for k in range(variables)]
        spots = [*self.reads, *self.factors]
        split = variables - columns
        rows = max(matrix.first_row + matrix.rows for matrix in stack.matrices)
        tree = tape.tree(self.z, split, max(rows, 1))
        deepest = max(max(columns - size(read.view.ins) for read, _ in spots), 0)
        # The block of a column inside its row, by up to three parts of it.
        third = -(-deepest // 3)
        depths = [third, min(third, deepest - third), max(deepest - 2 * third, 0)]
        trees, start = [], self.z + split
        for depth in depths:
            trees.append(tape.tree(start, depth, 2**depth))
            start += depth

        def points(spot: Spot) -> tuple[list[int], list[int]]:
            read, positions = spot
            return self._words(positions), z[variables - size(read.view.ins) :]

        # The short products first: they are the tails of the long ones.
        for pairs in sorted((eq_pairs(spot[0].view, *points(spot)) for spot in spots), key=len):
            tape.eq(pairs)
        code = b""
        for spot in spots:
            code += _number(coefficient(tape, spot[0].view, *points(spot)), 2)
            missing = columns - size(spot[0].view.ins)
            block = self.places.starts[spot[0].column] >> size(spot[0].view.ins)
            if missing <= 0:
                words = [tree + 2 ** (split + missing) + block, ONE, ONE, ONE]
            else:
                words = [tree + 2**split + (block >> missing)]
                for part, depth in zip(trees, depths, strict=True):
                    taken = min(missing, depth)
                    missing -= taken
                    inside = (block >> missing) % 2**taken
                    words.append(part + 2**taken + inside if taken else ONE)
            code += b"".join(_number(word, 2) for word in words)
        return code, tree + 2**split


def _schema(spec: TensorSpec) -> bytes:
    """u32 elements, i64 least and largest, then type, rank and dimensions as a digest has them."""
    count = 1
    for dimension in spec.shape:
        count *= dimension
    ends = b"".join(end.to_bytes(8, "big", signed=True) for end in (spec.minimum, spec.maximum))
    dimensions = b"".join(_number(dimension, 4) for dimension in spec.shape)
    return _number(count, 4) + ends + bytes([spec.element_type.code, len(spec.shape)]) + dimensions


def _number(value: int, octets: int) -> bytes:
    if value >> 8 * octets:
        raise CircuitError(f"the key is too large for a blob: {value} in {octets} bytes")
    return value.to_bytes(octets, "big")
