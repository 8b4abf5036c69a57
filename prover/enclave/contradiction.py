"""Costing a key its stake: an answer that it signed, and what shows it to be wrong."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass

from avow.prover.errors import ProverError
from avow.verifier.bundle import Bundle, parse_bundle
from avow.verifier.chain.attestation_records import Service
from avow.verifier.chain.attested_keys import (
    AttestedKeys,
    ProvenAnswer,
    SignedAnswer,
    commitment,
)
from avow.verifier.chain.client import Chain, checksum
from avow.verifier.chain.market import Market
from avow.verifier.chain.orders import selector_of
from avow.verifier.chain.registration import Registry
from avow.verifier.chain.seals import seal
from avow.verifier.chain.signer import Signer
from avow.verifier.errors import VerificationError
from avow.verifier.fields import to_hex
from avow.verifier.lifecycle import LegState
from avow.verifier.policy import Policy
from avow.verifier.statement import Domain
from avow.verifier.systems.optimistic.claim import SYSTEM_ID as OPTIMISTIC
from avow.verifier.systems.sumcheck.key import SYSTEM_ID as SUMCHECK
from avow.verifier.systems.tee.receipt import Receipt as Signature
from avow.verifier.systems.tee.receipt import parse_receipt
from avow.verifier.systems.tee.registration import SYSTEM_ID as TEE
from avow.verifier.verify import verify

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Against:
    """Who contradicts (`signer`) answers for which registered model, and is told what happens."""

    market: Market
    keys: AttestedKeys
    signer: Signer
    model_key: bytes
    say: Say


class NotContradicted(ProverError):
    """What was given does not show that a signed answer is wrong, or costs nobody anything."""


def signed_answer(data: bytes) -> SignedAnswer:
    """The answer of a bundle of `tee/v1`; raises `NotContradicted`."""
    bundle = _bundle(data, TEE)
    try:
        receipt = parse_receipt(bundle.proof)
    except VerificationError as error:
        raise NotContradicted(f"the signed bundle: {error.message}") from error
    return SignedAnswer(bundle.statement, bundle.path, receipt.time, receipt.signature)


def proven_answer(data: bytes, signed: SignedAnswer, allow_unsafe_srs: bool) -> ProvenAnswer:
    """The answer of a bundle of `sumcheck/v1` that verifies offline and contradicts `signed`.

    Raises `NotContradicted`: a gas fee is then not worth paying.
    """
    bundle = _bundle(data, SUMCHECK)
    try:
        verify(data, Policy(unsafe_allow_unsafe_srs=allow_unsafe_srs))
    except VerificationError as error:
        raise NotContradicted(f"the proof is refused at {error.step}: {error.message}") from error
    one, other = signed.statement, bundle.statement
    for name in ("model", "program", "input"):
        if getattr(one, name) != getattr(other, name):
            raise NotContradicted(f"the proof is of another {name} than the signed answer")
    if one.output == other.output:
        raise NotContradicted("the proof shows the very output that was signed")
    if bundle.path.siblings:
        raise NotContradicted("the proof is of a batch; the contract takes a proof of one run")
    return ProvenAnswer(other, bundle.path, seal(bundle))


def signer_of(signed: SignedAnswer, registry: Domain) -> bytes:
    """The 20 bytes of the key that signed, were the contract of keys `registry`."""
    root = signed.path.root(signed.statement.digest())
    try:
        return Signature(signed.time, signed.signature).signer(root, registry)
    except VerificationError as error:
        raise NotContradicted(f"the signed bundle: {error.message}") from error


def contradict_by_proof(
    against: Against,
    signed: SignedAnswer,
    proven: ProvenAnswer,
    next_block: Callable[[], None],
) -> None:
    """Commit to the contradiction and show it in a later block, for which `next_block` waits; half
    of the stake, unless the key has lost it before, is then the signer's credit.

    Of an answer that was contradicted already only the leg is ended, where it is still open.
    Raises `NotContradicted` before anything is sent, ChainError after.
    """
    keys, signer = against.keys, against.signer
    check_key(keys, against.model_key, signed, provable=True)
    if _was_shown(against, signed):
        return
    _registered_key(against, SUMCHECK, proven.statement.key)
    salt = secrets.token_bytes(32)
    receipt = keys.commit(signer, commitment(signer, signed, proven, salt))
    against.say(f"committed, gas {receipt.gas_used}")
    next_block()
    shown = keys.contradict_by_proof(signer, against.model_key, signed, proven, salt)
    against.say(f"contradicted, gas {shown.gas_used}")
    _refute(against, signed)


def wait_for_block(chain: Chain, seconds: float = 120.0) -> None:
    """Sleep until the chain has a block more; raises `NotContradicted` when none comes."""
    begun, end = chain.head().number, time.monotonic() + seconds
    while chain.head().number == begun:
        if time.monotonic() > end:
            raise NotContradicted(f"no block came in {seconds:.0f} s; run it again")
        time.sleep(0.2)


def contradict_by_claim(against: Against, signed: SignedAnswer) -> None:
    """Show that the key's operator claimed the same answer by `optimistic/v1` and lost.

    Of an answer that was contradicted already only the leg is ended, where it is still open.
    """
    check_key(against.keys, against.model_key, signed, provable=False)
    if _was_shown(against, signed):
        return
    key = _registered_key(against, OPTIMISTIC)
    shown = against.keys.contradict_by_claim(against.signer, signed, key)
    against.say(f"contradicted by an overturned claim, gas {shown.gas_used}")
    _refute(against, signed)


def model_key_of(market: Market, signed: SignedAnswer) -> bytes:
    """The model under which the signed answer's order was placed."""
    order = market.order(signed.statement.order)
    if order is None:
        raise NotContradicted(
            f"the market has no order {to_hex(signed.statement.order)}: name the model's key"
        )
    return order.model_key


