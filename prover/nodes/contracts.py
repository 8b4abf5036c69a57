"""The contracts that check a model's proofs on chain, made again from its key."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from avow.circuits.artifact import load_artifact
from avow.circuits.errors import CircuitError
from avow.circuits.optimistic.artifact import load as load_claimed
from avow.circuits.sumcheck.artifact import load
from avow.circuits.sumcheck.blob import blob, creation_code
from avow.circuits.sumcheck.cost import survey
from avow.circuits.sumcheck.gas import Tensors, predict_gas
from avow.prover.catalogue import Compiled
from avow.verifier.bundle import Bundle
from avow.verifier.chain import registration
from avow.verifier.chain.errors import ArtifactRefused
from avow.verifier.chain.layouts import parse_batch_keys
from avow.verifier.chain.registration import BatchVerifier, RegisteredSystem
from avow.verifier.errors import VerificationError
from avow.verifier.keccak import keccak256
from avow.verifier.program.program import output_specs
from avow.verifier.systems.optimistic.claim import SYSTEM_ID as OPTIMISTIC
from avow.verifier.systems.sumcheck.key import SYSTEM_ID as SUMCHECK
from avow.verifier.systems.sumcheck.key import Key, parse_key
from avow.verifier.systems.tee.registration import SYSTEM_ID as TEE

# What is registered beside proofs of one statement, where the artifact can: the gas of an answer
# hardly falls further, and each is a contract to pay for.
BATCH_SIZES = (4, 16, 64)
# The router's own bound, whatever an entry allows (`MAXIMUM_GAS_CAP`).
MOST_GAS = 10_000_000


class KeyContracts:
    """What the contracts of one key must be; everything is made once."""

    def __init__(self, key: Key) -> None:
        self._key = key
        self._codes: dict[int, bytes] = {}

    def code(self, batch: int = 1) -> bytes:
        """The runtime code that checks proofs of so many statements; raises CircuitError."""
        if batch not in self._codes:
            self._codes[batch] = blob(self._key, batch)
        return self._codes[batch]

    def code_hash(self, batch: int = 1) -> bytes:
        """Its keccak256; empty, which nothing hashes to, where there is no such contract."""
        try:
            return keccak256(self.code(batch))
        except (CircuitError, VerificationError):
            return b""

    def gas(self, batch: int = 1) -> int:
        """About how much gas checking a proof takes, calldata apart."""
        relation = self._key.relation(batch)
        program = self._key.program
        tensors = Tensors.of((*program.inputs, *output_specs(program, self._key.bounds())))
        asked = survey(relation, self._key.width)
        found = predict_gas(asked, self._key.logrows, tensors, batch)
        return sum(found.parts.values())

    def fits(self, gas_cap: int, batch: int = 1) -> bool:
        """Whether an adapter that is given this gas for each statement can check such a proof."""
        return self.gas(batch) <= min(gas_cap * batch, MOST_GAS)

    def usual_sizes(self, gas_cap: int) -> list[int]:
        """The usual batch sizes for which there is a contract, and gas enough to run it."""
        return [one for one in BATCH_SIZES if self.code_hash(one) and self.fits(gas_cap, one)]

    def differs(self, found: RegisteredSystem) -> str | None:
        """Which registered contract is not this key's; None when all are."""
        if found.verifier_code_hash != self.code_hash():
            return "another contract than the key's is registered"
        for one in parse_batch_keys(found.system, found.layout):
            if one.code_hash != self.code_hash(one.batch):
                return f"another contract than the key's is registered for batches of {one.batch}"
        return None


def of_artifact(compiled: Compiled) -> KeyContracts | None:
    """The contracts of an artifact's key; None for a system whose key is not a contract's data."""
    if compiled.record.system != SUMCHECK:
        return None
    return KeyContracts(load(load_artifact(compiled.folder)).key)


def registered_differs(bundle: Bundle, found: RegisteredSystem) -> str | None:
    """Which registered contract does not belong to the key of a bundle that was verified."""
    if bundle.system.system == SUMCHECK:
        return _of_bundle(bundle).differs(found)
    if bundle.system.system == OPTIMISTIC:
        return "its claim settles it, not its bundle"
    if bundle.system.system == TEE:
        # The market's adapter refuses a model whose keys are elsewhere than it knows.
        return None
    if found.verifier_code_hash != bundle.system.evm_codehash:
        return "another verifier than the system record's is registered"
    return None


# Bundles of one model come one after the other, and a contract takes some 30 ms to make again.
_KEPT_KEYS = 8
_kept: dict[bytes, KeyContracts] = {}


def _of_bundle(bundle: Bundle) -> KeyContracts:
    """The contracts of the key in a bundle that was verified, so that the digest is this key's."""
    digest = bundle.statement.key
    if digest not in _kept:
        if len(_kept) == _KEPT_KEYS:
            del _kept[next(iter(_kept))]
        _kept[digest] = KeyContracts(parse_key(bundle.material))
    return _kept[digest]


def to_register(folder: Path, sizes: Sequence[int], gas_cap: int) -> registration.Compiled:
    """What is registered of an artifact: contracts for one statement and for batches of `sizes`.

    Without sizes those of `BATCH_SIZES` that a transaction has the gas for. `gas_cap` is what the
    router gives for each statement. Raises ArtifactRefused, CircuitError.
    """
    artifact = load_artifact(folder)
    if artifact.record.system == OPTIMISTIC:
        # A claim of another key than the program's could be neither made nor refuted.
        places = load_claimed(artifact).key.public_places()
        return replace(registration.read_artifact(folder), places=places)
    if artifact.record.system != SUMCHECK:
        return registration.read_artifact(folder)
    contracts = KeyContracts(load(artifact).key)
    try:
        code = contracts.code()
    except (CircuitError, VerificationError) as error:
        raise ArtifactRefused(f"{folder}: no contract can check its proofs: {error}") from error
    if keccak256(code) != artifact.record.evm_codehash:
        raise ArtifactRefused(f"{folder}: the record names another contract than the key's")
    if not contracts.fits(gas_cap):
        raise ArtifactRefused(
            f"{folder}: checking a proof takes about {contracts.gas()} gas, the router gives "
            f"{gas_cap} (compile with --optimize gas)"
        )
    batches = []
    for size in sorted({*sizes} - {1}) if sizes else contracts.usual_sizes(gas_cap):
        larger = contracts.code(size)
        batches.append(BatchVerifier(size, creation_code(larger), keccak256(larger)))
    return registration.Compiled(
        artifact.model, artifact.record, creation_code(code), tuple(batches)
    )
