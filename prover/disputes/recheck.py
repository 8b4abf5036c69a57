"""Looking at claims of one program: do they agree with what is right, and if not, how to show it.

Where weights make most of the work, tensors that a provider shows are checked one by one from those
before them, large products by `products`. Otherwise the run is computed again: every trace, or the
answers alone, many at once.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from avow.models.program.blobs import Integers
from avow.models.program.intervals import check
from avow.models.program.reference import evaluate
from avow.prover.disputes.challenger import OwnRun
from avow.prover.disputes.products import ERROR_BITS, ProductCheck, worth_it
from avow.prover.disputes.recent import Recent, elements
from avow.prover.disputes.state import ClaimView
from avow.prover.errors import Refused
from avow.prover.refutation import Place, Refuter, wrong_input, wrong_output
from avow.prover.trace import Tracer, load
from avow.verifier.program.blob import Blob
from avow.verifier.program.operations import Contract, Convolution, Dense
from avow.verifier.program.program import Program
from avow.verifier.tensor import Tensor, tensors_digest
from avow.verifier.trace.inputs import commit_as, input_scheme
from avow.verifier.trace.layout import Layout
from avow.verifier.trace.refutation import Kind

if TYPE_CHECKING:
    from avow.models.program.fast import FastExecutor

# Inputs of claims that are looked at together.
_COMPARED = 16
_COMPARED_ELEMENTS = 1 << 22


class Basis(Enum):
    """What was compared before a claim was said to agree; the value is for readers."""

    NOTHING = "nothing: the inputs are of another shape or type than the program's"
    OUTPUTS = "the outputs, computed again"
    TRACE = "the outputs and every tensor, computed again"
    SHOWN = f"every tensor shown, large products by random columns (error 2^-{ERROR_BITS})"


class Course(Enum):
    """How a wrong claim is overturned."""

    AT_ONCE = "one refutation"
    GAME = "the reveal game"


@dataclass(frozen=True, slots=True)
class Stated:
    """A claim, the inputs that its digest is of, and the tensors that its provider shows."""

    claim: ClaimView
    inputs: tuple[Tensor, ...]
    shown: tuple[bytes, ...] | None = None


@dataclass(frozen=True, slots=True)
class Finding:
    """`course` is None for a claim that agrees, as far as `basis` goes.

    `published` are the tensors shown where they are the claimed ones, `place` their wrong element
    where one was found.
    """

    basis: Basis
    course: Course | None
    published: Refuter | None = None
    place: Place | None = None


class Recheck:
    """A program made ready to look at claims of it."""

    def __init__(
        self,
        program: Program,
        blobs: Sequence[Blob],
        threads: int = 0,
        columns: bool | None = None,
    ) -> None:
        """`columns`: whether to check shown tensors by columns; None where that takes less."""
        self._program, self._blobs, self._threads = program, tuple(blobs), threads
        self._by_columns = mostly_weights(program) if columns is None else columns
        self._intervals = check(program, blobs)
        self._shapes = program.shapes()
        # Drawn when first needed, kept for the next claims.
        self._checks: dict[int, ProductCheck | None] = {}
        self._compared: Recent[tuple[Tensor, ...]] = Recent(_COMPARED, _COMPARED_ELEMENTS, elements)

    @property
    def by_columns(self) -> bool:
        """Whether shown tensors are checked by columns, so that they are worth fetching."""
        return self._by_columns

    @cached_property
    def tracer(self) -> Tracer:
        """What runs and commits."""
        return Tracer(self._program, self._blobs, self._threads)

    @cached_property
    def _fast(self) -> FastExecutor:
        from avow.models.program.fast import FastExecutor

        return FastExecutor(self._program, self._blobs, self._threads)

    @cached_property
    def _layouts(self) -> list[Layout]:
        return [descriptor.result for descriptor in self.tracer.key.descriptors]

    def look(self, claims: Sequence[Stated], traces: bool = True) -> list[Finding]:
        """What is found of each claim, in order.

        Without `traces` a claim of the right outputs agrees, whatever it has committed to. Raises
        `Refused` for all where `belongs` does for one.
        """
        findings: dict[int, Finding] = {}
        for at, stated in enumerate(claims):
            self.belongs(stated)
            found = self._at_sight(stated)
            if found is None and traces:
                found = self._by_trace(stated)
            if found is not None:
                findings[at] = found
        rest = [at for at in range(len(claims)) if at not in findings]
        answers = self._answers([claims[at].inputs for at in rest])
        for at, right in zip(rest, answers, strict=True):
            findings[at] = self._by_outputs(claims[at], right)
        return [findings[at] for at in range(len(claims))]

    def answer(self, inputs: Sequence[Tensor]) -> list[tuple[int, ...]] | None:
        """The right outputs of the inputs, row-major; None where no run begins with them."""
        if not self._begins(inputs) or wrong_input(inputs, self._program.inputs) is not None:
            return None
        (right,) = self._answers([inputs])
        return [tuple(one.reshape(-1).tolist()) for one in right]

    def own_run(self, stated: Stated) -> OwnRun:
        """One's own run for a dispute; of an input out of range, of the nearest one inside."""
        arrays = []
        for tensor, spec in zip(stated.inputs, self._program.inputs, strict=True):
            values = np.array(tensor.values, np.int64).reshape(1, *tensor.shape)
            arrays.append(np.clip(values, spec.minimum, spec.maximum))
        run = self.tracer.run(arrays)
        key, claim = self.tracer.key, stated.claim
        refuter = Refuter(self._program, self._blobs, key, claim.id, run.stored(), run.roots)
        return OwnRun(self._program, key, refuter, stated.inputs)

    def belongs(self, stated: Stated) -> None:
        """Refuses a claim of another program, and values that are not those of the claim."""
        traced = stated.claim.traced
        if traced.key != self.tracer.key.digest or traced.program != self.tracer.key.program:
            raise Refused("the claim is of another program")
        self._compare_inputs(traced.input, stated.inputs)
        if traced.output != tensors_digest(stated.claim.outputs):
            raise Refused("the outputs are not those of the claim")

    def _compare_inputs(self, committed: bytes, inputs: tuple[Tensor, ...]) -> None:
        # The same tensors are looked at several times, and hashing large ones takes long.
        if self._compared.get(committed) is inputs:
            return
        if commit_as(input_scheme(self._program.inputs), inputs).value != committed:
            raise Refused("the inputs are not those of the claim")
        self._compared.put(committed, inputs)

    def _at_sight(self, stated: Stated) -> Finding | None:
        """What the tensors shown say; and inputs with which no run begins, which need none."""
        if not self._begins(stated.inputs):
            # Whoever ordered it made it so; no refutation opens such an input.
            return Finding(Basis.NOTHING, None)
        if self._by_columns:
            published = self.published(stated)
            if published is not None:
                place = self.first_flaw(stated, published.tensors)
                course = None if place is None else Course.AT_ONCE
                return Finding(Basis.SHOWN, course, published, place)
        if wrong_input(stated.inputs, self._program.inputs) is not None:
            return self._wrong(Basis.OUTPUTS, stated, self.own_run(stated).run.root)
        return None

    def _begins(self, inputs: Sequence[Tensor]) -> bool:
        """Whether the inputs are of the program's types and shapes."""
        specs = [(spec.element_type, spec.shape) for spec in self._program.inputs]
        return [(one.element_type, one.shape) for one in inputs] == specs

    def published(self, stated: Stated) -> Refuter | None:
        """The tensors shown, if they are the claimed ones."""
        shown = stated.shown
        if shown is None or stated.claim.owes_root:
            return None
        if [len(data) for data in shown] != [layout.size for layout in self._layouts]:
            return None
        found = Refuter(self._program, self._blobs, self.tracer.key, stated.claim.id, shown)
        return found if found.root == stated.claim.traced.trace else None

    def first_flaw(self, stated: Stated, tensors: Sequence[bytes]) -> Place | None:
        """The first element of committed tensors that is wrong; None if (but for 2^-64) none is.

        Every tensor is looked at from those before it; what is wrong there is refutable.
        """
        values: list[Integers] = []
        inputs, program = len(self._program.inputs), self._program
        place = wrong_input(stated.inputs, program.inputs)
        if place is not None:
            return place
        for number, data in enumerate(tensors):
            found = load(self._layouts[number], data)
            if number < inputs:
                right = np.array(stated.inputs[number].values, np.int64).reshape(found.shape)
                kind = Kind.INPUT
            else:
                kind = Kind.OPERATION
                operands = [values[at] for at in program.steps[number - inputs].operation.of]
                if self._product_holds(number, operands, found):
                    values.append(found)
                    continue
                batched = [one[np.newaxis] for one in operands]
                operation = program.steps[number - inputs].operation
                right = evaluate(operation, batched, self._blobs)[0]
            wrong = np.flatnonzero(right.reshape(-1) != found.reshape(-1))
            if wrong.size:
                return Place(kind, number, int(wrong[0]))
            values.append(found)
        return wrong_output(program, self._layouts, tensors, stated.claim.outputs)

    def _product_holds(self, number: int, operands: Sequence[Integers], found: Integers) -> bool:
        """Whether this is a product that was checked and found right."""
        if number not in self._checks:
            self._checks[number] = self._check_of(number)
        product, interval = self._checks[number], self._intervals[number]
        # The error bound is of values in the interval; any other is wrong.
        if product is None or found.min() < interval.low or found.max() > interval.high:
            return False
        return product.holds(operands, found)

    def _check_of(self, number: int) -> ProductCheck | None:
        operation = self._program.steps[number - len(self._program.inputs)].operation
        shapes = [self._shapes[at] for at in operation.of]
        interval = self._intervals[number]
        if not worth_it(operation, shapes, self._blobs, interval):
            return None
        if not isinstance(operation, Dense | Convolution | Contract):
            return None
        return ProductCheck(operation, shapes, self._blobs, interval)

    def _answers(self, many: Sequence[Sequence[Tensor]]) -> list[list[Integers]]:
        """The right outputs of the inputs of every claim, computed together."""
        if not many:
            return []
        inputs = [
            np.array([one[at].values for one in many], np.int64).reshape(len(many), *spec.shape)
            for at, spec in enumerate(self._program.inputs)
        ]
        outputs = self._fast.run(inputs)
        return [[output[at] for output in outputs] for at in range(len(many))]

    def _by_trace(self, stated: Stated) -> Finding:
        arrays = [np.array(one.values, np.int64).reshape(1, *one.shape) for one in stated.inputs]
        run, claim = self.tracer.run(arrays), stated.claim
        root = run.trace(claim.id)
        same = claim.owes_root or root == claim.traced.trace
        if same and run.outputs == claim.outputs:
            return Finding(Basis.OUTPUTS if claim.owes_root else Basis.TRACE, None)
        return self._wrong(Basis.TRACE, stated, root)

    def _by_outputs(self, stated: Stated, right: Sequence[Integers]) -> Finding:
        claim = stated.claim
        for found, output in zip(right, claim.outputs, strict=True):
            if tuple(found.reshape(-1).tolist()) != output.values:
                return self._wrong(Basis.OUTPUTS, stated, self.own_run(stated).run.root)
        return Finding(Basis.OUTPUTS, None)

    def _wrong(self, basis: Basis, stated: Stated, root: bytes) -> Finding:
        """Of a claim that is wrong, one's own trace having this root."""
        if root == stated.claim.traced.trace:
            return Finding(basis, Course.AT_ONCE)
        published = self.published(stated)
        return Finding(basis, Course.GAME if published is None else Course.AT_ONCE, published)


def mostly_weights(program: Program) -> bool:
    """Whether nine in ten of a run's products are with weights that are used once each.

    Only those are checked faster than they are computed: `docs/decisions/0158`.
    """
    shapes, first = program.shapes(), len(program.inputs)
    dense = other = 0
    for at, step in enumerate(program.steps):
        match step.operation:
            case Dense(weight=weight):
                dense += math.prod(shapes[first + at]) * program.blobs[weight].shape[1]
            case Convolution(weight=weight):
                other += math.prod(shapes[first + at]) * math.prod(program.blobs[weight].shape[1:])
            case Contract(of=of):
                other += math.prod(shapes[first + at]) * shapes[of[0]][-1]
            case _:
                other += math.prod(shapes[first + at])
    return dense >= 9 * other
