"""Registering a compiled model: its version, its EVM verifier and its system record."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from avow.verifier import canonical
from avow.verifier.chain.attestation_records import TeeTerms, Tier
from avow.verifier.chain.claims import Claims
from avow.verifier.chain.client import Chain, checksum, unchecksum
from avow.verifier.chain.contract import Contract
from avow.verifier.chain.deploy import place
from avow.verifier.chain.deployment import Deployment, Placed
from avow.verifier.chain.errors import ArtifactRefused, DeploymentRefused, Reverted
from avow.verifier.chain.layouts import (
    BatchKey,
    encode_layout,
    never_settles,
    parse_batch_keys,
)
from avow.verifier.chain.orders import NOBODY, selector_of
from avow.verifier.chain.signer import Signer
from avow.verifier.chain.transactions import PATIENT, Patience, send
from avow.verifier.commitment import Scheme
from avow.verifier.errors import VerificationError
from avow.verifier.fields import Fields, to_hex
from avow.verifier.limits import LIMITS
from avow.verifier.records import (
    InputVisibility,
    ModelRecord,
    SystemRecord,
    parse_model_record,
    parse_system_record,
)
from avow.verifier.systems.optimistic.claim import SYSTEM_ID as OPTIMISTIC
from avow.verifier.systems.tee.registration import SYSTEM_ID as TEE
from avow.verifier.tensor import TensorSpec
from avow.verifier.trace.inputs import input_scheme
from avow.verifier.trace.layout import can_be_shown

_UNPROVABLE = (
    "its attested keys must be ones that a proof can contradict, and no contract can be shown "
    "inputs of that size"
)
_VERIFIER_FILE_BYTES = 16 * 2**20
# One signature is of any number of answers; more than these are settled in several transactions.
_SIGNED_TOGETHER = (1, 2, 4, 8, 16, 32, 64)


@dataclass(frozen=True, slots=True)
class BatchVerifier:
    """A contract for proofs of `batch` statements; `code_hash` is of its runtime code."""

    batch: int
    creation_code: bytes
    code_hash: bytes


@dataclass(frozen=True, slots=True)
class Compiled:
    """What registration needs of an artifact. `evm_verifier` is creation code.

    It is empty for a system whose keys need no contract of their own. `batches` are further
    contracts of the same key, by ascending batch size. `places` are those of a claimed program's
    inputs and outputs, in order (`ProgramKey.public_places`). `tee` is what attested keys must be,
    None for the contracts' default; it is fixed with the system's registration.
    """

    model: ModelRecord
    record: SystemRecord
    evm_verifier: bytes
    batches: tuple[BatchVerifier, ...] = ()
    places: tuple[list[bytes], list[bytes]] | None = None
    tee: TeeTerms | None = None


@dataclass(frozen=True, slots=True)
class Royalty:
    """Who is credited which share of each settled order, in basis points."""

    receiver: bytes = NOBODY
    bps: int = 0


@dataclass(frozen=True, slots=True)
class Registered:
    """Where a model stands in the registry: its key, the system's selector, its verifier."""

    model_key: bytes
    selector: bytes
    verifier: bytes


