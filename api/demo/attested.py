"""What attested answers are worth: `python -m avow.api.demo.attested [--help]`.

Every enclave here is simulated and says so; a genuine quote is checked where its files are named.
The chain is anvil on this machine, and its time is moved on where something is waited for.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

from avow.api.demo.attested_stage import Answer, Stage, set_up
from avow.api.demo.dispute_ledger import BURNED
from avow.api.demo.scenes import Ledger, Outcome, Scenes, arguments_of, conclude
from avow.api.errors import DemoError
from avow.prover.config import from_environment
from avow.prover.enclave import contradiction
from avow.prover.enclave.registered import terms_json
from avow.prover.enclave.session import Asked, Session
from avow.verifier import canonical
from avow.verifier.attestation.evidence_file import EvidenceFile, read_evidence_file
from avow.verifier.attestation.intel.collateral import parse_collateral
from avow.verifier.attestation.judgement import Question, Verdict, judge
from avow.verifier.bundle import Bundle
from avow.verifier.errors import VerificationError
from avow.verifier.lifecycle import LegState
from avow.verifier.merkle import ALONE
from avow.verifier.policy import FORMAT, Policy, parse_policy
from avow.verifier.statement import OFF_CHAIN
from avow.verifier.systems.sumcheck.key import SYSTEM_ID as SUMCHECK
from avow.verifier.systems.tee.receipt import Receipt, receipt_digest
from avow.verifier.systems.tee.registration import SYSTEM_ID as TEE
from avow.verifier.tensor import Tensor
from avow.verifier.verdict import Assurance
from avow.verifier.verify import verify

NOT_RUN = "NOT RUN"
_HALF_HOUR = 1_800
_LEGS = ((TEE, 120, 3_000), (SUMCHECK, 3_600, 7_000))
_UNSAFE = Policy(unsafe_allow_unsafe_srs=True)


@dataclass(frozen=True, slots=True)
class Genuine:
    """Genuine evidence, and what it is judged by."""

    name: str
    file: EvidenceFile
    question: Question


def simulated_answer(stage: Stage, genuine: Genuine | None) -> Outcome:
    """A simulated enclave answers: refused by the default policy, SIMULATED by an explicit one."""
    session, _, registered = stage.open_enclave(stage.people.provider)
    order_id = stage.request(0, [(TEE, 600, 10_000)])
    stage.lock(stage.people.provider, order_id)
    bundle = _signed(stage, session, order_id, 0)
    data = bundle.encode()
    refused = _refusal(data, Policy())
    if refused.step != "policy":
        raise DemoError(f"the default policy refused at {refused.step}, not for its terms")
    attested = _refusal(data, _explicit(registered.terms(), Assurance.ATTESTED))
    verdict = verify(data, _explicit(registered.terms(), Assurance.SIMULATED))
    if verdict.assurance is not Assurance.SIMULATED:
        raise DemoError(f"a simulated enclave's answer is {verdict.assurance.value}")
    stage.deliver(stage.people.provider, 0, bundle)
    stage.settle(0, bundle)
    _require(stage, order_id, 0, LegState.SETTLED)
    found = {
        "default_policy": f"{refused.step}: {refused.message}",
        "attested_asked_for": f"{attested.step}: {attested.message}",
        "explicit_policy": verdict.assurance.value,
        "rests_on": list(verdict.rests_on),
    }
    return Outcome("refused by default, SIMULATED where it was asked for, settled", found)


def genuine_quote(stage: Stage, genuine: Genuine | None) -> Outcome:
    """Genuine evidence, from files that are named, is genuine; with one bit flipped it is not."""
    if genuine is None:
        return Outcome(NOT_RUN, {"reason": "no evidence was named (--evidence, QUOTE=...)"})
    file, question = genuine.file, genuine.question
    judged = judge(file, question)
    if judged.verdict is not Verdict.GENUINE:
        name, _, detail = next(one for one in judged.steps if one[1] == "FAILED")
        raise DemoError(f"{genuine.name}: refused at {name}: {detail}")
    spoilt = bytearray(file.data)
    spoilt[len(spoilt) // 8] ^= 1
    forged = judge(replace(file, data=bytes(spoilt)), question)
    if forged.verdict is not Verdict.REFUSED:
        raise DemoError("evidence with a flipped bit is genuine")
    return Outcome(Verdict.GENUINE.value, judged.to_json() | {"flipped_bit": forged.verdict.value})


def contradicted_answer(stage: Stage, genuine: Genuine | None) -> Outcome:
    """A key that leaked signs a wrong answer; a proof of the right one costs it its stake."""
    _, key, registered = stage.open_enclave(stage.liar)
    order_id = stage.request(1, [(TEE, 600, 10_000)])
    stage.lock(stage.liar, order_id)
    right = stage.right(1)
    wrong = (_changed(right[0]), *right[1:])
    statement = stage.statement(order_id, TEE, wrong)
    # No session signs what it has not computed; whoever has its key signs anything.
    now, registry = stage.now(), registered.material.registration.registry
    unsigned = receipt_digest(ALONE.root(statement.digest()), now, registry)
    receipt = Receipt(now, key.sign(unsigned)).to_json()
    material = registered.material.to_json()
    lie = stage.bundle(stage.attested, statement, 1, Answer(wrong, receipt, material))
    # To whoever accepts this enclave, the lie looks like every other answer.
    accepted = verify(lie.encode(), _explicit(registered.terms(), Assurance.SIMULATED))
    stage.deliver(stage.liar, 0, lie)
    shown_right = replace(
        stage.statement(order_id, SUMCHECK, right), domain=OFF_CHAIN, order=bytes(32)
    )
    proof = stage.prove(1, replace(shown_right, provider=stage.challenger.address))
    signed = contradiction.signed_answer(lie.encode())
    proven = contradiction.proven_answer(proof.encode(), signed, allow_unsafe_srs=True)
    challenger, said = stage.challenger, list[str]()
    against = contradiction.Against(
        stage.market, stage.keys, challenger, stage.model_key, said.append
    )
    contradiction.contradict_by_proof(against, signed, proven, stage.clock.mine)
    stored = stage.keys.key(registered.address)
    if stored is None or not stored.slashed or stored.stake:
        raise DemoError("the contradicted key has kept its stake")
    _require(stage, order_id, 0, LegState.SLASHED)
    stage.keys.withdraw(challenger)
    found = {"lie_before": accepted.assurance.value, "steps": said}
    return Outcome("the key lost its stake, the order its lie", found)


def two_legs(stage: Stage, genuine: Genuine | None) -> Outcome:
    """One order, two legs: attested in two minutes for 30 %, proven within the hour for 70 %."""
    provider = stage.people.provider
    session, _, _ = stage.open_enclave(provider)
    order_id = stage.request(2, _LEGS)
    stage.lock(provider, order_id)
    credits = [stage.market.credit(provider.address)]
    attested = _signed(stage, session, order_id, 2)
    stage.deliver(provider, 0, attested)
    stage.settle(0, attested)
    _require(stage, order_id, 0, LegState.SETTLED)
    _require(stage, order_id, 1, LegState.LOCKED)
    credits.append(stage.market.credit(provider.address))
    # The first leg was paid for and does not wait; the second has its own time.
    stage.clock.pass_time(_HALF_HOUR)
    proven = stage.prove(2, stage.statement(order_id, SUMCHECK, attested.outputs))
    verdict = verify(proven.encode(), _UNSAFE)
    stage.deliver(provider, 1, proven)
    stage.settle(1, proven)
    _require(stage, order_id, 1, LegState.SETTLED)
    credits.append(stage.market.credit(provider.address))
    paid = [later - earlier for earlier, later in pairwise(credits)]
    if not 0 < paid[0] < paid[1]:
        raise DemoError(f"the legs paid {paid}")
    found = {
        # With the share of the bond that came back.
        "credited": paid,
        "shares_bps": [share for _, _, share in _LEGS],
        "assurances": [Assurance.SIMULATED.value, verdict.assurance.value],
        "seconds_between": _HALF_HOUR,
    }
    return Outcome("paid in two steps", found)


Scene = Callable[[Stage, Genuine | None], Outcome]
SCENES: tuple[Scene, ...] = (simulated_answer, genuine_quote, contradicted_answer, two_legs)


def _signed(stage: Stage, session: Session, order_id: bytes, row: int) -> Bundle:
    """The enclave's answer to a locked order."""
    inputs, record = stage.inputs(row), stage.attested.record
    outputs = session.answer(record.digest(), inputs)
    statement = stage.statement(order_id, TEE, outputs)
    signed = session.sign(record.digest(), [Asked(statement, inputs)])
    material = session.registered.material.to_json()
    answer = Answer(outputs, signed.receipt.to_json(), material)
    return stage.bundle(stage.attested, statement, row, answer)


