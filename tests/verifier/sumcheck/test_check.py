"""A whole proof: honest ones convince, and nothing about one can be changed."""

from collections.abc import Sequence
from dataclasses import replace
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from avow.verifier.argument.proof import R
from avow.verifier.argument.transcript import Label
from avow.verifier.curves import field_modulus
from avow.verifier.errors import VerificationError
from avow.verifier.program import operations as op
from avow.verifier.program.blob import Blob
from avow.verifier.program.program import Output, Program
from avow.verifier.systems.sumcheck import values as values_module
from avow.verifier.systems.sumcheck.check import check_proof
from avow.verifier.systems.sumcheck.key import KeyLimits
from avow.verifier.tensor import ElementType, Tensor
from tests.programs.builder import Builder, random_program
from tests.soundness.checking import check_all
from tests.soundness.reference import POINTS
from tests.verifier.sumcheck.example import (
    ROOT,
    TAU,
    Case,
    make_case,
    make_key,
    small_case,
    small_program,
    tau_g2,
)

pytestmark = pytest.mark.usefixtures("known_secret")

Samples = Sequence[Sequence[Tensor]]


def check(
    case: Case,
    proof: bytes | None = None,
    root: bytes = ROOT,
    inputs: Samples | None = None,
    outputs: Samples | None = None,
    openings: Sequence[bytes] | None = None,
) -> None:
    """What the verifier says of a case, parts of it replaced."""
    check_all(
        case.key,
        root,
        case.inputs if inputs is None else inputs,
        case.outputs if outputs is None else outputs,
        case.proof if proof is None else proof,
        case.proof.openings if openings is None else openings,
    )


@pytest.mark.parametrize("seed", [0, 2, 5, 7, 10, 12, 15, 24, 32])
def test_honest_proofs_of_random_programs_convince(seed: int) -> None:
    program, blobs = random_program(seed, 5)
    rng = Random(seed)
    sizes = {"width": rng.randint(2, 4), "logrows": rng.randint(5, 7)}
    check(make_case(program, blobs, seed, rng.randint(1, 2), **sizes))


@pytest.mark.usefixtures("real_pairing")
@pytest.mark.parametrize("batch", [1, 2, 3])
def test_honest_proofs_of_the_small_program_convince(batch: int) -> None:
    check(small_case(batch))


def _messages() -> list[tuple[Label, int, int]]:
    """Label, first byte and words of every message of the small proof."""
    prover = small_case().prover()
    prover.prove()
    found, at = [], 0
    for label, count in prover.names:
        found.append((label, at, count))
        at += 32 * count
    return found


