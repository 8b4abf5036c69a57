"""The contract decides about single runs as the Python verifier does, message by message."""

from collections.abc import Sequence
from unittest.mock import patch

import pytest

from avow.circuits.sumcheck.blob import blob
from avow.verifier.argument import proof as proofs
from avow.verifier.argument.transcript import Label, Transcript
from avow.verifier.systems.sumcheck.key import Key
from avow.verifier.tensor import Tensor, tensors_digest
from tests.contracts.node import Refused, selector
from tests.contracts.sumcheck.desk import Desk, Established, data_of
from tests.soundness.checking import check_all
from tests.soundness.conftest import Honest
from tests.soundness.manifest import changes, manifest
from tests.verifier.sumcheck.example import ROOT, small_case

# The last label of every part after which the contract marks its state; None where nothing is said.
PARTS: tuple[tuple[Label, ...], ...] = (
    (Label.STATEMENT, Label.PUBLIC),
    (Label.WITNESS, Label.ALPHA, Label.LAMBDA),
    (Label.HELPERS, Label.RHO, Label.GAMMA),
    (Label.IDENTITIES, Label.READS),
    (),
    (),
    (Label.THETA, Label.BILINEAR, Label.FACTORS),
    (),
    (),
    (Label.ETA, Label.REDUCTION, Label.STACK),
    (),
    (),
    (Label.FOLDS, Label.LAST, Label.BETA, Label.FOLD_VALUES, Label.BATCH, Label.ZETA),
    (),
    (),
)


def states(
    key: Key, root: bytes, inputs: Sequence[Tensor], outputs: Sequence[Tensor], proof: bytes
) -> list[bytes]:
    """The Python verifier's states where the contract marks its own, from the statement on."""
    said: list[tuple[Label, bytes]] = []

    class Recording(Transcript):
        def absorb(self, label: Label, words: Sequence[int]) -> None:
            super().absorb(label, words)
            said.append((label, self._state))

        def challenge(self, label: Label) -> int:
            drawn = super().challenge(label)
            said.append((label, self._state))
            return drawn

    with patch.object(proofs, "Transcript", Recording):
        check_all(key, root, [inputs], [outputs], proof)
    found, place = [bytes(32)], 0
    for labels in PARTS:
        while place < len(said) and said[place][0] in (*labels, Label.ROUND, Label.QUOTIENT):
            if not labels:
                break
            place += 1
        found.append(said[place - 1][1])
    assert place == len(said)
    return found


def single(honest: Honest) -> tuple[bytes, bytes, bytes, bytes, bytes]:
    """Blob, root, inputs, outputs and proof."""
    prover = honest.prover
    data = data_of(prover.inputs[0]), data_of(prover.outputs[0])
    return (blob(honest.case.key), prover.root, *data, bytes(honest.proof))


