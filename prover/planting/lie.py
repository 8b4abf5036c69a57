"""A run with one wrong element, on from which everything is computed rightly."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from avow.circuits.optimistic.artifact import Loaded
from avow.models.program.blobs import Integers
from avow.models.program.reference import evaluate
from avow.prover.errors import Refused
from avow.prover.refutation import Place, Refuter
from avow.prover.trace import Tracer, store
from avow.verifier.tensor import Tensor, TensorSpec
from avow.verifier.trace.refutation import Kind

# An element may be the only value of its interval; another is drawn then.
_TRIES = 64

Draw = Callable[[str, int], int]


@dataclass(frozen=True)
class Lie:
    """What is claimed: the outputs, every tensor in storage order, and which element is wrong."""

    outputs: tuple[Tensor, ...]
    tensors: tuple[bytes, ...]
    place: Place


class Liar:
    """A program made ready to be run wrongly."""

    def __init__(self, loaded: Loaded, outputs: Sequence[TensorSpec], threads: int = 0) -> None:
        self._loaded = loaded
        self._outputs = tuple(outputs)
        self._tracer = Tracer(loaded.program, loaded.blobs, threads, key=loaded.key)

    def lie(self, inputs: Sequence[Tensor], draw: Draw) -> Lie:
        """A lie about these inputs, somewhere in an operation's result as `draw` chooses.

        The wrong element stays within its interval, and so does all that follows from it: by
        itself no value looks wrong.
        """
        loaded, key = self._loaded, self._loaded.key
        arrays = [np.array(one.values, np.int64).reshape(1, *one.shape) for one in inputs]
        run = self._tracer.run(arrays)
        values: list[Integers] = [
            np.array(array, np.int64).reshape(1, *descriptor.result.shape)
            for array, descriptor in zip(run.tensors, key.descriptors, strict=True)
        ]
        place, value = self._place(values, draw)
        wrong = values[place.tensor].copy()
        wrong.reshape(-1)[place.element] = value
        values[place.tensor] = wrong
        self._go_on(values, place.tensor)
        tensors = tuple(
            store(descriptor.result, array[0])
            for descriptor, array in zip(key.descriptors, values, strict=True)
        )
        outputs = tuple(
            Tensor(spec.element_type, spec.shape, tuple(values[one.tensor].reshape(-1).tolist()))
            for spec, one in zip(self._outputs, loaded.program.outputs, strict=True)
        )
        return Lie(outputs, tensors, place)

    def refuter(self, lie: Lie, claim_id: bytes) -> Refuter:
        """The lie as it is committed to under a claim's name."""
        loaded = self._loaded
        return Refuter(loaded.program, loaded.blobs, loaded.key, claim_id, lie.tensors)

    def _place(self, values: Sequence[Integers], draw: Draw) -> tuple[Place, int]:
        first, intervals = len(self._loaded.program.inputs), self._loaded.key.intervals
        for attempt in range(_TRIES):
            tensor = first + draw(f"tensor {attempt}", len(values) - first)
            element = draw(f"element {attempt}", values[tensor].size)
            right, interval = int(values[tensor].reshape(-1)[element]), intervals[tensor]
            for value in (right + 1, right - 1):
                if interval.low <= value <= interval.high:
                    return Place(Kind.OPERATION, tensor, element), value
        raise Refused("this program has no element that could be wrong")

    def _go_on(self, values: list[Integers], changed: int) -> None:
        """Computes again what depends on a tensor."""
        program, moved = self._loaded.program, {changed}
        first = len(program.inputs)
        for number in range(changed + 1, len(values)):
            operation = program.steps[number - first].operation
            if moved.isdisjoint(operation.of):
                continue
            values[number] = evaluate(
                operation, [values[at] for at in operation.of], self._loaded.blobs
            )
            moved.add(number)
