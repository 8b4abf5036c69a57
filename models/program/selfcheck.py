"""The check a worker makes on its own hardware before it answers anybody."""

from collections.abc import Callable, Sequence
from typing import Protocol

import numpy as np

from avow.models.errors import ModelError
from avow.models.program.blobs import AnyIntegers, Integers
from avow.models.program.fast import FastExecutor
from avow.models.program.reference import Reference
from avow.models.program.selfcheck_programs import cases
from avow.verifier.program.blob import Blob
from avow.verifier.program.program import Program


class Executor(Protocol):
    """Whatever answers inputs of one program."""

    def run(self, inputs: Sequence[AnyIntegers]) -> list[Integers]:
        """Return the outputs, int64 of shape (batch, *shape)."""


def _on_one_thread(program: Program, blobs: Sequence[Blob]) -> Executor:
    # As workers answer; the threads of a pool cost more than all these programs.
    return FastExecutor(program, blobs, threads=1)


def self_check(make: Callable[[Program, Sequence[Blob]], Executor] = _on_one_thread) -> int:
    """Establish that executors made by `make` answer as the reference does, to the last bit.

    Runs small built-in programs at the limits of every machine type, in batch and one by one, and
    returns how many. Raises `ModelError` that names the first program with a difference.
    """
    count = 0
    for case in cases():
        executor = make(case.program, case.blobs)
        expected = Reference(case.program, case.blobs).run(case.inputs)
        _compare(case.name, executor.run(case.inputs), expected)
        alone = executor.run([array[:1] for array in case.inputs])
        _compare(f"{case.name}, one sample", alone, [array[:1] for array in expected])
        count += 1
    return count


def _compare(name: str, got: Sequence[Integers], expected: Sequence[Integers]) -> None:
    if len(got) != len(expected):
        raise ModelError(f"self-check {name!r}: {len(expected)} outputs expected, got {len(got)}")
    for number, (found, wanted) in enumerate(zip(got, expected, strict=True)):
        if found.shape != wanted.shape:
            raise ModelError(
                f"self-check {name!r}: output {number} must have shape {list(wanted.shape)}, "
                f"got {list(found.shape)}"
            )
        wrong = np.argwhere(found != wanted)
        if len(wrong):
            at = tuple(wrong[0])
            raise ModelError(
                f"self-check {name!r}: this machine computes {len(wrong)} of {wanted.size} "
                f"elements of output {number} wrongly; the first should be {int(wanted[at])}, "
                f"is {int(found[at])}"
            )