class Registry:
    """The model registry of a deployment."""

    def __init__(self, chain: Chain, deployment: Deployment, patience: Patience = PATIENT) -> None:
        self.chain = chain
        self.contract = Contract(chain, "ModelRegistry", deployment.registry)
        self._referee = deployment.placed("referee")
        self._keys = deployment.placed("keys")
        self._tee = Contract(chain, "TeeAdapter", deployment.placed("tee_adapter").address)
        self._claims = Claims(chain, deployment, patience)
        self._patience = patience

    def model_key(self, owner: bytes, digest: bytes) -> bytes:
        """The key under which `owner` registers a model digest."""
        return bytes(self.contract.read("modelKeyOf", checksum(owner), digest))

    def model_digest(self, model_key: bytes) -> bytes | None:
        """The model digest of a registered version."""
        raw = self._find("modelOf", "ModelUnknown", model_key)
        return bytes(raw.digest) if raw is not None else None

    def system(self, model_key: bytes, selector: bytes) -> "RegisteredSystem | None":
        """A registered system of a version."""
        raw = self._find("systemOf", "SystemUnknown", model_key, selector)
        if raw is None:
            return None
        return RegisteredSystem(
            system=str(raw.system),
            record_digest=bytes(raw.recordDigest),
            program=bytes(raw.program),
            key=bytes(raw.key),
            verifier=unchecksum(raw.verifier),
            verifier_code_hash=bytes(raw.verifierCodehash),
            input_scheme=int(raw.inputScheme),
            deprecated=bool(raw.deprecated),
            layout=bytes(raw.proofLayout),
        )

    def batch_sizes(self, model_key: bytes, selector: bytes) -> tuple[int, ...]:
        """How many statements a proof may speak of to be settled, ascending from 1."""
        found = self.system(model_key, selector)
        if found is None:
            return (1,)
        if found.system == TEE:
            return _SIGNED_TOGETHER
        return (1, *(one.batch for one in parse_batch_keys(found.system, found.layout)))

    def register(
        self,
        signer: Signer,
        compiled: Compiled,
        royalty: Royalty,
        model_uri: str = "",
        system_uri: str = "",
        say: Callable[[str], None] = lambda line: None,
    ) -> Registered:
        """Registers what is not registered yet: version, verifier contract, system record.

        Taken up where it stopped when called again. Raises DeploymentRefused when the registry
        holds something else under the same key, for that can never be changed.
        """
        model, record = compiled.model, compiled.record
        if model.owner not in (signer.address, NOBODY):
            raise DeploymentRefused(
                f"model {model.name}: its record names the owner {to_hex(model.owner)}, "
                f"the key is that of {signer.shown}"
            )
        never = never_settles(record, model)
        if never is not None:
            raise ArtifactRefused(f"model {model.name}: {never}")
        if compiled.tee is not None and compiled.tee.provable and not can_be_shown(model.inputs):
            raise DeploymentRefused(f"model {model.name}: {_UNPROVABLE}")
        digest, selector = model.digest(), selector_of(record.system)
        key = self.model_key(signer.address, digest)
        if self.model_digest(key) is None:
            call = self.contract.call("registerModel", _version(model, royalty, model_uri))
            receipt = send(self.chain, signer, call, self._patience)
            say(f"model {model.name} {model.version}: {to_hex(key)}  gas {receipt.gas_used}")
        known = self.system(key, selector)
        if compiled.tee is not None:
            self._set_terms(signer, key, compiled.tee, known is not None, say)
        if known is None:
            known = self._add_system(signer, compiled, key, selector, system_uri, say)
        if (known.record_digest, known.program, known.key) != (
            record.digest(),
            record.program,
            record.key,
        ):
            raise DeploymentRefused(
                f"model {model.name}: another {record.system} record is registered already "
                f"({to_hex(known.record_digest)}); register a new version of the model"
            )
        if compiled.places is not None and not self._claims.is_learned(key):
            receipt = self._claims.learn(signer, key, *compiled.places)
            say(f"its inputs and outputs are those of the key  gas {receipt.gas_used}")
        return Registered(key, selector, known.verifier)

    def differs(
        self,
        model_key: bytes,
        selector: bytes,
        model: ModelRecord,
        record: SystemRecord,
    ) -> str | None:
        """What the registry holds otherwise than these records say; None when it is all the same.

        The contracts of a registration for batches are no record's: they are the key's.
        Anybody may register a digest under an account of its own, with a verifier contract that
        refuses everything: only what is equal in every field can be proven and settled.
        """
        found = self._find("modelOf", "ModelUnknown", model_key)
        system = self._find("systemOf", "SystemUnknown", model_key, selector)
        if found is None or system is None:
            return "the model or its system is not registered"
        never = never_settles(record, model)
        if never is not None:
            return never
        if record.system == TEE and not can_be_shown(model.inputs):
            if self.tee_terms(model_key).provable:
                return _UNPROVABLE
        keys = parse_batch_keys(record.system, bytes(system.proofLayout))
        verifier, uri = unchecksum(system.verifier), str(system.uri)
        placed = Placed(verifier, bytes(system.verifierCodehash))
        wanted = _system(record, model, placed, encode_layout(record, model, keys), uri)
        pairs = {
            "model digest": (bytes(found.digest), model.digest()),
            "input schema": (_plain_schemas(found.inputs), _schemas(model.inputs)),
            "system": (system.system, record.system),
            "record digest": (bytes(system.recordDigest), record.digest()),
            "program": (bytes(system.program), record.program),
            "key": (bytes(system.key), record.key),
            "verifier code": (bytes(system.verifierCodehash), self.verifier_code(record)),
            "input scheme": (system.inputScheme, wanted[6]),
            "output schema": (_plain_schemas(system.outputs), _schemas(record.outputs)),
            "layout": (bytes(system.proofLayout), wanted[8]),
        }
        for name, (registered, expected) in pairs.items():
            if registered != expected:
                return f"another {name} is registered"
        return None

    def verifier_code(self, record: SystemRecord) -> bytes | None:
        """The hash of the code that must be registered as the verifier of a record's key."""
        shared = {OPTIMISTIC: self._referee.code_hash, TEE: self._keys.code_hash}
        return shared.get(record.system, record.evm_codehash)

    def tee_terms(self, model_key: bytes) -> TeeTerms:
        """What attested keys must be to answer for a model."""
        raw = self._tee.read("termsOf", model_key)
        return TeeTerms(Tier(int(raw.minimum)), bool(raw.provable))

    def _set_terms(
        self,
        signer: Signer,
        key: bytes,
        terms: TeeTerms,
        fixed: bool,
        say: Callable[[str], None],
    ) -> None:
        found = self.tee_terms(key)
        if found == terms:
            return
        if fixed:
            raise DeploymentRefused(
                f"the terms of its attested keys are fixed since its {TEE} is registered: "
                f"{found.minimum.name}, {'' if found.provable else 'not '}provable"
            )
        if terms.minimum is Tier.SIMULATED:
            call = self._tee.call("allowSimulatedKeys", key, terms.provable)
        else:
            call = self._tee.call("setTerms", key, int(terms.minimum), terms.provable)
        receipt = send(self.chain, signer, call, self._patience)
        say(f"attested keys: {terms.minimum.name} at least  gas {receipt.gas_used}")

    def _add_system(
        self,
        signer: Signer,
        compiled: Compiled,
        key: bytes,
        selector: bytes,
        uri: str,
        say: Callable[[str], None],
    ) -> "RegisteredSystem":
        record, verifier = compiled.record, self._place_verifier(signer, compiled, say)
        layout = encode_layout(record, compiled.model, self._place_batches(signer, compiled, say))
        registration = _system(record, compiled.model, verifier, layout, uri)
        call = self.contract.call("addSystem", key, registration)
        receipt = send(self.chain, signer, call, self._patience)
        say(f"system {record.system}: {to_hex(record.digest())}  gas {receipt.gas_used}")
        known = self.system(key, selector)
        if known is None:
            raise DeploymentRefused(f"registry: {record.system} is missing after its registration")
        return known

    def _place_verifier(
        self, signer: Signer, compiled: Compiled, say: Callable[[str], None]
    ) -> Placed:
        record = compiled.record
        if record.system == OPTIMISTIC:
            say(f"verifier {checksum(self._referee.address)}  the deployment's referee")
            return self._referee
        if record.system == TEE:
            say(f"verifier {checksum(self._keys.address)}  the deployment's attested keys")
            return self._keys
        placed, receipt = place(
            self.chain, signer, "the EVM verifier", compiled.evm_verifier, self._patience
        )
        if placed.code_hash != record.evm_codehash:
            raise ArtifactRefused(
                f"EVM verifier: its code hashes to {to_hex(placed.code_hash)}, the system record "
                f"names {to_hex(record.evm_codehash or b'')}"
            )
        say(f"verifier {checksum(placed.address)}  gas {receipt.gas_used}")
        return placed

    def _place_batches(
        self, signer: Signer, compiled: Compiled, say: Callable[[str], None]
    ) -> list[BatchKey]:
        keys = []
        for one in compiled.batches:
            what = f"the verifier of batches of {one.batch}"
            placed, receipt = place(self.chain, signer, what, one.creation_code, self._patience)
            if placed.code_hash != one.code_hash:
                raise ArtifactRefused(f"{what}: its code is not the key's")
            say(f"{what} {checksum(placed.address)}  gas {receipt.gas_used}")
            keys.append(BatchKey(one.batch, placed.address, placed.code_hash))
        return keys

    def _find(self, function: str, unknown: str, *arguments: bytes) -> Any:
        try:
            return self.contract.read(function, *arguments)
        except Reverted as error:
            if error.name == unknown:
                return None
            raise


