"""Attested answers beside claims that were recomputed: a wrong one is kept, and costs its key."""

from __future__ import annotations

import json
import logging
import shlex
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import Enum
from pathlib import Path

from avow.models.errors import ModelError
from avow.models.files import write_whole
from avow.prover.disputes.journal import Watched
from avow.prover.enclave import contradiction
from avow.prover.enclave.contradiction import Against, NotContradicted
from avow.prover.errors import ProverError
from avow.prover.logs import about
from avow.prover.nodes.claims import expected_statement
from avow.prover.nodes.fetch import FetchRules, fetch
from avow.prover.nodes.worklist import Worklist
from avow.verifier.bundle import Bundle, parse_bundle
from avow.verifier.chain.attested_keys import AttestedKeys, SignedAnswer
from avow.verifier.chain.errors import Reverted
from avow.verifier.chain.market import Market
from avow.verifier.chain.orders import Order, selector_of
from avow.verifier.chain.registration import Registry
from avow.verifier.chain.signer import Signer
from avow.verifier.commitment import Commitment, commit_public
from avow.verifier.errors import VerificationError
from avow.verifier.fields import to_hex
from avow.verifier.keccak import keccak256
from avow.verifier.merkle import leaf as leaf_of
from avow.verifier.statement import Domain, Statement
from avow.verifier.systems.optimistic.claim import SYSTEM_ID as OPTIMISTIC
from avow.verifier.systems.tee.registration import SYSTEM_ID as TEE
from avow.verifier.tensor import Tensor
from avow.verifier.trace.inputs import commit_as

LOG = logging.getLogger("avow.node")
_SELECTOR = selector_of(TEE)
# What the contract refuses so often is not brought by this node.
_TRIES = 5
# Larger bundles are not kept whole.
_WHOLE_BYTES = 2**20


class Outcome(Enum):
    """What became of an attested answer that was found wrong; the value is shown."""

    CONTRADICTED = "contradicted"
    """Its key lost its stake, by this account or somebody before it."""
    NEEDS_PROOF = "needs_proof"
    """Only a proof can cost its key anything, and the operator was told the commands."""
    LOST = "lost"
    """The signed bundle cannot be had or shows nothing, or nothing can cost its key anything."""


class Unkept(ProverError):
    """What somebody signed cannot be kept here."""


@dataclass(frozen=True, slots=True)
class Lie:
    """A signed answer that is not the program's; `file` holds its bundle, `inputs` its inputs."""

    leg: int
    model_key: bytes
    signed: SignedAnswer
    file: Path
    inputs: Path


