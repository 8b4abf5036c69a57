"""A batch's proof convinces each requester alone, and nobody by means of another's sample."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from avow.prover.native import _core
from avow.prover.systems.sumcheck.prepared import prepare
from avow.prover.systems.sumcheck.prove import prove
from avow.verifier.argument.proof import R
from avow.verifier.argument.transcript import Label
from avow.verifier.errors import VerificationError
from avow.verifier.relation.relation import Kind
from avow.verifier.relation.views import bits
from avow.verifier.systems.sumcheck.check import Sample, check_proof
from avow.verifier.systems.sumcheck.key import LAYERED
from avow.verifier.tensor import Tensor
from tests.relation.evaluation import Run
from tests.soundness.adversary import PLANS, Adversary, Plan, in_turn
from tests.soundness.checking import Bytes, check_all
from tests.soundness.conftest import Honest
from tests.soundness.forgeries import honest_forgery
from tests.soundness.programs import samples
from tests.soundness.reference import GENERATOR, Prover, horner, interpolated, unity
from tests.soundness.rounds import powers
from tests.soundness.workbench import ROOT, TAU, Case, make_case

pytestmark = pytest.mark.usefixtures("quick")

Samples = Sequence[Sequence[Tensor]]


def sample(prover: Prover, proof: Bytes, index: int) -> Sample:
    """What one requester holds."""
    return Sample(prover.inputs[index], prover.outputs[index], index, proof.openings[index])


def refusal(case: Case, batch: int, held: Sequence[Sample], proof: bytes) -> str | None:
    """Why requesters refuse; None if they are convinced."""
    try:
        check_proof(case.key, ROOT, batch, held, proof)
    except VerificationError as error:
        return error.message
    return None


def all_held(prover: Prover, proof: Bytes) -> list[Sample]:
    """What all requesters hold."""
    return [sample(prover, proof, index) for index in range(len(prover.inputs))]


# Honest batches.


def test_every_requester_is_convinced_alone_and_with_any_others(three: Honest) -> None:
    held = all_held(three.prover, three.proof)
    for chosen in ((0,), (1,), (2,), (0, 1), (2, 0), (2, 1, 0), (1, 1)):
        assert refusal(three.case, 3, [held[at] for at in chosen], three.proof) is None


@pytest.mark.parametrize("batch", [2, 5, 64])
def test_honest_batches_grow_with_the_logarithm(one: Honest, batch: int) -> None:
    case = one.case
    inputs = samples(case.program, 5, batch)
    logrows = case.key.logrows + bits(batch)
    ready = prepare(case.program, case.blobs, case.key, powers(logrows), batch)
    proved = prove(ready, ROOT, inputs)
    check_all(case.key, ROOT, inputs, proved.outputs, proved.proof, proved.openings)
    # Layers have more rounds where they are more.
    each = 1_200 if case.key.lookups == LAYERED else 400
    assert len(proved.proof) < len(one.proof) + 500 + each * bits(batch)


def test_a_real_pairing_takes_an_opening(three: Honest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    held = all_held(three.prover, three.proof)
    check_proof(three.case.key, ROOT, 3, held[1:2], three.proof)
    for other in (held[0].opening, _core.point_add(held[1].opening, GENERATOR)):
        with pytest.raises(VerificationError, match="does not fit"):
            check_proof(three.case.key, ROOT, 3, [replace(held[1], opening=other)], three.proof)


# Whoever speaks of other tensors than those that are committed.


class OfTheClaims(Adversary):
    """Makes E of the tensors that are claimed, whatever the committed ones are."""

    def summaries(self) -> list[int]:
        committed = self.committed
        self.committed = Run(self.relation, list(committed.cells), R)
        for place, number in enumerate(self.relation.ends):
            lengths = self.relation.columns[number].lengths
            cells = np.zeros([2 ** bits(n) for n in lengths], object)
            values = [
                (*given, *answered)[place].values
                for given, answered in zip(self.inputs, self.outputs, strict=True)
            ]
            live = tuple(slice(n) for n in lengths)
            cells[live] = np.array(values, object).reshape(lengths)
            self.committed.cells[number] = cells.reshape(-1)
        found = Prover.summaries(self)
        self.committed = committed
        return found


def other_output(prover: Prover) -> Samples:
    """The outputs with one element changed, in sample 1."""
    first, *others = prover.outputs[1]
    changed = (first.values[0] ^ 1, *first.values[1:])
    return [prover.outputs[0], (replace(first, values=changed), *others), prover.outputs[2]]


def liar(three: Honest, kind: type[Prover], **more: object) -> Prover:
    """Knows an honest run and claims another output for sample 1."""
    prover = three.prover
    told = three.case.prover(prover.inputs).run
    made = type("Liar", (kind,), more)
    return made(three.case.key, TAU, told, ROOT, prover.inputs, other_output(prover))


def test_the_shared_polynomial_must_be_that_of_the_committed_tensors(three: Honest) -> None:
    # Half of the plans under each argument, all under both in a campaign.
    for plan in in_turn(int(three.case.key.lookups == LAYERED), 2):
        prover = liar(three, OfTheClaims, plan=plan)
        proof = prover.prove()
        for index in range(3):
            # The lie about sample 1 spoils the proof for all.
            assert refusal(three.case, 3, [sample(prover, proof, index)], proof), plan.name


def test_an_honest_polynomial_convinces_of_no_other_tensor(three: Honest) -> None:
    prover = liar(three, Adversary)
    proof = prover.prove()
    assert refusal(three.case, 3, [sample(prover, proof, 1)], proof)
    for index in (0, 2):
        assert refusal(three.case, 3, [sample(prover, proof, index)], proof) is None
    # Nor with any opening that can be made of the claimed value.
    wrong = OfTheClaims.summaries(prover)  # type: ignore[arg-type]
    difference = (wrong[1] - prover.shared_values[1]) % R
    root = unity(4)
    # (E - e) / (X - omega) at the secret, which only this test knows.
    scalar = (horner([int(x) for x in prover.shared_row], TAU) - wrong[1]) % R
    forged = _core.point_mul(GENERATOR, scalar * pow(TAU - root, -1, R) % R)
    held = replace(sample(prover, proof, 1), opening=forged)
    # With the secret anything can be opened: so it is the opening that decides.
    assert difference and refusal(three.case, 3, [held], proof) is None


@pytest.mark.parametrize("plan", PLANS[::5], ids=lambda plan: plan.name)
def test_tensors_of_one_sample_are_none_of_another(three: Honest, plan: Plan) -> None:
    prover = three.prover
    orders = [(1, 0, 2), (0, 2, 1), (1, 2, 0)]
    # Each order has its turn, once more with the plain plan; a campaign tries all with every plan.
    if plan not in in_turn(0, len(PLANS)):
        orders = [orders[PLANS.index(plan) % 3]]
    for order in orders:
        inputs = [prover.inputs[at] for at in order]
        outputs = [prover.outputs[at] for at in order]
        told = three.case.prover(prover.inputs).run
        for kind in (Adversary, OfTheClaims):
            made = type("Swapped", (kind,), {"plan": plan})
            swapped = made(three.case.key, TAU, told, ROOT, inputs, outputs)
            proof = swapped.prove()
            wrong = [at for at in range(3) if order[at] != at]
            for index in wrong:
                assert refusal(three.case, 3, [sample(swapped, proof, index)], proof)


# Openings, places and sizes.


def test_an_opening_belongs_to_its_index(three: Honest) -> None:
    held = all_held(three.prover, three.proof)
    for mine in range(3):
        for other in range(3):
            changed = [
                replace(held[mine], opening=held[other].opening),
                replace(held[mine], index=other),
                replace(held[other], index=mine, opening=held[mine].opening),
            ]
            for one in changed:
                found = refusal(three.case, 3, [one], three.proof)
                assert (found is None) == (mine == other)


@pytest.mark.parametrize("index", [-1, 3, 4, 2**16])
def test_places_beyond_the_batch_have_no_sample(three: Honest, index: int) -> None:
    held = replace(sample(three.prover, three.proof, 2), index=index)
    assert refusal(three.case, 3, [held], three.proof) == f"a batch of 3 has no sample {index}"


def test_what_stands_in_the_padding_convinces_nobody(three: Honest) -> None:
    """Place 3 of three is dead: no equation holds of what is committed there."""
    wanted = (three.prover.inputs[1], other_output(three.prover)[1])

    class Padded(Adversary):
        def summaries(self) -> list[int]:
            found = super().summaries()
            assert found[3]
            return found

        def opened(self, index: int) -> bytes:
            return super().opened(3 if index == 2 else index)

    told = three.case.prover(three.prover.inputs).run
    for place, number in enumerate(told.relation.ends):
        column = told.relation.columns[number]
        cells = told.cells[number].reshape(4, -1).copy()
        inner = np.zeros([2 ** bits(n) for n in column.lengths[1:]], object)
        values = np.array([*wanted[0], *wanted[1]][place].values, object)
        inner[tuple(slice(n) for n in column.lengths[1:])] = values.reshape(column.lengths[1:])
        cells[3] = inner.reshape(-1)
        told.cells[number] = cells.reshape(-1)
    prover = Padded(three.case.key, TAU, told, ROOT, three.prover.inputs, three.prover.outputs)
    proof = prover.prove()
    held = Sample(*wanted, 3, proof.openings[2])
    assert refusal(three.case, 3, [held], proof) == "a batch of 3 has no sample 3"
    assert refusal(three.case, 4, [held], proof)
    assert refusal(three.case, 3, [replace(held, index=2)], proof)


@pytest.mark.parametrize("batch", [1, 2, 4, 5, 64])
def test_a_proof_of_three_is_of_no_other_number(three: Honest, batch: int) -> None:
    for held in all_held(three.prover, three.proof):
        alone = replace(held, opening=b"") if batch == 1 else held
        assert refusal(three.case, batch, [alone], three.proof)


def test_openings_are_there_exactly_where_they_belong(one: Honest, three: Honest) -> None:
    held = sample(three.prover, three.proof, 1)
    wanted = "an opening belongs to every sample of a batch"
    for data in (b"", held.opening[:-1], held.opening + b"\0"):
        assert refusal(three.case, 3, [replace(held, opening=data)], three.proof) == wanted
    both = [sample(three.prover, three.proof, 0), replace(held, opening=b"")]
    assert refusal(three.case, 3, both, three.proof) == wanted
    alone = Sample(one.prover.inputs[0], one.prover.outputs[0], 0, bytes(64))
    assert refusal(one.case, 1, [alone], one.proof) == wanted
    off = replace(held, opening=held.opening[:63] + bytes([held.opening[63] ^ 1]))
    assert refusal(three.case, 3, [off], three.proof) == "an opening is not on the curve"


def test_wrong_openings_do_not_cancel(three: Honest) -> None:
    held = all_held(three.prover, three.proof)
    minus = _core.point_mul(GENERATOR, R - 1)
    first = replace(held[0], opening=_core.point_add(held[0].opening, GENERATOR))
    second = replace(held[1], opening=_core.point_add(held[1].opening, minus))
    for pair in ([first, second], [second, first], [first, held[1]], [held[0], second]):
        assert refusal(three.case, 3, pair, three.proof)
    swapped = [
        replace(held[0], opening=held[1].opening),
        replace(held[1], opening=held[0].opening),
    ]
    assert refusal(three.case, 3, swapped, three.proof)


# The row of E.


class Longer(OfTheClaims):
    """E's first entries are those of the committed tensors; later ones bend its values."""

    def bend(self) -> list[int]:
        """What the later entries add: the claims' values less the committed ones'."""
        claimed = OfTheClaims.summaries(self)
        true = Prover.summaries(self)
        gap = [(a - b) % R for a, b in zip(claimed, true, strict=True)]
        return [int(x) for x in interpolated(gap)]

    def summaries(self) -> list[int]:
        return Prover.summaries(self)


