"""A worker whose hardware or software is wrong in one bit is refused."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest

from avow.models.errors import ModelError
from avow.models.program import carriers, emit_elementwise, export, fast, linear
from avow.models.program.blobs import AnyIntegers, Integers
from avow.models.program.carriers import Carrier
from avow.models.program.fast import FastExecutor
from avow.models.program.onnx_graph import Graph
from avow.models.program.reference import Reference
from avow.models.program.selfcheck import self_check
from avow.models.program.selfcheck_programs import cases
from avow.verifier.program.blob import Blob
from avow.verifier.program.operations import NAMES, Constant
from avow.verifier.program.program import Program


def test_this_machine_passes() -> None:
    assert self_check() == len(list(cases())) > 15


def test_the_reference_passes() -> None:
    assert self_check(Reference) > 0


def test_the_programs_hold_every_arithmetic_operation() -> None:
    found = {type(step.operation) for case in cases() for step in case.program.steps}
    copies = {NAMES[name] for name in ("pad", "concat", "gather")}
    assert found == set(NAMES.values()) - copies - {Constant}


class _Flipped:
    """The reference, with the lowest bit of one element wrong."""

    def __init__(self, program: Program, blobs: Sequence[Blob]) -> None:
        self._reference = Reference(program, blobs)

    def run(self, inputs: Sequence[AnyIntegers]) -> list[Integers]:
        outputs = [output.copy() for output in self._reference.run(inputs)]
        outputs[-1].reshape(-1)[-1] ^= 1
        return outputs


class _Short(_Flipped):
    """The reference without its last output."""

    def run(self, inputs: Sequence[AnyIntegers]) -> list[Integers]:
        return self._reference.run(inputs)[:-1]


class _Turned(_Flipped):
    """The reference with another shape."""

    def run(self, inputs: Sequence[AnyIntegers]) -> list[Integers]:
        return [output.reshape(-1) for output in self._reference.run(inputs)]


@pytest.mark.parametrize(
    ("double", "message"),
    [
        (_Flipped, r"'dense float32': this machine computes 1 of 210 elements of output 2 wrongly"),
        (_Short, "'dense float32': 3 outputs expected, got 2"),
        (_Turned, r"output 0 must have shape \[3, 70\], got \[210\]"),
    ],
)
def test_one_wrong_bit_is_refused(double: type[_Flipped], message: str) -> None:
    with pytest.raises(ModelError, match=message) as caught:
        self_check(double)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("carrier", [Carrier.FLOAT32, Carrier.FLOAT64])
def test_sums_beyond_a_carrier_are_refused(
    carrier: Carrier, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(carriers._LIMITS, carrier, 8 * carrier.limit)
    with pytest.raises(ModelError, match=f"dense {carrier.value}"):
        self_check()


def _no_half(real: Callable[..., Any]) -> Callable[..., Any]:
    return lambda rescale: 0


def _one_more(real: Callable[..., str]) -> Callable[..., str]:
    return lambda state, value, carrier: real(state, value + (value > 1), carrier)


def _other_node(wrong: str, right: str) -> Callable[[Any], Any]:
    def change(real: Callable[..., str]) -> Callable[..., str]:
        def node(graph: Any, kind: str, *inputs: str, **attributes: Any) -> str:
            return real(graph, right if kind == wrong else kind, *inputs, **attributes)

        return node

    return change


@pytest.mark.parametrize(
    ("target", "name", "change"),
    [
        (linear, "half", _no_half),
        (emit_elementwise, "half", _no_half),
        (export.Emission, "reshape", lambda real: lambda state, name, shape: name),
        (export.Emission, "scalar", _one_more),
    ],
    ids=["melted rounding", "rounding", "shape", "constant"],
)
def test_a_wrong_emitter_is_refused(
    target: Any, name: str, change: Callable[[Any], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(target, name, change(getattr(target, name)))
    with pytest.raises(ModelError):
        self_check()


@pytest.mark.parametrize(
    ("wrong", "right"),
    [("Floor", "Ceil"), ("Floor", "Round"), ("Max", "Min"), ("Sub", "Add"), ("Floor", "Identity")],
)
def test_another_kernel_is_refused(wrong: str, right: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Graph, "node", _other_node(wrong, right)(Graph.node))
    with pytest.raises(ModelError):
        self_check()


def test_sums_of_64_bits_in_53_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """What onnxruntime's own kernel does."""

    def summed(state: Any, name: str, shape: list[int], axes: list[int], keep: bool) -> str:
        indices = state.graph.integers(axes)
        return str(state.graph.node("ReduceSum", name, indices, keepdims=int(keep)))

    monkeypatch.setattr(emit_elementwise, "_sum_by_product", summed)
    with pytest.raises(ModelError, match=r"wide.*output 5"):
        self_check()


def test_factors_kept_in_32_bits_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """What onnxruntime does where it melts them into a product of matrices."""
    monkeypatch.setattr(fast, "_INEXACT", [])
    with pytest.raises(ModelError, match=r"wide.*output 6"):
        self_check()


def test_factors_of_ten_bits_are_refused() -> None:
    """What TF32 does: some of the bits of every factor are dropped."""

    class Rounded(_Flipped):
        def run(self, inputs: Sequence[AnyIntegers]) -> list[Integers]:
            kept = [np.rint(array / 16).astype(np.int64) * 16 for array in inputs]
            ends = [(case.minimum, case.maximum) for case in self._reference._program.inputs]
            clipped = [np.clip(x, *end) for x, end in zip(kept, ends, strict=True)]
            return self._reference.run(clipped)

    with pytest.raises(ModelError, match="dense float32"):
        self_check(Rounded)


def test_the_fast_executor_is_what_is_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    made = []

    def make(program: Program, blobs: Sequence[Blob]) -> FastExecutor:
        made.append(program)
        return FastExecutor(program, blobs, 1)

    assert self_check(make) == len(made)
