"""A blob says what the verifier computes, whatever a prover sends."""

from dataclasses import replace
from math import prod
from random import Random

import pytest

from avow.circuits.errors import CircuitError
from avow.circuits.sumcheck.blob import blob
from avow.verifier.argument.proof import R, combine
from avow.verifier.program import operations as op
from avow.verifier.program.program import output_specs
from avow.verifier.relation.publics import publics, summary
from avow.verifier.relation.views import eq_table
from avow.verifier.systems.sumcheck.check import _forms
from avow.verifier.systems.sumcheck.equations import bilinear_at, bilinear_claim, identities_at
from avow.verifier.systems.sumcheck.frame import frame
from avow.verifier.systems.sumcheck.key import Key
from avow.verifier.systems.sumcheck.values import Values, Work
from avow.verifier.tensor import ElementType, Tensor, TensorSpec
from avow.verifier.trace.layout import LARGEST_SHOWN, can_be_shown, committed_by_roots
from tests.circuits.sumcheck.reading import Blob, Challenges
from tests.programs.builder import Builder
from tests.soundness.programs import every_operation
from tests.soundness.rounds import random_case
from tests.soundness.workbench import Case, make_case


def any_tensor(spec: TensorSpec, rng: Random) -> Tensor:
    """A tensor within its specification, not one that a run gives."""
    ends = (spec.minimum, spec.maximum)
    values = (rng.choice((*ends, rng.randint(*ends))) for _ in range(prod(spec.shape)))
    return Tensor(spec.element_type, spec.shape, tuple(values))


def agree(key: Key, batch: int, rng: Random) -> None:
    """Both evaluate everything at the same random challenges and values: none of it is a run's."""
    relation = key.relation(batch)
    places = frame(relation, key.logrows)
    specs = (*key.program.inputs, *output_specs(key.program, key.bounds()))
    tensors = [any_tensor(spec, rng) for spec in specs]
    if batch == 1:  # One tensor of the program is one tensor.
        first = {at: k for k, at in reversed(list(enumerate(relation.ends)))}
        tensors = [
            replace(tensor, values=tensors[first[at]].values)
            for at, tensor in zip(relation.ends, tensors, strict=True)
        ]
    drawn = Challenges(lambda: rng.randrange(R))
    read = Blob(blob(key, batch), drawn, tensors)
    assert (read.n, read.k, read.logsize) == (places.variables, places.summed, places.stack.logsize)
    r, s, z = (tuple(drawn.points[name]) for name in "rsz")
    reads, factors = places.reads(), places.factors()
    sent = drawn.points["sent"]
    known, work = publics(relation, tensors), Work()
    at_r = Values(known, dict(zip(reads, sent, strict=False)), r, work)
    at_s = Values(known, dict(zip(factors, sent[len(reads) :], strict=True)), r + s, work)
    alpha, fingerprint = drawn.one("alpha"), drawn.one("lambda")
    zeros, sums = read.identities()
    gamma, weight = drawn.one("gamma"), rng.randrange(R)
    both = identities_at(places, at_r, alpha, fingerprint, gamma, weight)
    assert (weight * zeros + sums) % R == both
    claim, end = read.bilinears()
    if relation.bilinears:
        theta = drawn.one("theta")
        assert claim == bilinear_claim(places, at_r, theta)
        assert end == bilinear_at(places, at_s, theta)
    forms, ends = read.forms()
    eta, kappa = drawn.one("eta"), drawn.one("kappa")
    assert forms == combine(_forms(places, [*reads, *factors], r + s, z, work), eta)
    last = places.stack.matrices[-1]
    rows = last.first_row + last.rows
    weights = eq_table(z[: -places.stack.logrows], rows) if rows > 1 else (1,)
    assert tuple(read.tape[read.first_weight :][:rows]) == weights
    if batch > 1:
        tau, inner = (tuple(drawn.points[name]) for name in ("tau", "u"))
        challenges = (*r, *s, *tau, *inner)
        assert ends == combine(_forms(places, places.ends(), challenges, z, work), kappa)
        assert read.sample() == summary(relation, tensors, kappa, inner)
    else:
        assert read.sample() == 0
    assert len(read.tape) < read.room


@pytest.mark.parametrize("batch", [1, 3])
def test_the_blob_of_every_operation(batch: int) -> None:
    program, blobs, _ = every_operation()
    agree(make_case(program, blobs, 3, 7).key, batch, Random(batch))


# Even seeds: no contract checks layered lookups.
@pytest.mark.parametrize("seed", range(770_000, 770_040, 2))
def test_the_blobs_of_random_programs(seed: int) -> None:
    rng = Random(seed)
    batch = rng.choice((1, 2, 3, 5))
    agree(random_case(rng, seed, batch, 6).key, batch, rng)


def far_apart(step: int, length: int) -> Case:
    """Two cells of a long axis, the second one so many behind the first."""
    builder = Builder(Random(1))
    x = builder.add_input((length,), ElementType.INT8, -9, 9)
    start = 0 if step > 0 else length - 1
    cells = builder.add(op.Slice((x,), (start,), (step,), (2,)))
    builder.add(op.Rescale((cells,), 1, -4, 4))
    program = builder.program()
    return make_case(replace(program, outputs=program.outputs[-1:]), builder.blobs, 4, 12)


@pytest.mark.parametrize("step", [2**15 - 1, 2**15, 40_000, -40_000])
def test_cells_farther_apart_than_a_step_says(step: int) -> None:
    agree(far_apart(step, 40_001).key, 1, Random(step))


def test_what_fits_no_transaction_has_no_contract() -> None:
    """The inputs alone would fit; with the proof they do not."""
    key = far_apart(1, LARGEST_SHOWN).key
    assert can_be_shown(key.program.inputs)
    with pytest.raises(CircuitError, match=r"sent 13\d,\d{3} bytes, .* carries 130,560"):
        blob(key)


def test_inputs_that_are_too_large_together_have_no_contract() -> None:
    case = far_apart(1, 40_001)
    inputs = tuple(replace(case.key.program.inputs[0], name=f"x{k}") for k in range(4))
    assert not committed_by_roots(inputs) and can_be_shown(inputs[:3])
    key = replace(case.key, program=replace(case.key.program, inputs=inputs))
    with pytest.raises(CircuitError, match="would have to be shown all of its inputs"):
        blob(key)
