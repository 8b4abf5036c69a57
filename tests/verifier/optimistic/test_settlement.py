"""What a chain says of a claim: settled by a proof only, for whom knows a block of it."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from avow.verifier.bundle import Bundle
from avow.verifier.chain import claim_records
from avow.verifier.chain.artifacts import load
from avow.verifier.cli import main
from avow.verifier.errors import VerificationError
from avow.verifier.keccak import keccak256
from avow.verifier.policy import Policy, parse_policy
from avow.verifier.statement import Domain
from avow.verifier.systems.optimistic import settlement as settling
from avow.verifier.systems.optimistic.claim import parse_claim
from avow.verifier.systems.optimistic.sample import Sample
from avow.verifier.systems.optimistic.settlement import (
    Anchor,
    ClaimState,
    Settlement,
    parse_anchor,
    parse_settlement,
    slot_of,
    standing,
)
from avow.verifier.verdict import Assurance, Verdict
from avow.verifier.verify import verify
from tests.programs.claims import FINAL_AT, every_case
from tests.verifier.optimistic.tries import chain, chain_of

CLAIMS = b"\xc1" * 20
CASE = replace(every_case(), domain=Domain(31337, b"\x22" * 20))
CLAIM_ID = CASE.bundle().path.root(CASE.statement().digest())
WINDOW_END, NUMBER, TIME = 5_000, 70, 9_000
POLICY = Policy(minimum_assurance=Assurance.CHALLENGEABLE)


def word(state: ClaimState, still_open: int = 0, window_end: int = WINDOW_END) -> int:
    """The first word of a claim as the contract stores it; other fields are full of ones."""
    _, places = settling._storage()
    found = 2**256 - 1
    for name, value in (("state", state), ("open", still_open), ("windowEnd", window_end)):
        at, bits = places[name]
        found = found & ~((1 << bits) - 1 << at) | value << at
    return found


def proven(state: ClaimState, still_open: int = 0, time: int = TIME) -> tuple[Anchor, Settlement]:
    """A block in which the claim was in that state."""
    block, found = chain(CLAIMS, CLAIM_ID, word(state, still_open), NUMBER, time)
    return Anchor(CLAIMS, block), found


def bundle(found: Settlement | None) -> Bundle:
    """The honest claim with this proof in it."""
    return CASE.bundle(claim=replace(CASE.claim(), settlement=found))


def said(found: Settlement | None, anchor: Anchor | None, policy: Policy = POLICY) -> Verdict:
    """The verdict for a checker who knows this block."""
    return verify(bundle(found).encode(), replace(policy, anchor=anchor))


def refused(found: Settlement, anchor: Anchor, match: str) -> None:
    """The proof does not convince."""
    with pytest.raises(VerificationError, match=match) as error:
        said(found, anchor)
    assert error.value.step == "proof"


def test_an_upheld_claim_is_settled_for_whoever_knows_the_block() -> None:
    anchor, found = proven(ClaimState.UPHELD, still_open=3)
    verdict = said(found, anchor)
    assert (verdict.assurance, verdict.final, verdict.final_at) == (Assurance.SETTLED, True, None)
    (proof,) = (step.established for step in verdict.steps if step.name == "proof")
    assert f"settled on its chain by block {NUMBER}" in proof
    # Only a proof upholds a claim beside open challenges.
    assert proof.endswith(f": upheld by a proof at {WINDOW_END}, while it was challenged")
    assert any("the checker's word" in line for line in verdict.rests_on)
    assert not any("finality" in line for line in verdict.not_checked)
    # It is worth more than a claim, and no proof.
    assert said(found, anchor, Policy(minimum_assurance=Assurance.SETTLED)).final
    with pytest.raises(VerificationError, match="asks for PROVEN, the evidence gives SETTLED"):
        said(found, anchor, Policy())
    # It does not make the sample larger.
    sampled = said(found, anchor, replace(POLICY, sample=Sample(3, bytes(32))))
    assert any("3 of " in step.established for step in sampled.steps)
    assert any("beyond being in range" in line for line in sampled.not_checked)


def test_how_a_claim_was_upheld_is_said_as_far_as_the_storage_tells() -> None:
    anchor, found = proven(ClaimState.UPHELD)
    (proof,) = (one.established for one in said(found, anchor).steps if one.name == "proof")
    either = f"upheld, by a proof at {WINDOW_END} or because its window ended then"
    assert f"settled on its chain by block {NUMBER}" in proof and either in proof


def test_a_claim_whose_window_is_over_unchallenged_is_final_without_a_transaction() -> None:
    anchor, found = proven(ClaimState.STANDING, time=WINDOW_END + 1)
    verdict = said(found, anchor)
    assert verdict.assurance is Assurance.SETTLED
    (proof,) = (one.established for one in verdict.steps if one.name == "proof")
    assert proof.endswith(f"its window ended at {WINDOW_END}, with no challenge undecided")


@pytest.mark.parametrize(("still_open", "time"), [(0, WINDOW_END), (1, WINDOW_END + 1), (2, 1)])
def test_a_standing_claim_is_challengeable_until_the_chains_time(
    still_open: int, time: int
) -> None:
    anchor, found = proven(ClaimState.STANDING, still_open, time)
    verdict = said(found, anchor)
    assert (verdict.assurance, verdict.final) == (Assurance.CHALLENGEABLE, False)
    assert verdict.final_at == WINDOW_END != FINAL_AT
    assert verdict.final_at_by == verdict.to_json()["final_at_by"] == "chain"
    assert any(f"{still_open} challenges undecided" in step.established for step in verdict.steps)


def test_an_overturned_claim_is_refused_however_right_its_run() -> None:
    anchor, found = proven(ClaimState.OVERTURNED)
    refused(found, anchor, f"overturned before block {NUMBER}")


def test_a_wrong_run_is_refused_however_settled() -> None:
    anchor, found = proven(ClaimState.UPHELD)
    run = CASE.run.flipped(len(CASE.run.program.inputs), 0)
    claim = replace(CASE.claim(run), settlement=found)
    with pytest.raises(VerificationError, match="is committed, "):
        verify(CASE.bundle(run, claim).encode(), replace(POLICY, anchor=anchor))


def test_nothing_is_settled_by_the_bundles_own_word() -> None:
    anchor, found = proven(ClaimState.UPHELD)
    for shown, known, why in (
        (found, None, "no block of its chain was named"),
        (None, anchor, "the bundle shows no block"),
    ):
        verdict = said(shown, known)
        assert (verdict.assurance, verdict.final) == (Assurance.CHALLENGEABLE, False)
        assert any("provider's word" in line and why in line for line in verdict.not_checked)
        assert (verdict.final_at, verdict.final_at_by) == (FINAL_AT, "claim")


def test_another_block_contract_or_claim_settles_nothing() -> None:
    anchor, found = proven(ClaimState.UPHELD)
    _, other = proven(ClaimState.UPHELD, still_open=1)
    refused(found, replace(anchor, block=bytes(32)), "not the one that the checker knows")
    refused(found, replace(anchor, claims=b"\xc2" * 20), "the contract: ")
    refused(replace(found, header=other.header), anchor, "not the one that the checker knows")
    refused(replace(found, account=other.account), anchor, "the contract: ")
    refused(replace(found, storage=other.storage), anchor, "the claim: ")
    refused(replace(found, storage=found.storage[:-1]), anchor, "the claim: ")
    # A claim of another statement, or of the same one in a contract that nobody named.
    block, another = chain(CLAIMS, keccak256(b"another"), word(ClaimState.UPHELD), NUMBER, TIME)
    refused(another, Anchor(CLAIMS, block), "the claim: ")
    block, elsewhere = chain(b"\xc2" * 20, CLAIM_ID, word(ClaimState.UPHELD), NUMBER, TIME)
    refused(elsewhere, Anchor(CLAIMS, block), "the contract: ")
    # Another slot of the right contract that holds the right word.
    slots = {keccak256(b"a slot"): word(ClaimState.UPHELD)}
    block, beside = chain_of(CLAIMS, slots, keccak256(b"a slot"), NUMBER, TIME)
    refused(beside, Anchor(CLAIMS, block), "the claim: ")
    # A word with no claim in it.
    block, none = chain(CLAIMS, CLAIM_ID, word(ClaimState.NONE), NUMBER, TIME)
    refused(none, Anchor(CLAIMS, block), "knows no claim")


def test_every_byte_of_the_proof_counts() -> None:
    anchor, found = proven(ClaimState.UPHELD)
    octets = [found.header, *found.account, *found.storage]
    for number, one in enumerate(octets):
        for place in range(0, len(one), 7):
            wrong = one[:place] + bytes([one[place] ^ 1]) + one[place + 1 :]
            changed = [*octets[:number], wrong, *octets[number + 1 :]]
            split = 1 + len(found.account)
            other = Settlement(changed[0], tuple(changed[1:split]), tuple(changed[split:]))
            with pytest.raises(VerificationError):
                standing(other, anchor, CLAIM_ID)


def test_no_chain_settles_what_was_stated_off_chain() -> None:
    anchor, found = proven(ClaimState.UPHELD)
    case = every_case()
    claim = replace(case.claim(), settlement=found)
    with pytest.raises(VerificationError, match="no chain settles"):
        verify(case.bundle(claim=claim).encode(), replace(POLICY, anchor=anchor))


def test_the_command_line_settles_by_a_block(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    anchor, found = proven(ClaimState.UPHELD)
    path, wanted = tmp_path / "answer.avow.json", tmp_path / "policy.json"
    path.write_bytes(bundle(found).encode())
    value = {"format": "avow-policy/1", "minimum_assurance": "CHALLENGEABLE"}
    wanted.write_text(json.dumps(value))
    known = ["--anchor", "0x" + anchor.claims.hex(), "0x" + anchor.block.hex()]
    arguments = [str(path), "--policy", str(wanted)]
    assert main([*arguments, *known]) == 0
    assert "ACCEPTED: SETTLED\n" in capsys.readouterr().out
    assert main([*arguments, "--at", str(FINAL_AT + 1)]) == 3
    printed = capsys.readouterr().out
    assert f"CHALLENGEABLE until {FINAL_AT} (says the claim): not final" in printed
    assert f"{FINAL_AT} is over" in printed
    assert main([*arguments, *known[:2], "0x" + "00" * 32]) == 1
    assert "not the one that the checker knows" in capsys.readouterr().out
    assert main([*arguments, *known[:2], "latest"]) == 2
    assert "anchor.block must be" in capsys.readouterr().err
    wanted.write_text(json.dumps(value | {"anchor": anchor.to_json()}))
    assert main(arguments) == 0
    # What still stands does so until the chain's time, not the claim's.
    anchor, found = proven(ClaimState.STANDING, still_open=1)
    path.write_bytes(bundle(found).encode())
    wanted.write_text(json.dumps(value | {"anchor": anchor.to_json()}))
    capsys.readouterr()
    assert main(arguments) == 3
    said = f"ACCEPTED: CHALLENGEABLE until {WINDOW_END} (says the chain): not final\n"
    assert capsys.readouterr().out.startswith(said)


def test_what_is_written_is_read() -> None:
    anchor, found = proven(ClaimState.UPHELD)
    assert parse_anchor(anchor.to_json()) == anchor
    assert parse_settlement(found.to_json()) == found
    assert parse_claim(bundle(found).proof).settlement == found
    policy = json.dumps({"format": "avow-policy/1", "anchor": anchor.to_json()})
    assert parse_policy(policy.encode()).anchor == anchor


@pytest.mark.parametrize(
    ("key", "value"),
    [("header", "AA=="), ("account", []), ("storage", ["AAAA"] * 65), ("account", ["A" * 1400])],
)
def test_what_is_malformed_is_refused(key: str, value: object) -> None:
    anchor, found = proven(ClaimState.UPHELD)
    changed = found.to_json() | {key: value}  # type: ignore[operator]
    with pytest.raises(VerificationError):
        standing(parse_settlement(changed), anchor, CLAIM_ID)


def test_slots_and_states_are_those_of_the_contract() -> None:
    """The contracts' build writes where fields lie; a change of either side is seen here."""
    slot, places = settling._storage()
    assert slot_of(CLAIM_ID) == keccak256(CLAIM_ID + slot.to_bytes(32, "big"))
    (view,) = (one for one in load("Claims").abi if one.get("name") == "claimOf")
    names = [field["name"] for field in view["outputs"][0]["components"]]
    widths = {field["name"]: field["type"] for field in view["outputs"][0]["components"]}
    assert widths["windowEnd"] == f"uint{places['windowEnd'][1]}"
    assert widths["open"] == f"uint{places['open'][1]}"
    # Fields of a word lie in the order in which they are declared, from the lowest bit upwards.
    order = sorted(places, key=lambda name: places[name][0])
    assert order == [name for name in names if name in places]
    assert {state.name: int(state) for state in ClaimState} == {
        state.name: int(state) for state in claim_records.ClaimState
    }
