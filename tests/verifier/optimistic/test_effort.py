"""Small bundles that would keep their reader busy: refused before anything is computed."""

from collections.abc import Callable
from dataclasses import replace
from random import Random
from typing import Any

import pytest

from avow.verifier.errors import VerificationError
from avow.verifier.merkle import leaf
from avow.verifier.program import blob as blobs
from avow.verifier.program import operations as op
from avow.verifier.program.program import Program, check
from avow.verifier.systems.optimistic import effort, half
from avow.verifier.systems.optimistic.claim import material_json
from avow.verifier.systems.optimistic.effort import refuse_endless, run_elements, sampled
from avow.verifier.systems.optimistic.half import OptimisticSystem
from avow.verifier.systems.optimistic.sample import Sample
from avow.verifier.systems.system import Evidence
from avow.verifier.tensor import ElementType
from tests.programs.builder import Builder
from tests.programs.claims import every_case

INT8 = ElementType.INT8
ONE = Sample(1, bytes(32))


def evidence(builder: Builder, sample: Sample | None = None) -> Evidence:
    """A bundle with this program in it, its records those of another."""
    bundle = every_case().bundle()
    return Evidence(
        root=leaf(bundle.statement.digest()),
        index=0,
        statement=bundle.statement,
        model=bundle.model,
        system=bundle.system,
        inputs=bundle.inputs,
        outputs=bundle.outputs,
        proof=bundle.proof,
        material=material_json(builder.program(), builder.blobs),
        sample=sample,
    )


def wide(factor: int, rows: int = 2**12) -> Builder:
    """A tensor of many elements out of nothing."""
    builder = Builder(Random(31))
    x = builder.add_input((1, 1), INT8, -128, 127)
    builder.add(op.Broadcast((x,), (rows, factor)))
    return builder


def deep(count: int) -> Builder:
    """A sum of many terms for each of many elements, of a matrix of nothing but one element."""
    builder = wide(count, 1_000)
    builder.add(op.Contract((1, builder.add(op.Transpose((1,), (1, 0))))))
    return builder


def looked_up(times: int) -> Builder:
    """A table of 4 kB that many operations name."""
    builder = Builder(Random(32))
    x = builder.add_input((1,), INT8, 0, 100)
    table = builder.integers((4096,), 100)
    for _ in range(times):
        builder.add(op.Table((x,), table, 0))
    return builder


def joined(times: int) -> Builder:
    """Concatenations of one element with itself."""
    builder = Builder(Random(33))
    x = builder.add_input((1,), INT8, 0, 100)
    for _ in range(times):
        builder.add(op.Concat((x,) * 255, 0))
    return builder


def limited(monkeypatch: pytest.MonkeyPatch, name: str, most: int) -> None:
    """A smaller limit, so that what is beyond it is made quickly."""
    assert getattr(effort, name) > most
    monkeypatch.setattr(effort, name, most)


@pytest.mark.parametrize(
    ("make", "name", "most", "sample", "said"),
    [
        (lambda: wide(2**13), "", 0, ONE, "33554432 elements of a run, at most 16777216"),
        (lambda: deep(60), "", 0, None, "products or sums, at most 10000000"),
        (lambda: looked_up(20), "MOST_LOOKED_UP", 80_000, ONE, "81920 constants .*, at most 80000"),
        (lambda: joined(4), "MOST_OPERANDS", 1_000, ONE, "1020 operands .*, at most 1000"),
        (lambda: deep(60), "MOST_TERMS", 50, Sample(60, bytes(32)), "at most 50"),
    ],
)
def test_what_is_too_much_is_refused_by_its_shapes_alone(
    make: Callable[[], Builder],
    name: str,
    most: int,
    sample: Sample | None,
    said: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    wanted = evidence(make(), sample)
    if name:
        limited(monkeypatch, name, most)

    def reached(*arguments: Any) -> Any:
        raise AssertionError("something was computed")

    monkeypatch.setattr(half, "program_key", reached)
    monkeypatch.setattr(blobs.Blob, "integers", property(reached))
    with pytest.raises(VerificationError, match=said) as refused:
        OptimisticSystem().verify(wanted)
    # Nothing is decided about the claim.
    assert refused.value.step == "setup"


@pytest.mark.parametrize("make", [lambda: wide(2**11), lambda: deep(20), lambda: looked_up(20)])
def test_what_is_within_the_limits_is_not_refused(make: Callable[[], Builder]) -> None:
    refuse_endless(make().program(), ONE)


def test_a_sample_is_drawn_as_it_is_counted() -> None:
    program = every_case().run.program
    first, shapes = len(program.inputs), program.shapes()
    sample = Sample(10**6, bytes(32))
    places = [(at, place) for at, place in sampled(program, sample)]
    assert len(set(places)) == len(places) == run_elements(program)
    assert all(0 <= place < _count(shapes[first + at]) for at, place in places)


def _count(shape: tuple[int, ...]) -> int:
    count = 1
    for length in shape:
        count *= length
    return count


def decodes(monkeypatch: pytest.MonkeyPatch, program: Program, constants: list[blobs.Blob]) -> int:
    """How many constants are decoded while a program is checked, and how many are read alone."""
    fresh = [replace(one) for one in constants]
    read = 0
    at, decode = blobs.Blob.at, blobs.array

    def counted(blob: blobs.Blob, position: int) -> int:
        nonlocal read
        read += 1
        return at(blob, position)

    def counted_array(code: str, data: bytes) -> Any:
        nonlocal read
        decoded = decode(code, data)
        read += len(decoded)
        return decoded

    monkeypatch.setattr(blobs.Blob, "at", counted)
    monkeypatch.setattr(blobs, "array", counted_array)
    check(program, fresh)
    return read


@pytest.mark.parametrize("kind", ["dense", "convolution", "constant", "gather", "lookup_row"])
def test_constants_are_decoded_once_for_all_operations(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A matrix of 4 kB under many layers; a bundle has room for 20 MiB under 65,536."""
    builder = Builder(Random(31))
    x = builder.add_input((64, 1, 1), INT8, 0, 63)
    flat = builder.add(op.Reshape((x,), (64,)))
    image = builder.add(op.Reshape((x,), (1, 64, 1, 1)))
    weight, bias = builder.integers((64, 64), 127), builder.integers((64,), 100)
    kernel, rows = builder.integers((64, 64, 1, 1), 127), builder.integers((64, 64), 9)
    order = builder.blob(list(range(64)), (64,))
    made = {
        "dense": op.Dense((flat,), weight, bias),
        "convolution": op.Convolution((image,), kernel, bias, (1, 1), (1, 1), (0, 0), (0, 0), 1),
        "constant": op.Constant((), weight),
        "gather": op.Gather((flat,), 0, order),
        "lookup_row": op.LookupRow((flat,), rows),
    }
    for _ in range(200):
        builder.add(made[kind])
    program = builder.program()
    constants = sum(blob.ref().count for blob in builder.blobs)
    assert decodes(monkeypatch, program, builder.blobs) <= constants