@dataclass(frozen=True, slots=True)
class RegisteredSystem:
    """One proof system of a registered version; digests have 32 bytes."""

    system: str
    record_digest: bytes
    program: bytes
    key: bytes
    verifier: bytes
    verifier_code_hash: bytes
    input_scheme: int
    deprecated: bool
    layout: bytes


def read_artifact(folder: Path) -> Compiled:
    """Reads model record, system record and EVM verifier of an artifact folder."""
    try:
        model = parse_model_record(_json(folder / "model.json", LIMITS.record_bytes))
        record = parse_system_record(_json(folder / "record.json", LIMITS.record_bytes))
        if record.model != model.digest():
            raise ArtifactRefused(f"{folder}: model.json is not the model of record.json")
        if record.system in (OPTIMISTIC, TEE):
            return Compiled(model, record, b"")
        if record.evm_codehash is None:
            raise ArtifactRefused(f"{folder}: the system record names no EVM verifier")
        return Compiled(model, record, _creation_code(folder / "verifier.json"))
    except VerificationError as error:
        raise ArtifactRefused(f"{folder}: {error.message}") from error
    except OSError as error:
        raise ArtifactRefused(f"{folder}: {error.strerror}: {error.filename}") from error


def _json(path: Path, limit: int) -> canonical.Json:
    with path.open("rb") as stream:
        return canonical.parse_lenient(stream.read(limit + 1), limit, path.name)