class AttestedAnswers:
    """The answers of `tee/v1` in orders whose claims this account judges.

    Nothing is accused by what a claim says: an attested answer is compared with one's own run of
    the same program on the order's own input. What is sent follows from the chain alone, so that
    whoever is killed takes it up again and sends nothing twice.
    """

    def __init__(
        self,
        market: Market,
        keys: AttestedKeys,
        signer: Signer,
        worklist: Worklist,
        rules: FetchRules,
        folder: Path,
    ) -> None:
        """`worklist` is of a node that follows the same market; lies are kept under `folder`."""
        self._market, self._keys, self._signer = market, keys, signer
        self._registry = Registry(market.chain, market.deployment)
        self._worklist, self._rules, self._folder = worklist, rules, folder
        self._lies: dict[bytes, dict[int, Lie]] = {}
        self._lost: dict[bytes, dict[int, str]] = {}
        self._handled: dict[bytes, set[int]] = {}
        self._tried: dict[bytes, int] = {}
        self._done: set[bytes] = set()
        # By claim, the model and the leaf of each answer that was contradicted beside it.
        self._shown: dict[bytes, list[tuple[bytes, bytes]]] = {}
        self._counts = dict.fromkeys(Outcome, 0)

    def concerned(self, claim: Watched) -> bool:
        """Whether the claim's order may have attested answers that were not followed up yet."""
        name = claim.traced.statement
        if name in self._done:
            shown = (self._keys.is_contradicted(*one) for one in self._shown.get(name, ()))
            if all(shown):
                return False
            # A re-organisation took it.
            self._done.discard(name)
            self._shown.pop(name, None)
        seen = self._worklist.order(claim.order_id)
        return seen is not None and any(_SELECTOR in leg.named for leg in seen.terms.legs)

    def counts(self) -> dict[str, int]:
        """How many were found wrong since the node was started, by what became of them."""
        return {outcome.value: count for outcome, count in self._counts.items()}

    def compare(self, claim: Watched, right: Sequence[Tensor]) -> None:
        """Keeps every delivered answer of the order that is signed and not `right`, which is one's
        own run's for the claim's input. Repeating it does no harm."""
        order = self._market.order(claim.order_id)
        if order is None or order.input.value != claim.traced.input:
            return
        for index in range(order.leg_count):
            leg = self._market.leg(claim.order_id, index)
            if leg.selector != _SELECTOR or leg.output is None:
                continue
            if leg.output == commit_public(right):
                continue
            if index in self._lies.get(claim.order_id, {}):
                continue
            try:
                found = self._lie(claim, order, index, leg.output, right)
            except (ProverError, VerificationError) as error:
                self._lost.setdefault(claim.order_id, {})[index] = str(error)
                continue
            self._lost.get(claim.order_id, {}).pop(index, None)
            if found is not None:
                self._lies.setdefault(claim.order_id, {})[index] = found
                self._warn(claim, index, f"is attested and wrong; kept as {found.file}")

    def follow_up(self, claim: Watched, overturned: bool) -> None:
        """Contradicts what the claim's own end shows to be wrong, and says what else could be done.

        `overturned`: the claim was, on the chain. Raises what is worth another try.
        """
        lies = self._lies.get(claim.order_id, {})
        for index in sorted(lies.keys() - self._handled.get(claim.order_id, set())):
            lie = lies[index]
            if overturned and _claimed(lie.signed, claim) and self._is_operators(lie):
                self._contradict(claim, lie)
            else:
                self._tell(claim, lie)
            self._handled.setdefault(claim.order_id, set()).add(index)
        for index, reason in sorted(self._lost.get(claim.order_id, {}).items()):
            self._note(claim, index, Outcome.LOST, f"is attested otherwise than computed: {reason}")
        self._lies.pop(claim.order_id, None)
        self._lost.pop(claim.order_id, None)
        self._handled.pop(claim.order_id, None)
        self._done.add(claim.traced.statement)

    def _lie(
        self, claim: Watched, order: Order, index: int, output: Commitment, right: Sequence[Tensor]
    ) -> Lie | None:
        """The delivered answer, if it is signed and its numbers are not the right ones."""
        expected, _ = expected_statement(self._market, self._registry, order, _SELECTOR, output)
        if expected.program != claim.traced.program:
            return None
        delivery = self._worklist.delivery(claim.order_id, index)
        if delivery is None:
            raise Unkept("its delivery was not read yet")
        name = f"{to_hex(claim.order_id)}-{index}"
        file = self._folder / f"{name}.avow.json"
        inputs = self._folder / f"{name}.inputs.json"
        # The liar's place need not serve it any more.
        kept = _kept(file, expected)
        if kept is not None and inputs.is_file():
            contradiction.check_key(self._keys, order.model_key, kept, provable=False)
            return Lie(index, order.model_key, kept, file, inputs)
        data = fetch(delivery.bundle_uri, self._rules)
        if keccak256(data) != delivery.bundle_digest:
            raise Unkept("its bundle is not the one that was delivered")
        bundle, signed = parse_bundle(data), contradiction.signed_answer(data)
        if signed.statement != expected or commit_public(bundle.outputs) != output:
            raise Unkept("its bundle is about something else than what was delivered")
        given = bundle.inputs
        if given is None or commit_as(order.input.scheme, given) != order.input:
            raise Unkept("its bundle does not show the order's input")
        if [one.values for one in bundle.outputs] == [one.values for one in right]:
            # The same numbers under another type are no wrong answer.
            return None
        # Written down: nobody here settles it, after a restart neither.
        self._worklist.refuse(delivery, "its answer is not the one that was computed here")
        # Who has no stake to lose must not fill this disk.
        contradiction.check_key(self._keys, order.model_key, signed, provable=False)
        kept_bytes = _convicting(bundle, right)
        _keep(inputs, json.dumps([one.to_json() for one in given]).encode("ascii"))
        _keep(file, kept_bytes)
        return Lie(index, order.model_key, signed, file, inputs)

    def _against(self, claim: Watched, lie: Lie) -> Against:
        def say(what: str) -> None:
            with about(order=to_hex(claim.order_id)):
                LOG.info("role=validator leg=%d %s", lie.leg, what)

        return Against(self._market, self._keys, self._signer, lie.model_key, say)

    def _contradict(self, claim: Watched, lie: Lie) -> None:
        """Shows the overturned claim of the very answer that was signed; one transaction."""
        name = lie.signed.leaf
        try:
            contradiction.contradict_by_claim(self._against(claim, lie), lie.signed)
        except Reverted as error:
            self._tried[name] = self._tried.get(name, 0) + 1
            if self._tried[name] < _TRIES:
                raise
            said = f"is attested and wrong, and the contract refuses to hear it: {error}"
            self._note(claim, lie.leg, Outcome.LOST, said)
            return
        except NotContradicted as error:
            shown = self._keys.is_contradicted(lie.model_key, lie.signed.leaf)
            outcome = Outcome.CONTRADICTED if shown else Outcome.LOST
            self._note(claim, lie.leg, outcome, f"is attested and wrong: {error}")
            return
        found = self._shown.setdefault(claim.traced.statement, [])
        found.append((lie.model_key, lie.signed.leaf))
        self._note(claim, lie.leg, Outcome.CONTRADICTED, "was attested and wrong: it cost its key")

    def _is_operators(self, lie: Lie) -> bool:
        """Whether the order's provider is who registered the key: another's claim shows nothing."""
        registry = Domain(self._keys.chain.chain_id, self._keys.contract.address)
        stored = self._keys.key(contradiction.signer_of(lie.signed, registry))
        return stored is not None and stored.operator == lie.signed.statement.provider

    def _tell(self, claim: Watched, lie: Lie) -> None:
        """One line with the commands that cost the key its stake."""
        try:
            contradiction.check_key(self._keys, lie.model_key, lie.signed, provable=True)
        except NotContradicted as error:
            self._note(claim, lie.leg, Outcome.LOST, f"is attested and wrong: {error}")
            return
        if self._keys.is_contradicted(lie.model_key, lie.signed.leaf):
            said = "is attested and wrong: it was contradicted already"
            self._note(claim, lie.leg, Outcome.CONTRADICTED, said)
            return
        self._note(claim, lie.leg, Outcome.NEEDS_PROOF, f"is attested and wrong: {commands(lie)}")

    def _note(self, claim: Watched, leg: int, outcome: Outcome, what: str) -> None:
        self._counts[outcome] += 1
        self._warn(claim, leg, what)

    def _warn(self, claim: Watched, leg: int, what: str) -> None:
        with about(order=to_hex(claim.order_id)):
            LOG.warning("role=validator leg=%d %s", leg, what)


