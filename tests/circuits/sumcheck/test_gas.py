"""Gas: the rule for a transaction's data, and what a contract's work grows with."""

import math

from avow.circuits.sumcheck.cost import predict, survey
from avow.circuits.sumcheck.gas import BASE, UNITS, Gas, Tensors, predict_gas
from avow.verifier.tensor import ElementType, TensorSpec
from tests.circuits.sumcheck.test_plan import draft

DIGIT = TensorSpec("x", ElementType.INT16, (1, 8, 8), 4, 0, 16)


def test_data_costs_its_tokens_or_the_floor_of_eip_7623() -> None:
    assert Gas({"a": 1_000, "b": 500}, 100, 200).total == BASE + 1_500 + 4 * 200
    # Data that nothing is done with: ten for each token.
    assert Gas({"a": 1_000}, 1_000, 4_000).total == BASE + 10 * 4_000


def test_tensors_are_counted_with_their_zero_bytes() -> None:
    found = Tensors.of([DIGIT, DIGIT])
    assert found == Tensors(128, 256)
    assert found.tokens == 128 * 4 + 128


def test_every_part_is_there_and_fewer_rows_cost_less() -> None:
    one = draft()
    tensors = Tensors.of(one.tensors())
    found = survey(one.relation(8, 1), 8)
    gases = [predict_gas(found, logrows, tensors) for logrows in (7, 9, 12)]
    assert all(tuple(gas.parts) == tuple(UNITS) for gas in gases)
    rows = [gas.parts["rows"] for gas in gases]
    assert rows == sorted(rows, reverse=True) and rows[0] > rows[-1]
    folds = [gas.parts["folds"] for gas in gases]
    assert folds == sorted(folds) and folds[0] < folds[-1]


def test_the_data_are_the_proof_the_tensors_and_their_envelope() -> None:
    one = draft()
    tensors = Tensors.of(one.tensors())
    found = survey(one.relation(8, 1), 8)
    cost, gas = predict(found, 9), predict_gas(found, 9, tensors)
    assert cost is not None
    around = gas.calldata_bytes - cost.proof_bytes - tensors.octets
    assert 500 < around < 2_000 and around % 32 == 0
    assert gas.tokens < 4 * gas.calldata_bytes


def test_a_program_s_tensors_are_its_inputs_and_outputs() -> None:
    specs = draft().tensors()
    assert [math.prod(spec.shape) for spec in specs] == [64, 10]
    assert [spec.name for spec in specs][:1] == [draft().program.inputs[0].name]


def test_a_batch_shares_the_proof_and_not_the_tensors() -> None:
    one = draft()
    tensors = Tensors.of(one.tensors())
    alone = predict_gas(survey(one.relation(8, 1), 8), 9, tensors)
    several = predict_gas(survey(one.relation(8, 16), 8), 9, tensors, 16)
    assert several.total / 16 < 0.5 * alone.total
    assert several.calldata_bytes > 16 * tensors.octets
    assert several.parts["answers"] > 10 * alone.parts["answers"]


def test_batches_take_what_was_measured() -> None:
    # Gas of `SumcheckVerifier.verifyBatch` itself, less 21,000 and calldata, for 4 and 16 answers
    # under keys of so many bits and rows of so many variables.
    measured = {
        ("lenet5", 12, 14): {4: 826_128, 16: 1_746_311},
        ("digits-mlp", 8, 10): {4: 455_538, 16: 883_630},
    }
    for (name, width, logrows), gases in measured.items():
        one = draft(name)
        tensors = Tensors.of(one.tensors())
        for answers, gas in gases.items():
            found = predict_gas(
                survey(one.relation(width, answers), width), logrows, tensors, answers
            )
            outside = UNITS["answers"]["further_answers"] * (answers - 1)
            running = sum(found.parts.values()) - found.parts["adapter"] - outside
            assert abs(running - gas) < 0.15 * gas, (name, answers, running)
