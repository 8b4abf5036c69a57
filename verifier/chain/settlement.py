"""Asking a node what became of a claim, with a proof that needs no node afterwards."""

from collections.abc import Mapping, Sequence

from avow.verifier.chain.client import Chain, checksum
from avow.verifier.chain.errors import RpcRefused
from avow.verifier.keccak import keccak256
from avow.verifier.systems.optimistic.settlement import Anchor, Settlement, slot_of

# A header's fields in the order in which they are hashed; those after the first fifteen came
# later, each with an upgrade, and are there from then on. True: a number, without leading zeros.
_FIELDS = (
    ("parentHash", False),
    ("sha3Uncles", False),
    ("miner", False),
    ("stateRoot", False),
    ("transactionsRoot", False),
    ("receiptsRoot", False),
    ("logsBloom", False),
    ("difficulty", True),
    ("number", True),
    ("gasLimit", True),
    ("gasUsed", True),
    ("timestamp", True),
    ("extraData", False),
    ("mixHash", False),
    ("nonce", False),
    ("baseFeePerGas", True),
    ("withdrawalsRoot", False),
    ("blobGasUsed", True),
    ("excessBlobGas", True),
    ("parentBeaconBlockRoot", False),
    ("requestsHash", False),
)


def fetch(
    chain: Chain, claims: bytes, claim_id: bytes, block: str
) -> tuple[Anchor, Settlement | None]:
    """A claim's state in a block: of the block's number, or `finalized` or `latest`.

    `claims` is the contract's address, `claim_id` the statement's leaf. None where the contract
    knew no such claim then. Nothing of the answer is believed but that the block is of the chain.
    """
    at = hex(int(block)) if block.isdecimal() else block
    with chain.speaking():
        raw = chain.ask("eth_getBlockByNumber", at, False)
        if not isinstance(raw, Mapping):
            raise RpcRefused(f"RPC {chain.shown}: it has no block {block}")
        header = encode([_field(raw[name], number) for name, number in _FIELDS if name in raw])
        if keccak256(header) != _octets(raw["hash"]):
            raise RpcRefused(f"RPC {chain.shown}: block {block} has a header of an unknown form")
        wanted = [checksum(claims), ["0x" + slot_of(claim_id).hex()], raw["number"]]
        proof = chain.ask("eth_getProof", *wanted)
        (storage,) = proof["storageProof"]
        anchor = Anchor(claims, keccak256(header))
        if int(storage["value"], 16) == 0:
            return anchor, None
        account, nodes = (
            tuple(map(_octets, found)) for found in (proof["accountProof"], storage["proof"])
        )
        return anchor, Settlement(header, account, nodes)


def _octets(text: object) -> bytes:
    if isinstance(text, bytes):
        return text
    if not isinstance(text, str):
        raise ValueError("no hexadecimal bytes")
    return bytes.fromhex(text.removeprefix("0x"))


def _field(value: object, number: bool) -> bytes:
    if not number:
        return _octets(value)
    found = value if isinstance(value, int) else int(str(value), 16)
    return found.to_bytes((found.bit_length() + 7) // 8, "big")


def encode(items: Sequence[bytes]) -> bytes:
    """A list of bytes with recursive length prefixes."""
    body = b"".join(map(_encoded, items))
    return _prefix(0xC0, len(body)) + body


def _encoded(item: bytes) -> bytes:
    if len(item) == 1 and item[0] < 0x80:
        return item
    return _prefix(0x80, len(item)) + item


def _prefix(base: int, size: int) -> bytes:
    if size <= 55:
        return bytes([base + size])
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes([base + 55 + len(length)]) + length
