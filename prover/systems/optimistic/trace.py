"""A run and its commitment: every tensor, in storage order, under one root."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from avow.circuits.optimistic.artifact import Loaded
from avow.models.program.intervals import check
from avow.prover.systems.sumcheck.run import Runner
from avow.prover.trace import store
from avow.verifier.program.program import output_specs
from avow.verifier.tensor import Tensor
from avow.verifier.trace.commitment import trace_tree
from avow.verifier.trace.tree import Tree, chunk_leaves


@dataclass(frozen=True, slots=True)
class Run:
    """The outputs of a run, and all its tensors in storage order, inputs first."""

    outputs: tuple[Tensor, ...]
    tensors: tuple[bytes, ...]

    def root(self, statement: bytes) -> bytes:
        """The root of the trace for a statement, given by its leaf."""
        roots = [Tree(chunk_leaves(data)).root for data in self.tensors]
        return trace_tree(statement, roots).root


class TraceRunner:
    """A program made ready to run; refuses what `program.check` refuses."""

    def __init__(self, loaded: Loaded) -> None:
        self._loaded = loaded
        self._runner = Runner(loaded.program, loaded.blobs)
        intervals = check(loaded.program, loaded.blobs)
        self._specs = output_specs(loaded.program, intervals)

    @property
    def loaded(self) -> Loaded:
        """The artifact's contents."""
        return self._loaded

    def run(self, inputs: Sequence[Tensor]) -> Run:
        """Run one sample; raises `VerificationError` for inputs that the program does not take."""
        program = self._loaded.program
        for spec, tensor in zip(program.inputs, inputs, strict=True):
            spec.check(tensor)
        values = self._runner.trace(
            [np.array(one.values, np.int64).reshape(1, *one.shape) for one in inputs]
        )
        layouts = [descriptor.result for descriptor in self._loaded.key.descriptors]
        tensors = tuple(
            store(layout, value[0]) for layout, value in zip(layouts, values, strict=True)
        )
        outputs = tuple(
            Tensor(spec.element_type, spec.shape, tuple(values[output.tensor][0].ravel().tolist()))
            for spec, output in zip(self._specs, program.outputs, strict=True)
        )
        return Run(outputs, tensors)