def commands(lie: Lie) -> str:
    """What makes a proof of the right answer and shows it, for a shell; JOB is the job's id."""
    proof = lie.file.with_name(lie.file.name.replace(".avow.json", ".proof.avow.json"))
    model, inputs = to_hex(lie.signed.statement.model), shlex.quote(str(lie.inputs))
    return "; ".join(
        (
            f"avow job submit {model} --system sumcheck --input {inputs} --wait",
            f"avow job bundle JOB --output {shlex.quote(str(proof))}",
            f"avow attestation contradict {shlex.quote(str(lie.file))} "
            f"--proof {shlex.quote(str(proof))}",
        )
    )


def _claimed(signed: SignedAnswer, claim: Watched) -> bool:
    """Whether a claim is of the very answer that was signed."""
    statement = replace(signed.statement, system=OPTIMISTIC, key=claim.traced.key)
    return leaf_of(statement.digest()) == claim.traced.statement


def _kept(path: Path, expected: Statement) -> SignedAnswer | None:
    """The answer of that statement, if it was found wrong and kept before."""
    try:
        signed = contradiction.signed_answer(path.read_bytes())
    except (OSError, NotContradicted):
        return None
    return signed if signed.statement == expected else None


def _convicting(bundle: Bundle, right: Sequence[Tensor]) -> bytes:
    """Of a bundle what is kept; of a large one no evidence, which may be as large as a liar likes.

    Nor are outputs that no run has: nobody settles those, and no claim is of them.
    """
    whole = bundle.encode()
    if len(whole) <= _WHOLE_BYTES:
        return whole
    bare = replace(bundle, inputs=None, material={}).encode()
    has_shapes = [one.shape for one in bundle.outputs] == [one.shape for one in right]
    if len(bare) > _WHOLE_BYTES and not has_shapes:
        raise Unkept("its outputs are larger than the program's")
    return bare


def _keep(path: Path, data: bytes) -> None:
    """Writes a file, whole or not at all."""
    try:
        write_whole(path, data)
    except ModelError as error:
        raise Unkept(str(error)) from error
