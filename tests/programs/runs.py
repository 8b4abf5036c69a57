"""Committed runs of small programs, honest ones and others, and the claims about them."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

from avow.prover.refutation import Refuter
from avow.verifier.commitment import Scheme
from avow.verifier.keccak import keccak256
from avow.verifier.merkle import leaf
from avow.verifier.program.blob import Blob
from avow.verifier.program.program import Program, check, output_specs
from avow.verifier.program.semantics import evaluate
from avow.verifier.tensor import Tensor, tensors_digest
from avow.verifier.trace.inputs import commit_as
from avow.verifier.trace.key import ProgramKey, program_key
from avow.verifier.trace.refutation import TracedClaim
from tests.programs.builder import random_inputs

STATEMENT = leaf(keccak256(b"a statement"))


@dataclass(frozen=True)
class CommittedRun:
    """A run as a provider commits to it: all tensors (row-major), stated inputs and outputs."""

    program: Program
    blobs: tuple[Blob, ...]
    key: ProgramKey
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    values: tuple[tuple[int, ...], ...]
    statement: bytes = STATEMENT
    scheme: Scheme = Scheme.PUBLIC
    """How the inputs are committed to."""

    def stored(self) -> list[bytes]:
        """Every tensor in storage order."""
        layouts = [descriptor.result for descriptor in self.key.descriptors]
        return [one.store(values) for one, values in zip(layouts, self.values, strict=True)]

    def refuter(self) -> Refuter:
        """What shows elements of this run."""
        return Refuter(self.program, self.blobs, self.key, self.statement, self.stored())

    def claim(self, root: bytes | None = None) -> TracedClaim:
        """The claim, of this trace root if it is known."""
        return TracedClaim(
            self.key.digest,
            self.program.digest(),
            self.statement,
            self.refuter().root if root is None else root,
            commit_as(self.scheme, self.inputs).value,
            tensors_digest(self.outputs),
        )

    def with_value(self, tensor: int, element: int, value: int) -> CommittedRun:
        """The same but for one committed element."""
        changed = list(self.values[tensor])
        changed[element] = value
        values = (*self.values[:tensor], tuple(changed), *self.values[tensor + 1 :])
        return dataclasses.replace(self, values=values)

    def flipped(self, tensor: int, element: int) -> CommittedRun:
        """The same but for the lowest bit of one committed element."""
        return self.with_value(tensor, element, self.values[tensor][element] ^ 1)


def evaluated(
    program: Program, blobs: Sequence[Blob], inputs: Sequence[Tensor]
) -> list[tuple[int, ...]]:
    """Every tensor of a run, row-major, by the definition."""
    shapes = program.shapes()
    values = [tensor.values for tensor in inputs]
    for step in program.steps:
        of = step.operation.of
        operands = [values[at] for at in of]
        found = evaluate(
            step.operation, shapes[len(values)], operands, [shapes[at] for at in of], blobs
        )
        values.append(tuple(found))
    return values


def honest_run(program: Program, blobs: Sequence[Blob], seed: int = 1) -> CommittedRun:
    """The right run of random valid inputs."""
    inputs = random_inputs(program, Random(seed))
    values = evaluated(program, blobs, inputs)
    specs = output_specs(program, check(program, blobs))
    outputs = tuple(
        Tensor(spec.element_type, spec.shape, values[output.tensor])
        for spec, output in zip(specs, program.outputs, strict=True)
    )
    key = program_key(program, blobs)
    return CommittedRun(program, tuple(blobs), key, tuple(inputs), outputs, tuple(values))