def test_no_entry_of_the_shared_row_is_overlooked(three: Honest) -> None:
    class Inside(Longer):
        def rows(self, matrix: int) -> list[np.ndarray]:  # type: ignore[type-arg]
            rows = super().rows(matrix)
            if matrix == 2 and len(self.shared_row) == 4:
                # X^4 is 1 at every power of omega.
                rows[-1][4:8] = self.bend()
                self.shared_row = rows[-1]
            return rows

        def opened(self, index: int) -> bytes:
            self.shared_values = self.shared_values[:4]
            return super().opened(index)

    for plan in PLANS[::3]:
        prover = liar(three, Inside, plan=plan)
        proof = prover.prove()
        assert refusal(three.case, 3, [sample(prover, proof, 1)], proof), plan.name


def test_a_multiple_of_the_vanishing_polynomial_changes_nothing(three: Honest) -> None:
    class Wider(Adversary):
        def rows(self, matrix: int) -> list[np.ndarray]:  # type: ignore[type-arg]
            rows = super().rows(matrix)
            if matrix == 2 and len(self.shared_row) == 4:
                rows[-1][:4] = (rows[-1][:4] - 77) % R
                rows[-1][4:8] = 77
                self.shared_row = rows[-1]
            return rows

    told = three.case.prover(three.prover.inputs).run
    prover = Wider(three.case.key, TAU, told, ROOT, three.prover.inputs, three.prover.outputs)
    proof = prover.prove()
    assert proof != three.proof
    assert refusal(three.case, 3, all_held(prover, proof), proof) is None


