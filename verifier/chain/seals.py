"""From a bundle to the compact seal and the statement that the contracts take."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from eth_abi.abi import encode

from avow.verifier.bundle import Bundle
from avow.verifier.chain.client import checksum
from avow.verifier.chain.errors import ChainError
from avow.verifier.chain.orders import selector_of
from avow.verifier.fields import Fields
from avow.verifier.statement import Statement
from avow.verifier.systems.ezkl.material import parse_proof
from avow.verifier.systems.sumcheck.key import LIMITS
from avow.verifier.systems.tee.receipt import parse_receipt
from avow.verifier.systems.tee.registration import SYSTEM_ID as _TEE
from avow.verifier.tensor import Tensor

# What the router pins by hash: how the adapter reads a seal of this system.
SPECIFICATIONS = {
    "ezkl/v1": (
        "seal = selector || body; selector = first 4 bytes of keccak256 of the ASCII system id; "
        "body = abi.encode(bytes proof, uint256[] instances) in canonical form; the instances "
        "carry binding, input and output as the registered layout says; the binding is the "
        "32-byte Merkle root of statements as 16 limbs of 16 bits, most significant first"
    ),
    "optimistic/v1": (
        "seal = selector, without a body, of one statement as of several; accepted is exactly what "
        "the contract of claims holds to be final: claimed for this order by this provider, and "
        "proven, or its window over and no challenge undecided; the Merkle root of a single "
        "statement is its leaf; refuted is exactly what was overturned there"
    ),
    "tee/v1": (
        "seal = selector || time || signature, of one statement as of several, whose parts are "
        "empty; time = 8 bytes, big-endian Unix seconds; signature = 65 bytes r || s || v, low s, "
        "v 27 or 28, of the EIP-712 struct Answers(bytes32 root,uint64 time) in the domain 'Avow "
        "attestation', version 1, of the contract of attested keys; root = Merkle root of "
        "statements; accepted is what a key signed that stands there for the statement's program "
        "and model; refuted is what was contradicted there"
    ),
    "sumcheck/v1": (
        "seal = selector || body; selector = first 4 bytes of keccak256 of the ASCII system id; "
        "of one statement: body = abi.encode(bytes inputs, bytes outputs, bytes proof); of a "
        "batch: body = abi.encode(uint32 batch, bytes proof) and each statement's part = "
        "abi.encode(bytes inputs, bytes outputs, bytes opening); inputs and outputs are the "
        "tensors' data in order, row-major, big-endian two's complement; the proof absorbs the "
        "32-byte Merkle root of statements first; a statement's index under it is its sample"
    ),
}


T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class BatchSeal:
    """What `settleBatch` takes: the seal that the statements share, and this one's part of it."""

    shared: bytes
    part: bytes


def seal(bundle: Bundle) -> bytes:
    """The seal of a bundle that was verified before, whose proof is of it alone."""
    return selector_of(bundle.statement.system) + _made(_SEALS, bundle)


def batch_seal(bundle: Bundle) -> BatchSeal:
    """The seal of a bundle that was verified before, whose proof speaks of several statements."""
    made = _made(_BATCH_SEALS, bundle)
    return BatchSeal(selector_of(bundle.statement.system) + made.shared, made.part)


def batch_of(bundle: Bundle) -> int:
    """How many samples a bundle's proof speaks of; 1 is settled by `seal`, more by `batch_seal`."""
    if bundle.statement.system == _TEE:
        # One signature for all of them; how many there are, the path's length bounds.
        return 1 << len(bundle.path.siblings)
    if bundle.statement.system != _SUMCHECK:
        return 1
    return _sumcheck_fields(bundle).integer("batch", 1, LIMITS.batch)


def _made(table: dict[str, Callable[[Bundle], T]], bundle: Bundle) -> T:
    make = table.get(bundle.statement.system)
    if make is None:
        known = ", ".join(sorted(table))
        raise ChainError(f"seal: {bundle.statement.system} has none; known: {known}")
    return make(bundle)


def _nothing(bundle: Bundle) -> bytes:
    """What shows the answer of a claim is the claim itself."""
    return b""


def _ezkl(bundle: Bundle) -> bytes:
    parsed = parse_proof(bundle.proof)
    return encode(["bytes", "uint256[]"], [parsed.data, list(parsed.instances)])


def _sumcheck(bundle: Bundle) -> bytes:
    if batch_of(bundle) != 1:
        raise ChainError("seal: this proof speaks of several statements, which settle as a batch")
    proof = _sumcheck_fields(bundle).blob("data", LIMITS.proof_bytes)
    return encode(["bytes", "bytes", "bytes"], [*_tensors(bundle), proof])


def _sumcheck_batch(bundle: Bundle) -> BatchSeal:
    fields = _sumcheck_fields(bundle)
    proof, opening = fields.blob("data", LIMITS.proof_bytes), fields.octets("opening", 64)
    shared = encode(["uint32", "bytes"], [batch_of(bundle), proof])
    return BatchSeal(shared, encode(["bytes", "bytes", "bytes"], [*_tensors(bundle), opening]))


def _sumcheck_fields(bundle: Bundle) -> Fields:
    return Fields(bundle.proof, "proof", {"format", "batch", "data"}, {"opening"})


def _tee(bundle: Bundle) -> bytes:
    receipt = parse_receipt(bundle.proof)
    return receipt.time.to_bytes(8, "big") + receipt.signature


def _tee_batch(bundle: Bundle) -> BatchSeal:
    return BatchSeal(_tee(bundle), b"")


def _tensors(bundle: Bundle) -> tuple[bytes, bytes]:
    if bundle.inputs is None:
        raise ChainError("seal: the inputs of a sumcheck/v1 proof are public")
    return _data(bundle.inputs), _data(bundle.outputs)


def _data(tensors: tuple[Tensor, ...]) -> bytes:
    return b"".join(tensor.data() for tensor in tensors)


_SUMCHECK = "sumcheck/v1"
_SEALS: dict[str, Callable[[Bundle], bytes]] = {
    "ezkl/v1": _ezkl,
    "optimistic/v1": _nothing,
    _SUMCHECK: _sumcheck,
    _TEE: _tee,
}
_BATCH_SEALS: dict[str, Callable[[Bundle], BatchSeal]] = {
    _SUMCHECK: _sumcheck_batch,
    _TEE: _tee_batch,
}


def statement_struct(statement: Statement) -> tuple[object, ...]:
    """As the contracts' struct, whose domain is the chain's and the market's own."""
    return (
        statement.model,
        statement.system,
        statement.program,
        statement.key,
        (int(statement.input.scheme), statement.input.value),
        (int(statement.output.scheme), statement.output.value),
        statement.order,
        checksum(statement.provider),
        statement.nonce,
    )
