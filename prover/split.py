"""An answer of a split model: the first part proven, its tensor handed on, the rest claimed."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from avow.prover.catalogue import Compiled, FolderCatalogue
from avow.prover.config import Config
from avow.prover.errors import Refused
from avow.prover.systems.assurance import own_sample, promised
from avow.prover.systems.provers import PROVERS
from avow.prover.systems.system import Limits, ProvingSystem, Tick
from avow.verifier.bundle import Bundle
from avow.verifier.commitment import commit_public
from avow.verifier.errors import VerificationError
from avow.verifier.fields import to_hex
from avow.verifier.keccak import ZERO_WORD
from avow.verifier.merkle import build
from avow.verifier.mixed.split import SplitVerdict, verify_split
from avow.verifier.mixed.split_record import SplitRecord
from avow.verifier.policy import Policy
from avow.verifier.records import InputVisibility
from avow.verifier.statement import OFF_CHAIN, ZERO_ADDRESS, Domain, Statement
from avow.verifier.tensor import Tensor


@dataclass(frozen=True, slots=True)
class Pair:
    """Both artifacts of a split on this machine, and the record that names them."""

    record: SplitRecord
    first: Compiled
    second: Compiled


def find_pair(record: SplitRecord, config: Config) -> Pair:
    """The artifacts of both parts in this installation; raises `RequestRefused`."""
    catalogue = FolderCatalogue(config.artifacts, config.models)
    first, second = (
        catalogue.find(to_hex(part.model), None, to_hex(part.record))
        for part in (record.first, record.second)
    )
    return Pair(record, first, second)


@dataclass(frozen=True, slots=True)
class SplitAnswer:
    """Both bundles' bytes, and what the verifier said of them here."""

    first: bytes
    second: bytes
    verdict: SplitVerdict


def answer_split(
    pair: Pair,
    inputs: Sequence[Tensor],
    limits: Limits,
    tick: Tick,
    *,
    nonce: int | None = None,
    provider: bytes = ZERO_ADDRESS,
    allow_unsafe_srs: bool = False,
    provers: Mapping[str, ProvingSystem] = PROVERS,
) -> SplitAnswer:
    """Answer off chain, both parts under one nonce (random where none is given).

    The second part begins with the very tensor that the first part's statement commits to. Both
    bundles are checked together as a stranger would before anybody sees them. Raises `Refused`
    where no attempt can succeed, `TryAgain` where a later one may.
    """
    chosen = secrets.randbelow(2**256 - 1) + 1 if nonce is None else nonce
    first = prove_part(pair.first, inputs, limits, tick, chosen, provider, provers)
    (between,) = first.outputs
    try:
        pair.second.model.inputs[0].check(between)
    except VerificationError as error:
        raise Refused(
            f"the second part cannot take what the first gives: {error.message}"
        ) from error
    second = prove_part(pair.second, [between], limits, tick, chosen, provider, provers)
    system = pair.second.record.system
    policy = Policy(
        minimum_assurance=promised(system),
        nonce=chosen,
        provider=provider,
        sample=own_sample(system),
        unsafe_allow_unsafe_srs=allow_unsafe_srs,
    )
    before, after = first.encode(), second.encode()
    tick("checking", None)
    try:
        verdict = verify_split(before, after, pair.record, policy)
    except VerificationError as error:
        raise Refused(f"both bundles did not pass their own check: {error}") from error
    return SplitAnswer(before, after, verdict)


def prove_part(
    compiled: Compiled,
    inputs: Sequence[Tensor],
    limits: Limits,
    tick: Tick,
    nonce: int,
    provider: bytes = ZERO_ADDRESS,
    provers: Mapping[str, ProvingSystem] = PROVERS,
    domain: Domain = OFF_CHAIN,
    order: bytes = ZERO_WORD,
) -> Bundle:
    """One part's bundle, which nobody has checked yet; `order` (32 bytes) is one of `domain`."""
    record, salt = compiled.record, secrets.token_bytes(32)
    system = provers.get(record.system)
    if system is None:
        raise Refused(f"this machine makes no evidence of {record.system!r}")
    answer = system.answer(compiled, inputs, salt, limits, tick)
    statement = Statement(
        domain=domain,
        model=record.model,
        system=record.system,
        program=record.program,
        key=record.key,
        input=answer.input,
        output=commit_public(answer.outputs),
        order=order,
        provider=provider,
        nonce=nonce,
    )
    root, (path,) = build([statement.digest()])
    proof = system.prove(compiled, inputs, salt, root, limits, tick)
    if proof.outputs != answer.outputs:
        raise Refused("the evidence speaks of another output than the answer")
    shown = record.input_visibility is InputVisibility.PUBLIC
    return Bundle(
        statement=statement,
        path=path,
        model=compiled.model,
        system=record,
        signature=compiled.signature,
        inputs=tuple(inputs) if shown else None,
        salt=None,
        outputs=proof.outputs,
        proof=proof.proof,
        material=proof.material,
    )