def check_key(keys: AttestedKeys, model_key: bytes, signed: SignedAnswer, provable: bool) -> None:
    """Raises `NotContradicted` where nothing could cost the key that signed anything, and end no
    leg; with `provable` also where a proof could not."""
    registry = Domain(keys.chain.chain_id, keys.contract.address)
    key = signer_of(signed, registry)
    stored = keys.key(key)
    if stored is None:
        raise NotContradicted(f"{checksum(key)}, which signed it, is not registered on this chain")
    # A further lie of a key that has lost its stake still ends the leg that was delivered on it.
    if stored.slashed and signed.statement.provider != stored.operator:
        raise NotContradicted(
            f"{checksum(key)} has lost its stake already, and the answer is not its operator's: no "
            "leg would end"
        )
    if stored.stake == 0 and not stored.slashed:
        raise NotContradicted(f"the stake of {checksum(key)} was released")
    if signed.time > min(stored.not_after, stored.revoked_at or stored.not_after):
        raise NotContradicted(f"it was signed after the end of {checksum(key)}: nothing accepts it")
    if provable and keys.service(key, model_key) is not Service.PROVABLE:
        raise NotContradicted(
            f"{checksum(key)} does not answer for the model {to_hex(model_key)} so that a proof "
            "could cost it anything"
        )


def _was_shown(against: Against, signed: SignedAnswer) -> bool:
    """Whether somebody has shown it, whose open leg is ended then; raises where it has none.

    Two transactions do one thing, and who is stopped between them must be able to go on.
    """
    if not against.keys.is_contradicted(against.model_key, signed.leaf):
        return False
    if not _refute(against, signed):
        raise NotContradicted("this answer was contradicted already, and no leg stands on it")
    against.say("it had been contradicted before")
    return True


def _registered_key(against: Against, system: str, key: bytes | None = None) -> bytes:
    """The key under which the model is registered for a system; it must be `key`, if given."""
    registry = Registry(against.market.chain, against.market.deployment)
    found = registry.system(against.model_key, selector_of(system))
    if found is None:
        raise NotContradicted(f"the model has no {system}")
    if key not in (None, found.key):
        raise NotContradicted(
            f"the proof is under the key {to_hex(key)}, the model's registered one of {system} "
            f"is {to_hex(found.key)}"
        )
    return found.key


def _refute(against: Against, signed: SignedAnswer) -> bool:
    """End the leg that was delivered on the lie, where it is still open; whether there was one."""
    statement, market = signed.statement, against.market
    order, ended = market.order(statement.order), False
    # Another's key must not end a leg of somebody else: only then the contract says so.
    if order is None or not against.keys.is_contradicted(against.model_key, signed.leaf):
        return False
    for index in range(order.leg_count):
        leg = market.leg(statement.order, index)
        if leg.state is LegState.DELIVERED and leg.selector == selector_of(TEE):
            if leg.output == statement.output:
                receipt = market.refute(against.signer, statement.order, index)
                against.say(f"ended leg {index} of its order, gas {receipt.gas_used}")
                ended = True
    return ended


def _bundle(data: bytes, system: str) -> Bundle:
    try:
        bundle = parse_bundle(data)
    except VerificationError as error:
        raise NotContradicted(f"the bundle of {system}: {error.message}") from error
    if bundle.statement.system != system:
        raise NotContradicted(f"expected a bundle of {system}, got {bundle.statement.system}")
    return bundle