def _creation_code(path: Path) -> bytes:
    value = _json(path, _VERIFIER_FILE_BYTES)
    if not isinstance(value, dict) or not isinstance(value.get("bytecode"), str):
        raise ArtifactRefused(f"{path.name}: expected an object with a bytecode")
    text = Fields(value, path.name, set(value)).raw("bytecode")
    try:
        code = bytes.fromhex(str(text).removeprefix("0x"))
    except ValueError as error:
        raise ArtifactRefused(f"{path.name}: the bytecode is no hexadecimal") from error
    if not code:
        raise ArtifactRefused(f"{path.name}: the bytecode is empty")
    return code


def _schemas(specs: tuple[TensorSpec, ...]) -> list[tuple[int, list[int]]]:
    return [(spec.element_type.code, list(spec.shape)) for spec in specs]


def _plain_schemas(raw: Any) -> list[tuple[int, list[int]]]:
    return [(int(item.elementType), [int(size) for size in item.shape]) for item in raw]


def _version(model: ModelRecord, royalty: Royalty, uri: str) -> tuple[Any, ...]:
    receiver = checksum(royalty.receiver)
    return (model.digest(), receiver, royalty.bps, _schemas(model.inputs), uri)


def _system(
    record: SystemRecord, model: ModelRecord, verifier: Placed, layout: bytes, uri: str
) -> tuple[Any, ...]:
    public = record.input_visibility is InputVisibility.PUBLIC
    return (
        record.system,
        record.digest(),
        record.program,
        record.key,
        checksum(verifier.address),
        verifier.code_hash,
        int(input_scheme(model.inputs) if public else Scheme.EZKL_POSEIDON),
        _schemas(record.outputs),
        layout,
        uri,
    )
