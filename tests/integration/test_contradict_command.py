"""`avow attestation contradict` on a chain: a key's stake against a proof, or a lost claim."""

from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest

from avow.prover.enclave import contradiction
from avow.verifier.bundle import Bundle
from avow.verifier.chain.attested_keys import ProvenAnswer
from avow.verifier.chain.claims import Claims
from avow.verifier.chain.client import checksum
from avow.verifier.keccak import ZERO_WORD, keccak256
from avow.verifier.lifecycle import LegState
from avow.verifier.merkle import ALONE
from tests.circuits.sumcheck.small import bundle, compiled, inputs
from tests.integration.attested_town import (
    ADDRESS,
    OPTIMISTIC,
    TEE,
    AttestedTown,
    blocks,
    open_attested,
    wrong,
)
from tests.integration.test_attestation_commands import Run
from tests.integration.town import (
    PROVIDER,
    QUICK,
    STRANGER,
    UNIT,
    VALIDATOR,
    Town,
)

ROW = 3
WORDS = ("attestation", "contradict")
REWARD = 50 * UNIT


@pytest.fixture
def world(bare_town: Town) -> AttestedTown:
    """The chain is put back afterwards."""
    return open_attested(bare_town)


@pytest.fixture
def run(
    bare_town: Town,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Run:
    """`run.says(signer, ...)` and `run.refused(signer, ...)`."""
    place = tmp_path / "31337.json"
    place.write_bytes(bare_town.deployment.encode())
    monkeypatch.setenv("AVOW_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("AVOW_RPC_URL", bare_town.url)
    return Run(place, monkeypatch, capsys)


def kept(folder: Path, name: str, made: Bundle) -> str:
    """The path of a bundle's file."""
    path = folder / f"{name}.avow.json"
    path.write_bytes(made.encode())
    return str(path)


def sent(town: Town) -> int:
    """How many transactions the stranger has paid for."""
    return town.chain.w3.eth.get_transaction_count(checksum(STRANGER.address))


def test_a_proof_costs_the_key_its_stake_and_ends_the_leg(
    world: AttestedTown, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The one proof is verified once, whoever shows it.
    monkeypatch.setattr(contradiction, "verify", cache(contradiction.verify))
    town, keys = world.town, world.keys
    proof = bundle(compiled(), inputs(row=ROW))
    right, lies = proof.outputs, wrong(proof.outputs)
    first, second = world.order(ROW), world.order(ROW)
    for order_id in (first, second):
        world.deliver(order_id, 0, TEE, lies)
    lie = kept(tmp_path, "lie", world.signed(first, ROW, lies))
    again = kept(tmp_path, "again", world.signed(second, ROW, lies))
    shown = ("--proof", kept(tmp_path, "proof", proof), "--allow-unsafe-srs")
    honest = kept(tmp_path, "honest", world.signed(first, ROW, right))

    def refused(*words: str) -> str:
        before = sent(town)
        line = run.refused(STRANGER, *WORDS, *words)
        assert sent(town) == before
        return line

    # Nothing of this is a contradiction, and none of it costs a fee.
    assert "expected --proof BUNDLE, or --by-claim" in refused(lie)
    assert "expected --proof BUNDLE, or --by-claim" in refused(lie, *shown, "--by-claim")
    assert "expected a bundle of tee/v1, got sumcheck/v1" in refused(shown[1], *shown)
    assert "expected a bundle of sumcheck/v1, got tee/v1" in refused(lie, "--proof", lie)
    torn = tmp_path / "torn.avow.json"
    torn.write_bytes(Path(lie).read_bytes()[:-9])
    assert "the bundle of tee/v1: " in refused(str(torn), *shown)
    assert "the proof is refused at" in refused(lie, *shown[:2])
    assert "the very output that was signed" in refused(honest, *shown)
    elsewhere = world.signed(first, ROW, lies)
    elsewhere = replace(elsewhere, statement=replace(elsewhere.statement, order=b"\1" * 32))
    unknown = kept(tmp_path, "unknown", elsewhere)
    assert "the market has no order" in refused(unknown, *shown)
    # Without its order it is another statement, which some other key has signed.
    named = ("--model-key", "0x" + world.model_key.hex())
    assert "not registered on this chain" in refused(unknown, *shown, *named)
    nothing = ("--model-key", "0x" + ZERO_WORD.hex())
    assert "could cost it anything" in refused(lie, *shown, *nothing)
    assert keys.credit(STRANGER.address) == 0

    with blocks(town):
        said = run.says(STRANGER, *WORDS, lie, *shown)
    assert [line.split(",")[0] for line in said.splitlines()] == [
        "committed",
        "contradicted",
        "ended leg 0 of its order",
        f"{REWARD} token units credited to {STRANGER.shown}",
    ]
    stored = keys.key(ADDRESS)
    assert stored is not None and stored.slashed and stored.stake == 0 and stored.revoked_at
    assert town.state(first) is LegState.SLASHED
    assert keys.credit(STRANGER.address) == REWARD
    assert "contradicted already, and no leg stands on it" in refused(lie, *shown)

    before = town.reader.tokens(STRANGER.address)
    assert f"{REWARD} token units paid" in run.says(STRANGER, "attestation", "withdraw")
    assert town.reader.tokens(STRANGER.address) == before + REWARD
    assert "nothing is owed" in run.refused(STRANGER, "attestation", "withdraw")

    # Its other lie pays nothing more, and its order is freed of it all the same.
    with blocks(town):
        said = run.says(STRANGER, *WORDS, again, *shown)
    assert said.splitlines()[-2].startswith("ended leg 0")
    assert said.splitlines()[-1].startswith("0 token units credited")
    assert town.state(second) is LegState.SLASHED
    # What was signed after the end of the key was accepted by nobody.
    town.pass_time(60)
    late = kept(tmp_path, "late", world.signed(second, ROW, lies))
    assert "signed after the end of" in refused(late, *shown)


def test_a_lost_claim_of_the_same_answer_costs_the_operator_the_stake(
    world: AttestedTown, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    town, keys = world.town, world.keys
    claims = Claims(town.chain, town.deployment, QUICK)
    outputs = wrong(bundle(compiled(), inputs(row=ROW)).outputs)
    order_id = world.order(ROW, (TEE, OPTIMISTIC))
    world.deliver(order_id, 0, TEE, outputs)
    world.deliver(order_id, 1, OPTIMISTIC, outputs)
    made = world.signed(order_id, ROW, outputs)
    lie = kept(tmp_path, "lie", made)
    words = (*WORDS, lie, "--by-claim")

    def refused(*words: str) -> str:
        before = sent(town)
        line = run.refused(STRANGER, *words)
        assert sent(town) == before
        return line

    assert "NotOverturned" in refused(*words)
    data = b"".join(tensor.data() for tensor in outputs)
    claimed, _ = claims.claim(PROVIDER, order_id, 1, data, keccak256(b"the root of no run"))
    claims.open(STRANGER, claimed.traced)
    assert "NotOverturned" in refused(*words)
    deadline = claims.deadline(claimed.claim_id, STRANGER.address)
    town.pass_time(deadline - town.chain.head().timestamp + 1)
    claims.timeout(VALIDATOR, claimed.claim_id, STRANGER.address)

    # Stopped between its two transactions, the command leaves a leg that stands on a lie.
    with monkeypatch.context() as patch:
        patch.setattr(contradiction, "_refute", lambda against, signed: False)
        said = run.says(STRANGER, *words)
    assert said.splitlines()[-1].startswith(f"{REWARD} token units credited")
    stored = keys.key(ADDRESS)
    assert stored is not None and stored.slashed
    assert town.reader.leg(order_id, 0).state is LegState.DELIVERED
    # Run again, it goes on there, and pays nothing twice.
    said = run.says(STRANGER, *words)
    assert [line.split(",")[0] for line in said.splitlines()] == [
        "ended leg 0 of its order",
        "it had been contradicted before",
        f"0 token units credited to {STRANGER.shown}",
    ]
    assert town.reader.leg(order_id, 0).state is LegState.SLASHED
    assert keys.credit(STRANGER.address) == REWARD


def test_a_proof_under_a_key_that_is_not_registered_costs_no_fee(
    world: AttestedTown,
) -> None:
    order_id = world.order(ROW)
    proof = bundle(compiled(), inputs(row=ROW))
    made = world.signed(order_id, ROW, wrong(proof.outputs))
    signed = contradiction.signed_answer(made.encode())
    against = contradiction.Against(
        world.town.reader, world.keys, STRANGER, world.model_key, lambda said: None
    )
    other = ProvenAnswer(replace(proof.statement, key=keccak256(b"another key")), ALONE, b"")
    before = sent(world.town)
    with pytest.raises(contradiction.NotContradicted, match="registered one of sumcheck/v1 is"):
        contradiction.contradict_by_proof(against, signed, other, world.town.mine)
    assert sent(world.town) == before