def test_the_shared_row_is_no_longer_than_a_row(three: Honest) -> None:
    class Beyond(Longer):
        def commit(self, vectors: Sequence[Sequence[int]]) -> list[int]:
            words = super().commit(vectors)
            if len(vectors) == self.frame.stack.matrices[2].rows and not hasattr(self, "rho"):
                self.extra = [0] * self.length + self.bend()
                words[-2:] = super().commit([[*self.shared_row, *[0] * self.length]])
                longer = [int(x) for x in vectors[-1]] + self.extra[self.length :]
                words[-2:] = super().commit([longer])
            return words

        def fold(self) -> list[int]:
            helper = self.frame.stack.matrices[2]
            weight = self.weight(helper.first_row + helper.rows - 1)
            return super().fold() + [weight * x % R for x in self.extra[self.length :]]

        def opened(self, index: int) -> bytes:
            values, self.shared_row = (
                self.shared_row,
                np.array(
                    [*self.shared_row, *[0] * (self.length - len(self.shared_row)), *self.bend()],
                    object,
                ),
            )
            found = super().opened(index)
            self.shared_row = values
            return found

    prover = liar(three, Beyond)
    proof = prover.prove()
    held = sample(prover, proof, 1)
    # The opening of E is right: what refuses is that the folded row is too long.
    assert "fold" in (refusal(three.case, 3, [held], proof) or "")


