"""The contract decides about the runs of a batch as the Python verifier does, each by itself."""

from functools import cache

import pytest

from avow.circuits.sumcheck.blob import blob
from avow.verifier.systems.sumcheck.key import Key
from avow.verifier.tensor import tensors_digest
from tests.contracts.node import Refused, selector
from tests.contracts.sumcheck.desk import Desk, Established, Sample, data_of
from tests.soundness.conftest import Honest
from tests.soundness.manifest import changes, manifest
from tests.verifier.sumcheck.example import ROOT, small_case


def samples(honest: Honest) -> list[Sample]:
    """Every run of a batch with its opening."""
    prover = honest.prover
    runs = zip(prover.inputs, prover.outputs, honest.proof.openings, strict=True)
    return [
        (index, data_of(given), data_of(answered), opening)
        for index, (given, answered, opening) in enumerate(runs)
    ]


def established(honest: Honest, index: int) -> Established:
    """What is established of one run."""
    key, prover = honest.case.key, honest.prover
    digests = tensors_digest(prover.inputs[index]), tensors_digest(prover.outputs[index])
    return (key.program.digest(), key.digest(), *digests)


@cache
def code_of(key: Key) -> bytes:
    """The blob for three runs."""
    return blob(key, 3)


def refused(desk: Desk, honest: Honest, runs: list[Sample], proof: bytes | None = None) -> bool:
    """Whether the contract refuses these runs."""
    code, root = code_of(honest.case.key), honest.prover.root
    try:
        desk.verify_batch(code, root, runs, bytes(honest.proof if proof is None else proof))
    except Refused:
        return True
    return False


def test_any_runs_of_a_batch_are_established(desk: Desk, three: Honest) -> None:
    """What is returned is each run's own, in the order in which they were given."""
    code, root, runs = blob(three.case.key, 3), three.prover.root, samples(three)
    for chosen in ([0], [1], [2], [0, 1, 2], [2, 0], [1, 1]):
        found = desk.verify_batch(code, root, [runs[k] for k in chosen], bytes(three.proof))
        assert found == [established(three, k) for k in chosen]


@pytest.mark.parametrize("batch", [2, 4, 5])
def test_other_sizes(desk: Desk, batch: int) -> None:
    case = small_case(batch, logrows=5)
    runs = [
        (index, data_of(case.inputs[index]), data_of(case.outputs[index]), opening)
        for index, opening in enumerate(case.proof.openings)
    ]
    assert len(desk.verify_batch(blob(case.key, batch), ROOT, runs, bytes(case.proof))) == batch


def test_another_runs_tensors_are_refused(desk: Desk, three: Honest) -> None:
    """Statement by statement: no run passes for another, with its opening or without."""
    runs = samples(three)
    for one in range(3):
        for other in range(3):
            if one != other:
                index, _, _, opening = runs[one]
                _, inputs, outputs, theirs = runs[other]
                assert refused(desk, three, [(index, inputs, outputs, opening)])
                assert refused(desk, three, [(index, inputs, outputs, theirs)])
                assert refused(desk, three, [(other, *runs[one][1:])])
                assert refused(desk, three, [(*runs[one][:3], theirs)])
                assert refused(desk, three, [runs[other], (index, inputs, outputs, opening)])
                assert refused(desk, three, [(index, inputs, outputs, opening), runs[other]])


def test_an_index_beyond_the_batch_is_refused(desk: Desk, three: Honest) -> None:
    runs = samples(three)
    for index in (3, 4, 7, 2**64):
        assert refused(desk, three, [(index, *runs[0][1:])])


def test_openings_are_points_of_64_bytes(desk: Desk, three: Honest) -> None:
    index, inputs, outputs, opening = samples(three)[1]
    for other in (b"", opening[:-1], opening + b"\0", bytes(64), opening[:63] + b"\1"):
        assert refused(desk, three, [(index, inputs, outputs, other)])


def test_no_runs_and_too_many_are_refused(desk: Desk, three: Honest) -> None:
    for runs in ([], [*samples(three), samples(three)[0]]):
        with pytest.raises(Refused) as caught:
            desk.verify_batch(blob(three.case.key, 3), ROOT, runs, bytes(three.proof))
        assert caught.value.data[:4] == selector("BatchDiffers(uint256,uint256)")


def test_another_batch_size_is_refused(desk: Desk, three: Honest) -> None:
    """Also where the proof has the same length."""
    key, root, runs = three.case.key, three.prover.root, samples(three)[:1]
    for batch in (2, 4):
        with pytest.raises(Refused):
            desk.verify_batch(blob(key, batch), root, runs, bytes(three.proof))
    with pytest.raises(Refused):
        desk.verify_batch(blob(key), root, runs, bytes(three.proof))
    code, data = blob(key, 3), samples(three)[0]
    with pytest.raises(Refused) as caught:
        desk.verify(code, root, data[1], data[2], bytes(three.proof))
    assert caught.value.data[:4] == selector("BatchDiffers(uint256,uint256)")


def test_every_element_counts(desk: Desk, three: Honest) -> None:
    """Each leaf of the proof, changed in every way."""
    elements, runs = manifest(three.prover.frame), samples(three)[1:2]
    accepted = []
    for element, following in zip(elements, [*elements[1:], None], strict=True):
        for name, changed in changes(three.proof, element, following):
            if not refused(desk, three, runs, changed):
                accepted.append((element.name, name))
    assert accepted == []


def test_a_blob_is_made_of_the_key_alone(three: Honest) -> None:
    """The same bytes again, and others for every other batch size."""
    key = three.case.key
    made = [blob(key, batch) for batch in (1, 2, 3, 4)]
    assert made == [blob(key, batch) for batch in (1, 2, 3, 4)]
    assert len(set(made)) == 4
    assert all(code[0] == 0 for code in made)
