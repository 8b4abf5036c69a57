"""Running and proving: the answer is the circuit's own, and what cannot be run is refused."""

from dataclasses import replace

import numpy as np
import pytest

from avow.circuits.errors import CircuitError, InputRefused, LimitExceeded, StepCancelled
from avow.circuits.ezkl.child import Limits, Progress
from avow.circuits.ezkl.witness import (
    Circuit,
    answer,
    answer_rows,
    commit_hidden,
    input_document,
    prove,
    random_salt,
)
from avow.models.devices import Device
from avow.models.infer import Preview
from avow.verifier.commitment import Scheme, commit_public
from avow.verifier.records import InputVisibility
from avow.verifier.systems.ezkl.layout import limbs
from avow.verifier.tensor import ElementType, Tensor, TensorSpec
from tests.circuits.tiny import HIDDEN, LIMITS, PUBLIC, SALT, case, compiled, inputs, source


@pytest.mark.parametrize("visibility", [PUBLIC, HIDDEN])
def test_the_answer_is_near_the_float_model_and_equal_to_the_proven_one(
    visibility: InputVisibility,
) -> None:
    artifact = compiled(visibility)
    values = inputs(artifact)
    found = answer(Circuit.of(artifact), values, SALT, LIMITS)
    assert found.outputs == case(visibility).proved.run.outputs
    reals = tuple(
        np.array(spec.dequantise(tensor)).reshape(spec.shape)
        for spec, tensor in zip(artifact.model.inputs, values, strict=True)
    )
    floats = Preview(source().model, Device.CPU).run(reals)
    for spec, tensor, expected in zip(artifact.record.outputs, found.outputs, floats, strict=True):
        assert np.allclose(spec.dequantise(tensor), expected.reshape(-1), atol=0.05)


def test_a_public_input_is_committed_to_by_its_digest() -> None:
    found = case(PUBLIC)
    assert found.proved.run.input == commit_public(found.inputs)
    assert found.proved.run.weights_hash is None


def test_a_hidden_commitment_depends_on_input_and_salt_and_on_nothing_else() -> None:
    artifact = compiled(HIDDEN)
    circuit, values = Circuit.of(artifact), inputs(artifact)
    found = case(HIDDEN).proved.run.input
    assert found.scheme is Scheme.EZKL_POSEIDON
    # The circuit's hash is Poseidon over input and salt: whoever holds both recomputes it.
    assert commit_hidden(values, SALT, LIMITS) == found
    assert commit_hidden(values, bytes(32), LIMITS) != found
    assert commit_hidden(inputs(artifact, seed=11), SALT, LIMITS) != found
    other = answer(circuit, values, bytes(32), LIMITS)
    assert other.input == commit_hidden(values, bytes(32), LIMITS)
    assert other.outputs == case(HIDDEN).proved.run.outputs


def test_rows_give_what_single_runs_give() -> None:
    artifact = compiled()
    rows = [inputs(artifact, seed) for seed in (1, 2, 10)]
    notes: list[str] = []

    def watch(progress: Progress) -> None:
        notes.append(progress.note)

    found = answer_rows(Circuit.of(artifact), rows, LIMITS, watch)
    assert found[2] == case().proved.run.outputs
    assert len(set(found)) == 3


def wide(circuit: Circuit) -> Circuit:
    """A circuit whose schema lies: it lets every int64 in."""
    specs = tuple(
        TensorSpec(spec.name, ElementType.INT64, spec.shape, spec.scale, -(2**63), 2**63 - 1)
        for spec in circuit.inputs
    )
    return replace(circuit, inputs=specs)


def test_what_outgrows_the_range_checks_cannot_be_run_or_hidden() -> None:
    """The bound that the verdict names for hidden inputs is enforced by the circuit."""
    circuit = wide(Circuit.of(compiled(HIDDEN)))

    def filled(value: int) -> tuple[Tensor, ...]:
        first, second = circuit.inputs
        return (
            Tensor(first.element_type, first.shape, (value, 0, 0, 0)),
            Tensor(second.element_type, second.shape, (0, 0, 0)),
        )

    assert answer(circuit, filled(2**14), SALT, LIMITS).outputs
    for value in (2**30, -(2**30), 2**62):
        with pytest.raises(InputRefused, match="outgrows the integers"):
            answer(circuit, filled(value), SALT, LIMITS)
    assert answer_rows(circuit, [filled(2**30), filled(0)], LIMITS)[0] is None


def test_inputs_are_checked_against_the_schema() -> None:
    artifact = compiled()
    circuit, values = Circuit.of(artifact), inputs(artifact)
    first = values[0]
    outside = replace(first, values=(circuit.inputs[0].maximum + 1, *first.values[1:]))
    reshaped = replace(first, shape=(4,))
    retyped = replace(first, element_type=ElementType.INT64)
    bad = {
        "must lie in": (outside, values[1]),
        "must have shape": (reshaped, values[1]),
        "must be int": (retyped, values[1]),
        "expected 2 inputs, got 1": (first,),
        "expected 2 inputs, got 3": (*values, first),
    }
    for match, given in bad.items():
        with pytest.raises(CircuitError, match=match):
            answer(circuit, given, SALT, LIMITS)
    with pytest.raises(CircuitError, match="a binding has 32 bytes"):
        prove(circuit, values, SALT, bytes(31), LIMITS)
    hidden = Circuit.of(compiled(HIDDEN))
    with pytest.raises(CircuitError, match="has 32 bytes"):
        answer(hidden, values, bytes(33), LIMITS)


def test_the_salt_and_binding_enter_as_sixteen_limbs() -> None:
    circuit, values = Circuit.of(compiled(HIDDEN)), inputs(compiled(HIDDEN))
    root = bytes(range(200, 232))
    whole, binding = input_document(circuit, values, SALT, root)["input_data"]
    assert binding == list(limbs(root))
    assert whole[-16:] == list(limbs(SALT))
    assert whole[:-16] == [value for tensor in values for value in tensor.values]
    assert binding[0] == 200 * 256 + 201
    public = Circuit.of(compiled())
    assert input_document(public, values, SALT, root)["input_data"][0] == whole[:-16]


def test_limits_and_cancelling_hold_for_proofs() -> None:
    circuit, values = Circuit.of(compiled()), inputs(compiled())
    with pytest.raises(LimitExceeded, match="ezkl prove needs more than the 30 MiB"):
        prove(circuit, values, SALT, bytes(32), Limits(60, 30 * 2**20))
    with pytest.raises(StepCancelled):
        prove(circuit, values, SALT, bytes(32), LIMITS, cancelled=lambda: True)


def test_salts_are_fresh() -> None:
    assert len({random_salt() for _ in range(100)}) == 100
