"""Key blobs: what the verifier contract needs for a key and batch size, as an account's code.

The contract knows the protocol; a blob says what a frame says, and how views are evaluated. It is
made from the key alone, so that anybody can make it again. docs/reference/sumcheck-evm.md has the
format byte by byte.
"""

from collections.abc import Sequence
from math import prod

from avow.circuits.errors import CircuitError
from avow.circuits.sumcheck.cost import survey
from avow.circuits.sumcheck.gas import Tensors, calldata_bytes
from avow.circuits.sumcheck.identities import lookup
from avow.circuits.sumcheck.identities import product as identity_product
from avow.circuits.sumcheck.links import axes, coefficient, eq_pairs, public
from avow.circuits.sumcheck.steps import ONE, Tape, numbers, sum_code
from avow.verifier.argument.proof import HALF, R
from avow.verifier.program.program import output_specs
from avow.verifier.relation.relation import Axis, Expression, Kind, Read
from avow.verifier.relation.views import bits, size
from avow.verifier.srs import srs_digest, tau_g2_octets
from avow.verifier.systems.sumcheck.frame import Frame, Positions, Spot, frame
from avow.verifier.systems.sumcheck.key import COMMITTED, Key
from avow.verifier.tensor import TensorSpec
from avow.verifier.trace.layout import MOST_OCTETS, can_be_shown

VERSION = 1
# Stand for lambda and alpha among the constants: the contract writes the challenges there.
CHALLENGES = (R, R + 1)
# Each variable of z before those of a column, and the bit of its block there.
Place = tuple[tuple[int, int], ...]
# EIP-170.
MOST_BYTES = 24_576


def blob(key: Key, batch: int = 1) -> bytes:
    """The runtime code for a key's proofs of so many runs; `CircuitError` where it cannot be."""
    if not can_be_shown(key.program.inputs):
        # Whatever else stands in the way, no other key of this model would do either.
        raise CircuitError(
            "a contract would have to be shown all of its inputs, which fit no transaction"
        )
    if key.lookups != COMMITTED:
        raise CircuitError("no contract checks layered lookups: compile with --lookups committed")
    relation = key.relation(batch)
    places = frame(relation, key.logrows)
    _check_sent(key, places)
    constants = [1, *CHALLENGES]
    while True:
        draft = _Draft(key, places, constants)
        code = draft.code()
        if not draft.tape.missing:
            break
        constants += draft.tape.missing
    if len(code) > MOST_BYTES:
        raise CircuitError(f"the key's blob has {len(code)} bytes, a contract at most {MOST_BYTES}")
    return code


