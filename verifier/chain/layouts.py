"""What a registration says of a proof system beside its record: the field `proofLayout`."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

from eth_abi.abi import decode, encode
from eth_abi.exceptions import DecodingError

from avow.verifier.chain.client import checksum, unchecksum
from avow.verifier.chain.errors import RpcRefused
from avow.verifier.records import ModelRecord, SystemRecord
from avow.verifier.systems.ezkl.layout import Kind, Layout, instance_layout
from avow.verifier.systems.ezkl.material import parse_details
from avow.verifier.systems.ezkl.settings import SYSTEM_ID as EZKL
from avow.verifier.systems.optimistic.claim import SYSTEM_ID as OPTIMISTIC
from avow.verifier.systems.sumcheck.key import SYSTEM_ID as SUMCHECK
from avow.verifier.systems.tee.registration import SYSTEM_ID as TEE
from avow.verifier.trace.layout import MOST_OCTETS, can_be_shown

# EzklSeal.MAXIMUM_INSTANCES of the contracts.
MAXIMUM_INSTANCES = 4_096
# Order, leg, path, lengths and places beside the bytes of a seal and of outputs.
_AROUND = 2_048
# The contracts' EzklSegmentKind: 1 binding, 2 input, 3 output, 4 constant, 5 derived.
_SEGMENT_KINDS = {
    Kind.BINDING: 1,
    Kind.INPUT: 2,
    Kind.INPUT_COMMITMENT: 2,
    Kind.OUTPUT: 3,
    Kind.WEIGHTS_HASH: 4,
    Kind.BINDING_HASH: 5,
}
_SEGMENTS = "(uint8,uint32,uint256[])[]"
_BATCH_KEYS = "(uint32,address,bytes32)[]"


@dataclass(frozen=True, slots=True)
class BatchKey:
    """The contract that checks one key's proofs of so many statements, more than one."""

    batch: int
    contract: bytes
    code_hash: bytes


def encode_layout(
    record: SystemRecord, model: ModelRecord, batch_keys: Sequence[BatchKey] = ()
) -> bytes:
    """The layout in the form that the contracts' adapter of the record's system reads."""
    if record.system == SUMCHECK:
        return _encode_keys(batch_keys)
    if record.system in (OPTIMISTIC, TEE):
        return b""
    segments = []
    for segment in _ezkl(record, model):
        values: list[int] = []
        if segment.kind is Kind.WEIGHTS_HASH:
            values = [int.from_bytes(parse_details(record).weights_hash, "big")]
        segments.append((_SEGMENT_KINDS[segment.kind], segment.count, values))
    return encode([_SEGMENTS], [segments])


def parse_batch_keys(system: str, layout: bytes) -> tuple[BatchKey, ...]:
    """The further contracts of a registered layout, by batch size; raises RpcRefused."""
    if system != SUMCHECK:
        return ()
    try:
        (found,) = decode([_BATCH_KEYS], layout)
    except (DecodingError, OverflowError, ValueError) as error:
        raise RpcRefused(f"registry: the layout of a {system} registration is malformed") from error
    keys = tuple(BatchKey(int(size), unchecksum(at), bytes(code)) for size, at, code in found)
    sizes = [one.batch for one in keys]
    if sizes != sorted(set(sizes)) or sizes[:1] in ([0], [1]):
        raise RpcRefused(f"registry: the batch sizes of a {system} registration are not ascending")
    if _encode_keys(keys) != layout:
        raise RpcRefused(f"registry: the layout of a {system} registration is not canonical")
    return keys


def never_settles(record: SystemRecord, model: ModelRecord) -> str | None:
    """Why no proof of this system could ever be settled, so that a bond would be lost; or None."""
    if record.system == SUMCHECK and not can_be_shown(model.inputs):
        return "a contract would have to be shown all of its inputs, which fit no transaction"
    if record.system != EZKL:
        return None
    count = sum(segment.count for segment in _ezkl(record, model))
    if count > MAXIMUM_INSTANCES:
        return (
            f"its proofs publish {count} values, the market's adapter reads at most "
            f"{MAXIMUM_INSTANCES} (compile with --input private)"
        )
    outputs = sum(prod(spec.shape) * spec.element_type.width for spec in record.outputs)
    octets = 32 * count + parse_details(record).proof_bytes + outputs + _AROUND
    if octets > MOST_OCTETS:
        return (
            f"its proofs and the {count} values that they publish have {octets:,} bytes, a "
            f"transaction carries {MOST_OCTETS:,} (compile with --input private)"
        )
    return None


def _encode_keys(keys: Sequence[BatchKey]) -> bytes:
    return encode([_BATCH_KEYS], [[(k.batch, checksum(k.contract), k.code_hash) for k in keys]])


def _ezkl(record: SystemRecord, model: ModelRecord) -> Layout:
    return instance_layout(
        record.input_visibility,
        record.weight_visibility,
        sum(prod(spec.shape) for spec in model.inputs),
        sum(prod(spec.shape) for spec in record.outputs),
    )