def _changes() -> list[tuple[str, int]]:
    """Every third word of the small proof, and the first and last of every message."""
    changed = []
    for label, start, count in _messages():
        for at in range(count):
            if at in (0, count - 1) or (start // 32 + at) % 3 == 0:
                changed.append((label.name, start + 32 * at))
    return changed


@pytest.mark.parametrize(("name", "at"), _changes())
def test_no_word_of_a_proof_can_be_changed(name: str, at: int) -> None:
    case = small_case()
    word = int.from_bytes(case.proof[at : at + 32], "big")
    if Label[name] in POINTS:
        # The other point with the same x; for an x, a point with nothing in common.
        other = [field_modulus - word] if word != 1 else [word]
        if at // 32 % 2 == 0:
            changed = (1).to_bytes(32, "big") + (2).to_bytes(32, "big")
            proof = case.proof[:at] + changed + case.proof[at + 64 :]
        else:
            proof = case.proof[:at] + other[0].to_bytes(32, "big") + case.proof[at + 32 :]
    else:
        proof = case.proof[:at] + ((word + 1) % R).to_bytes(32, "big") + case.proof[at + 32 :]
    with pytest.raises(VerificationError) as caught:
        check(case, proof)
    assert caught.value.step in ("parse", "proof")


def test_another_root_is_refused() -> None:
    with pytest.raises(VerificationError):
        check(small_case(), root=ROOT[::-1])


def test_another_input_or_output_is_refused() -> None:
    case = small_case()
    ((given,), (answered,)) = case.inputs[0], case.outputs[0]
    for at in range(len(given.values)):
        values = list(given.values)
        values[at] += 1 if values[at] < 9 else -1
        with pytest.raises(VerificationError):
            check(case, inputs=[[replace(given, values=tuple(values))]])
    for at in range(len(answered.values)):
        values = list(answered.values)
        values[at] -= 1
        with pytest.raises(VerificationError):
            check(case, outputs=[[replace(answered, values=tuple(values))]])


def test_tensors_outside_of_the_programs_specifications_are_refused() -> None:
    case = small_case()
    ((given,), (answered,)) = case.inputs[0], case.outputs[0]
    wrong: list[tuple[Samples, Samples]] = [
        ([[replace(given, values=(10, *given.values[1:]))]], case.outputs),
        ([[replace(given, element_type=ElementType.INT16)]], case.outputs),
        ([[replace(given, shape=(3, 2))]], case.outputs),
        (case.inputs, [[replace(answered, element_type=ElementType.INT64)]]),
        (case.inputs, [[replace(answered, values=(-(2**15), *answered.values[1:]))]]),
        (case.inputs, [[answered, answered]]),
        ([[given, given]], case.outputs),
        ([[]], case.outputs),
        (case.inputs, [[]]),
    ]
    for inputs, outputs in wrong:
        with pytest.raises(VerificationError) as caught:
            check(case, inputs=inputs, outputs=outputs)
        assert caught.value.step == "tensors"


@pytest.mark.parametrize("batch", [-1, 0, 1, 2, 3, 5, 2**10 + 1])
def test_a_batch_has_at_least_one_sample_to_check(batch: int) -> None:
    case = small_case(3)
    with pytest.raises(VerificationError):
        check_proof(case.key, ROOT, batch, [], case.proof)


def test_samples_of_a_batch_have_an_order() -> None:
    case = small_case(2)
    with pytest.raises(VerificationError):
        check(case, inputs=case.inputs[::-1], outputs=case.outputs[::-1])
    with pytest.raises(VerificationError):
        check(case, inputs=case.inputs[:1], outputs=case.outputs[:1])


def test_another_batch_size_of_the_same_sample_is_refused() -> None:
    case = small_case()
    with pytest.raises(VerificationError):
        check(case, inputs=case.inputs * 2, outputs=case.outputs * 2, openings=[bytes(64)] * 2)


def test_a_proof_under_another_key_is_refused() -> None:
    case = small_case()
    program, blobs = small_program()
    rows = case.key.rows
    zero = bytes(64)
    others = [
        replace(case.key, rows=(rows[1], rows[0], *rows[2:])),
        replace(case.key, rows=(zero, *rows[1:])),
        replace(case.key, rows=rows[:-1]),
        replace(case.key, rows=(*rows, zero)),
        replace(case.key, width=case.key.width + 1),
        replace(case.key, logrows=case.key.logrows + 1),
        replace(case.key, tau_g2=tau_g2(TAU + 1)),
        make_key(*_other_weight(program, blobs)),
        make_key(replace(program, outputs=(Output("z", program.outputs[0].tensor),)), blobs),
    ]
    for key in others:
        with pytest.raises(VerificationError):
            check(replace(case, key=key))


def _other_weight(program: Program, blobs: list[Blob]) -> tuple[Program, list[Blob]]:
    # Same sums of positive and of negative weights: same intervals, another function.
    weight = blobs[0]
    swapped = bytes([weight.data[2], weight.data[1], weight.data[0]]) + weight.data[3:]
    others = [replace(weight, data=swapped), *blobs[1:]]
    return replace(program, blobs=tuple(blob.ref() for blob in others)), others


def test_a_row_of_the_key_off_the_curve_is_refused() -> None:
    case = small_case()
    rows = ((1).to_bytes(32, "big") + (3).to_bytes(32, "big"), *case.key.rows[1:])
    with pytest.raises(VerificationError):
        check(replace(case, key=replace(case.key, rows=rows)))


@pytest.mark.parametrize("cut", [1, 32, 64, 500])
def test_a_proof_has_one_length(cut: int) -> None:
    case = small_case()
    for proof in (case.proof[:-cut], case.proof + bytes(cut), case.proof[cut:], b""):
        with pytest.raises(VerificationError):
            check(case, proof)


@given(st.binary(max_size=4000), st.integers(0, 3328))
@settings(max_examples=60, deadline=None)
def test_nothing_but_verification_errors_leaves(noise: bytes, start: int) -> None:
    case = small_case()
    proof = (case.proof[:start] + noise + case.proof[start + len(noise) :])[: len(case.proof)]
    if proof != case.proof:
        with pytest.raises(VerificationError):
            check(case, proof)


def test_zeros_are_no_proof() -> None:
    with pytest.raises(VerificationError):
        check(small_case(), bytes(len(small_case().proof)))


def _shared_tensors() -> Case:
    """A program whose outputs are its input, and one result twice."""
    builder = Builder(Random(1))
    x = builder.add_input((3,), ElementType.INT8, -9, 9)
    y = builder.add(op.Affine((x,), (2,), 1))
    outputs = (Output("a", x), Output("b", y), Output("c", y))
    return make_case(replace(builder.program(), outputs=outputs), builder.blobs)


@pytest.mark.parametrize("at", [0, 1, 2])
def test_outputs_that_are_one_tensor_must_be_equal(at: int) -> None:
    # One public column serves them all: no equation would see the difference.
    case = _shared_tensors()
    check(case)
    outputs = list(case.outputs[0])
    values = outputs[at].values
    outputs[at] = replace(
        outputs[at], values=(values[0] + (1 if values[0] < 0 else -1), *values[1:])
    )
    lied = replace(case, outputs=(tuple(outputs),))
    with pytest.raises(VerificationError, match="one tensor"):
        check(replace(lied, proof=lied.prover().prove()))


def test_a_key_cannot_keep_the_verifier_busy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(values_module, "LIMITS", KeyLimits(work=100))
    with pytest.raises(VerificationError, match="gone through"):
        check(small_case())