# The key's rows under a batch.


def longer_key(case: Case, at: int) -> Case:
    """The key with one more entry in its first row, at that place."""
    (power,) = [pow(TAU, at, R)]
    more = _core.point_mul(GENERATOR, power * 5 % R)
    rows = (_core.point_add(case.key.rows[0], more), *case.key.rows[1:])
    return replace(case, key=replace(case.key, rows=rows))


class WithMore(Adversary):
    """Knows of an entry in the key's first row, beyond those that are the key's."""

    place = 0

    def reduce(self) -> None:
        super().reduce()

    def fold(self) -> list[int]:
        folded = super().fold()
        folded += [0] * (self.place + 1 - len(folded))
        folded[self.place] = (folded[self.place] + 5 * self.weight(0)) % R
        return folded


def test_what_a_key_holds_beyond_its_rows_has_no_weight(three: Honest) -> None:
    """A liar's key: at most he proves true answers, and of nothing longer than a row."""
    own = 2**three.case.key.logrows
    inputs = three.prover.inputs
    for at, fits in ((own, True), (4 * own - 1, True), (4 * own, False), (9 * own, False)):
        case = longer_key(three.case, at)
        trace = case.trace(inputs)
        outputs = case.outputs(trace)

        class Knows(WithMore):
            def rows(self, matrix: int) -> list[np.ndarray]:  # type: ignore[type-arg]
                rows = super().rows(matrix)
                if matrix == 0 and self.place < self.length:
                    rows[0] = np.concatenate([rows[0], np.zeros(self.length - own, object)])
                    rows[0][self.place] = 5
                return rows

            def fold(self) -> list[int]:
                return Prover.fold(self) if self.place < self.length else super().fold()

        kind = type("Knows", (Knows,), {"place": at})
        prover = kind(case.key, TAU, case.run(trace), ROOT, inputs, outputs)
        proof = prover.prove()
        found = refusal(case, 3, all_held(prover, proof), proof)
        assert (found is None) == fits, at
        # And no other answer.
        forged = kind(case.key, TAU, case.run(trace), ROOT, inputs, other_output(three.prover))
        proof = forged.prove()
        assert refusal(case, 3, [sample(forged, proof, 1)], proof)