def established(key: Key, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> Established:
    """What a proof of this run establishes."""
    return (key.program.digest(), key.digest(), tensors_digest(inputs), tensors_digest(outputs))


def test_a_run_of_every_operation_is_accepted(desk: Desk, one: Honest) -> None:
    key, prover = one.case.key, one.prover
    found = desk.verify(*single(one))
    assert found == established(key, prover.inputs[0], prover.outputs[0])


def test_the_transcripts_agree_after_every_part(desk: Desk, one: Honest) -> None:
    key, prover = one.case.key, one.prover
    marked, _ = desk.trace(*single(one))
    assert marked[1:] == states(
        key, prover.root, prover.inputs[0], prover.outputs[0], bytes(one.proof)
    )


@pytest.mark.parametrize("logrows", [5, 6, 7, 8, 9, 10])
def test_rows_of_any_length(desk: Desk, logrows: int) -> None:
    """Two, three or four variables are left for the fold that is sent in clear."""
    case = small_case(logrows=logrows)
    data = data_of(case.inputs[0]), data_of(case.outputs[0])
    desk.verify(blob(case.key), ROOT, *data, bytes(case.proof))


def refused(desk: Desk, arguments: Sequence[bytes]) -> bool:
    """Whether the contract refuses."""
    try:
        desk.verify(*arguments)  # type: ignore[arg-type]
    except Refused:
        return True
    return False


def test_every_element_counts(desk: Desk, one: Honest) -> None:
    """Each leaf of the proof, changed in every way."""
    *others, proof = single(one)
    elements = manifest(one.prover.frame)
    accepted = []
    for element, following in zip(elements, [*elements[1:], None], strict=True):
        ways = list(changes(one.proof, element, following))
        for name, changed in ways:
            if not refused(desk, [*others, bytes(changed)]):
                accepted.append((element.name, name))
    assert accepted == []
    assert len(elements) > 100
    assert not refused(desk, [*others, proof])


def test_other_lengths_are_refused(desk: Desk, one: Honest) -> None:
    *others, proof = single(one)
    for changed in (b"", proof[:-1], proof[:-32], proof[:-64], proof + b"\0", proof + bytes(32)):
        with pytest.raises(Refused) as caught:
            desk.verify(*others, changed)  # type: ignore[call-arg]
        assert caught.value.data[:4] == selector("ProofLengthDiffers(uint256,uint256)")


def test_another_statement_is_refused(desk: Desk, one: Honest) -> None:
    code, root, inputs, outputs, proof = single(one)
    other = bytes([root[0] ^ 1]) + root[1:]
    assert refused(desk, (code, other, inputs, outputs, proof))
    for place in range(len(inputs)):
        # -1 more or less stays within the range of an input that is not at its end.
        value = inputs[place] - 1 & 0xFF
        changed = inputs[:place] + bytes([value]) + inputs[place + 1 :]
        assert refused(desk, (code, root, changed, outputs, proof))
    for place in range(len(outputs)):
        changed = outputs[:place] + bytes([outputs[place] ^ 1]) + outputs[place + 1 :]
        assert refused(desk, (code, root, inputs, changed, proof))
    for changed in (inputs[:-1], inputs + b"\0", b""):
        assert refused(desk, (code, root, changed, outputs, proof))


def test_values_outside_their_range_are_refused_as_such(desk: Desk, one: Honest) -> None:
    code, root, inputs, outputs, proof = single(one)
    for value in (4, 5, 127, 128, 256 - 5):
        for place in range(6):
            changed = inputs[:place] + bytes([value]) + inputs[place + 1 :]
            with pytest.raises(Refused) as caught:
                desk.verify(code, root, changed, outputs, proof)
            assert caught.value.data[:4] == selector("OutsideRange(uint256)")


def test_another_key_is_refused(desk: Desk, one: Honest) -> None:
    """Whatever word of the blob is another one, from the digests to the last row of the key."""
    code, *others = single(one)
    rows = len(one.case.key.rows)
    for place in (48, 80, 112, 144, *range(272 + 31, 272 + 64 * rows, 32)):
        changed = code[:place] + bytes([code[place] ^ 1]) + code[place + 1 :]
        assert refused(desk, (changed, *others))


def test_what_is_no_blob_is_refused(desk: Desk, one: Honest) -> None:
    code, *others = single(one)
    assert refused(desk, (code[:-1], *others))
    for changed in (b"\0", code + b"\0", b"\0\2" + code[2:]):
        with pytest.raises(Refused) as caught:
            desk.verify(changed, *others)  # type: ignore[call-arg]
        assert caught.value.data[:4] == selector("BlobMalformed()")
    # A batch's blob, and an account without code.
    assert refused(desk, (blob(one.case.key, 2), *others))
    desk.blobs[b"nobody"] = "0x" + "11" * 20
    assert refused(desk, (b"nobody", *others))


def test_the_contract_fits_the_limit_of_a_contract(desk: Desk) -> None:
    """EIP-170, which the chain of these tests keeps as well."""
    code = bytes.fromhex(desk.rpc("eth_getCode", desk.verifier, "latest").removeprefix("0x"))
    assert 20_000 < len(code) <= 24_576
