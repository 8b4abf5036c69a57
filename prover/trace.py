"""Running a program and committing to every tensor of the run.

The tensors come out of onnxruntime as whatever carried their integers, and are hashed from there
by the native core: never copied to 64-bit integers, never put in storage order as a whole. What a
root is, `verifier.trace` says.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from avow.models.program.blobs import AnyIntegers, Integers, stored
from avow.models.program.intervals import check
from avow.prover.errors import Refused
from avow.prover.native import _core
from avow.verifier.program.blob import Blob
from avow.verifier.program.program import Output, Program, output_specs
from avow.verifier.tensor import Tensor, TensorSpec
from avow.verifier.trace.descriptor import describe
from avow.verifier.trace.key import ProgramKey, key_of
from avow.verifier.trace.layout import Layout

if TYPE_CHECKING:
    from avow.models.program.fast import Carried


def store(layout: Layout, values: AnyIntegers) -> bytes:
    """An array of the layout's shape in storage order; the same bytes as `Layout.store`."""
    return np.transpose(values, _storage(layout)).astype(f">i{layout.width}").tobytes()


def store_blob(layout: Layout, blob: Blob) -> bytes:
    """A blob in storage order."""
    return store(layout, stored(blob))


def load(layout: Layout, data: bytes) -> Integers:
    """A tensor of the layout's shape from its bytes in storage order."""
    flat = np.frombuffer(data, f">i{layout.width}").astype(np.int64)
    order = _storage(layout)
    lengths = [layout.shape[axis] for axis in order]
    return np.transpose(flat.reshape(lengths), np.argsort(np.array(order, int)))


def _storage(layout: Layout) -> list[int]:
    """The axes in storage order. Those of length 1 may stand anywhere."""
    return sorted(range(len(layout.shape)), key=lambda axis: -layout.strides[axis])


@dataclass(frozen=True, slots=True)
class Walk:
    """How the native core goes through a row-major array in storage order, `width` bytes each."""

    width: int
    lengths: list[int]
    steps: list[int]

    @classmethod
    def of(cls, layout: Layout) -> Walk:
        """The walk of a layout, with as few axes as possible."""
        lengths: list[int] = []
        steps: list[int] = []
        apart = [1] * len(layout.shape)
        for axis in range(len(layout.shape) - 1, 0, -1):
            apart[axis - 1] = apart[axis] * layout.shape[axis]
        for axis in _storage(layout):
            length, step = layout.shape[axis], apart[axis]
            if length == 1:
                continue
            if steps and steps[-1] == length * step:
                lengths[-1], steps[-1] = lengths[-1] * length, step
            else:
                lengths.append(length)
                steps.append(step)
        return cls(layout.width, lengths, steps)

    def root(self, array: Carried) -> bytes:
        """The tensor's root; raises `Refused` for numbers that the width does not hold."""
        try:
            return _core.tensor_root(array, self.width, self.lengths, self.steps)
        except ValueError as error:
            raise Refused(f"a tensor cannot be committed to: {error}") from error


def fast_key(program: Program, blobs: Sequence[Blob]) -> ProgramKey:
    """As `verifier.trace.key.program_key`, for millions of weights."""
    intervals = check(program, blobs)
    known: dict[tuple[int, Layout], bytes] = {}

    def root_of(number: int, layout: Layout) -> bytes:
        if (number, layout) not in known:
            known[number, layout] = Walk.of(layout).root(stored(blobs[number]))
        return known[number, layout]

    return key_of(program, intervals, describe(program, intervals, root_of))


@dataclass(frozen=True)
class Run:
    """Every tensor of one run (1, *shape), inputs first, and its root."""

    key: ProgramKey
    specs: tuple[TensorSpec, ...]
    tensors: tuple[Carried, ...]
    roots: tuple[bytes, ...]

    @cached_property
    def outputs(self) -> tuple[Tensor, ...]:
        """The program's outputs in order."""
        return tuple(
            Tensor(spec.element_type, spec.shape, _integers(self.tensors[number]))
            for spec, number in zip(self.specs, self.key.outline.outputs, strict=True)
        )

    def trace(self, statement: bytes) -> bytes:
        """The root of the trace for a statement's leaf: what the provider posts."""
        return _core.trace_root(statement, b"".join(self.roots))

    def stored(self) -> list[bytes]:
        """Every tensor in storage order: what a provider publishes, and a challenger compares."""
        return [
            store(descriptor.result, array.reshape(descriptor.result.shape).astype(np.int64))
            for descriptor, array in zip(self.key.descriptors, self.tensors, strict=True)
        ]


class Tracer:
    """A program made ready to answer and to commit to how.

    `threads` as for `FastExecutor`; the native core has a number of its own. `key` is the
    program's where it is known. Construction refuses what `program_key` refuses.
    """

    def __init__(
        self,
        program: Program,
        blobs: Sequence[Blob],
        threads: int = 0,
        key: ProgramKey | None = None,
    ) -> None:
        # Nodes that read claims and run none do without onnxruntime.
        from avow.models.program.fast import FastExecutor

        self.key = fast_key(program, blobs) if key is None else key
        self._program = program
        self._specs = output_specs(program, self.key.intervals)
        first = len(program.inputs)
        results = tuple(
            Output(f"t{number}", number) for number in range(first, first + len(program.steps))
        )
        self._fast = FastExecutor(dataclasses.replace(program, outputs=results), blobs, threads)
        self._walks = [Walk.of(descriptor.result) for descriptor in self.key.descriptors]
        # Tensors that no input changes have been hashed once and for all.
        self._known: dict[int, bytes] = {}

    @property
    def provider(self) -> str:
        """Which of onnxruntime's execution providers runs it."""
        return self._fast.provider

    def run(self, inputs: Sequence[AnyIntegers]) -> Run:
        """Answer integer arrays (1, *shape), and commit to every tensor on the way.

        Raises `VerificationError` (step `tensors`) for another type, shape or range, `ModelError`
        for more than one sample.
        """
        # What no input reaches comes as it was computed, perhaps transposed.
        tensors = tuple(map(np.ascontiguousarray, (*inputs, *self._fast.carried(inputs))))
        return Run(self.key, self._specs, tensors, self.commit(tensors))

    def commit(self, tensors: Sequence[Carried]) -> tuple[bytes, ...]:
        """The root of every tensor of a run of this program."""
        first, constant = len(self._program.inputs), self._fast.constants
        roots = []
        for number, (walk, array) in enumerate(zip(self._walks, tensors, strict=True)):
            if number in self._known:
                roots.append(self._known[number])
                continue
            roots.append(walk.root(array))
            if number - first in constant:
                self._known[number] = roots[-1]
        return tuple(roots)


def _integers(array: Carried) -> tuple[int, ...]:
    return tuple(array.reshape(-1).astype(np.int64).tolist())