def _explicit(terms: Any, least: Assurance) -> Policy:
    value: dict[str, canonical.Json] = {
        "format": FORMAT,
        "minimum_assurance": least.value,
        "attestation": terms_json(terms),
    }
    return parse_policy(canonical.encode(value))


def _refusal(data: bytes, policy: Policy) -> VerificationError:
    try:
        verify(data, policy)
    except VerificationError as error:
        return error
    raise DemoError("a simulated enclave's answer was accepted")


def _changed(tensor: Tensor) -> Tensor:
    first, *rest = tensor.values
    return replace(tensor, values=(first ^ 1, *rest))


def _require(stage: Stage, order_id: bytes, leg: int, state: LegState) -> None:
    found = stage.market.leg(order_id, leg).state
    if found is not state:
        raise DemoError(f"leg {leg} is {found.name}, not {state.name}")


def _play(scenes: Scenes, stage: Stage, genuine: Genuine | None, scene: Scene) -> None:
    parties, began = _parties(stage), time.monotonic()

    def act() -> Outcome:
        outcome = scene(stage, genuine)
        seconds = round(time.monotonic() - began, 3)
        return replace(outcome, more={"found": outcome.more, "seconds": seconds})

    contract = stage.keys.contract
    places = {contract.address: contract.name}
    scenes.play(
        scene, Ledger(stage.market.chain, parties, lambda: _held(stage, parties), places), act
    )