def _check_sent(key: Key, places: Frame) -> None:
    """`CircuitError` for proofs that fit no transaction together with one sample's tensors."""
    tensors = Tensors.of((*key.program.inputs, *output_specs(key.program, key.bounds())))
    found = survey(places.relation, key.width)
    # Samples of a batch may be settled by several transactions, each with the whole proof.
    octets = calldata_bytes(found, places.stack, tensors)
    if octets > MOST_OCTETS:
        raise CircuitError(
            f"a contract would have to be sent {octets:,} bytes, tensors and proof, a transaction "
            f"carries {MOST_OCTETS:,}"
        )


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
        self.batch = bits(places.relation.batch)
        self.inner = places.inner if self.batch else 0
        self.ends = places.ends() if self.batch else []
        self.z = self.first + places.variables + places.summed + self.batch + self.inner
        sent = self.z + places.stack.logsize
        self.sent = range(sent, sent + len(self.reads))
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
        sample = self._sample()
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
            sample,
        ]
        # Room for one entry that a table writes beyond its end, and for the sums of all tables.
        words = tape.top + 1 + len(self.relation.tables)
        key, program = self.key, self.key.program
        _, witness, helpers = places.stack.matrices
        fields = (
            (0, 1),
            (VERSION, 1),
            (places.variables, 1),
            (places.summed, 1),
            (places.degree if self.relation.bilinears else 0, 1),
            (places.stack.logsize, 1),
            (places.stack.logrows, 1),
            (key.width, 1),
            (self.batch, 1),
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
            (self.inner, 1),
            (len(self.ends), 1),
            (0, 2),
        )
        head = b"".join(_number(value, octets) for value, octets in fields)
        digests = (program.digest(), key.digest(), srs_digest(key.tau_g2))
        return head + b"".join(digests) + tau_g2_octets(key.tau_g2) + b"".join(body)

    # The statement.

    def _specs(self) -> tuple[TensorSpec, ...]:
        program = self.key.program
        return (*program.inputs, *output_specs(program, self.key.bounds()))

    def _statement(self) -> tuple[dict[int, int], list[tuple[int, int]]]:
        """The statement's number of each of the program's tensors, and which two are one."""
        program = self.key.program
        tensors = [*range(len(program.inputs)), *(output.tensor for output in program.outputs)]
        found: dict[int, int] = {}
        equalities = []
        for number, tensor in enumerate(tensors):
            if tensor in found:
                equalities.append((found[tensor], number))
            found.setdefault(tensor, number)
        return found, equalities

    # Equations.

    def _words(self, positions: Positions) -> list[int]:
        return [self.first + at for at in positions]

    def _word(self, read: Read, positions: Positions, sent: dict[Spot, int]) -> int:
        column = self.relation.columns[read.column]
        if column.kind is not Kind.PUBLIC:
            return sent[read, positions]
        return public(self.tape, column, self.tensors, read.view, self._words(positions))

    def _sum(
        self, expression: Expression | None, positions: Positions, sent: dict[Spot, int]
    ) -> bytes:
        terms = expression.terms if expression else ()
        return sum_code(
            [
                (self._word(read, positions, sent), self.tape.constant(factor))
                for factor, read in terms
            ]
        )

    def _tail(self, expression: Expression) -> bytes:
        return self._sum(expression, self.places.tail(expression.variables), self.at_r)

    def _terms(self, expression: Expression) -> list[tuple[int, int]]:
        positions = self.places.tail(expression.variables)
        return [
            (self._word(read, positions, self.at_r), factor) for factor, read in expression.terms
        ]

    def _lookup(self, helper: int, live: int, components: Sequence[Expression]) -> bytes:
        return lookup(
            self.tape,
            helper,
            live,
            [
                (word, power, factor)
                for power, component in enumerate(components)
                for word, factor in self._terms(component)
            ],
        )

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
        count = len(relation.tables) + len(relation.lookups) + len(relation.products)
        code = _number(count, 2)
        sums: list[list[tuple[int, int]]] = []
        for table in relation.tables:
            variables, helper = table.live.variables, next(helpers)
            times = self.at_r[relation.whole(table.multiplicity), places.tail(variables)]
            live = self.tape.product([self._live(table.live), times])
            code += self._lookup(helper, live, table.components)
            share = -pow(HALF, places.variables - variables, R)
            sums.append([(helper, self.tape.constant(share))])
        for one in relation.lookups:
            helper = next(helpers)
            code += self._lookup(helper, self._live(one.live), one.components)
            sums[one.table].append((helper, self._share(places.variables - one.live.variables)))
        for product in relation.products:
            factors = [self._terms(factor) for factor in product.factors or ()]
            code += identity_product(self.tape, factors, self._terms(product.rest), self.sent)
        return code + _number(len(sums), 1) + b"".join(map(_runs, sums))

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
        """Every claim's coefficient and its column's place; the word of row 0.

        Those of a batch's inputs and outputs follow. The key's rows are the first entries of the
        stack's: its columns have their places at the other variables of z, the others being 0.
        """
        stack, tape = self.places.stack, self.tape
        split = stack.logsize - stack.logrows
        spots = [*self.reads, *self.factors, *self.ends]
        rows = max(matrix.first_row + matrix.rows for matrix in stack.matrices)
        first_row = tape.table(self.z, split, max(rows, 1))
        first = tape.corner(self.z + split, self.batch, 0)
        places = self._places(spots, first_row)
        points = [self._points(spot) for spot in spots]
        # The short products first: they are the tails of the long ones.
        pairs = [eq_pairs(spot[0].view, *point) for spot, point in zip(spots, points, strict=True)]
        for short in sorted(pairs, key=len):
            tape.eq(short)
        code = b""
        for spot, point in zip(spots, points, strict=True):
            factors = [
                coefficient(tape, spot[0].view, *point),
                first if self._in_key(spot) else ONE,
            ]
            code += _number(tape.product(factors), 2) + _number(places[self._place(spot)], 2)
        return code, first_row

    def _in_key(self, spot: Spot) -> bool:
        number, columns = spot[0].column, self.relation.columns
        return number < len(columns) and columns[number].kind is Kind.KEY

    def _place(self, spot: Spot) -> Place:
        """The variables of z before those that a claim's column has, and its block in binary."""
        stack, variables = self.places.stack, size(spot[0].view.ins)
        split, start = stack.logsize - stack.logrows, self.places.starts[spot[0].column]
        row = range(self.z, self.z + split)
        inside = range(
            self.z + split + (self.batch if self._in_key(spot) else 0), self.z + stack.logsize
        )
        before = [*row, *inside][: split + len(inside) - variables]
        block = start >> variables
        last = len(before) - 1
        return tuple((word, block >> (last - at) & 1) for at, word in enumerate(before))

    def _places(self, spots: Sequence[Spot], first_row: int) -> dict[Place, int]:
        """The word of each place: eq of its variables and its block, the way to it step by step."""
        stack = self.places.stack
        split = stack.logsize - stack.logrows
        known: dict[Place, int] = {(): ONE}
        wanted = {self._place(spot) for spot in spots}
        for place in wanted:
            if len(place) >= split:
                row = sum(bit << (split - 1 - at) for at, (_, bit) in enumerate(place[:split]))
                known[place[:split]] = first_row + row
        # Each variable's words are those that an earlier one made.
        ways: dict[int, dict[Place, None]] = {}
        for place in sorted(wanted):
            for depth in range(len(place)):
                if depth >= split or len(place) < split:
                    ways.setdefault(place[depth][0], {})[place[:depth]] = None
        if ways:
            start, word = min(ways), 0
            top = self.tape.top
            levels = []
            for variable in range(start, max(ways) + 1):
                level = []
                for way in ways.get(variable, ()):
                    level.append(known[way])
                    for bit in (0, 1):
                        known.setdefault((*way, (variable, bit)), top + word + bit)
                    word += 2
                levels.append(level)
            made = self.tape.branches(start, levels)
            if made != top:
                raise CircuitError("the places of columns were made before")
        return {place: known[place] for place in wanted}

    def _points(self, spot: Spot) -> tuple[list[int], list[int]]:
        """The words of a claim's point and of the last variables of z that its column has."""
        read, positions = spot
        stack, variables = self.places.stack, size(read.view.ins)
        z = list(range(self.z, self.z + stack.logsize))
        if self.batch and self._in_key(spot) and variables > stack.key_logrows:
            split = stack.logsize - stack.logrows
            copied = self.tape.copy(self.z, split)
            self.tape.copy(self.z + split + self.batch, stack.key_logrows)
            z = list(range(copied, copied + split + stack.key_logrows))
        return self._words(positions), z[len(z) - variables :]

    # A batch's samples.

    def _sample(self) -> bytes:
        """The tables of inner points; then, for every tensor of a sample, its value there."""
        if not self.batch:
            return b""
        tables = []
        for number, (read, positions) in enumerate(self.ends):
            lengths = read.view.outs[1:]
            words = self._words(positions)[self.batch :]
            tables.append((number, lengths, words))
        weights = [
            [self.tape.table(first, count, n) for first, count, n in axes(words, lengths)]
            for _, lengths, words in tables
        ]
        shared = self.tape.part()
        for (number, lengths, _), vectors in zip(tables, weights, strict=True):
            groups = [
                (vector, n, prod(lengths[at + 1 :]))
                for at, (vector, n) in enumerate(zip(vectors, lengths, strict=True))
            ]
            self.tape.tensor(number, groups or [(ONE, 1, 1)])
        count, steps = self.tape.part()
        if count != len(self.ends):
            raise CircuitError("two tensors of the statement are one")
        return _number(shared[0], 2) + shared[1] + steps


def _runs(helpers: Sequence[tuple[int, int]]) -> bytes:
    """Helpers with their factors, those that stand together and have the same one together."""
    runs: list[tuple[int, int, int]] = []
    for word, factor in helpers:
        if runs and runs[-1][0] == factor and sum(runs[-1][1:]) == word:
            runs[-1] = (factor, runs[-1][1], runs[-1][2] + 1)
        else:
            runs.append((factor, word, 1))
    return numbers(len(runs), *(part for run in runs for part in run))


def _schema(spec: TensorSpec) -> bytes:
    """u32 elements, i64 least and largest, then type, rank and dimensions as a digest has them."""
    ends = b"".join(end.to_bytes(8, "big", signed=True) for end in (spec.minimum, spec.maximum))
    dimensions = b"".join(_number(dimension, 4) for dimension in spec.shape)
    kind = bytes([spec.element_type.code, len(spec.shape)])
    return _number(prod(spec.shape), 4) + ends + kind + dimensions


def _number(value: int, octets: int) -> bytes:
    if value >> 8 * octets:
        raise CircuitError(f"the key is too large for a blob: {value} in {octets} bytes")
    return value.to_bytes(octets, "big")