@pytest.mark.parametrize("plan", PLANS[::6], ids=lambda plan: plan.name)
def test_the_keys_rows_stand_at_the_beginning_of_rows(three: Honest, plan: object) -> None:
    class Elsewhere(Adversary):
        """Speaks of the key's entries as if they stood in another part of their rows."""

        def reduce(self) -> None:
            own = self.rows

            def moved(matrix: int) -> list[np.ndarray]:  # type: ignore[type-arg]
                rows = own(matrix)
                if matrix == 0:
                    zeros = np.zeros(len(rows[0]), object)
                    rows = [np.concatenate([zeros, row]) for row in rows]
                return rows

            self.rows = moved  # type: ignore[method-assign]
            super().reduce()

    told = three.case.prover(three.prover.inputs).run
    made = type("Planned", (Elsewhere,), {"plan": plan})
    prover = made(three.case.key, TAU, told, ROOT, three.prover.inputs, three.prover.outputs)
    proof = prover.prove()
    for held in all_held(prover, proof):
        assert refusal(three.case, 3, [held], proof)


# Neighbours.


def test_a_neighbours_input_out_of_range_is_only_the_neighbours_trouble(three: Honest) -> None:
    """Nobody checks the inputs of others; what is proven of one's own needs nothing of them."""
    case = three.case
    prover = three.prover
    spec = case.program.inputs[0]
    low = spec.minimum - 1
    first, *others = prover.inputs[1]
    wild = (replace(first, values=(low, *first.values[1:])), *others)
    inputs = [prover.inputs[0], wild, prover.inputs[2]]
    try:
        forgery = honest_forgery(case, inputs)
    except (ValueError, VerificationError):
        pytest.skip("the program cannot be run on it")
    made = forgery.prover(Adversary)
    proof = made.prove()
    if forgery.broken():
        assert all(refusal(case, 3, [sample(made, proof, at)], proof) for at in range(3))
    else:
        assert refusal(case, 3, [sample(made, proof, 0)], proof) is None
        assert refusal(case, 3, [sample(made, proof, 1)], proof)


def test_errors_of_two_samples_do_not_cancel(three: Honest) -> None:
    relation = three.case.relation(3)
    honest = honest_forgery(three.case, [tuple(one) for one in three.prover.inputs])
    ends = set(relation.ends)
    for number, column in enumerate(relation.columns):
        if column.kind is not Kind.WITNESS or column.lengths[:1] != (3,) or number in ends:
            continue
        cells = list(honest.cells)
        inner = len(cells[number]) // 4
        cells[number] = cells[number].copy()
        cells[number][0] = (cells[number][0] + 1) % R
        cells[number][inner] = (cells[number][inner] - 1) % R
        forgery = replace(honest, cells=cells)
        made = forgery.prover(Adversary)
        proof = made.prove()
        found = [refusal(three.case, 3, [sample(made, proof, at)], proof) for at in range(3)]
        assert all(found) if forgery.broken() else not any(found), number


def test_the_point_of_the_summaries_is_drawn_after_the_witness(three: Honest) -> None:
    labels = [label for label, _ in three.prover.names]
    assert labels.index(Label.WITNESS) < labels.index(Label.HELPERS)
    again = three.case.prover(three.prover.inputs)
    again.run.cells[again.relation.ends[0]] = again.run.cells[again.relation.ends[0]].copy()
    again.run.cells[again.relation.ends[0]][0] += 1
    again.prove()
    assert again.kappa != three.prover.kappa
    assert not set(again.u) & set(three.prover.u)


def test_a_single_key_serves_all_sizes() -> None:
    # Made without knowing of any batch.
    from tests.soundness.programs import every_operation

    program, blobs, _ = every_operation()
    case = make_case(program, blobs, 3, 5)
    for batch in (1, 2, 3, 4):
        prover = case.prover(samples(program, 2, batch))
        proof = prover.prove()
        check_all(case.key, ROOT, prover.inputs, prover.outputs, proof)
