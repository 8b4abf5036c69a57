"""Appends operations to a program, evaluating each on the calibration batch as it goes.

What is observed are exact integers, so that whatever is decided by them is decided alike on
every machine.
"""

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from math import prod

import numpy as np

from avow.models.compiler.refusal import Refusal
from avow.models.compiler.value import Value
from avow.models.limits import LIMITS as MODEL_LIMITS
from avow.models.program.blobs import AnyIntegers, Integers, blob_of
from avow.models.program.intervals import result_interval
from avow.models.program.reference import evaluate
from avow.verifier.errors import VerificationError
from avow.verifier.limits import LIMITS
from avow.verifier.program.blob import Blob, BlobRef
from avow.verifier.program.intervals import BOUND, Interval
from avow.verifier.program.operations import Operation, Rescale
from avow.verifier.program.program import Output, Program, Step
from avow.verifier.program.shapes import result_shape
from avow.verifier.tensor import TensorSpec

GREATEST_SCALE = 60
# What is observed where there are no rows.
NOTHING: Integers = np.zeros((0,), np.int64)


@dataclass(frozen=True, slots=True)
class Limit:
    """Tensor `tensor` saturates in node `node` outside [low, high]; None means no end."""

    node: str
    tensor: int
    low: int | None
    high: int | None


@dataclass(slots=True)
class Builder:
    """The program so far. `bits` is the precision; `node` the ONNX node being lowered.

    `told` are the answers that an earlier compilation got from its calibration rows: with them
    there are no rows, nothing is evaluated, and `seen` repeats them. None: `rows` rows decide.
    """

    bits: int
    rows: int
    told: tuple[int, ...] | None = None
    node: str = ""
    inputs: list[TensorSpec] = field(default_factory=list)
    blobs: list[Blob] = field(default_factory=list)
    steps: list[Step] = field(default_factory=list)
    origins: list[str] = field(default_factory=list)
    shapes: list[tuple[int, ...]] = field(default_factory=list)
    intervals: list[Interval] = field(default_factory=list)
    errors: list[float] = field(default_factory=list)
    limits: list[Limit] = field(default_factory=list)
    answers: list[int] = field(default_factory=list)
    _refs: list[BlobRef] = field(default_factory=list)
    _interned: dict[bytes, int] = field(default_factory=dict)
    _emitted: dict[tuple[Operation, int], Value] = field(default_factory=dict)

    def input(self, spec: TensorSpec, observed: Integers, integral: bool) -> Value:
        """Declare an input; every one comes before the first operation."""
        self.inputs.append(spec)
        interval = Interval(spec.minimum, spec.maximum)
        return self._record(spec.shape, spec.scale, interval, 0.0, observed, integral)

    def seen(self, look: Callable[[], tuple[int, ...]], count: int) -> tuple[int, ...]:
        """`count` integers that calibration shows: all of its influence on the program.

        Raises `Refusal` where what was told is not what this model asks for.
        """
        if self.told is None:
            found = look()
        else:
            found = self.told[len(self.answers) : len(self.answers) + count]
        if len(found) != count or any(abs(answer) >= BOUND for answer in found):
            raise Refusal("what calibration showed belongs to another model or precision")
        self.answers += found
        return found

    def ends(self, x: Value) -> tuple[int, int]:
        """The smallest and the largest integer seen of a tensor."""
        low, high = self.seen(lambda: (int(x.observed.min()), int(x.observed.max())), 2)
        return low, high

    def blob(self, array: AnyIntegers) -> int:
        """The number of a constant; equal constants share one."""
        blob = blob_of(np.ascontiguousarray(array))
        ref = blob.ref()
        if ref.digest not in self._interned:
            self._interned[ref.digest] = len(self.blobs)
            self.blobs.append(blob)
            self._refs.append(ref)
        return self._interned[ref.digest]

    def emit(
        self,
        operation: Operation,
        operands: Sequence[Value],
        scale: int,
        error: float,
        integral: bool = False,
    ) -> Value:
        """Append an operation (once: an equal one is used again) and return its result.

        Raises `Refusal` where the program's own rules forbid it.
        """
        label = min(max(scale, 0), GREATEST_SCALE)
        known = self._emitted.get((operation, label))
        if known is not None:
            self.errors[known.tensor] = max(self.errors[known.tensor], error)
            return dataclasses.replace(known, scale=scale, error=error, integral=integral)
        if len(self.steps) >= LIMITS.program_operations:
            raise Refusal(f"the program would have more than {LIMITS.program_operations} steps")
        shapes = [operand.shape for operand in operands]
        try:
            shape = result_shape(operation, shapes, self._refs)
            interval = result_interval(
                operation, [operand.interval for operand in operands], shapes, self.blobs
            )
        except VerificationError as error_found:
            raise Refusal(error_found.message) from error_found
        observed = operands[0].observed if operands else NOTHING
        if self.told is None:
            observed = self._evaluated(operation, operands, shape)
        self.steps.append(Step(operation, label))
        self.origins.append(self.node)
        value = self._record(shape, scale, interval, error, observed, integral)
        self._emitted[operation, label] = value
        return value

    def _evaluated(
        self, operation: Operation, operands: Sequence[Value], shape: tuple[int, ...]
    ) -> Integers:
        if self.rows * prod(shape) > MODEL_LIMITS.observed_elements:
            raise Refusal(
                f"{self.rows} calibration rows of {prod(shape)} elements, at most "
                f"{MODEL_LIMITS.observed_elements} elements are allowed"
            )
        return evaluate(
            operation, [operand.observed for operand in operands], self.blobs, self.rows
        )

    def rescale(
        self,
        x: Value,
        bits: int,
        low: int | None,
        high: int | None,
        error: float,
    ) -> Value:
        """Divide by 2^bits, rounding, then clamp; ends that the interval never passes vanish."""
        half = 1 << (bits - 1) if bits else 0
        ends = [(end + half) >> bits for end in (x.interval.low, x.interval.high)]
        low = None if low is not None and ends[0] >= low else low
        high = None if high is not None and ends[1] <= high else high
        if bits == 0 and low is None and high is None:
            return dataclasses.replace(x, error=error)
        return self.emit(
            Rescale((x.tensor,), bits, low, high), [x], x.scale - bits, error, x.integral
        )

    def limit(self, x: Value, bits: int, low: int | None, high: int | None) -> None:
        """Record that rescaling `x` by `bits` saturates outside [low, high]."""
        half = 1 << (bits - 1) if bits else 0
        first = None if low is None else (low << bits) - half
        last = None if high is None else ((high + 1) << bits) - half - 1
        if first is not None and x.interval.low >= first:
            first = None
        if last is not None and x.interval.high <= last:
            last = None
        found = Limit(self.node, x.tensor, first, last)
        if (first is not None or last is not None) and found not in self.limits:
            self.limits.append(found)

    def program(self, outputs: Sequence[Output]) -> Program:
        """The finished program."""
        return Program(tuple(self.inputs), tuple(self._refs), tuple(self.steps), tuple(outputs))

    def _record(
        self,
        shape: tuple[int, ...],
        scale: int,
        interval: Interval,
        error: float,
        observed: Integers,
        integral: bool,
    ) -> Value:
        self.shapes.append(shape)
        self.intervals.append(interval)
        self.errors.append(error)
        return Value(len(self.shapes) - 1, shape, scale, interval, error, observed, integral)