def _parties(stage: Stage) -> dict[str, bytes]:
    people = stage.people
    return {
        "requester": people.requester.address,
        "provider": people.provider.address,
        "validator": people.validator.address,
        "liar": stage.liar.address,
        "challenger": stage.challenger.address,
        "owner": people.owner.address,
        "treasury": people.treasury.address,
        "stakes": stage.keys.contract.address,
        "burned": BURNED,
    }


def _held(stage: Stage, parties: dict[str, bytes]) -> dict[str, int]:
    """What each has in token units: tokens and credits. `stakes` are those of keys that stand."""
    held = {
        name: stage.market.affordable(account) + stage.keys.credit(account)
        for name, account in parties.items()
    }
    # Credits are paid out of the same contract that holds the stakes.
    owed = sum(stage.keys.credit(account) for account in parties.values())
    return held | {"stakes": held["stakes"] - owed}


def _genuine(evidence: Path, at: int, collateral: Path | None) -> Genuine:
    """Read now, so that a wrong path is not found out after minutes."""
    given = None
    if collateral is not None:
        given = collateral.read_bytes()
        parse_collateral(given)
    file = read_evidence_file(evidence.read_bytes())
    return Genuine(evidence.name, file, Question(at, collateral=given))


def main(arguments: Sequence[str]) -> int:
    """See the module."""
    parser = arguments_of("avow.api.demo.attested", __doc__, "build/tee")
    parser.add_argument("--evidence", type=Path, help="a genuine quote or Nitro document")
    parser.add_argument("--collateral", type=Path, help="of the quote")
    parser.add_argument("--at", type=int, help="Unix time at which it is judged")
    options = parser.parse_args(arguments)
    if (options.evidence is None) != (options.at is None):
        parser.error("--evidence and --at go together")

    def played() -> str:
        scenes, genuine = Scenes(options.folder, options.report), None
        contracts = from_environment().contracts
        if options.evidence is not None:
            genuine = _genuine(options.evidence, options.at, options.collateral)
        with scenes.reported() as root, set_up(root, contracts, scenes.steps.say) as stage:
            for scene in SCENES:
                _play(scenes, stage, genuine, scene)
        found = scenes.report
        left = [one["name"] for one in found["scenarios"] if one["outcome"] == NOT_RUN]
        missing = f" {NOT_RUN}: {', '.join(left)}." if left else ""
        return (
            f"{len(found['scenarios']) - len(left)} scenarios ended as they must, in "
            f"{found['seconds']:.0f} s.{missing} Every enclave but that of named evidence is "
            f"simulated. Report: {options.report}"
        )

    return conclude(played)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
